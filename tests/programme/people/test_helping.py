"""Done for somebody: begun by a helper, kept on record, and never judged by whoever helped."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from ledger.journal.commands import Statement
from ledger.journal.orders import Done, Group, Order
from ledger.programme.messages import Message, inbox
from ledger.programme.people import helping, sessions
from ledger.programme.people.contacts import Contact
from ledger.programme.people.devices import CodeRefused
from ledger.programme.people.helping import (
    BEGUN,
    DONE,
    REFUSED,
    HelpingRefused,
    HelpingUnknown,
    helpers_of,
    may_judge,
)
from ledger.programme.people.sessions import NewSession
from ledger.programme.recording import Change
from ledger.programme.roles import ACTIONS, HELPED, Outcome, Principal
from ledger.programme.tables import session as session_table
from tests.programme.registry import Registry, fresh
from tests.statements import statements

CONTACTS = {"phone": "+8613912345678", "email": "wang@example.org"}


class House:
    """A member, a helper, and short ways to what is done."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.place = (registry.database, registry.ledger, registry.clock)
        self.helper = registry.office
        self.member = self.joined()

    def joined(self) -> str:
        account = fresh("member")
        command = Statement(kind="open", actor=self.helper, fields={"account": account})
        (outcome,) = self.registry.ledger.appender.submit(Group((Order(command=command),)))
        assert isinstance(outcome, Done)
        person = "person" + account.removeprefix("member")
        self.registry.save(Change("basics", person, person, {"full_name": "王芳", **CONTACTS}))
        return person

    def begin(self, way: str = "present", reason: str | None = None) -> NewSession:
        code = self.code() if way == "telephone" else None
        whom = (self.helper, self.member, way, reason)
        return helping.begin(*self.place, *whom, code=code, who="四美国际")

    def code(self) -> str:
        contact, message = helping.ask_code(*self.place, self.helper, self.member, "四美国际")
        assert contact == Contact("phone", CONTACTS["phone"])
        assert message is not None
        (code,) = set(re.findall(r"(?<!\d)\d{6}(?!\d)", message.text))
        return code

    def inbox(self) -> list[Message]:
        with self.registry.database.reading() as conn:
            return inbox(conn, self.registry.ledger, self.member, before=None, limit=10)

    def principal(self, text: str) -> Principal | None:
        registry = self.registry
        with registry.database.reading() as conn:
            found = sessions.find_session(conn, registry.ledger, text, registry.clock.now())
        return None if found is None else found.principal

    def errand(self, made: NewSession, thing: str | None, outcome: str | None = DONE) -> str:
        what = ("consents:write", "post")
        name = helping.begin_errand(*self.place, made.id, self.helper, *what)
        if outcome is not None:
            database, ledger, _ = self.place
            helping.finish_errand(database, ledger, name, outcome, thing)
        return name

    def helpers(self, *things: str) -> dict[str, frozenset[str]]:
        with self.registry.database.reading() as conn:
            return helpers_of(conn, self.registry.ledger.id, things)

    def seen(self, made: NewSession, whose: str) -> helping.Helping:
        with self.registry.database.reading() as conn:
            return helping.find_helping(conn, self.registry.ledger.id, made.id, whose)


@pytest.fixture
def house(registry: Registry) -> House:
    return House(registry)


def test_a_helper_sends_what_the_member_could_and_nothing_of_signing_in(house: House) -> None:
    # when somebody of the office helps a member
    principal = house.principal(house.begin().text)

    # then they are that member for all that, and no more of their own
    assert principal is not None
    assert (principal.person, principal.helped_by) == (house.member, house.helper)
    assert (principal.author, principal.roles) == (house.helper, ("member",))
    for action in ACTIONS:
        reach = principal.reach(action)
        if principal.allows(action):
            assert (reach.word, reach.own) == ("own", house.member)
    for action in ("login:write", "sessions:read", "sessions:write", "helping:write", "cards:find"):
        assert not principal.allows(action)
    assert principal.allows("consents:write")


def test_what_can_be_done_for_a_member_is_their_own(house: House) -> None:
    there, called = HELPED["present"], HELPED["telephone"]
    assert {ACTIONS[action].outcomes["member"] for action in there} == {Outcome.OWN}
    assert not {action.partition(":")[0] for action in there} & {"login", "sessions", "helping"}
    # and what takes all along, or destroys it, nobody does who is on the telephone
    assert set(there) - set(called) == {"evidence:read", "own:download", "own:erase"}
    assert not set(called) - set(there)


def test_who_is_on_the_telephone_is_known_by_the_code_that_they_were_sent(house: House) -> None:
    # given a code, and somebody who knows the member's id
    code, whom = house.code(), (house.helper, house.member, "telephone", "asked")
    wrong = "000000" if code != "000000" else "111111"
    for offered in (wrong, None):
        with pytest.raises(CodeRefused):
            helping.begin(*house.place, *whom, code=offered, who="四美国际")
    assert house.inbox() == []

    # when it is read out
    made = helping.begin(*house.place, *whom, code=code, who="四美国际")

    # then help begins, once, and the member is told of who helps, and when
    principal = house.principal(made.text)
    assert principal is not None
    assert not principal.allows("own:download")
    (told,) = house.inbox()
    assert told.kind == helping.MESSAGE
    for text in told.texts.values():
        assert "四美国际" in text.body
        assert "2026-11-24 10:03" in text.body
        assert house.helper not in text.body
    with pytest.raises(CodeRefused):
        helping.begin(*house.place, *whom, code=code, who="四美国际")


def test_whom_no_code_reaches_nobody_helps_by_telephone(house: House) -> None:
    change = Change("basics", house.member, house.member, {"full_name": "王芳"}, seen=1)
    house.registry.save(change)

    with pytest.raises(HelpingRefused, match="come to a desk"):
        house.code()
    with pytest.raises(HelpingRefused, match="come to a desk"):
        helping.begin(*house.place, house.helper, house.member, "telephone", "asked", code="1")
    assert house.principal(house.begin().text) is not None


def test_a_member_is_told_of_help_at_a_desk_too(house: House) -> None:
    # A card's number is no secret, so whoever was not there has to hear of it.
    house.begin()

    (told,) = house.inbox()
    assert told.kind == "helped"


def test_help_ends_after_a_quarter_of_an_hour_or_at_once(house: House) -> None:
    first, second = house.begin(), house.begin()
    house.registry.clock.wait(minutes=14)
    assert house.principal(first.text) is not None

    helping.end(*house.place, house.helper, second.id)
    helping.end(*house.place, house.helper, second.id)

    assert house.principal(second.text) is None
    house.registry.clock.wait(minutes=1)
    assert house.principal(first.text) is None


def test_the_member_sees_it_among_their_sessions_and_can_end_it(house: House) -> None:
    made, database, ledger = house.begin(), house.registry.database, house.registry.ledger
    with database.reading() as conn:
        now = house.registry.clock.now()
        (listed,) = sessions.list_sessions(conn, ledger.id, house.member, now)
    assert (listed.id, listed.helper) == (made.id, house.helper)

    sessions.revoke(*house.place, house.member, made.id)

    assert house.principal(made.text) is None


@pytest.mark.parametrize(("way", "reason"), [("telephone", None), ("present", "asked")])
def test_on_the_telephone_one_says_why(house: House, way: str, reason: str | None) -> None:
    with pytest.raises(HelpingRefused, match="Say why"):
        house.begin(way, reason)


def test_nobody_helps_themselves_or_somebody_who_is_no_member(house: House) -> None:
    with pytest.raises(HelpingRefused, match="your own sign-in"):
        helping.begin(*house.place, house.member, house.member, "present", None)
    with pytest.raises(HelpingRefused, match="no member"):
        helping.begin(*house.place, house.helper, house.registry.second, "present", None)
    with house.registry.database.reading() as conn:
        assert conn.execute(select(session_table)).all() == []


def test_both_see_what_was_done_and_nobody_else(house: House) -> None:
    made = house.begin("telephone", "no-device")
    one, two = house.errand(made, fresh("record")), house.errand(made, None, REFUSED)
    three = house.errand(made, None, None)

    assert house.seen(made, house.member) == house.seen(made, house.helper)
    assert house.seen(made, house.helper).reason == "no-device"
    with pytest.raises(HelpingUnknown):
        house.seen(made, house.registry.second)
    with pytest.raises(HelpingUnknown):
        helping.end(*house.place, house.member, made.id)
    with house.registry.database.reading() as conn:
        errands = helping.errands_of(conn, house.registry.ledger.id, made.id)
    assert {each.id: each.outcome for each in errands} == {one: DONE, two: REFUSED, three: BEGUN}


def test_a_session_of_ones_own_is_no_help(house: House) -> None:
    mine = sessions.begin(*house.place, house.member, "device")

    with pytest.raises(HelpingUnknown):
        house.seen(mine, house.member)


def test_whoever_helped_with_a_thing_does_not_judge_it(house: House) -> None:
    # given a thing with which somebody helped, one where it came to nothing, and one of one's own
    made, helped, refused, own = house.begin(), *(fresh("contribution") for _ in range(3))
    house.errand(made, helped)
    house.errand(made, helped)
    house.errand(made, refused, REFUSED)

    with statements(house.registry.database) as sent:
        found = house.helpers(helped, refused, own)

    assert len(sent) == 1
    assert found == {helped: {house.helper}, refused: frozenset(), own: frozenset()}
    assert not may_judge(house.helper, found[helped])
    assert may_judge(house.registry.second, found[helped])
    assert may_judge(house.helper, found[refused])
    assert may_judge(house.helper, found[own])
