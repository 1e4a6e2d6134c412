"""One JSON object a line on standard error, whatever the values hold; also for the libraries' own log records.

A log that cannot be written, because its disk is full, costs nobody an answer: lines are counted, and told when it can.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog


class Patient:
    """A stream that loses what it cannot write, such as on a full disk, and says how many lines when it can again."""

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner
        self.lost = 0

    def write(self, text: str) -> int:
        """Write whole lines; never raises for a disk without space or a stream that was closed."""
        told = f'{{"event": "log lines were lost", "number": {self.lost}}}\n' if self.lost else ""
        try:
            self._inner.write(told + text)
            self._inner.flush()
            self.lost = 0
        except (OSError, ValueError):
            self.lost += 1
        return len(text)

    def flush(self) -> None:
        """Every line is flushed when it is written."""


def configure_log() -> None:
    """Set it up, once, at the start of a command that serves or works."""
    stream = Patient(sys.stderr)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, stream)),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
