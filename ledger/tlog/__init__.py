"""The transparency log: bytes in, bytes out.

Nothing here reads a file, a clock or a database, and nothing knows what a point is. Each module
imports only from those to its left::

    errors, encoding, merkle, tiles, head, cosignature, keys, note, checkpoint, proof

Sources: RFC 6962 section 2.1 and the C2SP specifications signed-note, tlog-checkpoint,
tlog-cosignature, tlog-tiles and tlog-proof. `docs/conformance.md` lists what they demand and which
test holds it.
"""

from ledger.tlog.errors import TlogError

__all__ = ["TlogError"]
