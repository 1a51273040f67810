"""API Gateway for WebSockets, on this machine: `$connect` to `@connections`."""

from localdev.gateway.access import Access, Credentials
from localdev.gateway.gateway import Gateway
from localdev.gateway.limits import Limits

__all__ = ["Access", "Credentials", "Gateway", "Limits"]
