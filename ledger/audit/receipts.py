"""Verifies a receipt offline: that a log holds one entry, and what that entry says.

A receipt is a C2SP tlog-proof whose extra data is the entry's bytes:

1. It is read, and its entry hashed.
2. The proof leads from that hash to the root of its checkpoint, which a key of the caller's signed,
   one of each type that he has of this log: its keys of a time all sign each head, so where the one
   is missing, whoever made the receipt may be able to forge the other. Without keys only the first
   half is checked.
3. Only then is the entry parsed: it is canonical, its `seq` is the proof's index, its `ledger` the
   checkpoint's origin.

That the entry kept the rules of the book is not in a receipt: a bundle shows that. The caller still
owes that `origin` is the log he means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ledger.audit.faults import ReceiptFault
from ledger.audit.trust import UNCHECKED, name_of, signers_of
from ledger.errors import MalformedEntry
from ledger.journal.entry import Entry, decode, to_base64
from ledger.tlog.checkpoint import Checkpoint, parse_checkpoint
from ledger.tlog.errors import TlogError
from ledger.tlog.merkle import check_inclusion, leaf_hash
from ledger.tlog.note import Verifier, split_note
from ledger.tlog.proof import LogProof, check_proof, parse_proof


@dataclass(frozen=True, slots=True)
class ReceiptReport:
    """An entry that is under a head of `size` and `root` of the log `origin`.

    `trust` is `checked` when keys of the caller's, `signed_by`, signed that head.
    """

    origin: str
    seq: int
    size: int
    root: bytes
    entry: Entry
    trust: Literal["checked", "unchecked"]
    says: str
    signed_by: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object: the same fields, `root` in base64."""
        return {
            "origin": self.origin,
            "seq": self.seq,
            "size": self.size,
            "root": to_base64(self.root),
            "entry": self.entry,
            "trust": self.trust,
            "says": self.says,
            "signed_by": list(self.signed_by),
        }


def verify_receipt(raw: bytes, trusted: Sequence[Verifier] | None = None) -> ReceiptReport:
    """What the receipt `raw` proves; ReceiptFault where it proves nothing."""
    try:
        proof = parse_proof(raw)  # Step 1.
        if proof.extra is None:
            raise ReceiptFault("the proof carries no entry (no `extra` line): it is no receipt")
        leaf = leaf_hash(proof.extra)
        checkpoint, signed_by = _under_head(proof, leaf, trusted)  # Step 2.
        entry = decode(proof.extra)  # Step 3.
    except TlogError as error:
        raise ReceiptFault(f"the receipt does not hold: {error}") from error
    except MalformedEntry as error:
        raise ReceiptFault(f"the receipt's entry is none: {error}") from error
    if (entry["seq"], entry["ledger"]) != (proof.index, checkpoint.origin):
        raise ReceiptFault(
            f"the entry says that it is {entry['seq']} of {entry['ledger']}, but the proof is of"
            f" {proof.index} of {checkpoint.origin}"
        )
    says = f"signed by {' and '.join(signed_by)}, which you trust" if signed_by else UNCHECKED
    return ReceiptReport(
        origin=checkpoint.origin,
        seq=proof.index,
        size=checkpoint.size,
        root=checkpoint.root,
        entry=entry,
        trust="unchecked" if trusted is None else "checked",
        says=says,
        signed_by=signed_by,
    )


def _under_head(
    proof: LogProof, leaf: bytes, trusted: Sequence[Verifier] | None
) -> tuple[Checkpoint, tuple[str, ...]]:
    """The head that the proof leads to, and which of the log's trusted keys signed it."""
    if trusted is not None:
        signers = _signers(proof.checkpoint, trusted)
        return check_proof(proof, leaf, trusted), tuple(map(name_of, signers))
    checkpoint = parse_checkpoint(split_note(proof.checkpoint).text)
    check_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return checkpoint, ()


def _signers(raw: bytes, trusted: Sequence[Verifier]) -> list[Verifier]:
    """The log's keys among the trusted ones that a head says it is signed by, one of each type.

    Whether the signatures are right is for `check_proof` to say.
    """
    note = split_note(raw)
    origin = parse_checkpoint(note.text).origin
    lines = {(each.name, each.key_id) for each in note.lines}
    own = [each for each in dict.fromkeys(trusted) if each.name == origin]
    signers = [each for each in own if (each.name, each.key_id) in lines]
    if not signers:
        raise ReceiptFault(
            "the receipt's head is signed by none of the keys that you gave, but by"
            f" {' and '.join(signers_of(raw))}: if the log changed its keys, get those from"
            " somebody you trust"
        )
    for type_ in {each.type for each in own} - {each.type for each in signers}:
        raise ReceiptFault(
            f"the receipt's head is signed by {' and '.join(map(name_of, signers))}, but by none of"
            f" the {type_} keys that you gave, and all keys of a time sign each head: a"
            " signature was taken away"
        )
    return signers
