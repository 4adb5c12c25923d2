"""The programme's tables, on the same `metadata` as the journal's."""

from __future__ import annotations

from ledger.journal.tables import outside_name, proposal, token

__all__ = ["outside_name", "proposal", "token"]
