"""Client frames are read strictly, and each refusal has its code."""

import json

import pytest

from chalicelib.core import protocol
from chalicelib.core.errors import RETRY, Code, FrameError
from chalicelib.core.protocol import FRAME_LIMIT, MESSAGE_LIMIT, Say


def test_a_message_is_read() -> None:
    """The plain form's frame is read, and fields of later versions are ignored."""
    body = '{"action":"message","message":"hi","type":"chat","colour":"blue"}'
    assert protocol.decode(body) == Say(message="hi")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", Code.BAD_JSON),
        ("hello", Code.BAD_JSON),
        ('{"action":"message","message":"hi"', Code.BAD_JSON),
        ('{"action":"message","message":"\\ud800"}', Code.BAD_JSON),
        ('{"action":"message","message":"hi","x":' + "[" * 9999 + "]" * 9999 + "}", Code.BAD_FRAME),
        ("null", Code.BAD_FRAME),
        ("[]", Code.BAD_FRAME),
        ('{"message":"hi"}', Code.BAD_FRAME),
        ('{"action":7,"message":"hi"}', Code.BAD_FRAME),
        ('{"action":"message"}', Code.BAD_FRAME),
        ('{"action":"message","message":42}', Code.BAD_FRAME),
        ('{"action":"message","message":null}', Code.BAD_FRAME),
        ('{"action":"message","message":"hi","type":"shout"}', Code.BAD_FRAME),
        ('{"action":"dance","message":"hi"}', Code.UNKNOWN_ACTION),
        ('{"action":"Message","message":"hi"}', Code.UNKNOWN_ACTION),
    ],
)
def test_a_bad_frame_gets_its_code(body: str, code: Code) -> None:
    """Each defect of a frame has one code."""
    with pytest.raises(FrameError) as refusal:
        protocol.decode(body)
    assert refusal.value.code == code


def test_the_limit_is_counted_in_bytes() -> None:
    """A message of exactly the limit is taken; one byte more is not."""

    def frame(text: str) -> str:
        return json.dumps({"action": "message", "message": text}, ensure_ascii=False)

    full = "é" * (MESSAGE_LIMIT // 2)
    assert protocol.decode(frame(full)) == Say(message=full)
    with pytest.raises(FrameError, match=f"{MESSAGE_LIMIT + 1} bytes") as refusal:
        protocol.decode(frame(full + "x"))
    assert refusal.value.code == Code.TOO_LARGE


def test_an_oversized_frame_is_not_parsed() -> None:
    """A frame above the gateway's own limit is refused by its size alone."""
    with pytest.raises(FrameError) as refusal:
        protocol.decode("x" * (FRAME_LIMIT + 1))
    assert refusal.value.code == Code.TOO_LARGE


def test_every_code_has_a_retry_rule() -> None:
    """A client can always tell what to do after an error."""
    assert set(RETRY) == set(Code)


def test_an_error_frame_tells_program_and_person() -> None:
    """The code is for a program and the message for a person."""
    refusal = FrameError(Code.NOT_JOINED, "Join it first.")
    body = '{"action":"message","room":"tea","id":"7","message":"hi"}'
    assert json.loads(protocol.encode(protocol.error_frame(refusal, body))) == {
        "type": "error",
        "code": "not_joined",
        "message": "Join it first.",
        "retry": "never",
        "action": "message",
        "room": "tea",
        "id": "7",
    }


@pytest.mark.parametrize("body", ["", "[]", "7", '{"action":{},"room":7}', "[" * 99999])
def test_an_error_names_the_frame_only_as_far_as_it_can_be_read(body: str) -> None:
    """An error about any input is itself a sound frame."""
    frame = protocol.error_frame(FrameError(Code.BAD_JSON, "No."), body)
    assert json.loads(protocol.encode(frame)) == {
        "type": "error",
        "code": "bad_json",
        "message": "No.",
        "retry": "never",
    }


def test_timestamps_are_iso_in_utc() -> None:
    """Every language's standard library reads this form."""
    assert protocol.timestamp(1_795_543_906_007) == "2026-11-24T18:11:46.007Z"
    assert protocol.timestamp(1_795_543_906_000) == "2026-11-24T18:11:46.000Z"


def test_a_token_is_not_shown_with_its_frame() -> None:
    """A traceback or a log line that holds the request holds no token."""
    request = protocol.decode('{"action": "renew", "token": "a secret"}')
    assert "a secret" not in repr(request)
