"""An issuer of tokens: its keys, the tokens that it signs, and its JWKS address on this machine."""

from __future__ import annotations

import json
import threading
import time
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

if TYPE_CHECKING:
    from types import TracebackType

ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "fanfare"
SECRET: Final = "a secret of the tests, of 43 characters.."


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:  # noqa: ARG001 - one for each
    """An RSA key, the same each time for a name."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:  # noqa: ARG001 - one for each
    """An elliptic key, the same each time for a name."""
    return ec.generate_private_key(ec.SECP256R1())


def claims(**others: Any) -> dict[str, Any]:
    """Claims of a good token, with others set, or left out where they are `...`."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada@example.com", "exp": now + 600, "iat": now}
    return {name: value for name, value in (good | others).items() if value is not ...}


def shared(key: str = SECRET, /, **others: Any) -> str:
    """A token signed with the shared secret."""
    return jwt.encode(claims(**others), key, "HS256")


def signed(key_id: str = "rsa", /, **others: Any) -> str:
    """A token signed with the RSA key of a name."""
    return jwt.encode(claims(**others), rsa_key(key_id), "RS256", {"kid": key_id})


def public(*names: str, elliptic: tuple[str, ...] = ()) -> dict[str, Any]:
    """The public halves of some keys, as a JWKS."""
    rsa_keys = [(n, RSAAlgorithm.to_jwk(rsa_key(n).public_key(), as_dict=True)) for n in names]
    ec_keys = [(n, ECAlgorithm.to_jwk(ec_key(n).public_key(), as_dict=True)) for n in elliptic]
    return {"keys": [key | {"kid": name} for name, key in (*rsa_keys, *ec_keys)]}


class Jwks:
    """Shows keys over HTTP while it is entered.

    Attributes:
        body: what it answers.
        status: with which status.
        headers: with which headers besides.
        silent: whether it takes requests, and answers none.
        asked: how often it was asked.
    """

    def __init__(self, keys: object) -> None:
        self.body = json.dumps(keys).encode()
        self.status = HTTPStatus.OK
        self.headers: dict[str, str] = {}
        self.silent = False
        self.asked = 0
        self._over = threading.Event()
        jwks = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                jwks.asked += 1
                if jwks.silent:
                    jwks._over.wait()
                    return
                self.send_response(jwks.status)
                for name, value in jwks.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(jwks.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/jwks.json"

    def show(self, keys: object) -> None:
        """Show other keys from now on."""
        self.body = json.dumps(keys).encode()

    def __enter__(self) -> Jwks:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
