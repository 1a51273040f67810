"""Terminal output: one line per event, hints, and tracebacks of failed handlers."""

from __future__ import annotations

import json
import logging
import os
import sys
import textwrap
import time
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from traceback import StackSummary, TracebackException
from typing import TYPE_CHECKING, TextIO

from apigw_local.console.log_events import Hint, LogEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOG = logging.getLogger("apigw_local")
_PACKAGE = Path(__file__).resolve().parents[1]

_ID_LETTERS = 8  # of 16; enough to tell apart what one screen shows
_INDENT = " " * 14
_HINT_INDENT = " " * 26  # below the connection
_HINT_WIDTH = 80

_DIM, _BOLD, _RED, _YELLOW, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[0m"


@contextmanager
def showing(
    project: Path, *, verbose: bool = False, stream: TextIO | None = None
) -> Iterator[None]:
    """Show what this package logs, for as long as the context lasts.

    Args:
        project: the app's folder; frames outside of it are cut from tracebacks.
        verbose: whether the whole event stands below each line of an invocation.
        stream: the output; standard output if None.
    """
    stream = stream or sys.stdout
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        LineFormatter(project, verbose=verbose, coloured=is_coloured(stream, os.environ))
    )
    handler.addFilter(OncePerKind())
    before = (_LOG.level, _LOG.propagate)
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False  # `chalice local` shows all that reaches the root, as text
    try:
        yield
    finally:
        _LOG.level, _LOG.propagate = before
        _LOG.removeHandler(handler)


def is_coloured(stream: TextIO, env: Mapping[str, str]) -> bool:
    """Return whether a stream is a terminal whose user wants colours (https://no-color.org)."""
    return stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"


class OncePerKind(logging.Filter):
    """Filter that passes each kind of hint once, and everything else."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to show a record."""
        hint = record.msg
        if not isinstance(hint, Hint):
            return True
        new = hint.kind not in self._said
        self._said.add(hint.kind)
        return new


class LineFormatter(logging.Formatter):
    """Formatter of records: time, event, connection, function, status, duration, detail."""

    def __init__(self, project: Path, *, verbose: bool = False, coloured: bool = False) -> None:
        super().__init__()
        self._project = project
        self._verbose = verbose
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, of one line or several."""
        clock = self._paint(_clock(record.created), _DIM)
        if isinstance(record.msg, Hint):
            return f"{clock}  {self._hint(record.msg)}"
        log_event = record.msg if isinstance(record.msg, LogEvent) else _text_event(record)
        lines = [f"{clock}  {self._columns(log_event)}"]
        if self._verbose and log_event.event is not None:
            event = json.dumps(log_event.event, indent=2, ensure_ascii=False)
            lines.append(self._paint(textwrap.indent(_printable(event), _INDENT), _DIM))
        if record.exc_info and record.exc_info[1] is not None:
            text = self.traceback(record.exc_info[1])
            lines.append(self._paint(textwrap.indent(_printable(text), _INDENT), _RED))
        return "\n".join(lines)

    def traceback(self, error: BaseException) -> str:
        """Return a traceback that begins with the app's own code."""
        trace = TracebackException.from_exception(error)
        part: TracebackException | None = trace
        while part is not None:
            part.stack = self._trimmed(part.stack)
            part = part.__cause__ or part.__context__
        return "".join(trace.format()).rstrip()

    def _trimmed(self, stack: StackSummary) -> StackSummary:
        for index, frame in enumerate(stack):
            if is_own(frame.filename, self._project):
                return StackSummary.from_list(stack[index:])
        return stack

    def _columns(self, log_event: LogEvent) -> str:
        duration = "" if log_event.milliseconds is None else f"{log_event.milliseconds:,.0f} ms"
        detail = _printable(log_event.detail)
        if "\n" in detail:
            detail = "\n" + textwrap.indent(detail, _INDENT)
        status = self._paint(f"{log_event.status:<4}", _RED if log_event.failed else "")
        line = (
            f"{self._paint(f'{log_event.kind:<10}', _BOLD)}"
            f"  {_printable(log_event.connection[:_ID_LETTERS]):<8}"
            f"  {log_event.function:<20}  {status}  {duration:>9}  {detail}"
        )
        return line.rstrip()

    def _hint(self, hint: Hint) -> str:
        label = self._paint(f"{'hint':<12}", _YELLOW)
        text = textwrap.indent(textwrap.fill(_printable(hint.text), _HINT_WIDTH), _HINT_INDENT)
        return f"{label}{text.lstrip()}\n{_HINT_INDENT}{self._paint(hint.link, _DIM)}"

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._coloured and colour and text.strip() else text


def _text_event(record: logging.LogRecord) -> LogEvent:
    return LogEvent(
        record.levelname.lower(),
        detail=record.getMessage(),
        failed=record.levelno >= logging.WARNING,
    )


def _clock(seconds: float) -> str:
    moment = time.strftime("%H:%M:%S", time.localtime(seconds))
    return f"{moment}.{int(seconds * 1000) % 1000:03d}"


def _printable(text: str) -> str:
    """Return the text without control characters: a client chooses its close reason."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text
    )


@lru_cache(maxsize=4096)
def is_own(filename: str, project: Path) -> bool:
    """Return whether a file is the app's, and no library's.

    Args:
        filename: as a frame names it, such as `<frozen importlib._bootstrap>` where none is.
        project: the app's folder, which may hold a virtual environment, and this package.
    """
    path = Path(filename).resolve()
    return (
        not filename.startswith("<")
        and path.is_relative_to(project.resolve())
        and not path.is_relative_to(_PACKAGE)
        and "site-packages" not in path.parts
    )
