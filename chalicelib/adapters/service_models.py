"""Botocore's descriptions of the services, read with less work than botocore's own loader does.

Both classes replace parts that botocore takes as arguments: a session's component `data_loader`,
and that loader's `file_loader`.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, Final, TypedDict

import msgspec
from botocore.loaders import JSONFileLoader, Loader

SERVICES: Final = ("apigatewaymanagementapi", "dynamodb", "secretsmanager", "sqs", "ssm")
"""Services that get clients."""

_Services = TypedDict(
    "_Services",
    {
        "dynamodb": Any,
        "execute-api": Any,
        "secretsmanager": Any,
        "sqs": Any,
        "ssm": Any,
    },
    total=False,
)
"""The endpoints of `SERVICES`, under their prefixes; `execute-api` has @connections too."""


class _Partition(TypedDict, total=False):
    partition: Any
    partitionName: Any
    dnsSuffix: Any
    regionRegex: Any
    regions: Any
    defaults: Any
    services: _Services


class _Endpoints(TypedDict, total=False):
    """Partitions of endpoints.json; the rest of its 1.2 MB is about other services."""

    version: Any
    partitions: list[_Partition]


class ServiceModels(Loader):
    """Loads descriptions without listing the folders of all 400 services.

    botocore lists them to name the known services where it is asked for an unknown one.
    """

    def __init__(self) -> None:
        super().__init__(file_loader=_Files())

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - all have both
        """See `botocore.loaders.Loader`."""
        return list(SERVICES)


class _Files(JSONFileLoader):
    """Decodes files with msgspec, which takes a third of the time that botocore's decoder takes."""

    def load_file(self, file_path: str) -> Any:
        """See `botocore.loaders.JSONFileLoader`; objects are plain dictionaries, in order too."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        kind = _Endpoints if plain.name == "endpoints.json" else Any
        if plain.is_file():
            return msgspec.json.decode(plain.read_bytes(), type=kind)
        if packed.is_file():
            return msgspec.json.decode(gzip.decompress(packed.read_bytes()), type=kind)
        return None
