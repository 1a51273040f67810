"""Terminal output of log events, hints and tracebacks."""

from __future__ import annotations

import io
import logging
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import apigw_local
from apigw_local.console import formatter
from apigw_local.console.log_events import Hint, LogEvent
from apigw_local.errors import LocalError
from apigw_local.gateway import Quotas
from apigw_local.options import parse

MESSAGE = LogEvent(
    "message",
    connection="PJqB0fHsqRcCHlw=",
    function="websocket_message",
    status="ok",
    milliseconds=12.4,
    detail="43 bytes",
    event={"body": "sécret"},
)
HINT = Hint("kind", "Do this rather than that.", "https://docs.aws.amazon.com/")
log = logging.getLogger("apigw_local.example")


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def shown(*messages: object, project: Path = Path("/"), **options: Any) -> str:
    """Return the terminal's text of some messages."""
    stream = io.StringIO()
    with formatter.showing(project, stream=stream, **options):
        for message in messages:
            log.info(message)
    return stream.getvalue()


def error_of(module: ModuleType) -> BaseException:
    """Return the exception of the module's handler."""
    try:
        module.handler()
    except BaseException as error:
        return error
    raise AssertionError("the handler did not raise")


def app_in(project: Path, code: str) -> ModuleType:
    """A module that was loaded from the project's folder."""
    path = project / "app.py"
    path.write_text(code)
    module = ModuleType("app")
    exec(compile(code, str(path), "exec"), module.__dict__)
    return module


def test_a_fact_is_one_line_with_a_clock_and_columns() -> None:
    """The line has the time, a short id, the function, the status, the duration and the rest."""
    line = shown(MESSAGE)

    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3}  message     PJqB0fHs  websocket_message     ok        12 ms"
        r"  43 bytes\n",
        line,
    )


def test_columns_stand_under_each_other() -> None:
    """The details of all lines begin in one column, whichever fields a log event lacks."""
    lines = shown(MESSAGE, LogEvent("close", "abc", status="1000", detail="43 bytes")).splitlines()

    assert len({line.index("43 bytes") for line in lines}) == 1


def test_the_event_is_shown_when_asked_for_only() -> None:
    """A client's text is not on the terminal, unless it is verbose: then the whole event is."""
    assert "body" not in shown(MESSAGE)
    assert '"body": "sécret"' in shown(MESSAGE, verbose=True)


def test_a_hint_is_said_once() -> None:
    """A hint comes with its link, and each kind of it once, whatever it says."""
    text = shown(HINT, HINT, Hint("kind", "Another text.", ""), Hint("other", "And this.", ""))

    assert text.count("Do this rather than that.") == 1
    assert "https://docs.aws.amazon.com/" in text
    assert "Another text." not in text
    assert "And this." in text


def test_other_records_are_lines_too() -> None:
    """A warning in words stands in the same columns."""
    stream = io.StringIO()
    with formatter.showing(Path("/"), stream=stream):
        log.warning("the queue %s is away", "jobs")

    assert re.search(r"  warning +the queue jobs is away\n", stream.getvalue())


def test_what_a_client_chose_cannot_steer_the_terminal() -> None:
    """Escape sequences in a close reason are shown, not obeyed."""
    text = shown(LogEvent("close", detail="\x1b[2J\x9b31m\r"))

    assert "\\x1b[2J\\x9b31m\\r" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("stream", "env", "coloured"),
    [
        (Screen(), {}, True),
        (Screen(), {"NO_COLOR": ""}, True),
        (Screen(), {"NO_COLOR": "1"}, False),
        (Screen(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
    ids=["terminal", "empty", "no-color", "dumb", "file"],
)
def test_colours_are_for_terminals_whose_user_wants_them(
    stream: io.StringIO, env: dict[str, str], *, coloured: bool
) -> None:
    """A file gets none, and NO_COLOR is heeded."""
    assert formatter.is_coloured(stream, env) == coloured


def test_a_failure_is_red_on_a_terminal() -> None:
    """The status of what failed is coloured, and nothing is when colours are off."""
    record = logging.makeLogRecord({"msg": LogEvent("message", status="502", failed=True)})

    assert "\x1b[31m502 \x1b[0m" in formatter.LineFormatter(Path("/"), coloured=True).format(record)
    assert "\x1b" not in formatter.LineFormatter(Path("/")).format(record)


def test_a_traceback_begins_with_the_apps_own_code(tmp_path: Path) -> None:
    """Frames above the app's are cut, and those below it, which it called, stay."""
    app = app_in(tmp_path, "import json\ndef handler():\n    json.loads('{')\n")

    text = formatter.LineFormatter(tmp_path).traceback(error_of(app))

    frames = re.findall(r'File "(.+?)", line \d+, in (\w+)', text)
    assert frames[0] == (str(tmp_path / "app.py"), "handler")
    assert frames[-1][1] == "raw_decode"
    assert text.splitlines()[-1].startswith("json.decoder.JSONDecodeError: ")


def test_a_chain_of_exceptions_is_cut_too(tmp_path: Path) -> None:
    """The cause of an exception is shown the same way."""
    app = app_in(
        tmp_path,
        "def handler():\n"
        "    try:\n        {}['key']\n"
        "    except KeyError as error:\n        raise ValueError('no key') from error\n",
    )

    text = formatter.LineFormatter(tmp_path).traceback(error_of(app))

    assert "KeyError: 'key'" in text
    assert "ValueError: no key" in text
    assert __file__ not in text


@pytest.mark.parametrize("folder", [".venv/lib/site-packages", "elsewhere"])
def test_an_error_without_own_code_keeps_its_frames(tmp_path: Path, folder: str) -> None:
    """Libraries are not the app, also inside its folder; without any of the app, all is shown."""
    (tmp_path / "project").mkdir()
    place = tmp_path / ("project" if folder.startswith(".venv") else "") / folder
    place.mkdir(parents=True)
    app = app_in(place, "def handler():\n    1 / 0\n")

    text = formatter.LineFormatter(tmp_path / "project").traceback(error_of(app))

    assert __file__ in text
    assert "ZeroDivisionError" in text


def test_this_package_is_not_the_app() -> None:
    """Frames of the gateway stay library frames where its folder lies inside the project's."""
    with pytest.raises(LocalError) as raised:
        parse(Quotas, "none=1", "limits")

    text = formatter.LineFormatter(Path(apigw_local.__file__).parents[1]).traceback(raised.value)

    assert __file__ in text


def test_the_log_is_as_before_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is the default, and afterwards nothing is shown any more."""
    package = logging.getLogger("apigw_local")
    before = (package.level, package.propagate, package.handlers[:])
    with formatter.showing(Path("/"), stream=sys.stdout):
        log.info(LogEvent("connect"))
        assert not package.propagate
    log.info(LogEvent("close"))

    assert (package.level, package.propagate, package.handlers[:]) == before
    assert "connect" in (output := capsys.readouterr().out)
    assert "close" not in output


def test_a_log_event_is_text_in_other_logs() -> None:
    """In other logs a log event is its fields, without the handler's event."""
    assert str(MESSAGE) == "message PJqB0fHsqRcCHlw= websocket_message ok 12 ms 43 bytes"
    assert "sécret" not in repr(MESSAGE)
