"""One request to ``@connections``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came over the wire.

    Attributes:
        method: The HTTP method.
        target: Path and query, percent-encoded as sent.
        segments: The path's segments, decoded, the first one after the leading slash.
        headers: Names in lower case, and values; the last one of a repeated name.
        body: The body; of one that is too long, more than is allowed.
        body_hash: The SHA-256 of the whole body, in hexadecimal digits.
    """

    method: str
    target: bytes
    segments: list[str]
    headers: dict[str, str]
    body: bytes
    body_hash: str
