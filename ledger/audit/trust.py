"""Whose log it is: which keys must have signed a head, and how trust passes between them (rule 11).

Entry 0 lists the log's first keys; each `key` entry reveals the next *generation*, to which the one
before had committed. Then:

- a checkpoint whose tree has n generations bears the signatures of all keys of the n-th;
- the first checkpoint over a `key` entry bears those of the generation before too, unless that
  entry revokes it. So who trusts a generation can trust the next.
- A revocation ends that: who trusts only older keys goes by no head beyond the size that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ledger.audit.faults import BundleFault
from ledger.journal.entry import Entry
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.tlog.encoding import shown
from ledger.tlog.errors import TlogError
from ledger.tlog.note import Note, UnverifiedNote, Verifier, open_note, parse_vkey, split_note

KEY_TYPES = frozenset({"ledger", "key"})
UNCHECKED = "consistent with itself; whose it is was not checked"

_SIGNERS_TOLD = 4

Level = Literal["checked", "partly", "unchecked"]


class Generation(NamedTuple):
    """Keys that the entry `seq` revealed; `revoked` is what that entry says of those before."""

    seq: int
    verifiers: tuple[Verifier, ...]
    revoked: Mapping[str, Any] | None


class Trust(NamedTuple):
    """How far the caller's keys vouch for the log: for its first `size` entries.

    `level` is `checked` (all of it), `partly`, or `unchecked` (he gave no keys, size 0).
    """

    level: Level
    size: int
    says: str


class KeyRule:
    """Follows the log's keys, entry by entry, and judges its checkpoints by them."""

    def __init__(self) -> None:
        self.generations: list[Generation] = []
        self._outgoing: tuple[Verifier, ...] = ()
        self._signed: list[int] = []

    @property
    def vkeys(self) -> list[str]:
        """All keys so far, in the order in which they were revealed."""
        known = (each.vkey for generation in self.generations for each in generation.verifiers)
        return list(dict.fromkeys(known))

    def enter(self, entry: Entry) -> None:
        """Takes in a `ledger` or `key` entry that the book allows."""
        verifiers = tuple(map(parse_vkey, entry["vkeys"]))
        revoked = entry.get("revoked")
        if revoked is None and self.generations:
            self._outgoing += self.generations[-1].verifiers
        self.generations.append(Generation(entry["seq"], verifiers, revoked))

    def check(self, file: str, raw: bytes, size: int, root: bytes) -> int | None:
        """Wants the checkpoint over just the entries so far to state them and to be signed by all.

        Call it for each checkpoint, in order of size. When it was signed, in POSIX seconds, where
        a signature says so. Raises BundleFault.
        """
        newest = self.generations[-1].verifiers
        wanted = dict.fromkeys((*newest, *self._outgoing))
        checkpoint, note = _opened(file, raw, tuple(wanted))
        signers = {(each.name, each.key_id) for each in note.signatures}
        # The book lets a log's keys bear no name but that of its origin.
        if (checkpoint.origin, checkpoint.size) != (newest[0].name, size):
            raise BundleFault(
                f"{file} is of {checkpoint.origin} at size {checkpoint.size}, but these are the"
                f" first {size} entries of {newest[0].name}",
                file=file,
            )
        if checkpoint.root != root:
            raise BundleFault(
                f"{file} states the root {checkpoint.root.hex()} at size {size}, its entries give"
                f" {root.hex()}",
                file=file,
            )
        missing = [name_of(each) for each in wanted if (each.name, each.key_id) not in signers]
        if missing:
            raise BundleFault(f"{file} is not signed by {' and '.join(missing)}", file=file)
        self._outgoing = ()
        self._signed.append(size)
        times = (each.timestamp for each in note.signatures if each.timestamp is not None)
        return next(times, None)

    def want_none_wrong(self, file: str, raw: bytes) -> None:
        """Wants each line of a log's key on a checkpoint to be valid, once all keys are known.

        Else whoever trusts such a key would refuse what others accept. Raises BundleFault.
        """
        _opened(file, raw, [*map(parse_vkey, self.vkeys)])

    def good_at(self, size: int, others: Sequence[Verifier]) -> tuple[Verifier, ...]:
        """The log's keys, and `others`, but for those that it revoked after a smaller size."""
        at = max(
            (
                number
                for number, each in enumerate(self.generations)
                if each.revoked is not None and each.revoked["size"] < size
            ),
            default=0,
        )
        revoked, good = (
            [each for generation in some for each in generation.verifiers]
            for some in (self.generations[:at], self.generations[at:])
        )
        return tuple(dict.fromkeys([*good, *(each for each in others if each not in revoked)]))

    def trust(self, trusted: Sequence[Verifier] | None) -> Trust:
        """How far `trusted` keys vouch for the log, once all of it was followed.

        BundleFault where none of them is the log's, or none vouches for any of its heads.
        """
        if trusted is None:
            return Trust("unchecked", 0, UNCHECKED)
        start = self._newest_with(trusted)
        revocations = (each for each in self.generations[start + 1 :] if each.revoked is not None)
        first = next(revocations, None)
        if first is not None and first.revoked is not None:
            return self._before(start, first.seq, first.revoked["size"])
        size = self._signed[-1]
        return Trust("checked", size, f"all {size} entries are under a head that you trust")

    def _newest_with(self, trusted: Sequence[Verifier]) -> int:
        known = set(trusted)
        places = (at for at, each in enumerate(self.generations) if known & set(each.verifiers))
        start = max(places, default=None)
        if start is None:
            own = " and ".join(map(name_of, self.generations[-1].verifiers))
            raise BundleFault(f"none of the keys that you trust is this log's: it has {own}")
        return start

    def _before(self, start: int, seq: int, last: int) -> Trust:
        """What is left of trust in generation `start` when entry `seq` revoked it after `last`."""
        first = self.generations[start].seq
        sizes = [size for size in self._signed if first < size <= min(last, seq)]
        if not sizes:
            raise BundleFault(
                f"entry {seq} revoked the keys that you trust, and the bundle has no head that they"
                f" signed up to size {last}: get the log's present keys from somebody you trust",
                seq=seq,
            )
        says = (
            f"entry {seq} revoked the keys that you trust: they vouch for the first {sizes[-1]}"
            " entries only. Get the log's present keys from somebody you trust"
        )
        return Trust("partly", sizes[-1], says)


def read_checkpoint(
    file: str, raw: bytes, trusted: Sequence[Verifier] | None
) -> tuple[Checkpoint, bool]:
    """A checkpoint before the log's keys are known, and whether a trusted key signed it.

    BundleFault where the note is malformed, or a trusted key's signature on it is not valid.
    """
    try:
        note = split_note(raw)
        checkpoint = parse_checkpoint(note.text)
        known = [each for each in trusted or () if _has_line(note, each)]
        if known:
            open_note(raw, known)
    except TlogError as error:
        raise BundleFault(f"{file}: {error}", file=file) from error
    return checkpoint, bool(known)


def name_of(verifier: Verifier) -> str:
    """How messages call a key: name and key id."""
    return f"{verifier.name}+{verifier.key_id:08x}"


def signers_of(raw: bytes) -> list[str]:
    """The keys that a well-formed note names as its signers, unverified; the first few of many."""
    lines = split_note(raw).lines
    names = [f"{shown(name)[1:-1]}+{key_id:08x}" for name, key_id, _ in lines[:_SIGNERS_TOLD]]
    return names + ["others"] * (len(lines) > _SIGNERS_TOLD)


def _has_line(note: UnverifiedNote, verifier: Verifier) -> bool:
    return any((each.name, each.key_id) == (verifier.name, verifier.key_id) for each in note.lines)


def _opened(file: str, raw: bytes, wanted: Sequence[Verifier]) -> tuple[Checkpoint, Note]:
    try:
        return open_checkpoint(raw, wanted)
    except TlogError as error:
        raise BundleFault(f"{file}: {error}", file=file) from error


def parse_keys(vkeys: Iterable[str]) -> tuple[Verifier, ...]:
    """The caller's trusted keys from their text form; VkeyError for one that is none."""
    return tuple(map(parse_vkey, vkeys))
