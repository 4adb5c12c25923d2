"""`python -m ledger.cli` is `points`."""

from ledger.cli import main

main()
