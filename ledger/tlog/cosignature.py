"""What a timestamped signature signs (C2SP tlog-cosignature).

Both kinds are notes' signatures over a checkpoint, and both are stored as
`uint64 timestamp || signature`, the timestamp in POSIX seconds, big-endian, 0 to 2**63 - 1.

Ed25519 (type 0x04) signs the text ::

    cosignature/v1
    time <timestamp in decimal>
    <the checkpoint's text, newline-ended>

ML-DSA-44 (type 0x06) signs the bytes ::

    "subtree/v1\\n\\0"                     12 bytes
    uint8 length || cosigner name         1 to 255 bytes of UTF-8
    uint64 timestamp
    uint8 length || log origin            1 to 255 bytes of UTF-8
    uint64 start                          0, since a checkpoint covers the tree from its first leaf
    uint64 end                            the checkpoint's size
    root hash                             32 bytes

Integers are big-endian. Only whole checkpoints are signed and read here, no other subtrees.
"""

import struct

from ledger.tlog.errors import NoteError
from ledger.tlog.head import parse_checkpoint

TIMESTAMP_MAX = 2**63 - 1
TIMESTAMP_BYTES = 8
_NAME_BYTES_MAX = 255


def ed25519_message(_name: str, text: bytes, timestamp: int) -> bytes:
    """What a type 0x04 key signs, whatever its name; CheckpointError if `text` is no checkpoint."""
    parse_checkpoint(text)
    return b"cosignature/v1\ntime %d\n" % timestamp + text


def mldsa44_message(name: str, text: bytes, timestamp: int) -> bytes:
    """What a type 0x06 key called `name` signs.

    CheckpointError unless `text` is a checkpoint; NoteError if name or origin is longer than 255
    bytes.
    """
    checkpoint = parse_checkpoint(text)
    return b"".join(
        (
            b"subtree/v1\n\0",
            _short("cosigner name", name),
            struct.pack(">Q", timestamp),
            _short("log origin", checkpoint.origin),
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        )
    )


def _short(what: str, text: str) -> bytes:
    raw = text.encode()
    if not 1 <= len(raw) <= _NAME_BYTES_MAX:
        raise NoteError(f"{what} has {len(raw)} bytes, wanted 1 to {_NAME_BYTES_MAX} for ML-DSA-44")
    return bytes((len(raw),)) + raw
