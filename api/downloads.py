"""Answers that are a file, under the name by which a browser keeps it."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response

from ledger.programme.records import Record


def attached(response: Response, name: str) -> Response:
    """Names the file that an answer is."""
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def kept(content: bytes, record: Record) -> Response:
    """A file that is kept as evidence, of which a browser is to show and run nothing."""
    ending = record.fields["media_type"].partition("/")[2] if record.fields else "bin"
    response = Response(content, mimetype="application/octet-stream")
    response.headers["Content-Security-Policy"] = "sandbox"
    return attached(response, f"{record.id.replace('/', '-')}.{ending}")


def zipped(chunks: Iterator[bytes], name: str) -> Response:
    """A zip that is made while it is sent.

    Its first chunk is made before the answer begins, so that a fault can still be a problem or a
    page; whatever `chunks` raises there.
    """
    return attached(Response(_from(next(chunks, b""), chunks), mimetype="application/zip"), name)


def _from(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
