"""Authorization of `@connections`: signatures as botocore makes them, and an IAM policy."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from apigw_local.gateway import AccessKey, IamIdentity
from apigw_local.gateway.http import HttpRequest
from apigw_local.gateway.iam import ALLOW_ALL, Policy
from apigw_local.gateway.request_authorizer import RequestAuthorizer
from gateway_support.serving import WAIT_SECONDS, Served
from tests.support.signing import signed

Serve = Callable[..., Served]

NOON = 1_800_000_000
HOST = "127.0.0.1:8001"
IDENTITY = IamIdentity(AccessKey("test", "test"))
CONNECTION = "arn:aws:execute-api:us-east-1:123456789012:local00api/api/{}/@connections/{{id}}"

words = st.text("ABCxyz019/+=", min_size=1, max_size=40)


def call(
    *,
    method: str = "POST",
    target: str = "/api/@connections/PJqB0fHsqRcCHlw%3D",
    body: bytes = b"hello",
    by: AccessKey = IDENTITY.access_key,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> HttpRequest:
    """A call that botocore has signed, at noon."""
    keys = BotocoreCredentials(by.id, by.secret, by.token)
    url = f"http://{HOST}{target}"
    headers = signed(method, url, body, keys, NOON, headers=headers, **options) | {"Host": HOST}
    lower = {name.lower(): value for name, value in headers.items()}
    return HttpRequest(method, target.encode(), [], lower, body, sha256(body).hexdigest())


def denial(call: HttpRequest, *, iam_identity: IamIdentity = IDENTITY, seconds: float = 0) -> str:
    """Return the refusal of a call of noon some seconds later, empty if it is accepted."""
    authorizer = RequestAuthorizer(iam_identity, "us-east-1", "local00api/api")
    found = authorizer.denial(call, datetime.fromtimestamp(NOON + seconds, UTC))
    return ": ".join(found) if found else ""


def policy(*statements: tuple[str, str, str]) -> dict[str, Any]:
    """A policy document of effects, actions and resources."""
    keys = ("Effect", "Action", "Resource")
    return {"Statement": [dict(zip(keys, statement, strict=True)) for statement in statements]}


@settings(deadline=None, max_examples=50)
@given(
    method=st.sampled_from(["POST", "GET", "DELETE"]),
    connection_id=st.text(min_size=1).filter(lambda text: text not in {".", ".."}),
    query=st.sampled_from(["", "?b=2&a=1", "?a=x&a=B&c", "?a-b=%20&a="]),
    body=st.binary(max_size=200),
    by=st.builds(AccessKey, st.text("ABC019", min_size=1), words, st.none() | words),
    header=st.text(st.characters(min_codepoint=32, max_codepoint=126)),
)
def test_what_botocore_signs_is_accepted(
    method: str, connection_id: str, query: str, body: bytes, by: AccessKey, header: str
) -> None:
    """Any body to any id is accepted with any credentials that the gateway has."""
    target = f"/api/@connections/{quote(connection_id, safe='-._~')}{query}"
    sent = call(method=method, target=target, body=body, by=by, headers={"X-Amz-More": header})
    assert denial(sent, iam_identity=IamIdentity(by)) == ""
    other = replace(sent, body_hash=sha256(body + b"!").hexdigest())
    assert denial(other, iam_identity=IamIdentity(by)).startswith("InvalidSignatureException: ")


@pytest.mark.parametrize("token", [None, "session"])
def test_credentials_are_those_of_the_environment(token: str | None) -> None:
    """Accepted is what boto3 takes from the same environment; without a key all calls are."""
    env = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    if token:
        env["AWS_SESSION_TOKEN"] = token
    assert IamIdentity.of_environment(env) == IamIdentity(AccessKey("key", "secret", token))
    assert IamIdentity.of_environment({"AWS_PROFILE": "work"}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"target": b"/api/@connections/AAAAAAAAAAAAAAA%3D"},
        {"target": b"/api/@connections/PJqB0fHsqRcCHlw%3D?a=b"},
        {"body_hash": sha256(b"other").hexdigest()},
        {"headers": call().headers | {"host": "other.example"}},
    ],
)
def test_what_is_changed_after_signing_is_refused(change: dict[str, Any]) -> None:
    """A signature is for one method, URL, host and body."""
    found = denial(replace(call(), **change))
    assert found.startswith("InvalidSignatureException: The request signature we calculated does")


def test_a_wrong_secret_is_refused() -> None:
    """The key's name alone is not enough, and the answer tells nothing of the secret."""
    found = denial(call(by=AccessKey("test", "guess")))
    assert found.startswith("InvalidSignatureException: The request signature we calculated does")
    assert "secret" not in repr(AccessKey("test", "secret", "secret"))


@pytest.mark.parametrize(
    "by", [AccessKey("other", "test"), AccessKey("test", "test", "token")], ids=["key", "token"]
)
def test_unknown_credentials_are_refused(by: AccessKey) -> None:
    """Neither another key nor a token that does not belong to it is known."""
    expected = "UnrecognizedClientException: The security token included in the request is invalid."
    assert denial(call(by=by)) == expected


@pytest.mark.parametrize(("seconds", "refused"), [(299, False), (301, True)])
def test_a_skewed_clock_is_refused(seconds: int, refused: bool) -> None:  # noqa: FBT001 - a case
    """A signature holds from five minutes before its time to five minutes after."""
    late, early = denial(call(), seconds=seconds), denial(call(), seconds=-seconds)
    if not refused:
        assert (late, early) == ("", "")
        return
    start = "InvalidSignatureException: Signature"
    assert late == f"{start} expired: 20270115T080000Z is now earlier than 20270115T080001Z"
    assert early == (
        f"{start} not yet current: 20270115T080000Z is still later than 20270115T075959Z"
    )


def test_another_region_is_refused() -> None:
    """Credentials are scoped to the API's region and service, and the refusal names both."""
    found = denial(call(region="eu-west-1"))
    assert found == (
        "InvalidSignatureException: Credential should be scoped to"
        " 20270115/us-east-1/execute-api/aws4_request,"
        " not 20270115/eu-west-1/execute-api/aws4_request"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer token"},
        {"authorization": "AWS4-HMAC-SHA256 Credential=test"},
        {"x-amz-date": "noon"},
        {"x-amz-date": ""},
    ],
)
def test_half_a_signature_is_refused(headers: dict[str, str]) -> None:
    """A header that is no signature, or has no time, is called incomplete."""
    sent = replace(call(), headers=call().headers | headers)
    assert denial(sent).startswith("IncompleteSignatureException: ")


@pytest.mark.parametrize(
    ("document", "allowed"),
    [
        (ALLOW_ALL, "POST GET DELETE"),
        # What Chalice generates for the functions of an app.
        (
            policy(
                (
                    "Allow",
                    "execute-api:ManageConnections",
                    "arn:*:execute-api:*:*:*/@connections/*",
                )
            ),
            "POST GET DELETE",
        ),
        (policy(("Allow", "EXECUTE-API:manage*", CONNECTION.format("POST"))), "POST"),
        (policy(("Allow", "execute-api:*", "*/api/?OST/*"), ("Allow", "*", "*/GET/*")), "POST GET"),
        (policy(("Allow", "*", "*"), ("Deny", "execute-api:*", "*/DELETE/*")), "POST GET"),
        (policy(("Allow", "execute-api:Invoke", "*")), ""),
        (policy(("Deny", "*", "*"), ("Allow", "*", "*")), ""),
        (
            {"Statement": {"Effect": "Allow", "Action": ["a", "*"], "Resource": ["b", "*GET*"]}},
            "GET",
        ),
        ({"Statement": []}, ""),
    ],
)
def test_a_policy_is_decided_as_by_iam(document: dict[str, Any], allowed: str) -> None:
    """Wildcards match, no action but the one counts, a denial wins, and silence is a denial."""
    decided = Policy(document)
    methods = [m for m in ("POST", "GET", "DELETE") if decided.allows(CONNECTION.format(m))]
    assert methods == allowed.split()


@pytest.mark.parametrize("key", ["Condition", "NotAction", "NotResource"])
def test_a_policy_that_cannot_be_decided_is_refused(key: str) -> None:
    """A statement with more than can be known here is refused, and its part is named."""
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", key: {}}
    with pytest.raises(ValueError, match=f"because of its {key}"):
        Policy({"Statement": [statement]})


def test_signatures_and_permissions_are_checked(serve: Serve) -> None:
    """A right signature may do as the policy says; all else is 403, with the reason."""
    document = policy(("Allow", "execute-api:ManageConnections", "*/api/POST/@connections/*"))
    served = serve(iam_identity=IamIdentity(IDENTITY.access_key, document))
    client, connection_id = served.connected()
    path = f"/api/@connections/{connection_id}"

    answer, content = served.call("POST", path, b"unsigned")
    assert (answer.status, json.loads(content)) == (
        403,
        {"message": "Missing Authentication Token"},
    )
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"

    for wrong, kind in [
        ({"aws_access_key_id": "other"}, "UnrecognizedClientException"),
        ({"aws_secret_access_key": "other"}, "InvalidSignatureException"),
    ]:
        with pytest.raises(ClientError) as refused:
            served.management(**wrong).post_to_connection(ConnectionId=connection_id, Data=b"no")
        assert refused.value.response["Error"]["Code"] == kind
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403

    management = served.management()
    with pytest.raises(ClientError) as denied:
        management.delete_connection(ConnectionId=connection_id)
    assert denied.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": (
            "User: arn:aws:iam::123456789012:user/test is not authorized to perform:"
            " execute-api:ManageConnections on resource: arn:aws:execute-api:us-east-1:"
            "********9012:local00api/api/DELETE/@connections/{connectionId}"
        ),
    }
    for body in (b"allowed", b"x" * 131_072):
        management.post_to_connection(ConnectionId=connection_id, Data=body)
        assert client.recv(timeout=WAIT_SECONDS) == body.decode()


def test_too_long_a_body_is_signed_whole(serve: Serve) -> None:
    """A body of which the gateway keeps a part only has its signature checked all the same."""
    served = serve(iam_identity=IDENTITY)
    _, connection_id = served.connected()
    management = served.management()
    with pytest.raises(management.exceptions.PayloadTooLargeException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"x" * 300_000)
