"""What a process wrote down before it was killed: append-only files of lines of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.torture.history import Answer, Call, Look


class Diary:
    """An append-only file; what `write` was given outlives the process once it returns."""

    def __init__(self, path: Path) -> None:
        torn = path.exists() and not path.read_bytes().endswith(b"\n")
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        if torn:
            os.ftruncate(self._descriptor, path.read_bytes().rfind(b"\n") + 1)

    def write(self, line: Any) -> None:
        """Adds a line, a call's or a look's or any other."""
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")


def read_lines(path: Path) -> Iterator[Any]:
    """The lines of a file that were written whole."""
    if path.exists():
        whole, _, _torn = path.read_text().rpartition("\n")
        yield from map(json.loads, filter(None, whole.split("\n")))


def read_calls(path: Path) -> Iterator[Call]:
    """The calls of a client, in order."""
    for start, end, answers in read_lines(path):
        found = {key: (Answer(*answer), replayed) for key, (answer, replayed) in answers.items()}
        yield Call(start, end, found)


def read_looks(path: Path) -> Iterator[Look]:
    """The looks of a client, in order."""
    for line in read_lines(path):
        yield Look(*line)
