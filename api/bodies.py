"""The body of a request as it arrives: whole, or not at all.

A server that follows WSGI (PEP 3333) hands over what came, also where the client went away half-way
through; gunicorn says that it ends the stream itself (`wsgi.input_terminated`), so that nobody else
counts.  What was cut off may be sound by itself: the first half of a roster is one.
"""

from __future__ import annotations

from typing import IO

from flask import Request

from api.problems import Problem

CUT_SHORT = "The body ended before the length that was stated. Nothing was done: send it again."
MALFORMED = "The body did not come in chunks as announced. State its length, and send it again."


def arriving(req: Request) -> None:
    """Has the body of this request checked as it is read."""
    environ, stated = req.environ, req.content_length
    if stated or "HTTP_TRANSFER_ENCODING" in environ:
        environ["wsgi.input"] = _Arriving(environ["wsgi.input"], stated)


class _Arriving:
    """A stream of which `stated` bytes are to come, or any number where that is None.

    Reading raises `Problem` where it ends before, and where the server finds it malformed.
    """

    def __init__(self, stream: IO[bytes], stated: int | None) -> None:
        self._stream = stream
        self._left = stated

    def read(self, size: int = -1) -> bytes:
        """As of any stream; all that is left by default."""
        try:
            data = self._stream.read() if size < 0 else self._stream.read(size)
        except Exception as error:  # each server has its own
            raise Problem("bad-request", MALFORMED) from error
        if self._left is not None:
            self._left -= len(data)
            if self._left > 0 and (size < 0 or (size and not data)):
                raise Problem("bad-request", CUT_SHORT)
        return data
