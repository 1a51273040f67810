"""WebSocket APIs of API Gateway, from `$connect` to `@connections`."""

from apigw_local.gateway.iam import AccessKey, IamIdentity
from apigw_local.gateway.quotas import Quotas
from apigw_local.gateway.server import Gateway

__all__ = ["AccessKey", "Gateway", "IamIdentity", "Quotas"]
