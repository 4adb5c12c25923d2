"""Messages go out beside the request that caused them, and a fault of one is nobody else's."""

from __future__ import annotations

import threading

import pytest

from ledger.programme import courier as courier_room
from ledger.programme.channels import NotSent, Outgoing
from ledger.programme.courier import Courier


class Letters:
    """A channel that keeps what it was given, and fails for some."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.open = threading.Event()
        self.open.set()

    def send(self, message: Outgoing) -> None:
        assert self.open.wait(10)
        if message.to == "refused":
            raise NotSent("The mail server did not take a message.")
        if message.to == "fault":
            raise ZeroDivisionError(message.text)
        self.sent.append(message)


def letter(to: str) -> Outgoing:
    return Outgoing(f"message/{'a' * 26}", to, "sign-in-code", "登录验证码", f"secret of {to}")


def test_messages_go_out_in_their_order_each_by_its_channel() -> None:
    mail, phone = Letters(), Letters()
    courier = Courier({"email": mail, "phone": phone})
    for at in range(10):
        courier.hand_over("email" if at % 2 else "phone", letter(str(at)))
    courier.wait()
    assert [each.to for each in mail.sent] == ["1", "3", "5", "7", "9"]
    assert [each.to for each in phone.sent] == ["0", "2", "4", "6", "8"]


def test_what_cannot_be_sent_is_dropped_and_logged_without_its_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mail = Letters()
    courier = Courier({"email": mail})
    for to in ("refused", "fault", "fine"):
        courier.hand_over("email", letter(to))
    courier.hand_over("phone", letter("13800138000"))
    courier.wait()
    assert [each.to for each in mail.sent] == ["fine"]
    logged = "".join(capsys.readouterr())
    assert logged.count("message not sent") == 3
    assert "sign-in-code" in logged
    assert "secret of" not in logged
    assert "13800138000" not in logged


def test_handing_over_never_waits_and_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_room, "MESSAGES_WAITING_MAX", 3)
    mail = Letters()
    mail.open.clear()  # a server that hangs
    courier = Courier({"email": mail})
    for at in range(10):
        courier.hand_over("email", letter(str(at)))
    mail.open.set()
    courier.wait()
    assert 3 <= len(mail.sent) <= 4
    assert mail.sent[0].to == "0"
