"""The text of a checkpoint: which log, how large, which root (C2SP tlog-checkpoint, "Note text").

::

    <origin>            one or more characters of UTF-8, none below U+0020
    <size>              decimal, 0 to 2**53 - 1
    <root>              base64 of 32 bytes: the RFC 6962 root at that size

Three lines, each ended by one newline; a tree of size 0 has the root SHA-256(). The specification
lets further "extension lines" follow but advises against them, and an ML-DSA-44 cosignature would
not cover them: a text that has any is refused. The specification has no upper bound for the size;
ours is what JSON carries exactly.

Nothing may be assumed of an origin's form by those who read one.
"""

from dataclasses import dataclass

from ledger.tlog.encoding import from_base64, from_decimal, from_utf8, is_line, shown, to_base64
from ledger.tlog.errors import CheckpointError
from ledger.tlog.merkle import EMPTY_ROOT, HASH_BYTES, SIZE_MAX

_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's origin, size and root; CheckpointError if a field cannot stand in the text."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not is_line(self.origin):
            raise CheckpointError(f"origin {shown(self.origin)} is not one non-empty line of text")
        if not 0 <= self.size <= SIZE_MAX:
            raise CheckpointError(f"tree size is {self.size}, wanted 0 to {SIZE_MAX}")
        if len(self.root) != HASH_BYTES:
            raise CheckpointError(f"root hash has {len(self.root)} bytes, wanted {HASH_BYTES}")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise CheckpointError(f"root of an empty tree is {self.root.hex()}, wanted SHA-256()")

    def encode(self) -> bytes:
        """The three lines, newline-ended: the text that is signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n".encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read a checkpoint's text, without signatures; CheckpointError unless it is in this form."""
    lines = from_utf8(text, CheckpointError, "checkpoint").split("\n")
    if len(lines) != _LINES + 1 or lines[-1]:
        raise CheckpointError(
            f"checkpoint has {len(lines) - 1} newlines, wanted the three lines origin, size, root, "
            "each ended by a newline; extension lines are not read here",
            newlines=len(lines) - 1,
        )
    origin, size, root = lines[:_LINES]
    return Checkpoint(
        origin,
        from_decimal(size, SIZE_MAX, CheckpointError, "tree size"),
        from_base64(root, CheckpointError, "root hash"),
    )
