"""Structured logs and metrics: one canonical JSON line per invocation, with counts and durations.

No line holds a message's text or a token. Powertools reads the service's name and the log level
from `POWERTOOLS_SERVICE_NAME` and `POWERTOOLS_LOG_LEVEL`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from chalicelib.core.ports.meter import Metric, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE: Final = "Fanfare"
"""CloudWatch namespace of the metrics, by `service`; refusals by `code` too."""

logger: Final = Logger(utc=True)


class Invocation:
    """Counts and notes of one invocation."""

    def __init__(self, function: str, request_id: str) -> None:
        self._fields: dict[str, str | int | float | None] = {
            "function": function,
            "function_request_id": request_id,
        }
        self._values: dict[Metric, list[float]] = defaultdict(list)
        self._code: str | None = None
        self._start = time.perf_counter()

    def count(self, metric: Metric, value: float, code: str | None) -> None:
        """Add a value to a metric."""
        self._values[metric].append(value)
        self._code = code or self._code

    def note(self, **fields: str | int | float | None) -> None:
        """Put fields on the line."""
        self._fields |= fields

    def line(self) -> dict[str, str | int | float | None]:
        """Return the fields of the canonical line; what was counted is summed."""
        sums = {metric.name.lower(): round(sum(v), 3) for metric, v in self._values.items()}
        duration = round((time.perf_counter() - self._start) * 1000, 1)
        code = {} if self._code is None else {"code": self._code}
        return self._fields | sums | code | {"duration_ms": duration}

    def emit(self) -> None:
        """Print the metrics in CloudWatch's embedded format, if there are any.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        """
        # One for each invocation: locally, invocations share the process and run side by side.
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=logger.service)
        if self._code is not None:
            metrics.add_dimensions(service=logger.service, code=self._code)
        told = [(m, v) for m, v in self._values.items() if any(v) or m.unit is not Unit.COUNT]
        for metric, values in told:
            for value in values:
                metrics.add_metric(metric.title, metric.unit.value, value)
        if told:
            metrics.flush_metrics()


class CurrentMeter:
    """The meter of whichever invocation runs; outside of one it counts nothing."""

    def count(self, metric: Metric, value: float = 1, *, code: str | None = None) -> None:
        """See `Meter.count`."""
        if current := _current.get():
            current.count(metric, value, code)

    def note(self, **fields: str | int | float | None) -> None:
        """See `Meter.note`."""
        if current := _current.get():
            current.note(**fields)

    def swallow(self, task: str, error: Exception) -> None:
        """See `Meter.swallow`."""
        self.count(Metric.ERRORS_SWALLOWED)
        logger.warning("swallowed", extra={"task": task, "error": str(error)})


_current: Final[ContextVar[Invocation | None]] = ContextVar("invocation", default=None)
_served: Final[set[str]] = set()


@contextmanager
def invocation(function: str, context: Any) -> Iterator[CurrentMeter]:
    """Log one line and emit the metrics when the block ends; what runs inside counts for it.

    An exception is logged with its traceback, and goes on. `context` is Lambda's context object.
    """
    current = Invocation(function, context.aws_request_id)
    if function not in _served:
        _served.add(function)
        current.count(Metric.COLD_STARTS, 1, None)
    token = _current.set(current)
    try:
        yield CurrentMeter()
    except Exception:
        logger.exception("failed", extra=current.line())
        raise
    else:
        logger.info("done", extra=current.line())
    finally:
        _current.reset(token)
        current.emit()


def remaining_seconds(context: Any) -> float:
    """Return how long the invocation may still run."""
    return float(context.get_remaining_time_in_millis()) / 1000
