"""A ledger that lived through two days and every type of entry, and its bundle taken apart.

`live` is the story; `unpack` and `pack` let a test damage a bundle file by file; `Forger` builds a
bundle around any entries, hashed and signed with the log's real keys, as a dishonest keeper of the
log could.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from ledger.audit.layout import tiles_in_order
from ledger.db import Database
from ledger.journal import commands as c
from ledger.journal.book import check, next_at
from ledger.journal.entry import VERSION, Entry, decode, encode, to_base64
from ledger.journal.keys import KeyRing, add_generation, create_keys, load_keys
from ledger.journal.orders import Done, Order
from ledger.journal.publish import Publisher
from ledger.journal.state import Books
from ledger.journal.times import parse_time
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.merkle import leaf_hash, root_of
from ledger.tlog.note import Signer
from ledger.tlog.tiles import Tile, decode_bundle, encode_bundle, entry_tiles_of
from tests.journal.live import CHEAP, ORIGIN, PASSPHRASE, START, Counter

POLICY = {
    "from": "2026-11-24",
    "grant_limit": 1_000,
    "hold_days": 100,
    "reversal_limit": 1_000,
    "rules": to_base64(bytes(32)),
    "transfers": [{"from": "member", "limit": 500, "purpose": "gift", "to": "member"}],
}
GRANTS = 620


@dataclass(frozen=True, slots=True)
class Lived:
    """A ledger after its two days; `published` are the sizes of all its checkpoints."""

    counter: Counter
    publisher: Publisher
    keys: KeyRing
    published: tuple[int, ...]

    @property
    def where(self) -> tuple[Database, int, str]:
        """What an export is asked for."""
        return self.counter.database, self.counter.id, ORIGIN


def live(
    database: Database,
    folder: Path,
    grants: int = GRANTS,
    on_first_evening: Callable[[], None] = lambda: None,
) -> Lived:
    """Two days with every type of entry, `grants` credits, a change of keys and five heads.

    `on_first_evening` is called when half of it is entered, and not all of that is published.
    """
    keys = three_generations()
    counter = Counter(database, keys=keys)
    publisher = counter.publisher(folder / "high-water")
    published = [publisher.publish()]
    member = _first_day(counter)
    on_first_evening()
    published.append(publisher.publish())
    _grant(counter, member, grants)
    published.append(publisher.publish())
    counter.clock.wait(days=1)
    two = {"actor": counter.office, "approver": counter.second}
    counter.enter(c.Expire(account=member), c.StateOfAll(actor=counter.office))
    new_keys = {"next": keys.vkeys_hash(3), "vkeys": list(keys.vkeys(2))}
    counter.enter(c.Statement(kind="key", fields=new_keys, **two))
    published.append(publisher.publish())
    _grant(counter, counter.open(), 3)
    published.append(publisher.publish())
    return Lived(counter, publisher, keys, tuple(published))


@cache
def key_folder() -> Path:
    """A directory of three generations of keys that cost next to nothing to open; to be copied."""
    folder = Path(tempfile.mkdtemp(prefix="points-keys-")) / "beiyuan"
    create_keys(folder, ORIGIN, PASSPHRASE, cost=CHEAP)
    add_generation(folder, PASSPHRASE, cost=CHEAP)
    return folder


@cache
def three_generations() -> KeyRing:
    """The keys of `key_folder`, opened."""
    return load_keys(key_folder(), ORIGIN, PASSPHRASE)


def _first_day(counter: Counter) -> str:
    """One of everything that needs no night between; the member of whom work is due tomorrow.

    It is a hold until this evening, and points of today.
    """
    by = {"actor": counter.office}
    two = {**by, "approver": counter.second}
    partner = counter.new("person")
    counter.enter(
        c.Statement(kind="policy", fields=POLICY, **two),
        c.Statement(kind="person", fields={"person": partner, "standing": "partner"}, **by),
    )
    member, friend, leaver = counter.open(), counter.open(), counter.open()
    org = counter.open("org")
    ref = {"commitment": to_base64(bytes(32)), "id": counter.new("record")}
    served = {
        "assurance": "roster",
        "effective_at": "2026-11-23T01:00:00.000000Z",
        "member": member,
        "minutes": 90,
        "recorder": partner,
    }
    service = counter.enter(c.Statement(kind="service", fields=served, ref=ref, **by))[0].last
    give = counter.credit
    earned = counter.enter(give(member, 90, effective_at=served["effective_at"], service=service))[
        0
    ].last
    counter.enter(
        give(member, 30, valid_until="2026-11-24"),
        give(friend, 40, valid_until="2027-12-31"),
        c.Transfer(account=friend, amount=7, receiver=member, purpose="gift", **by),
        c.Debit(account=friend, amount=50, **two),
        c.WriteOff(account=friend, amount=5, **two),
        c.Reverse(original=earned, amount=10, **by),
    )
    hold = counter.enter(c.PlaceHold(account=member, amount=60, payee=org, **by))[0].last
    counter.enter(
        c.Capture(hold=hold, amount=25, **by),
        c.Release(hold=hold, **by),
        c.PlaceHold(account=member, amount=4, payee=org, until="2026-11-24T12:00:00.000000Z", **by),
        c.Settle(account=org, amount=20, ref=ref, **two),
        c.Statement(kind="record", ref=ref, **by),
        c.Statement(kind="erasure", fields={"on": "2026-11-24", "subject": leaver}, **two),
        c.Statement(kind="close", fields={"account": leaver}, **by),
    )
    return member


def _grant(counter: Counter, account: str, count: int) -> None:
    orders = [
        Order(
            command=counter.credit(account, 1 + number % 9),
            request=to_base64(counter.keys.request_id(account, str(number), 0)),
            fingerprint=bytes(32),
        )
        for number in range(count)
    ]
    for outcome in counter.submit(*orders):
        assert isinstance(outcome, Done), outcome


# --- bundles as files ----------------------------------------------------------------------------

Files = dict[str, bytes]


def unpack(path: Path) -> Files:
    """The files of a bundle, in its order."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(files: Mapping[str, bytes], path: Path) -> Path:
    """A bundle of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def entries_in(files: Mapping[str, bytes]) -> list[bytes]:
    """All entries of a bundle."""
    size = orjson.loads(files["manifest.json"])["size"]
    return [
        raw for tile in entry_tiles_of(size) for raw in decode_bundle(files[tile.path], tile.width)
    ]


def flipped(raw: bytes, at: int) -> bytes:
    """`raw` with the lowest bit of one byte turned over."""
    return raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]


# --- forgeries -----------------------------------------------------------------------------------

Signing = Callable[[int], Sequence[Signer]]
"""The signers of a checkpoint of a size."""


def hash_tile(leaves: Sequence[bytes], tile: Tile) -> bytes:
    """A hash tile straight from the definition."""
    assert tile.level is not None
    span = 256**tile.level
    first = tile.index * 256
    return b"".join(
        root_of(leaves[at * span : (at + 1) * span]) for at in range(first, first + tile.width)
    )


def bundle_of(
    entries: Sequence[bytes],
    signing: Signing,
    sizes: Sequence[int] = (),
    vkeys: Sequence[str] = (),
    origin: str = ORIGIN,
) -> Files:
    """A bundle around `entries` that is consistent with itself, whatever they say.

    It has checkpoints of `sizes` and of all entries, under `origin`; `vkeys` stand in the manifest.
    """
    leaves = [leaf_hash(raw) for raw in entries]
    size = len(entries)
    manifest = {"format": "points-bundle/1", "keys": vkeys, "origin": origin, "size": size}
    files = {"manifest.json": orjson.dumps(manifest)}
    for each in sorted({*sizes, size}):
        head = Checkpoint(origin, each, root_of(leaves[:each]))
        note = sign_checkpoint(head, signing(each), int(START.timestamp()))
        files[f"checkpoints/{each}"] = note
        files["checkpoint"] = note
    for tile in tiles_in_order(size):
        first = tile.index * 256
        files[tile.path] = (
            encode_bundle(entries[first : first + tile.width])
            if tile.level is None
            else hash_tile(leaves, tile)
        )
    return files


class Forger:
    """Goes on from some entries of an honest log as its keeper could, without asking the book."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.entries = list(entries)
        self.books = Books(lambda seq: decode(self.entries[seq]))
        for raw in entries:
            self.books.apply(*check(self.books, decode(raw)))

    def draft(self, command: c.Command, **changes: Any) -> Entry:
        """The command's entry at this point; `changes` replace its fields, None removes one."""
        head = self.books.head
        at = next_at(head, parse_time(head.at))
        fields = command.compose(self.books, at)
        assert fields is not None
        entry = {
            "ledger": head.origin,
            **fields,
            "at": at,
            "nonce": to_base64(head.size.to_bytes(16, "big")),
            "seq": head.size,
            "v": VERSION,
            **changes,
        }
        return {name: value for name, value in entry.items() if value is not None}

    def enter(self, command: c.Command, **changes: Any) -> Entry:
        """Appends what the book allows."""
        entry = self.draft(command, **changes)
        self.books.apply(*check(self.books, entry))
        self.entries.append(encode(entry))
        return entry
