"""Bodies that are no JSON: a file as it is, or none at all."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from functools import wraps
from typing import Any

from flask import g, request

from api.auth import View
from api.document import FILE
from api.parsing import want_plain
from api.problems import Problem

FILE_BYTES_MAX = 20_000_000
FILE_IN_MEMORY_BYTES_MAX = 1_000_000
CHUNK_BYTES = 65_536
# What it is, its content says; so do browsers and spreadsheet programs, each in their way.
FILES = (
    FILE,
    "text/csv",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)


def opening(view: View, forms: Sequence[str], most: int) -> View:
    """Gives the view the body as a file, kept on disk where it is long."""

    @wraps(view)
    def opened(query: dict[str, Any], **path: Any) -> Any:
        if request.mimetype not in forms:
            raise Problem("content-type", f"Send the file as it is, with Content-Type: {FILE}.")
        want_plain(request)
        digest, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(max_size=FILE_IN_MEMORY_BYTES_MAX) as file:
            while chunk := request.stream.read(CHUNK_BYTES):
                size += len(chunk)
                if size > most:
                    raise Problem("too-large", f"Send at most {most:,} bytes.")
                digest.update(chunk)
                file.write(chunk)
            g.body = {"file": digest.hexdigest(), "query": query}  # for the fingerprint
            file.seek(0)
            return view(query, file, **path)

    return opened


def bodiless(view: View) -> View:
    """Refuses what would be ignored."""

    @wraps(view)
    def checked(*args: Any, **path: Any) -> Any:
        if request.get_data() not in (b"", b"{}"):
            raise Problem("bad-request", "This request takes no body: send none.")
        return view(*args, **path)

    return checked
