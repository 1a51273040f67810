"""Authorization of calls of ``@connections``: signature, clock and permission.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
The types and texts of refusals are those of the pages and reports named below; the order of the
checks is inferred.
https://repost.aws/knowledge-center/api-gateway-iam-sigv4-mismatch
https://repost.aws/knowledge-center/api-gateway-troubleshoot-403-forbidden
"""

import functools
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from apigw_local.gateway.http import HttpRequest
from apigw_local.gateway.iam import ACTION, IamIdentity, Policy
from apigw_local.gateway.signature import Authorization

METHODS = ("POST", "GET", "DELETE")

_ACCOUNT = "123456789012"
_CLOCK_SKEW = timedelta(minutes=5)
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


class Denial(NamedTuple):
    """Refusal of a request: the error's type and its message."""

    kind: str
    message: str


class RequestAuthorizer:
    """Authorizer of the requests to one stage's ``@connections``.

    Args:
        iam_identity: The only identity whose requests are accepted.
        region: The API's region.
        stage_path: The API's id and its stage, with a slash between.

    Raises:
        ValueError: The policy can't be decided here.
    """

    def __init__(self, iam_identity: IamIdentity, region: str, stage_path: str) -> None:
        self._access_key = iam_identity.access_key
        self._region = region
        self._stage_path = stage_path
        policy = Policy(iam_identity.policy)
        self._allowed = {m for m in METHODS if policy.allows(self._resource(m, _ACCOUNT))}

    def denial(self, request: HttpRequest, now: datetime) -> Denial | None:
        """Return the refusal of a request, None if it is authorized."""
        header = request.headers.get("authorization")
        if not header:
            return Denial("MissingAuthenticationTokenException", "Missing Authentication Token")
        authorization = Authorization.parse(header)
        timestamp = request.headers.get("x-amz-date", "")
        signed_at = _moment(timestamp)
        if authorization is None or signed_at is None:
            return Denial(
                "IncompleteSignatureException",
                f"A call needs X-Amz-Date, not {timestamp!r}, and Authorization with Credential,"
                f" SignedHeaders and Signature, not {header!r}",
            )
        return (
            self._unknown(authorization, request)
            or self._out_of_scope(authorization, timestamp)
            or _out_of_date(signed_at, now)
            or self._mismatch(authorization, request, timestamp)
            or self._forbidden(request.method)
        )

    def _unknown(self, authorization: Authorization, request: HttpRequest) -> Denial | None:
        key, token = authorization.key_id, request.headers.get("x-amz-security-token")
        if (key, token) == (self._access_key.id, self._access_key.token):
            return None
        message = "The security token included in the request is invalid."
        return Denial("UnrecognizedClientException", message)

    def _out_of_scope(self, authorization: Authorization, timestamp: str) -> Denial | None:
        scope = f"{timestamp[:8]}/{self._region}/execute-api/aws4_request"
        if authorization.scope == scope:
            return None
        message = f"Credential should be scoped to {scope}, not {authorization.scope}"
        return Denial("InvalidSignatureException", message)

    def _mismatch(
        self, authorization: Authorization, request: HttpRequest, timestamp: str
    ) -> Denial | None:
        if authorization.matches(request, timestamp, self._access_key.secret):
            return None
        return Denial(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check"
            " your AWS Secret Access Key and signing method. Consult the service documentation for"
            " details.",
        )

    def _forbidden(self, method: str) -> Denial | None:
        if method in self._allowed:
            return None
        user = f"arn:aws:iam::{_ACCOUNT}:user/{self._access_key.id}"
        resource = self._resource(method, f"********{_ACCOUNT[-4:]}")  # AWS too hides the rest
        message = f"User: {user} is not authorized to perform: {ACTION} on resource: {resource}"
        return Denial("AccessDeniedException", message)

    def _resource(self, method: str, account: str) -> str:
        # AWS's refusals have this word in braces where an id could be, so it is inferred that a
        # policy can't tell connections apart. https://github.com/aws/aws-cdk/issues/18410
        return (
            f"arn:aws:execute-api:{self._region}:{account}:{self._stage_path}/{method}"
            "/@connections/{connectionId}"
        )


def _out_of_date(signed_at: datetime, now: datetime) -> Denial | None:
    earliest, latest = now - _CLOCK_SKEW, now + _CLOCK_SKEW
    if earliest <= signed_at <= latest:
        return None
    if signed_at < earliest:
        problem, bound = "expired: {} is now earlier than {}", earliest
    else:
        problem, bound = "not yet current: {} is still later than {}", latest
    times = [f"{time:{_TIME_FORMAT}}" for time in (signed_at, bound)]
    return Denial("InvalidSignatureException", "Signature " + problem.format(*times))


@functools.lru_cache(maxsize=8)
def _moment(timestamp: str) -> datetime | None:
    try:
        return datetime.strptime(timestamp, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
