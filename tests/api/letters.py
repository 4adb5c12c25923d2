"""A channel that keeps what it was given."""

from __future__ import annotations

from ledger.programme.channels import Outgoing


class Letters:
    """What was sent, the newest last."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    def send(self, message: Outgoing) -> None:
        self.sent.append(message)
