"""Heads that somebody kept: a checkpoint, or what carries one, which is a receipt or a bundle.

A log that does not extend a kept head proves something only if the log's own keys signed that head:
anybody can write one that they did not sign. So a head comes with its note, and whoever compares it
with a log asks by `signed_by_one_of` before saying what it proves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ledger.audit.faults import BundleFault
from ledger.audit.layout import HEAD
from ledger.audit.reader import BundleReader
from ledger.audit.trust import read_checkpoint
from ledger.tlog.checkpoint import Checkpoint, log_signatures, open_checkpoint
from ledger.tlog.encoding import shown
from ledger.tlog.errors import TlogError
from ledger.tlog.note import Verifier
from ledger.tlog.proof import HEADER, PROOF_BYTES_MAX, parse_proof

_ZIP = b"PK\x03\x04"


class KeptHead(NamedTuple):
    """A head, and the note that states it; whose signatures it bears was not looked at."""

    checkpoint: Checkpoint
    note: bytes

    def signed_by_one_of(self, verifiers: Sequence[Verifier]) -> bool:
        """Whether one of these keys, named like the head's origin, signed it, and none wrongly."""
        try:
            log_signatures(*open_checkpoint(self.note, verifiers))
        except TlogError:
            return False
        return True


def read_kept(path: Path, trusted: Sequence[Verifier] | None) -> KeptHead:
    """The head in a file; BundleFault where it has none, or a trusted key's signature is wrong."""
    try:
        note = _note_in(path)
    except TlogError as error:
        raise BundleFault(f"{path}: {error}", file=str(path)) from error
    return KeptHead(read_checkpoint(str(path), note, trusted)[0], note)


def want_extended(
    kept: KeptHead,
    origin: str,
    size: int,
    root_at: Callable[[int], bytes],
    known: Sequence[Verifier],
) -> None:
    """Wants a log of `size` entries to extend a head; BundleFault says what it proves if not.

    `known` are the keys whose signature makes the head one of this log.
    """
    head, signed = kept.checkpoint, kept.signed_by_one_of(known)
    if head.origin != origin:
        says = f"you have a head of {shown(head.origin)}, but this log is {origin}: leave it out"
    elif head.size > size and signed:
        says = (
            f"the bundle has {size} entries, but you have a head of {head.size}: ask for a newer"
            " one, and if there is none, entries were taken away"
        )
    elif head.size > size:
        says = (
            f"the bundle has {size} entries, but you have a head of {head.size}, signed by none of"
            " the keys that are known here: ask for a newer bundle that has them. Until then it"
            " says nothing"
        )
    elif head.root == (own := root_at(head.size)):
        return
    elif signed:
        says = (
            f"you have a head of {origin} at size {head.size} with the root {head.root.hex()}, but"
            f" this log's is {own.hex()}: two histories were signed"
        )
    else:
        says = (
            f"you have a head of size {head.size} that this log never had, but no key signed it"
            " that is good for that size: it says nothing against the log. Leave it out"
        )
    raise BundleFault(says, file=HEAD)


def _note_in(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(PROOF_BYTES_MAX + 1)
    if raw.startswith(_ZIP):
        with BundleReader(path) as bundle:
            return bundle.read(HEAD)
    return parse_proof(raw).checkpoint if raw.startswith(HEADER.encode()) else raw
