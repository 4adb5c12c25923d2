"""A proof that can be checked offline that a log holds an entry (C2SP tlog-proof).

::

    c2sp.org/tlog-proof@v1
    extra <base64>              only if there is extra data, of 1 byte or more
    index <decimal>             0 to 2**53 - 1
    <base64 of 32 bytes>        0 to 53 lines: the inclusion proof, from the leaf's sibling up
    <empty line>
    <signed checkpoint>         a note, verbatim

Each line ends in one newline. A proof has at most 2,000,000 bytes: a note of 1,000,000 and as much
again.

The extra data is not covered by any signature. What it says must be proven by other means; hashing
it as the leaf is such a means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.tlog.checkpoint import Checkpoint, log_signatures, open_checkpoint
from ledger.tlog.encoding import from_base64, from_decimal, from_utf8, shown, to_base64
from ledger.tlog.errors import ProofError
from ledger.tlog.merkle import HASH_BYTES, SIZE_MAX, check_inclusion
from ledger.tlog.note import Verifier

HEADER = "c2sp.org/tlog-proof@v1"
PROOF_BYTES_MAX = 2_000_000
HASHES_MAX = 53


@dataclass(frozen=True, slots=True)
class LogProof:
    """The parts of a proof, none of them verified; ProofError if one of them cannot be written."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index <= SIZE_MAX:
            raise ProofError(f"index is {self.index}, wanted 0 to {SIZE_MAX}")
        if len(self.hashes) > HASHES_MAX:
            raise ProofError(f"proof has {len(self.hashes)} hashes, wanted at most {HASHES_MAX}")
        if any(len(each) != HASH_BYTES for each in self.hashes):
            raise ProofError(f"a hash of the proof does not have {HASH_BYTES} bytes")
        if self.extra == b"":
            raise ProofError("extra data is empty; leave it out (None)")

    def encode(self) -> bytes:
        """The bytes of the proof, as stored in a `.tlog-proof` file."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {to_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += map(to_base64, self.hashes)
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint


def parse_proof(raw: bytes) -> LogProof:
    """Read a proof without verifying it; ProofError unless it is spelled as above.

    The checkpoint is only cut off here; `check_proof` opens it.
    """
    if len(raw) > PROOF_BYTES_MAX:
        raise ProofError(f"proof has {len(raw)} bytes, wanted at most {PROOF_BYTES_MAX}")
    head, blank, checkpoint = raw.partition(b"\n\n")
    if not blank or not checkpoint:
        raise ProofError("proof does not have the form head, empty line, checkpoint")
    lines = from_utf8(head, ProofError, "head of the proof").split("\n")
    if lines.pop(0) != HEADER:
        raise ProofError(f"proof starts with {shown(head)}, wanted the line {HEADER}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = from_base64(lines.pop(0).removeprefix("extra "), ProofError, "extra data")
    if not lines or not lines[0].startswith("index "):
        raise ProofError(f"proof has {shown(chr(10).join(lines))} where the index line belongs")
    index = from_decimal(lines.pop(0).removeprefix("index "), SIZE_MAX, ProofError, "index")
    hashes = tuple(from_base64(each, ProofError, "hash of the proof") for each in lines)
    return LogProof(index, hashes, checkpoint, extra)


def check_proof(proof: LogProof, leaf_hash: bytes, verifiers: Sequence[Verifier]) -> Checkpoint:
    """The checkpoint under which `leaf_hash` is logged at `proof.index`; a TlogError if it is not.

    The steps of the specification, and who does them:

    1. Compute the leaf hash: done by the caller, who knows what was logged.
    2. The origin is acceptable, and a key configured for it signed. `verifiers` are the keys the
       caller trusts, and one named like the origin must have signed; if they belong to several
       logs, the caller compares the returned `origin` with the log he means.
    3. All signatures of known keys verify, witnesses' included. How many witnesses are enough is
       for the caller to decide, from `open_checkpoint(proof.checkpoint, verifiers)`, and so is any
       demand on timestamps.
    4. The inclusion proof leads from the leaf hash to the root of the checkpoint.
    """
    # Steps 2 and 3.
    checkpoint, note = open_checkpoint(proof.checkpoint, verifiers)
    log_signatures(checkpoint, note)
    # Step 4.
    check_inclusion(leaf_hash, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return checkpoint
