"""The books of a checker: what `Books` keeps, in the memory that a long log leaves.

Two tables grow with every entry. Neither gives another answer here than in `Books`:

- `requests`: of each, only a 64 bit hash is kept, in one flat table. Where a hash is met again, the
  log itself is searched for the very request, so that two requests of one hash stay two. The hash
  is Python's own of a text, keyed anew in each process: nobody can aim for that search.
- `holds`: a closed one is only ever asked whether it is closed, so all closed ones are one value.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from ledger.journal.entry import Entry
from ledger.journal.state import Books, Hold

CLOSED = Hold("", "", "", ())

FindRequest = Callable[[str], int | None]
"""The `seq` of the entry, among those before the present one, that carries this request."""


class SeenRequests(dict[str, int]):
    """The requests of at most `entries_max` entries, 12 to 24 bytes each. As a dict it is empty.

    Open addressing: slot 0 of a run is the hash's low bits, a slot holds a hash or 0.
    """

    def __init__(self, entries_max: int, find: FindRequest) -> None:
        super().__init__()
        slots = 1 << (entries_max * 3 // 2).bit_length()
        self._slots = array("q", (0,)) * slots
        self._mask = slots - 1
        self._find = find

    def seq_of(self, request: str) -> int | None:
        """The `seq` of the entry that carries `request`, None when none does."""
        slots, mask = self._slots, self._mask
        wanted = hash(request) or 1
        slot = wanted & mask
        while found := slots[slot]:
            if found == wanted:
                return self._find(request)
            slot = slot + 1 & mask
        return None

    def __setitem__(self, request: str, seq: int) -> None:
        slots, mask = self._slots, self._mask
        wanted = hash(request) or 1
        slot = wanted & mask
        while (found := slots[slot]) and found != wanted:
            slot = slot + 1 & mask
        slots[slot] = wanted


class OpenHolds(dict[int, Hold]):
    """Holds by `seq`, all closed ones as `CLOSED`."""

    def __setitem__(self, seq: int, hold: Hold) -> None:
        super().__setitem__(seq, hold if hold.lots else CLOSED)


class OfflineBooks(Books):
    """Books for a log of at most `entries_max` entries.

    `read` gives an earlier entry by its `seq`, `find` the entry that carries a request. With
    `closed_holds`, closed holds are kept as they were.
    """

    def __init__(
        self,
        read: Callable[[int], Entry | None],
        find: FindRequest,
        entries_max: int,
        *,
        closed_holds: bool = False,
    ) -> None:
        super().__init__(read)
        requests = SeenRequests(entries_max, find)
        self.tables["requests"] = requests
        self.request = requests.seq_of
        if not closed_holds:
            self.tables["holds"] = OpenHolds()
