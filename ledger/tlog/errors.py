"""What can be wrong with bytes that came from outside.

::

    TlogError(ValueError)
    ├── RangeError        a compact range or leaf hash of the wrong length
    ├── ProofError        an inclusion, consistency or log proof that does not hold, or is malformed
    ├── VkeyError         a verifier key, key name or signing key that cannot be used
    ├── NoteError         a note that is malformed or not signed as wanted
    ├── CheckpointError   a checkpoint text that is not one
    └── TileError         a tile path, tile or entry bundle that is not one

Mistakes of our own arithmetic are not among them: those raise RuntimeError.
"""


class TlogError(ValueError):
    """Bytes or numbers from outside were refused; `facts` holds values the message speaks of."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class RangeError(TlogError):
    """A compact range, or a leaf hash to extend one by, has the wrong length."""


class ProofError(TlogError):
    """A proof is malformed, or does not prove what it is held against."""


class VkeyError(TlogError):
    """A verifier key (or the name or key of a signer) is malformed or of a kind not read here."""


class NoteError(TlogError):
    """A signed note is malformed, or is not signed by the keys it is held against."""


class CheckpointError(TlogError):
    """The text of a note is not a checkpoint."""


class TileError(TlogError):
    """A tile path, the bytes of a tile, or an entry bundle are malformed."""
