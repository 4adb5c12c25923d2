"""A receipt taken apart for a page, and the keys that a browser can check it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.tlog.encoding import to_base64
from ledger.tlog.head import Checkpoint, parse_checkpoint
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.note import KeyType, parse_vkey, split_note
from ledger.tlog.proof import LogProof


@dataclass(frozen=True, slots=True)
class Explained:
    """The parts of a receipt, hashes in base64; `signed_by` are the key ids on its checkpoint.

    `vkey` is the log's Ed25519 key among them, empty where the log names none of them.
    """

    index: int
    leaf: str
    path: tuple[str, ...]
    checkpoint: Checkpoint
    root: str
    signed_by: tuple[str, ...]
    vkey: str


def explained(proof: LogProof, vkeys: Sequence[str]) -> Explained:
    """The receipt's parts, nothing of it checked; `vkeys` are the log's, the newest first."""
    note = split_note(proof.checkpoint)
    checkpoint = parse_checkpoint(note.text)
    signed_by = tuple(f"{key_id:08x}" for _, key_id, _ in note.lines)
    return Explained(
        proof.index,
        to_base64(leaf_hash(proof.extra or b"")),
        tuple(map(to_base64, proof.hashes)),
        checkpoint,
        to_base64(checkpoint.root),
        signed_by,
        ed25519([vkey for vkey in vkeys if vkey.split("+")[1] in signed_by]),
    )


def ed25519(vkeys: Sequence[str]) -> str:
    """The first of the keys that is Ed25519, which is what browsers can verify; else empty."""
    return next((v for v in vkeys if parse_vkey(v).type is KeyType.ED25519), "")
