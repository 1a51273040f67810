"""What the developer sees: one line per event, hints, and the tracebacks of failed handlers."""

from __future__ import annotations

import json
import logging
import os
import sys
import textwrap
import time
from contextlib import contextmanager
from traceback import StackSummary, TracebackException
from typing import TYPE_CHECKING, TextIO

from apigw_local.console.log_events import Fact, Hint
from apigw_local.lambda_.own_code import is_own

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LOG = logging.getLogger("apigw_local")

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
        project: the app's folder; what lies outside of it is cut from tracebacks.
        verbose: whether the whole event stands below each line of an invocation.
        stream: where to; standard output if None.
    """
    stream = stream or sys.stdout
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines(project, verbose=verbose, coloured=is_coloured(stream, os.environ)))
    handler.addFilter(Once())
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
    """Whether a stream is a terminal whose user wants colours (https://no-color.org)."""
    return stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"


class Once(logging.Filter):
    """Lets each kind of hint pass once, and everything else."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to show a record."""
        hint = record.msg
        if not isinstance(hint, Hint):
            return True
        new = hint.kind not in self._said
        self._said.add(hint.kind)
        return new


class Lines(logging.Formatter):
    """Writes records as lines: time, event, connection, function, status, duration, the rest."""

    def __init__(self, project: Path, *, verbose: bool = False, coloured: bool = False) -> None:
        super().__init__()
        self._project = project
        self._verbose = verbose
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, of one line or several."""
        clock = self._paint(_clock(record.created), _DIM)
        if isinstance(record.msg, Hint):
            return f"{clock}  {self._hint(record.msg)}"
        fact = record.msg if isinstance(record.msg, Fact) else _statement(record)
        lines = [f"{clock}  {self._columns(fact)}"]
        if self._verbose and fact.event is not None:
            event = json.dumps(fact.event, indent=2, ensure_ascii=False)
            lines.append(self._paint(textwrap.indent(_printable(event), _INDENT), _DIM))
        if record.exc_info and record.exc_info[1] is not None:
            text = self.traceback(record.exc_info[1])
            lines.append(self._paint(textwrap.indent(_printable(text), _INDENT), _RED))
        return "\n".join(lines)

    def traceback(self, error: BaseException) -> str:
        """A traceback that begins with the app's own code, whatever has called it."""
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

    def _columns(self, fact: Fact) -> str:
        duration = "" if fact.milliseconds is None else f"{fact.milliseconds:,.0f} ms"
        detail = _printable(fact.detail)
        if "\n" in detail:
            detail = "\n" + textwrap.indent(detail, _INDENT)
        status = self._paint(f"{fact.status:<4}", _RED if fact.failed else "")
        line = (
            f"{self._paint(f'{fact.kind:<10}', _BOLD)}"
            f"  {_printable(fact.connection[:_ID_LETTERS]):<8}"
            f"  {fact.function:<20}  {status}  {duration:>9}  {detail}"
        )
        return line.rstrip()

    def _hint(self, hint: Hint) -> str:
        label = self._paint(f"{'hint':<12}", _YELLOW)
        text = textwrap.indent(textwrap.fill(_printable(hint.text), _HINT_WIDTH), _HINT_INDENT)
        return f"{label}{text.lstrip()}\n{_HINT_INDENT}{self._paint(hint.link, _DIM)}"

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._coloured and colour and text.strip() else text


def _statement(record: logging.LogRecord) -> Fact:
    return Fact(
        record.levelname.lower(),
        detail=record.getMessage(),
        failed=record.levelno >= logging.WARNING,
    )


def _clock(seconds: float) -> str:
    moment = time.strftime("%H:%M:%S", time.localtime(seconds))
    return f"{moment}.{int(seconds * 1000) % 1000:03d}"


def _printable(text: str) -> str:
    """The text without what could steer a terminal: a client chooses its close reason."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text
    )
