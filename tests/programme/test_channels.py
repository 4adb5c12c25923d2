"""Messages that go out: a real mail server, a real HTTP service, both on the loopback."""

from __future__ import annotations

import smtplib
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import ConfigError
from ledger.programme.channels import NotSent, Outgoing, channels
from tests.programme.outside import Mailbox, Service

MESSAGE = Outgoing(
    id="message/" + "a" * 26,
    to="wang@example.org",
    kind="sign-in-code",
    subject="登录验证码",
    text="您的登录验证码是 123456，10 分钟内有效。",
)


def secret_file(folder: Path, text: str) -> str:
    file = folder / "secret"
    file.write_text(text)
    file.chmod(0o600)
    return str(file)


def test_a_mail_goes_out_with_its_id_and_its_chinese(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    environ = {"POINTS_SMTP": f"smtp://127.0.0.1:{port}", "POINTS_MAIL_FROM": "points@example.org"}

    channels(environ)["email"].send(MESSAGE)

    (taken,), (mail,) = box.taken, box.mails()
    assert (taken.mail_from, taken.rcpt_tos) == ("points@example.org", ["wang@example.org"])
    assert (mail["Subject"], mail.get_content().strip()) == (MESSAGE.subject, MESSAGE.text)
    assert mail["Message-ID"] == f"<{'a' * 26}@example.org>"


def test_an_address_that_would_write_headers_is_not_sent(mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    environ = {"POINTS_SMTP": f"smtp://127.0.0.1:{port}", "POINTS_MAIL_FROM": "points@example.org"}

    with pytest.raises(NotSent):
        channels(environ)["email"].send(
            MESSAGE._replace(to="wang@example.org\r\nBcc: other@example.org")
        )

    assert box.taken == []


def test_a_telephone_is_reached_by_the_adapter_with_its_secret(
    service: Service, tmp_path: Path
) -> None:
    environ = {
        "POINTS_SMS_URL": service.url,
        "POINTS_SMS_SECRET_FILE": secret_file(tmp_path, "a secret of the provider\n"),
    }

    channels(environ)["phone"].send(MESSAGE._replace(to="+8613800138000"))

    ((headers, said),) = service.taken
    assert headers["Authorization"] == "Bearer a secret of the provider"
    assert said == {
        "id": MESSAGE.id,
        "kind": "sign-in-code",
        "text": MESSAGE.text,
        "to": "+8613800138000",
    }


@pytest.mark.parametrize("goodbye", ["421 Too busy", "no SMTP at all"])
def test_a_mail_that_was_taken_is_sent_whatever_the_goodbye(
    mailbox: tuple[Mailbox, int], goodbye: str
) -> None:
    # given a relay that takes mail, and stumbles afterwards
    box, port = mailbox
    box.goodbye = goodbye
    environ = {"POINTS_SMTP": f"smtp://127.0.0.1:{port}", "POINTS_MAIL_FROM": "points@example.org"}

    # then nobody is told that it was not taken: it would be sent again
    channels(environ)["email"].send(MESSAGE)

    assert len(box.taken) == 1


def test_a_connection_that_is_of_no_use_is_closed(
    mailbox: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a relay where nobody can log in
    made: list[smtplib.SMTP] = []

    class Kept(smtplib.SMTP):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            made.append(self)

    monkeypatch.setattr(smtplib, "SMTP", Kept)
    environ = {
        "POINTS_SMTP": f"smtp://somebody@127.0.0.1:{mailbox[1]}",
        "POINTS_MAIL_FROM": "points@example.org",
    }

    with pytest.raises(NotSent):
        channels(environ)["email"].send(MESSAGE)

    assert [each.sock for each in made] == [None]


@pytest.mark.parametrize("status", [302, 400, 500])
def test_what_was_not_taken_is_said_without_whom_or_what(service: Service, status: int) -> None:
    # given a service that refuses, or sends elsewhere
    elsewhere = Service()
    service.status, service.location = status, elsewhere.url

    with pytest.raises(NotSent) as refused:
        channels({"POINTS_SMS_URL": service.url})["phone"].send(MESSAGE)

    # then nothing of the message is told, and nobody else got it
    told = repr(refused.value) + repr(refused.value.__cause__) + repr(MESSAGE)
    assert MESSAGE.to not in told
    assert "123456" not in told
    assert elsewhere.taken == []
    elsewhere.end()


def test_nobody_there_is_not_sent(unused_port: int) -> None:
    environ = {
        "POINTS_SMTP": f"smtp://127.0.0.1:{unused_port}",
        "POINTS_MAIL_FROM": "points@example.org",
        "POINTS_SMS_URL": f"http://127.0.0.1:{unused_port}/",
    }
    for channel in channels(environ).values():
        with pytest.raises(NotSent):
            channel.send(MESSAGE)


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"POINTS_SMTP": "smtp://u:hunter2@host"}, "without a password"),
        ({"POINTS_SMTP": "ftp://host"}, "smtp://host"),
        ({"POINTS_SMTP": "smtp://host:99999"}, "cannot be used"),
        ({"POINTS_SMTP": "smtp://host"}, "POINTS_MAIL_FROM"),
        ({"POINTS_SMS_URL": "http://sms.example.org/"}, "to begin with https"),
        ({"POINTS_SMS_URL": "https://sms.example.org/", "POINTS_SMS_SECRET_FILE": "/no"}, "0600"),
    ],
)
def test_what_cannot_be_used_is_refused_and_not_repeated(environ: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        channels(environ)

    assert "hunter2" not in str(refused.value)


def test_without_settings_there_is_no_channel() -> None:
    assert channels({}) == {}
