"""What is logged, and that nothing personal or secret is: where it failed, never about what."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import orjson
import structlog


def configure_logging() -> None:
    """One JSON object a line on stderr."""
    logger = structlog.BytesLogger(sys.stderr.buffer)  # one for all, not a new one for each line
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
