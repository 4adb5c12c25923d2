"""A checkpoint: a head of a log, signed (C2SP tlog-checkpoint).

It is a note (note.py) whose text has the three lines of head.py. A log's own key bears the log's
origin as its name; other names are witnesses'. Logs here sign with Ed25519 (0x01) and ML-DSA-44
(0x06).

Signing is where a log commits itself: it must never sign two heads of which one does not extend the
other. That promise is kept where heads are published; nothing here remembers what was signed
before.
"""

from collections.abc import Sequence

from ledger.tlog.errors import NoteError
from ledger.tlog.head import Checkpoint, parse_checkpoint
from ledger.tlog.note import Note, Signature, Signer, Verifier, open_note, sign_note

__all__ = [
    "Checkpoint",
    "log_signatures",
    "open_checkpoint",
    "parse_checkpoint",
    "sign_checkpoint",
]


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer], timestamp: int) -> bytes:
    """The signed note of `checkpoint`; `timestamp` is POSIX seconds. Raises as `sign_note` does."""
    return sign_note(checkpoint.encode(), signers, timestamp)


def open_checkpoint(raw: bytes, verifiers: Sequence[Verifier]) -> tuple[Checkpoint, Note]:
    """Open a signed checkpoint that a known key signed, and that no known key signed wrongly.

    NoteError or CheckpointError otherwise.
    The caller still owes, in this order:

    1. that `checkpoint.origin` is the log he means;
    2. that the *log* signed: `log_signatures(checkpoint, note)`, or more strictly that each key he
       demands is among `note.signatures`. A known witness alone also opens a note, and so does the
       key of another log;
    3. that enough of the witnesses he trusts signed, if his policy wants any;
    4. that timestamps are not in his future, if he minds;
    5. that it is consistent with the last checkpoint he saw of this origin.
    """
    note = open_note(raw, verifiers)
    return parse_checkpoint(note.text), note


def log_signatures(checkpoint: Checkpoint, note: Note) -> tuple[Signature, ...]:
    """The signatures of keys that are named like the origin; NoteError if there is none."""
    own = note.signed_by(checkpoint.origin)
    if not own:
        raise NoteError(
            f"no known key called {checkpoint.origin!r} signed this checkpoint of it, only "
            + ", ".join(sorted({each.name for each in note.signatures})),
            origin=checkpoint.origin,
        )
    return own
