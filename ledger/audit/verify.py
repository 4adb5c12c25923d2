"""Verifies a bundle offline: that the log keeps every rule, and that its keys signed it.

Nothing in a bundle is trusted. In this order, and stopping at the first thing that is wrong:

1. The zip is opened, and each name and length in its directory checked (`reader.py`).
2. The head is read, then all other checkpoints: one origin, sizes up to the head's; what the
   caller's own keys signed there verifies, and they signed something.
3. The tiles are exactly those of the head's size.
4. The log is walked, one entry bundle after the other:
   a. the hash of each entry is the one that its tile of level 0 has, and each entry is canonical;
      on several cores where so wanted (`opening.py`);
   b. no entry breaks a rule of the book (`book.check`);
   c. the hash of each finished subtree is the one that its tile has;
   d. at each checkpoint's size, origin and root are those it states, and the keys that the log
      itself had revealed by then signed it (`trust.py`). So each checkpoint extends all before it,
      up to the head.
5. No signature of a log's key is wrong where none was wanted, what revocations say of the log is
   so, it extends the heads that the caller has from elsewhere, and his keys vouch for it, or for
   how much.
6. The manifest says what was found.
7. The totals are taken from the books (`report.py`).

The caller still owes: that `origin` is the log he means; if `trust` is not `checked`, his own
judgement of `says`; and, if he kept an older head of this log, to give it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import orjson

from ledger.audit.faults import BundleFault
from ledger.audit.files import LogFiles
from ledger.audit.kept import KeptHead, want_extended
from ledger.audit.layout import FORMAT, HEAD, MANIFEST, checkpoint_path, count_tiles, tiles_in_order
from ledger.audit.offline import OfflineBooks
from ledger.audit.opening import OpenedTile, open_tiles
from ledger.audit.reader import BundleReader
from ledger.audit.report import Report, count_accounts, count_points
from ledger.audit.trust import KEY_TYPES, KeyRule, Trust, read_checkpoint, signers_of
from ledger.errors import MalformedEntry
from ledger.journal.book import check
from ledger.journal.entry import to_base64
from ledger.journal.rules import Refused
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.encoding import shown
from ledger.tlog.merkle import HASH_BYTES, CompactRange, range_at
from ledger.tlog.note import Verifier
from ledger.tlog.tiles import TILE_WIDTH, Tile, TileHashes

Progress = Callable[[int, int], None]
"""Told, after each entry bundle, how many entries are done, and of how many."""


def verify_bundle(
    path: Path,
    trusted: Sequence[Verifier] | None = None,
    progress: Progress | None = None,
    *,
    heads: Sequence[KeptHead] = (),
    jobs: int = 1,
) -> Report:
    """What the log in the bundle at `path` amounts to; BundleFault names the first thing wrong.

    `trusted` are keys of the log that the caller has from elsewhere, of any generation; others
    among them do no harm. Without them the report's `trust` is `unchecked`. `heads` are heads of
    the log that he has from elsewhere, such as an older checkpoint. `jobs` is the number of
    processes that work; the answer is the same for any. With several, the calling module must be
    one that can be imported (`multiprocessing`, spawn), and `WorkersLost` may be raised.
    """
    with BundleReader(path) as bundle:  # Step 1.
        head = _read_heads(bundle, trusted)  # Step 2.
        _want_tiles(bundle, head.size)  # Step 3.
        walk = _Walk(bundle, head.size)  # Step 4.
        walk.run(jobs, progress or (lambda *_: None))
        walk.check_signatures()  # Step 5.
        walk.check_revocations()
        walk.check_heads(heads, trusted or ())
        trust = walk.keys.trust(trusted)
        _check_manifest(bundle, head, walk.keys.vkeys)  # Step 6.
        return walk.report(head, trust)  # Step 7.


# --- step 2 --------------------------------------------------------------------------------------


def _read_heads(bundle: BundleReader, trusted: Sequence[Verifier] | None) -> Checkpoint:
    raw = bundle.read(HEAD)
    head, known = read_checkpoint(HEAD, raw, trusted)
    if head.size == 0:
        raise BundleFault("checkpoint is of size 0: a log without entries says nothing", file=HEAD)
    newest = checkpoint_path(head.size)
    if bundle.read(newest) != raw:
        raise BundleFault(f"{newest} is another note than checkpoint", file=newest)
    for size in bundle.checkpoint_sizes:
        file = checkpoint_path(size)
        if size > head.size:
            raise BundleFault(f"{file} is beyond the head, whose size is {head.size}", file=file)
        other, its = read_checkpoint(file, bundle.read(file), trusted)
        known = known or its
        if (other.origin, other.size) != (head.origin, size):
            raise BundleFault(
                f"{file} is of {other.origin} at size {other.size}, wanted {head.origin} at {size}",
                file=file,
            )
    if trusted is not None and not known:
        raise BundleFault(
            f"no checkpoint of this bundle of {head.origin} is signed by a key that you trust; its"
            f" head is signed by {' and '.join(signers_of(raw))}",
            file=HEAD,
        )
    return head


# --- step 3 --------------------------------------------------------------------------------------


def _want_tiles(bundle: BundleReader, size: int) -> None:
    """The numbers are compared first, so that a head of any size costs no more than its files."""
    wanted = count_tiles(size)
    if bundle.tile_count < wanted:
        for tile in tiles_in_order(size):
            if not bundle.has(tile.path):
                raise BundleFault(
                    f"{tile.path} is missing: a log of {size} entries has {wanted} tiles, the"
                    f" bundle {bundle.tile_count}",
                    file=tile.path,
                )
    names = {tile.path for tile in tiles_in_order(size)}
    for name in bundle.tiles():
        if name not in names:
            raise BundleFault(f"{name} is no tile of a log of {size} entries", file=name)


# --- step 4 --------------------------------------------------------------------------------------


class _Walk:
    """Goes through the log once, from the first entry to the last."""

    def __init__(self, bundle: BundleReader, size: int) -> None:
        self._bundle = bundle
        self._size = size
        self._files = LogFiles(bundle, size)
        self._books = OfflineBooks(
            self._files.entry,
            lambda request: self._files.find(request, self._books.head.size),
            size,
        )
        self._range = CompactRange.empty()
        self._rows: dict[int, bytes] = {}
        self._types: Counter[str] = Counter()
        self._first_at = ""
        self.keys = KeyRule()

    def run(self, jobs: int, progress: Progress) -> None:
        """Step 4 for the whole log."""
        stops = iter(self._bundle.checkpoint_sizes)
        stop = next(stops)
        for opened in open_tiles(self._bundle, self._size, jobs):
            start = opened.tile.index * TILE_WIDTH
            end = start + opened.tile.width
            cuts = [start]
            while stop <= end:
                cuts.append(stop)
                stop = next(stops, self._size + 1)
            if cuts[-1] < end:
                cuts.append(end)
            for first, last in pairwise(cuts):
                self._enter(opened, first, last)
                self._extend(opened.leaves[first - start : last - start])
                self._check_head(last)
            self._first_at = self._first_at or opened.entries[0]["at"]
            progress(end, self._size)

    def check_signatures(self) -> None:
        """Step 5: no key of the log signed a checkpoint wrongly, wherever it need not sign."""
        if len(self.keys.generations) == 1:
            return  # Whose keys all had to sign everywhere, and did.
        for size in self._bundle.checkpoint_sizes:
            file = checkpoint_path(size)
            self.keys.want_none_wrong(file, self._bundle.read(file))

    def check_revocations(self) -> None:
        """Step 5: the last head that a revocation trusts is one of this log."""
        for generation in self.keys.generations:
            if generation.revoked is None:
                continue
            size, root = generation.revoked["size"], generation.revoked["root"]
            own = to_base64(self._root_at(size))
            if own != root:
                raise BundleFault(
                    f"entry {generation.seq} revokes keys after size {size} with the root {root},"
                    f" but the log's is {own}",
                    seq=generation.seq,
                    rule="keys",
                )

    def check_heads(self, heads: Sequence[KeptHead], trusted: Sequence[Verifier]) -> None:
        """Step 5: the log extends the heads that the caller has from elsewhere."""
        for head in heads:
            known = self.keys.good_at(head.checkpoint.size, trusted)
            want_extended(head, self._books.head.origin, self._size, self._root_at, known)

    def _root_at(self, size: int) -> bytes:
        return range_at(size, TileHashes(self._files.read_tile, self._size)).root()

    def report(self, head: Checkpoint, trust: Trust) -> Report:
        """Step 7."""
        accounts = self._books.tables["accounts"]
        return Report(
            origin=head.origin,
            size=head.size,
            root=head.root,
            trust=trust.level,
            trusted_size=trust.size,
            says=trust.says,
            checkpoints=len(self._bundle.checkpoint_sizes),
            vkeys=tuple(self.keys.vkeys),
            first_at=self._first_at,
            last_at=self._books.head.at,
            entries=dict(sorted(self._types.items())),
            accounts=count_accounts(accounts),
            points=count_points(accounts),
        )

    def _enter(self, opened: OpenedTile, first: int, last: int) -> None:
        """Step 4b: checks the entries from `first` to `last` by the book, and takes them over."""
        books, start = self._books, opened.tile.index * TILE_WIDTH
        entries = opened.entries[first - start : last - start]
        try:
            for entry in entries:
                books.apply(*check(books, entry))
            for entry in entries:
                if entry["type"] in KEY_TYPES:
                    self.keys.enter(entry)
        except Refused as error:
            raise _refusal(error, books.head.size, opened.tile) from error
        if opened.malformed is not None and len(entries) < last - first:
            raise _refusal(opened.malformed, books.head.size, opened.tile)
        self._types.update(entry["type"] for entry in entries)

    def _extend(self, leaves: Sequence[bytes]) -> None:
        """Step 4c: lets the tree grow, and compares what it finishes with the tiles."""
        self._range, finished = self._range.extend(leaves)
        for level, index, got in finished:
            at = index % TILE_WIDTH * HASH_BYTES
            if at == 0:
                self._rows[level] = self._files.hashes(level, index // TILE_WIDTH)
            want = self._rows[level][at : at + HASH_BYTES]
            if got != want:
                width = TILE_WIDTH**level
                file = self._files.tile(level, index // TILE_WIDTH).path
                raise BundleFault(
                    f"{file} says {want.hex()} for the entries {index * width} to"
                    f" {(index + 1) * width - 1}, whose hash is {got.hex()}",
                    file=file,
                )

    def _check_head(self, size: int) -> None:
        """Step 4d: compares the root with a checkpoint of this size, if there is one."""
        file = checkpoint_path(size)
        if self._bundle.has(file):
            self.keys.check(file, self._bundle.read(file), size, self._range.root())


def _refusal(error: Refused | MalformedEntry, seq: int, tile: Tile) -> BundleFault:
    """What a person is told of the first entry that the book does not allow."""
    rule = error.rule if isinstance(error, Refused) else "form"
    says = f"entry {seq} in {tile.path} breaks the rule `{rule}`: {error}"
    return BundleFault(says, file=tile.path, seq=seq, rule=rule)


# --- step 6 --------------------------------------------------------------------------------------


def _check_manifest(bundle: BundleReader, head: Checkpoint, vkeys: Sequence[str]) -> None:
    try:
        said = orjson.loads(bundle.read(MANIFEST))
    except orjson.JSONDecodeError:
        raise BundleFault("manifest.json is not JSON", file=MANIFEST) from None
    found = {"format": FORMAT, "keys": list(vkeys), "origin": head.origin, "size": head.size}
    for name, wanted in found.items():
        got = said.get(name) if isinstance(said, dict) else None
        if type(got) is not type(wanted) or got != wanted:
            raise BundleFault(
                f"manifest.json says {name} is {shown(str(got))}, but it is {shown(str(wanted))}",
                file=MANIFEST,
            )
