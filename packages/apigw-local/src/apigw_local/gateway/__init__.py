"""API Gateway for WebSockets, on this machine: `$connect` to `@connections`."""

from apigw_local.gateway.iam import Access, Credentials
from apigw_local.gateway.quotas import Limits
from apigw_local.gateway.server import Gateway

__all__ = ["Access", "Credentials", "Gateway", "Limits"]
