"""What is logged, and that nothing personal or secret is: where it failed, never about what."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from typing import Any, BinaryIO

import orjson
import structlog


class _Lines:
    """Writes each line in one piece and holds no lock.

    Whoever held one would let go of the interpreter while it writes, and all others would wait in
    turn for both.  A reader that is gone, or a full disk, stops the log and not the service.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._write = getattr(file, "raw", file).write

    def msg(self, line: bytes) -> None:
        with suppress(OSError):
            self._write(line + b"\n")

    debug = info = warning = error = critical = msg


def configure_logging() -> None:
    """One JSON object a line on stderr."""
    logger = _Lines(sys.stderr.buffer)  # one for all, not a new one for each line
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,  # the id of the request, where there is one
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=lambda *_: logger,
    )


def log_fault(event: str, error: BaseException, **facts: Any) -> None:
    """Logs where an error came from: kinds of errors and lines of code, nothing of the request.

    Bodies, queries and headers hold personal data and secrets; so may the text of an exception, a
    row that the database quotes, and the variables that a log's renderer would show of `exc_info`.
    """
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and cause not in causes:
        causes.append(cause)
    kinds = [type(each).__name__ for each in causes]
    where = ["".join(traceback.format_tb(each.__traceback__)) for each in causes]
    structlog.get_logger().error(event, **facts, errors=kinds, tracebacks=where)
