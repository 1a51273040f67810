"""Settings: the one reader of the environment."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from msgspec import field

from chalicelib.core.auth_settings import AuthMode, AuthSettings
from chalicelib.core.errors import SettingsError
from chalicelib.core.fanout import Fanout
from chalicelib.core.limits import LIMITS, Limits
from chalicelib.core.origin_policy import OriginPolicy, normal
from chalicelib.core.protocol.bounds import Bounds
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping


class Settings(Record, frozen=True):
    """Settings of the functions, checked.

    Attributes:
        table: name of the DynamoDB table (`FANFARE_TABLE`).
        queue: name of the SQS FIFO queue (`FANFARE_QUEUE`), ending in `.fifo`.
        dead_letter_queue: name of its dead-letter queue (`FANFARE_DEAD_LETTER_QUEUE`).
        region: the AWS region (`AWS_REGION`, which Lambda sets).
        poster: how posts are sent (`FANFARE_POSTER`): `sockets`, by the project's own engine, or
            `boto3`, for comparison and for odd environments.
        fanout: how a room's posts are shared and gathered: `FANFARE_LEAF` (members),
            `FANFARE_BRANCHING` (jobs), `FANFARE_LINGER_PER_MEMBER_MS` and
            `FANFARE_LINGER_LIMIT_MS`; `core/fanout.py` has the defaults and their reasons.
        limits: what one connection and one user may do; `core/limits.py` has the keys.
        access: who gets in; `chalicelib/core/auth_settings.py` has the keys.
        websocket_url: the `ws:` or `wss:` URL that the page connects to (`WEBSOCKET_URL`);
            None where nobody has set it.
        websocket_endpoint: where posts to connections go instead of the API's own endpoint
            (`WEBSOCKET_ENDPOINT`), for emulators; None on AWS.
        reports_failures: whether the broadcast returns which records of a batch have failed
            (`FANFARE_BATCH_FAILURES`, `reported`), which only a mapping with
            `ReportBatchItemFailures` heeds; else it raises.
    """

    table: str
    queue: str
    dead_letter_queue: str
    region: str
    poster: str = "sockets"
    fanout: Fanout = field(default_factory=Fanout)
    limits: Limits = LIMITS
    access: AuthSettings = field(default_factory=AuthSettings)
    websocket_url: str | None = None
    websocket_endpoint: str | None = None
    reports_failures: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read and check the settings.

        Raises:
            SettingsError: naming the key, its value and the accepted form.
        """
        return cls(
            table=_required(env, "FANFARE_TABLE", "the name of the DynamoDB table"),
            queue=queue_name(env),
            dead_letter_queue=_fifo(env, "FANFARE_DEAD_LETTER_QUEUE"),
            region=_required(env, "AWS_REGION", "an AWS region such as eu-central-1"),
            poster=_choice(env, "FANFARE_POSTER", ("sockets", "boto3")),
            fanout=_fanout(env),
            limits=_limits(env),
            access=_access(env),
            websocket_url=_url(env, "WEBSOCKET_URL", ("ws://", "wss://")),
            websocket_endpoint=_url(env, "WEBSOCKET_ENDPOINT", ("http://", "https://")),
            reports_failures=_choice(env, "FANFARE_BATCH_FAILURES", ("raised", "reported"))
            == "reported",
        )

    def connections_endpoint(self, api_id: str, stage: str) -> str:
        """Return the base URL of `@connections` for an API and stage.

        It is always the API's own host, never the event's domain name: with a custom domain,
        appending the stage is an error (aws/chalice issues 1503 and 1539).
        """
        if self.websocket_endpoint:
            return self.websocket_endpoint
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"https://{api_id}.execute-api.{self.region}.{suffix}/{stage}"


def load() -> Settings:
    """Read the settings of this process."""
    return Settings.from_env(os.environ)


def queue_name(env: Mapping[str, str] = os.environ) -> str:
    """Return the queue's name alone, which Chalice needs when app.py is imported.

    Raises:
        SettingsError: when it is missing or is no FIFO queue's name.
    """
    return _fifo(env, "FANFARE_QUEUE")


def under_chalice_cli(env: Mapping[str, str] = os.environ) -> bool:
    """Whether a `chalice` command imports the app, rather than Lambda or a test."""
    return "AWS_CHALICE_CLI_MODE" in env


def needs_clients(env: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is a Lambda function that cannot answer without AWS clients.

    Lambda sets `_HANDLER`, and lets no function's settings change it:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html. Chalice makes it
    `app.` and the name of a handler, and `app.app` for the HTTP side, which serves the page.
    """
    return env.get("_HANDLER", "app.app") != "app.app"


def posts(env: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is a Lambda function that posts in most of its calls.

    Connect and disconnect leave that to the queue, but for closing what a user has too many of.
    """
    return env.get("_HANDLER") in {"app.on_ws_message", "app.broadcast"}


def _fifo(env: Mapping[str, str], key: str) -> str:
    name = _required(env, key, "the name of an SQS FIFO queue")
    if not name.endswith(".fifo"):
        raise SettingsError(f"{key} is {name!r}: a FIFO queue's name ends in '.fifo'")
    return name


def _required(env: Mapping[str, str], key: str, form: str) -> str:
    value = env.get(key, "")
    if not value:
        raise SettingsError(
            f"{key} is not set: it takes {form}"
            " (.chalice/config.json holds it in environment_variables)"
        )
    return value


def _fanout(env: Mapping[str, str]) -> Fanout:
    default = Fanout()
    return Fanout(
        leaf=int(_number(env, "FANFARE_LEAF", default.leaf, 1, 10_000)),
        branching=int(_number(env, "FANFARE_BRANCHING", default.branching, 2, 100)),
        linger_per_member=_number(
            env, "FANFARE_LINGER_PER_MEMBER_MS", default.linger_per_member * 1000, 0, 100
        )
        / 1000,
        linger_limit=_number(env, "FANFARE_LINGER_LIMIT_MS", default.linger_limit * 1000, 0, 5000)
        / 1000,
    )


def _limits(env: Mapping[str, str]) -> Limits:
    bounds = LIMITS.bounds

    def number(key: str, default: float, least: float, most: float) -> float:
        return _number(env, f"FANFARE_{key}", default, least, most)

    return Limits(
        bounds=Bounds(
            message=int(number("MESSAGE_BYTES", bounds.message, 1, bounds.message)),
            room_name=int(number("ROOM_NAME_LENGTH", bounds.room_name, 8, bounds.room_name)),
            depth=int(number("JSON_DEPTH", bounds.depth, 4, 200)),
            keys=int(number("JSON_KEYS", bounds.keys, 16, 10_000)),
        ),
        rooms=int(number("ROOMS_PER_CONNECTION", LIMITS.rooms, 1, LIMITS.rooms)),
        name=int(number("NAME_LENGTH", LIMITS.name, 1, LIMITS.name)),
        page=int(number("PAGE", LIMITS.page, 1, LIMITS.page)),
        connections=int(number("CONNECTIONS_PER_USER", LIMITS.connections, 1, 1000)),
        frames=number("FRAMES_PER_SECOND", LIMITS.frames, 0.1, 1000),
        joins=number("JOINS_PER_SECOND", LIMITS.joins, 0.1, 1000),
        user_frames=number("USER_FRAMES_PER_SECOND", LIMITS.user_frames, 0, 1000),
        burst=number("BURST_SECONDS", LIMITS.burst, 1, 600),
        abuse=number("ABUSE_SECONDS", LIMITS.abuse, 1, 600),
        bar=number("BAR_SECONDS", LIMITS.bar, 0, 3600),
    )


def _access(env: Mapping[str, str]) -> AuthSettings:
    prod = env.get("FANFARE_STAGE") == "prod"
    mode = AuthMode(_choice(env, "FANFARE_AUTH", tuple(AuthMode)))
    if prod and mode is AuthMode.ANONYMOUS and env.get("FANFARE_ANONYMOUS") != "allowed":
        raise SettingsError(
            "FANFARE_AUTH is 'anonymous' on the stage prod, where anybody could take any name:"
            " set it to hs256 or jwks, or set FANFARE_ANONYMOUS to 'allowed'"
        )
    issued = mode is not AuthMode.ANONYMOUS
    return AuthSettings(
        mode=mode,
        secret=_secret(env) if mode is AuthMode.HS256 else "",
        jwks_url=_jwks_url(env) if mode is AuthMode.JWKS else "",
        issuer=_required(env, "FANFARE_AUTH_ISSUER", "the tokens' issuer") if issued else "",
        audience=_required(env, "FANFARE_AUTH_AUDIENCE", "the tokens' audience") if issued else "",
        token_in_query=_choice(env, "FANFARE_AUTH_QUERY", ("refused", "allowed")) == "allowed",
        private=_private(env),
        origins=_origins(env, prod=prod),
    )


def _secret(env: Mapping[str, str]) -> str:
    form = "an SSM parameter's name, such as /fanfare-prod/secret, or the ARN of a secret"
    name = _required(env, "FANFARE_AUTH_SECRET", form)
    if not name.startswith(("/", "arn:")):
        raise SettingsError(f"FANFARE_AUTH_SECRET is no place to look: it takes {form}")
    return name


def _jwks_url(env: Mapping[str, str]) -> str:
    _required(env, "FANFARE_AUTH_JWKS_URL", "the URL of the issuer's keys")
    # Keys that come unencrypted come from anybody; but for a test's issuer on this machine.
    local = ("http://127.0.0.1:", "http://localhost:")
    return _url(env, "FANFARE_AUTH_JWKS_URL", ("https://", *local)) or ""


def _private(env: Mapping[str, str]) -> tuple[str, ...]:
    patterns = _list(env, "FANFARE_PRIVATE_ROOMS")
    for pattern in patterns:
        if "*" in pattern[:-1]:
            raise SettingsError(
                f"FANFARE_PRIVATE_ROOMS holds {pattern!r}: a pattern is a room's name, or the"
                " beginning of one with '*' at its end"
            )
    return patterns


def _origins(env: Mapping[str, str], *, prod: bool) -> OriginPolicy:
    listed = _list(env, "FANFARE_ORIGINS")
    if "*" in listed or not (listed or prod):
        return OriginPolicy()
    allowed = set()
    for origin in listed:
        try:
            allowed.add(normal(origin))
        except ValueError:
            raise SettingsError(
                f"FANFARE_ORIGINS holds {origin!r}: an origin is like https://chat.example.com,"
                " without a path, and with a name's own letters as xn--"
            ) from None
    return OriginPolicy(frozenset(allowed), same_host=not listed)


def _list(env: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in env.get(key, "").split(","))))


def _number(env: Mapping[str, str], key: str, default: float, least: float, most: float) -> float:
    """Return a number within bounds, or the default where none is set."""
    value = env.get(key)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise SettingsError(f"{key} is {value!r}: it takes a number from {least} to {most}")
    return number


def _choice(env: Mapping[str, str], key: str, choices: tuple[str, ...]) -> str:
    """Return one of some values, the first of them where none is set."""
    value = env.get(key) or choices[0]
    if value not in choices:
        raise SettingsError(f"{key} is {value!r}: it takes {' or '.join(choices)}")
    return value


def _url(env: Mapping[str, str], key: str, schemes: tuple[str, ...]) -> str | None:
    value = env.get(key)
    if value and not value.startswith(schemes):
        raise SettingsError(
            f"{key} is {value!r}: it takes a URL that begins {' or '.join(schemes)}"
        )
    return value.rstrip("/") if value else None
