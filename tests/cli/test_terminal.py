"""A person who watches sees how far it is; a script sees nothing but the result."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

from ledger.cli.terminal import many, visible
from tests.cli.conftest import Terminal

TABLE = "customer,date,dollars\nann,1997-01-01,5\n"


def test_progress_is_shown_to_a_person_and_not_to_a_script(
    terminal: Terminal, written: Callable[[str], Path]
) -> None:
    # Given an import whose stderr is a terminal, and the same with a pipe
    terminal.found()
    words = terminal.importing(written(TABLE))
    ours, theirs = pty.openpty()
    watched = terminal.start(*words, stderr=theirs)
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    told, _ = watched.communicate()
    # Then the one shows a bar, which is not part of the result, and the other does not
    assert b"entering rows" in shown
    assert "1 imported" in told
    assert "entering rows" not in told
    assert terminal.start(*words, stderr=subprocess.PIPE).communicate()[1] == ""


def test_one_thing_is_told_as_one(
    terminal: Terminal, written: Callable[[str], Path], tmp_path: Path
) -> None:
    assert [many(n, "entries") for n in (0, 1, 2, 1_041)] == [
        "0 entries",
        "1 entry",
        "2 entries",
        "1,041 entries",
    ]
    assert [many(n, "members") for n in (1, 2)] == ["1 member", "2 members"]
    # Given a log with one member, by an import of one row
    terminal.found()
    imported = terminal(*terminal.importing(written(TABLE))).stdout
    assert imported.startswith("1 row: 1 imported")
    assert "5 points, 1 account opened" in imported
    bundle = tmp_path / "bundle.zip"
    terminal("export", bundle)
    # Then it is told of as one
    assert "1 member, 0 organisations" in terminal("verify", bundle, exits=3).stdout


def test_what_would_move_the_cursor_is_seen_and_writing_stays_writing() -> None:
    told = "a\x1b[2K\u009b\u202e\u2028\n\ud800\x7f"
    assert visible(told) == r"a\x1b[2K\x9b\u202e\u2028\n\ud800\x7f"
    # Wide spaces are, and Han characters of private use and of a Unicode to come
    names = "张\u3000三 — \ue000\U000323b0\u00a0é…"
    assert visible(names) == names


def _read(descriptor: int) -> bytes:
    """What a terminal shows next; nothing once its other end is closed."""
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""
