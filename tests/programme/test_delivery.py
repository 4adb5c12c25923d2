"""Delivery: by the channel that was chosen, again where it failed, and on paper in the end."""

from typing import Any

import pytest

from ledger.errors import ConfigError
from ledger.programme.channels import channels
from ledger.programme.delivery import (
    BATCH,
    TRIES,
    Backlog,
    Postman,
    Quiet,
    backlogs,
    deliver,
    read_quiet_hours,
)
from ledger.programme.messages import Choice, MessageUnknown, choose
from ledger.programme.paper import hand_over, paper_list
from ledger.programme.recording import Change
from tests.programme.outside import Mailbox, Service
from tests.programme.registry import Registry
from tests.programme.test_messages import known, place, send, states, told

NEVER_QUIET = Quiet(0, 0)


def mailing(port: int) -> dict[str, str]:
    return {"POINTS_SMTP": f"smtp://127.0.0.1:{port}", "POINTS_MAIL_FROM": "points@example.org"}


def sends(registry: Registry, environ: dict[str, str], quiet: Quiet = NEVER_QUIET) -> int:
    return deliver(*place(registry), channels(environ), quiet)


def reached(registry: Registry, channel: str, language: str = "zh") -> str:
    """Somebody who wants to be reached so."""
    person = known(registry, full_name="王小明", email="wang@example.org", phone="+8613800138000")
    choose(*place(registry), person, Choice(channel, language))
    return person


def test_mail_goes_out_once_in_the_persons_language(
    registry: Registry, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    send(registry, told(reached(registry, "email", "en")))

    assert (sends(registry, mailing(port)), sends(registry, mailing(port))) == (1, 0)

    (mail,) = box.mails()
    assert (mail["To"], mail["Subject"]) == ("wang@example.org", "Approved")
    assert set(states(registry).values()) == {"sent"}


def test_a_telephone_gets_the_text_and_the_messages_id(
    registry: Registry, service: Service
) -> None:
    name = send(registry, told(reached(registry, "phone")))

    assert sends(registry, {"POINTS_SMS_URL": service.url}) == 1

    ((_, said),) = service.taken
    assert (said["id"], said["to"]) == (name, "+8613800138000")
    assert "已由第二人批准" in said["text"]


def test_it_is_tried_again_later_and_later_and_then_put_on_paper(
    registry: Registry, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {"POINTS_SMS_URL": service.url}
    service.status = 503
    name = send(registry, told(reached(registry, "phone")))

    # when it is looked at each half minute for a day
    tries = []
    for half_minutes in range(2 * 60 * 24):
        sends(registry, environ)
        if len(service.taken) > len(tries):
            tries.append(half_minutes / 2)
        if states(registry)[name] == "paper":
            break
        registry.clock.wait(seconds=30)

    # then there were so many tries, each twice as long after the one before
    assert tries == [2**n - 1 for n in range(TRIES)]
    assert {said["id"] for _, said in service.taken} == {name}
    assert "13800138000" not in caplog.text


def test_a_server_that_is_back_gets_what_waited(
    registry: Registry, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    box.answer = "451 later"
    send(registry, told(reached(registry, "email")))

    assert sends(registry, mailing(port)) == 0
    box.answer = None
    assert sends(registry, mailing(port)) == 0  # not yet
    registry.clock.wait(minutes=1)
    assert sends(registry, mailing(port)) == 1


def test_of_two_who_deliver_at_once_one_sends(registry: Registry, service: Service) -> None:
    # given a channel in which somebody else looks for what waits while it sends
    send(registry, told(reached(registry, "phone")))
    real = channels({"POINTS_SMS_URL": service.url})["phone"]
    others = []

    class Slow:
        def send(self, message: Any) -> None:
            others.append(deliver(*place(registry), {"phone": real}, NEVER_QUIET))
            real.send(message)

    assert deliver(*place(registry), {"phone": Slow()}, NEVER_QUIET) == 1

    assert others == [0]
    assert len(service.taken) == 1


def test_who_dies_while_sending_has_it_sent_again_under_the_same_id(
    registry: Registry, service: Service
) -> None:
    name = send(registry, told(reached(registry, "phone")))
    real = channels({"POINTS_SMS_URL": service.url})["phone"]

    class Dying:
        def send(self, message: Any) -> None:
            real.send(message)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(*place(registry), {"phone": Dying()}, NEVER_QUIET)
    registry.clock.wait(minutes=1)

    assert sends(registry, {"POINTS_SMS_URL": service.url}) == 1
    assert [said["id"] for _, said in service.taken] == [name, name]


def test_more_than_a_batch_goes_out_in_one_look(
    sqlite_registry: Registry, service: Service
) -> None:
    person = reached(sqlite_registry, "phone")
    for number in range(BATCH + 3):
        send(sqlite_registry, told(person, str(number)))

    assert sends(sqlite_registry, {"POINTS_SMS_URL": service.url}) == BATCH + 3
    assert len(service.taken) == BATCH + 3


def test_without_the_channel_or_the_contact_it_is_put_on_paper(
    registry: Registry, service: Service
) -> None:
    # given one whose channel is not set up, and one whose number is gone since
    mail, gone = reached(registry, "email"), reached(registry, "phone")
    registry.save(
        Change("basics", gone, gone, {"full_name": "李雷", "reached": "邻居转告"}, seen=1)
    )
    waiting = {send(registry, told(mail)), send(registry, told(gone))}

    assert sends(registry, {"POINTS_SMS_URL": service.url}) == 0

    with registry.database.reading() as conn:
        listed = paper_list(conn, registry.ledger, after=None, limit=10)
        counts = backlogs(conn)
    assert {each.id for each in listed} == waiting
    assert {(each.name, each.phone, each.reached) for each in listed} == {
        ("王小明", "+8613800138000", None),
        ("李雷", None, "邻居转告"),
    }
    assert counts == [Backlog("beiyuan", 0, None, 2)]


def test_the_list_is_read_page_by_page_and_what_was_handed_over_leaves_it(
    registry: Registry,
) -> None:
    person, sent = reached(registry, "paper"), []
    for cause in "abc":
        sent.append(send(registry, told(person, cause)))
        registry.clock.wait(seconds=1)

    def listed(after: str | None, limit: int) -> list[str]:
        with registry.database.reading() as conn:
            return [each.id for each in paper_list(conn, registry.ledger, after=after, limit=limit)]

    assert listed(None, 2) == sent[:2]
    hand_over(*place(registry), sent[1], by=registry.office)
    assert listed(sent[1], 2) == sent[2:]
    assert listed(None, 10) == [sent[0], sent[2]]
    hand_over(*place(registry), sent[1], by=registry.office)  # sent again
    with pytest.raises(MessageUnknown):
        hand_over(*place(registry), sent[1], by=registry.second)


def test_nobody_is_disturbed_in_quiet_hours(registry: Registry, service: Service) -> None:
    # given a message at ten in the evening of the ledger's own day
    registry.clock.set(hours=22 - _local_hour(registry))
    send(registry, told(reached(registry, "phone")))
    environ, quiet = {"POINTS_SMS_URL": service.url}, Quiet(21, 8)

    assert sends(registry, environ, quiet) == 0
    registry.clock.wait(hours=9)
    assert sends(registry, environ, quiet) == 0
    registry.clock.wait(hours=1)
    assert sends(registry, environ, quiet) == 1


def _local_hour(registry: Registry) -> int:
    return (registry.clock.now().hour + 8) % 24


@pytest.mark.parametrize(
    ("text", "quiet"),
    [("21-8", (21, 8)), ("0-6", (0, 6)), ("off", (0, 0)), ("", (21, 8)), (None, (21, 8))],
)
def test_quiet_hours_are_a_setting(text: str | None, quiet: tuple[int, int]) -> None:
    environ = {} if text is None else {"POINTS_QUIET_HOURS": text}
    assert read_quiet_hours(environ) == quiet


@pytest.mark.parametrize("text", ["21", "21-24", "x-8", "-1-8", "21-8-9", "²-8"])
def test_other_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="POINTS_QUIET_HOURS"):
        read_quiet_hours({"POINTS_QUIET_HOURS": text})


def test_a_postman_goes_on_where_one_ledger_fails(
    sqlite_registry: Registry, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = sqlite_registry
    environ = {"POINTS_SMS_URL": service.url, "POINTS_QUIET_HOURS": "off"}
    send(registry, told(reached(registry, "phone")))
    names = registry.installation.names()
    monkeypatch.setattr(registry.installation, "names", lambda: ["nowhere", *names])

    assert Postman.configured(registry.installation, environ).look() == 1
