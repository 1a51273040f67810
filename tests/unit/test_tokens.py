"""A token proves who somebody is, or nothing at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import string
import time
from http import HTTPStatus
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.adapters.auth.anonymous import AnonymousAuthenticator
from chalicelib.adapters.auth.keys import IssuerKeys, SharedSecret
from chalicelib.adapters.auth.names import user_of_subject
from chalicelib.adapters.auth.tokens import LEEWAY, TOKEN_LIMIT, TokenAuthenticator
from chalicelib.core.errors import HandshakeError, SettingsError, UnavailableError
from chalicelib.core.identity import PATTERNS_LIMIT, Identity, Rights, has_ended
from chalicelib.core.limits import NAME_LIMIT
from chalicelib.core.model import UserId
from chalicelib.core.ports.authenticator import HandshakeCredentials
from tests.support.jwt_issuer import (
    AUDIENCE,
    ISSUER,
    SECRET,
    claims,
    ec_key,
    public,
    rsa_key,
    shared,
    signed,
)

LONG = 10 * 365 * 24 * 3600

NO_MOMENTS: tuple[Any, ...] = (None, True, "4102444800", [], {}, -1, 1e400, math.nan, 10**400)
NO_NAMES: tuple[Any, ...] = (None, True, 7, [7], {})


def issuer_keys() -> list[jwt.PyJWK]:
    """The issuer's keys, as its address shows them."""
    return jwt.PyJWKSet.from_dict(public("rsa", elliptic=("ec",))).keys


HS256 = TokenAuthenticator(SharedSecret(lambda: SECRET), ("HS256",), ISSUER, AUDIENCE)
JWKS = TokenAuthenticator(IssuerKeys(issuer_keys), ("RS256", "ES256"), ISSUER, AUDIENCE)


def identity(tokens: TokenAuthenticator, token: str | None) -> Identity:
    """Whom a token names."""
    return tokens.authenticate(
        HandshakeCredentials(token=token, session="s" * 22, username="Mallory")
    )


def refusal(tokens: TokenAuthenticator, token: str | None) -> HandshakeError:
    """The error for a token that proves nothing."""
    with pytest.raises(HandshakeError) as caught:
        identity(tokens, token)
    return caught.value


def base64url(data: bytes) -> str:
    """Bytes as a token holds them."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def handmade(header: dict[str, Any], payload: object, key: bytes = SECRET.encode()) -> str:
    """A token signed by HMAC whatever its header says, with a payload that is any JSON."""
    signing = f"{base64url(json.dumps(header).encode())}.{base64url(json.dumps(payload).encode())}"
    return f"{signing}.{base64url(hmac.digest(key, signing.encode(), hashlib.sha256))}"


def public_pem() -> bytes:
    """The issuer's public RSA key, which anybody may have."""
    return (
        rsa_key("rsa")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def test_a_good_token_decides_who_somebody_is() -> None:
    """The user, the name, the rights and the end come from it, and nothing from the client."""
    grant = {"join": ["team-*"], "publish": ["team-a"], "moderate": ["team-b"]}
    token = shared(name="Ada  Lovelace", exp=LONG + 1_700_000_000.9, fanfare=grant)
    who = identity(HS256, token)
    assert who.user.user_id == user_of_subject(ISSUER, "ada@example.com")
    assert "ada@example.com" not in who.user.user_id
    assert who.user.username == "Ada Lovelace"
    assert who.rights == Rights(("team-*",), ("team-a",), ("team-b",))
    assert who.until == LONG + 1_700_000_000


def test_keys_of_both_kinds_are_believed() -> None:
    """RS256 and ES256, told apart by the key's id."""
    elliptic = jwt.encode(claims(), ec_key("ec"), "ES256", {"kid": "ec"})
    assert identity(JWKS, signed()).user == identity(JWKS, elliptic).user


def test_the_name_is_the_best_one_that_the_token_has() -> None:
    """A full name before an address; fit to be shown; Anonymous without any."""
    assert identity(HS256, shared(email="a@b.c", name="Ada")).user.username == "Ada"
    assert identity(HS256, shared(**{"cognito:username": "ada"})).user.username == "ada"
    assert identity(HS256, shared(name=7, email="a\u202eb\n")).user.username == "ab"
    assert identity(HS256, shared(name="", preferred_username="ada")).user.username == "ada"
    assert identity(HS256, shared(name=" \u3164\n", email="a@b.c")).user.username == "a@b.c"
    assert identity(HS256, shared()).user.username == "Anonymous"
    assert len(identity(HS256, shared(name="x" * 99)).user.username) == NAME_LIMIT


def test_nobody_takes_another_issuers_or_a_sessions_user() -> None:
    """The same subject of another issuer is somebody else, and so is a session of that name."""
    subject = "a" * 22
    anonymous = AnonymousAuthenticator(lambda: UserId("new"))
    names = {
        user_of_subject(ISSUER, subject),
        user_of_subject("https://other.example", subject),
        anonymous.authenticate(HandshakeCredentials(session=subject)).user.user_id,
    }
    assert len(names) == 3


def test_clocks_may_differ_by_half_a_minute_at_a_tokens_beginning() -> None:
    """A token that an issuer whose clock is ahead has just made is taken."""
    now = int(time.time())
    identity(HS256, shared(nbf=now + LEEWAY - 5, iat=now + LEEWAY - 5))
    refusal(HS256, shared(nbf=now + LEEWAY + 60))


@pytest.mark.parametrize("before", [-0.001, 0, 0.5, LEEWAY])
def test_a_token_is_taken_as_long_as_its_connection_may_speak(before: float) -> None:
    """One end for both: nobody is let in to be refused every frame."""
    end = int(time.time()) + 5
    tokens = replace(HS256, clock=lambda: end + before)
    token = shared(exp=end + 0.7)
    if before < 0:
        assert not has_ended(identity(tokens, token).until, tokens.clock())
    else:
        assert refusal(tokens, token).status is HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "others",
    [
        pytest.param({"exp": 1_700_000_000}, id="expired"),
        pytest.param({"nbf": LONG * 10}, id="not yet valid"),
        pytest.param({"iat": LONG * 10}, id="issued in the future"),
        pytest.param({"iss": "https://other.example"}, id="another issuer"),
        pytest.param({"iss": ISSUER + "/"}, id="nearly the issuer"),
        pytest.param({"aud": "another"}, id="another audience"),
        pytest.param({"aud": ["another", "one"]}, id="other audiences"),
        pytest.param({"aud": []}, id="no audience"),
        pytest.param({"sub": ""}, id="an empty subject"),
        pytest.param({"sub": "\ud800"}, id="half of a character"),
        *(pytest.param({name: ...}, id=f"no {name}") for name in ("iss", "aud", "sub", "exp")),
        *(
            pytest.param({name: wrong}, id=f"{name}: {wrong!r}")
            for name in ("exp", "nbf", "iat")
            for wrong in NO_MOMENTS
        ),
        *(
            pytest.param({name: wrong}, id=f"{name}: {wrong!r}")
            for name in ("sub", "aud", "jti")
            for wrong in NO_NAMES
        ),
    ],
)
def test_a_token_with_a_wrong_claim_proves_nothing(others: dict[str, Any]) -> None:
    """However well it is signed: 401, with a reason that shows nothing of the token."""
    token = handmade({"alg": "HS256", "typ": "JWT"}, claims(**others))
    error = refusal(HS256, token)
    assert error.status is HTTPStatus.UNAUTHORIZED
    assert "ada@example.com" not in error.reason
    assert all(part not in error.reason for part in token.split("."))


@pytest.mark.parametrize("issuer", [None, 7, [ISSUER], {}])
def test_an_issuer_of_another_type_is_another_issuer(issuer: object) -> None:
    """A list that holds the issuer is not the issuer."""
    refusal(HS256, handmade({"alg": "HS256"}, claims() | {"iss": issuer}))


def test_a_forged_signature_proves_nothing() -> None:
    """Another's secret, another's key under the issuer's name, a signature cut, and none."""
    token, other = shared(), signed("other")
    signing, _, signature = token.rpartition(".")
    header = base64url(json.dumps({"alg": "RS256", "kid": "rsa"}).encode())
    for forged in (
        shared("another secret of the tests, 43 characters."),
        f"{signing}.",
        signing,
        f"{signing}.{signature[:-4]}",
        f"{shared(sub='root').rpartition('.')[0]}.{signature}",
    ):
        assert refusal(HS256, forged).status is HTTPStatus.UNAUTHORIZED
    refusal(JWKS, other)
    refusal(JWKS, f"{header}.{other.partition('.')[2]}")


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", None, "HS256", "HS384", "hs256", "RS512", "x", 7]
)
def test_another_algorithm_proves_nothing_to_public_keys(algorithm: object) -> None:
    """The public key taken for a shared secret, `none`, and whatever else a header may say."""
    for key in (public_pem(), b"", json.dumps(public("rsa")["keys"][0]).encode()):
        refusal(JWKS, handmade({"alg": algorithm, "kid": "rsa"}, claims(), key))


@pytest.mark.parametrize(
    "algorithm", ["none", "HS384", "HS512", "RS256", "ES256", ["HS256"], {"HS256": 1}, None, 0]
)
def test_another_algorithm_proves_nothing_to_the_secret(algorithm: object) -> None:
    """Only HS256 is checked with it, whatever else the signature would be right for."""
    refusal(HS256, handmade({"alg": algorithm}, claims()))
    unsigned = handmade({"alg": algorithm}, claims()).rpartition(".")[0] + "."
    refusal(HS256, unsigned)


def test_a_key_signs_with_its_own_algorithm_only() -> None:
    """A token that names the elliptic key for RS256, or the other way round, proves nothing."""
    refusal(JWKS, jwt.encode(claims(), rsa_key("rsa"), "RS256", {"kid": "ec"}))
    refusal(JWKS, jwt.encode(claims(), ec_key("ec"), "ES256", {"kid": "rsa"}))


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": "RS256"},
        {"alg": "RS256", "kid": None},
        {"alg": "RS256", "kid": 7},
        {"alg": "RS256", "kid": ["rsa"]},
        {"alg": "RS256", "kid": "../rsa"},
        {"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": False},
        {"alg": "RS256", "kid": "rsa", "crit": ["exp"]},
        {"alg": "RS256", "jku": "https://evil.example", "jwk": public("rsa")["keys"][0]},
    ],
)
def test_a_header_of_another_form_proves_nothing(header: dict[str, Any]) -> None:
    """Key ids that are none, extensions, and keys that the token brings along."""
    refusal(JWKS, handmade(header, claims()))


@pytest.mark.parametrize("payload", [None, 7, "x", [], [claims()], {}])
def test_a_payload_of_another_form_proves_nothing(payload: object) -> None:
    """It has to be an object."""
    refusal(HS256, handmade({"alg": "HS256"}, payload))


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        ".",
        "..",
        "a.b.c",
        "a" * 100,
        "\ud800.a.b",
        "é.é.é",
        "\0",
        base64url(b"[" * 6000) + ".e30.",
        base64url(b'{"alg":' * 700) + ".e30.",
    ],
)
def test_what_is_no_token_proves_nothing(token: str | None) -> None:
    """Nothing, parts of nothing, and what would take a parser deep."""
    for tokens in (HS256, JWKS):
        assert refusal(tokens, token).status is HTTPStatus.UNAUTHORIZED


def test_a_huge_token_is_not_even_read() -> None:
    """A well-signed one of 8 KB is taken, a longer one is not."""
    size = TOKEN_LIMIT * 3 // 4
    assert len(shared(pad="x" * (size - 400))) < TOKEN_LIMIT
    identity(HS256, shared(pad="x" * (size - 400)))
    assert "long" in refusal(HS256, shared(pad="x" * size)).reason


@pytest.mark.parametrize(
    "grant",
    [
        "team",
        ["team"],
        {"join": "team"},
        {"publish": [7]},
        {"moderate": None},
        {"join": ["x"] * (PATTERNS_LIMIT + 1)},
        {"join": ["x" * 66]},
        {"join": ["\udfff"]},
    ],
)
def test_rights_of_another_form_are_none(grant: object) -> None:
    """An unreadable grant lets nobody in: 403, as the token itself is right."""
    assert refusal(HS256, shared(fanfare=grant)).status is HTTPStatus.FORBIDDEN


def test_a_token_without_a_grant_is_good_for_what_is_not_private() -> None:
    """So an issuer need not know of Fanfare."""
    assert identity(HS256, shared()).rights == Rights()


def test_a_secret_that_is_a_public_key_is_the_operators_mistake() -> None:
    """With it anybody could sign tokens; nobody is let in."""
    tokens = TokenAuthenticator(
        SharedSecret(lambda: public_pem().decode()), ("HS256",), ISSUER, AUDIENCE
    )
    with pytest.raises(SettingsError, match="can't be checked") as caught:
        identity(tokens, shared())
    assert "BEGIN" not in str(caught.value)


def test_a_short_rsa_key_is_the_operators_mistake() -> None:
    """Keys below 2,048 bits can be broken; no token is checked with one."""
    short = jwt.PyJWK(
        jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key("short", 1024).public_key(), as_dict=True)
        | {"kid": "short"}
    )
    tokens = TokenAuthenticator(IssuerKeys(lambda: [short]), ("RS256",), ISSUER, AUDIENCE)
    header, payload, _ = signed().split(".")
    header = base64url(json.dumps({"alg": "RS256", "kid": "short"}).encode())
    with pytest.raises(SettingsError, match="can't be checked"):
        identity(tokens, f"{header}.{payload}.AAAA")


def test_an_issuer_that_is_down_calls_no_token_bad() -> None:
    """The handshake fails, but not as if the client had done wrong."""

    def fail() -> list[jwt.PyJWK]:
        raise UnavailableError("down")

    with pytest.raises(UnavailableError):
        identity(TokenAuthenticator(IssuerKeys(fail), ("RS256",), ISSUER, AUDIENCE), signed())


def test_credentials_show_neither_token_nor_session() -> None:
    """Wherever they are printed."""
    shown = repr(HandshakeCredentials(token="a-token", session="a-session", username="Ada"))
    assert "a-token" not in shown
    assert "a-session" not in shown


GOOD = {HS256: shared(), JWKS: signed()}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def broken(draw: st.DrawFn, token: str) -> str:
    """A token with one of its parts, or some of its characters, replaced."""
    parts = token.split(".")
    match draw(st.sampled_from(["text", "json", "cut", "bytes", "parts"])):
        case "text":
            parts[draw(st.integers(0, 2))] = draw(st.text(max_size=40))
        case "json":
            place = draw(st.integers(0, 1))
            kept = json.loads(base64.urlsafe_b64decode(parts[place] + "=="))
            name = draw(st.sampled_from([*kept, "crit", "b64", "nbf", "jti", "fanfare"]))
            parts[place] = base64url(json.dumps(kept | {name: draw(ANY)}).encode())
        case "cut":
            return token[: draw(st.integers(0, len(token) - 1))]
        case "bytes":
            place = draw(st.integers(0, len(token) - 1))
            letter = draw(st.sampled_from(string.printable))
            return token[:place] + letter + token[place + 1 :]
        case "parts":
            parts = draw(st.permutations([*parts, ""]))
    return ".".join(parts)


@pytest.mark.parametrize("tokens", GOOD, ids=["hs256", "jwks"])
@given(data=st.data())
def test_a_broken_token_never_proves_anybody(
    tokens: TokenAuthenticator, data: st.DataObject
) -> None:
    """Broken in any part it is refused, with an answer and not with a crash."""
    good = GOOD[tokens]
    token = data.draw(broken(good))
    if token == good:
        return
    with pytest.raises(HandshakeError) as caught:
        identity(tokens, token)
    assert caught.value.status is HTTPStatus.UNAUTHORIZED


@given(others=st.dictionaries(st.sampled_from([*claims(), "nbf", "jti", "fanfare", "name"]), ANY))
def test_any_claims_are_read_or_refused(others: dict[str, Any]) -> None:
    """Well signed, with claims of every type and shape: an identity, or a refusal."""
    token = handmade({"alg": "HS256"}, claims(**others))
    try:
        who = identity(HS256, token)
    except HandshakeError as error:
        assert error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)  # noqa: PT017
    else:
        assert who.user.username.encode()
        assert who.until is not None
