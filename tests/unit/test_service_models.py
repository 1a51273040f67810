"""Botocore's descriptions, as our loader reads them."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.loaders import Loader

from chalicelib.adapters.service_models import SERVICES, ServiceModels

KINDS = ("service-2", "endpoint-rule-set-1")
PREFIXES = {"dynamodb", "execute-api", "secretsmanager", "sqs", "ssm"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_service_s_description_is_botocore_s_own(service: str, kind: str) -> None:
    """A client is made of what botocore would have read, in the same order."""
    ours = ServiceModels().load_service_model(service, kind)
    assert list(ours.items()) == list(Loader().load_service_model(service, kind).items())


def test_the_endpoints_are_botocore_s_own_but_for_other_services() -> None:
    """Nothing is missing from the list of endpoints but services that no client is made for."""
    whole = Loader().load_data("endpoints")
    for partition in whole["partitions"]:
        services = partition["services"].items()
        partition["services"] = {name: each for name, each in services if name in PREFIXES}
    assert ServiceModels().load_data("endpoints") == whole


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_a_client_has_botocore_s_own_endpoint(service: str, region: str) -> None:
    """A client with our descriptions goes to the address that one with botocore's goes to."""

    def endpoint(loader: Loader) -> str:
        session = botocore.session.get_session()
        session.register_component("data_loader", loader)
        session.set_credentials("test", "test")
        client = session.create_client(service, region_name=region)
        return str(client.meta.endpoint_url)

    assert endpoint(ServiceModels()) == endpoint(Loader())
