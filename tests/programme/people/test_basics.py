"""Basics are corrected with history, by oneself or with help, and new contacts by a code alone."""

from __future__ import annotations

import itertools
import re
from datetime import date
from typing import Any

import pytest

from ledger.programme import messages, records
from ledger.programme.commitments import FieldRefused
from ledger.programme.people import basics, confirming, devices, sessions
from ledger.programme.people.basics import BasicsRefused, checked, correct
from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.people.devices import CodeRefused
from ledger.programme.people.numbers import NumberRefused
from ledger.programme.people.sessions import Helped
from ledger.programme.recording import Change, RecordChanged
from ledger.programme.records import RecordUnknown
from tests.programme.people.informing import PHONE, code_for, inform, joined
from tests.programme.registry import Registry, fresh

TODAY = date(2026, 11, 24)
SAID = {"full_name": "王芳", "phone": PHONE}
CITIZEN = {"document_kind": "citizen", "document_number": "11010519491231002X"}


@pytest.fixture
def person(registry: Registry) -> str:
    inform(registry)
    return joined(registry).person


def corrected(registry: Registry, person: str, seen: int = 1, **more: Any) -> basics.Corrected:
    said = more.pop("said", SAID)
    rest = {"seen": seen, "by": person} | more
    return correct(registry.database, registry.ledger, registry.clock, person, said, **rest)


def leaving(registry: Registry, person: str, field: str = "phone") -> str:
    """The code with which a contact of a person's lets them change their contacts."""
    contact = Contact(field, (registry.read(person).fields or {})[field])
    place = (registry.database, registry.ledger, registry.clock)
    sent = confirming.ask_code(*place, contact, person)
    assert sent is not None
    assert sent.to == contact.value
    assert "告诉他人" in sent.text
    return re.findall(r"\d{6}", sent.text)[0]


def lasting(registry: Registry, person: str) -> set[str]:
    """The sessions of a person that last."""
    now = registry.clock.now()
    with registry.database.reading() as conn:
        return {each.id for each in sessions.list_sessions(conn, registry.ledger.id, person, now)}


def test_a_correction_is_the_next_version_and_loses_nothing(
    registry: Registry, person: str
) -> None:
    skills = {**SAID, "skills": ["急救", "手语"], "area": "北苑街道"}
    made = corrected(registry, person, said=skills)
    assert (made.record.version, made.farewells) == (2, ())
    corrected(registry, person, seen=2, said={**SAID, "full_name": "王　芳"})
    with registry.database.reading() as conn:
        told = records.history(conn, registry.ledger, "basics", person)
    skilled = [each.fields.get("skills") for each in told if each.fields]
    assert skilled == [None, ["急救", "手语"], None]
    # and she is found by what she is called now
    assert registry.find("full_name", "王芳") == [person]
    with pytest.raises(RecordChanged):
        corrected(registry, person, seen=2)


def test_what_other_rooms_keep_with_it_stays(registry: Registry, person: str) -> None:
    other = {**SAID, "phone": "+8613912345678", "guardian": "李四"}
    registry.save(Change("basics", person, person, other, seen=1))
    made = corrected(registry, person, seen=2, said={**SAID, "sex": "female"})
    assert made.record.fields == other | {"sex": "female"}
    with pytest.raises(FieldRefused, match="no field guardian"):
        corrected(registry, person, seen=3, said={**SAID, "guardian": "x"})


def test_a_new_contact_gets_in_by_its_own_code_alone(registry: Registry, person: str) -> None:
    new = contact_of("138 0013 8000")
    said = {**SAID, "phone": "138 0013 8000"}
    with pytest.raises(BasicsRefused, match="code sent"):
        corrected(registry, person, said=said)
    elsewhere = code_for(registry, contact_of("137 0013 7000"))
    with pytest.raises(CodeRefused):
        corrected(registry, person, said=said, shown={"phone": elsewhere, "old_phone": "1"})
    # when it comes with its code, and one of the telephone that goes
    shown = {"phone": code_for(registry, new), "old_phone": leaving(registry, person)}
    made = corrected(registry, person, said=said, shown=shown)
    # then one signs in with the new one, and the old one is told
    with registry.database.reading() as conn:
        assert devices.members_with(conn, registry.ledger, new) == [person]
        assert devices.members_with(conn, registry.ledger, contact_of(PHONE)) == []
    ((channel, farewell),) = made.farewells
    assert (channel, farewell.to) == ("phone", "+8613912345678")
    assert "138" not in farewell.text
    # and the last contact does not go
    with pytest.raises(BasicsRefused, match="is needed"):
        corrected(registry, person, seen=2, said={"full_name": "王芳"})


def test_whoever_took_a_device_takes_no_login_over(registry: Registry, person: str) -> None:
    # given somebody at a member's device, who has a telephone of their own
    place, theirs = (registry.database, registry.ledger, registry.clock), "138 0013 8000"
    mine, other = (sessions.begin(*place, person, "device") for _ in range(2))
    elsewhere = sessions.begin(*place, registry.office, "day")
    code = code_for(registry, contact_of(theirs))

    # when they put theirs in the place of the member's, or beside it, the member's own is asked
    beside = {"full_name": "王芳", "phone": PHONE, "email": "thief@example.org"}
    for said, shown in (
        ({**SAID, "phone": theirs}, {"phone": code}),
        (beside, {"email": code_for(registry, contact_of("thief@example.org"))}),
        ({**SAID, "phone": theirs}, {"phone": code, "old_email": "123456"}),
    ):
        with pytest.raises(BasicsRefused, match=r"kept so far.*a desk"):
            corrected(registry, person, said=said, shown=shown, session=mine.id)
    # and neither a code to join or confirm does for that, nor a wrong one, which costs no code
    for wrong in (code_for(registry, contact_of(PHONE)), "000000"):
        with pytest.raises(CodeRefused):
            shown = {"phone": code, "old_phone": wrong}
            corrected(registry, person, said={**SAID, "phone": theirs}, shown=shown)

    # then it is the member alone who does, and is signed in there alone
    shown = {"phone": code, "old_phone": leaving(registry, person)}
    said = {**SAID, "phone": theirs}
    assert lasting(registry, person) == {mine.id, other.id}
    corrected(registry, person, said=said, shown=shown, session=mine.id)
    assert lasting(registry, person) == {mine.id}
    # whoever corrects something else is signed in elsewhere as before
    again = sessions.begin(*place, person, "device")
    corrected(registry, person, seen=2, said=said | {"area": "北苑"}, session=mine.id)
    assert lasting(registry, person) == {mine.id, again.id}
    assert lasting(registry, registry.office) == {elsewhere.id}


def test_who_lost_a_telephone_shows_another_contact_or_is_helped(
    registry: Registry, person: str
) -> None:
    # given a member with two contacts
    new, mail = contact_of("138 0013 8000"), contact_of("wang@example.org")
    said = {**SAID, "email": mail.value}
    shown = {"email": code_for(registry, mail), "old_phone": leaving(registry, person)}
    corrected(registry, person, said=said, shown=shown)
    registry.clock.wait(hours=1)

    # then one of them is enough where the other goes
    said["phone"] = new.value
    shown = {"phone": code_for(registry, new), "old_email": leaving(registry, person, "email")}
    made = corrected(registry, person, seen=2, said=said, shown=shown)
    assert [channel for channel, _ in made.farewells] == ["phone"]

    # and who has none of them is helped by the office, and signs in anew
    registry.clock.wait(hours=1)
    place = (registry.database, registry.ledger, registry.clock)
    sessions.begin(*place, person, "device")
    last = contact_of("137 0013 7000")
    by_office = {"by": registry.office, "reason": "手机遗失，本人到服务台", "session": "session/x"}
    helped = {"full_name": "王芳", "phone": last.value}
    shown = {"phone": code_for(registry, last)}
    corrected(registry, person, seen=3, said=helped, shown=shown, **by_office)
    assert lasting(registry, person) == set()
    # but nobody of the office helps themselves
    registry.keep(registry.office, **helped)
    shown = {"email": code_for(registry, mail)}
    with pytest.raises(BasicsRefused, match="kept so far"):
        corrected(
            registry, registry.office, said=helped | {"email": mail.value}, shown=shown, reason="x"
        )


def test_a_helper_changes_contacts_by_the_codes_of_both(registry: Registry, person: str) -> None:
    # given a member at a desk, signed in there and elsewhere
    place = (registry.database, registry.ledger, registry.clock)
    sessions.begin(*place, person, "device")
    at_desk = sessions.begin(*place, person, "helping", Helped(registry.office, "present", None))
    new, said = contact_of("138 0013 8000"), {**SAID, "phone": "138 0013 8000"}
    helped = {"helper": registry.office, "session": at_desk.id}
    codes = {}
    for field, contact in (("phone", new), ("old_phone", contact_of(PHONE))):
        sent = confirming.ask_code(*place, contact, person, "四美国际")
        assert sent is not None
        assert sent.text.count("四美国际") == 2
        (codes[field],) = set(re.findall(r"(?<!\d)\d{6}(?!\d)", sent.text))

    # when one of the codes is there, it is not enough; with both, it is done by the helper
    with pytest.raises(BasicsRefused, match="kept so far"):
        corrected(registry, person, said=said, shown={"phone": codes["phone"]}, **helped)
    made = corrected(registry, person, said=said, shown=codes, **helped)

    # then the old contact is told, the inbox says what was corrected, and help goes on
    assert made.record.by == registry.office
    assert [each.to for _, each in made.farewells] == ["+8613912345678"]
    assert lasting(registry, person) == {at_desk.id}
    with registry.database.reading() as conn:
        (told,) = messages.inbox(conn, registry.ledger, person, before=None, limit=9)
    assert told.kind == basics.MESSAGE


def test_a_contact_that_stays_is_told_what_somebody_else_changed(
    registry: Registry, person: str
) -> None:
    # given a member to whose telephone the office adds an e-mail address
    mail = contact_of("wang@example.org")
    said, shown = {**SAID, "email": mail.value}, {"email": code_for(registry, mail)}
    by_office = {"by": registry.office, "reason": "本人到服务台"}
    made = corrected(registry, person, said=said, shown=shown, **by_office)
    assert [(field, each.to) for field, each in made.farewells] == [("phone", "+8613912345678")]
    assert "this one stays" in made.farewells[0][1].text

    # then it is told, and of what is no contact nobody is
    more = said | {"area": "北苑"}
    assert corrected(registry, person, seen=2, said=more, **by_office).farewells == ()


MINORS = ("2018-03-08", "2008-11-25")  # eight years old, and eighteen tomorrow
GROWN = ("1990-05-01", "2008-11-24")


def test_a_minor_s_date_of_birth_is_changed_by_the_office(registry: Registry) -> None:
    passport = {"document_kind": "passport", "document_number": "E12345678"}
    pairs = [
        *itertools.product(MINORS, (*GROWN, "2010-01-01", None)),
        *itertools.product((*GROWN, None), MINORS),
    ]
    for kept, told in pairs:
        # given somebody who is a minor, or would be one
        person = fresh("person")
        registry.keep(person, **SAID, **({} if kept is None else {"birth_date": kept}))
        said = {**SAID, "birth_date": told}
        # then neither their word nor a number that tells no date is enough
        for more in ({}, passport):
            with pytest.raises(BasicsRefused, match=r"number.*identity card.*or ask the office"):
                corrected(registry, person, said=said | more)
        # while the rest is theirs to correct
        corrected(registry, person, said={**SAID, "birth_date": kept, "area": "北苑"})
        by_office = {"by": registry.office, "reason": "出生证明，本人与监护人到场"}
        made = corrected(registry, person, seen=2, said=said, **by_office)
        assert (made.record.fields or {}).get("birth_date") == told


def test_who_is_of_age_corrects_their_day_of_birth_and_a_citizen_s_number_proves_it(
    registry: Registry,
) -> None:
    # given a member of age
    person, child = fresh("person"), fresh("person")
    registry.keep(person, **SAID, birth_date=GROWN[0])
    registry.keep(child, **SAID, birth_date=MINORS[0])
    for seen, told in enumerate((GROWN[1], None, GROWN[0]), 1):
        made = corrected(registry, person, seen=seen, said={**SAID, "birth_date": told})
        assert (made.record.fields or {}).get("birth_date") == told
    # and a child whose day was written down wrongly
    number = {"document_kind": "citizen", "document_number": "110105201803090024"}
    made = corrected(registry, child, said=SAID | number)
    assert (made.record.fields or {})["birth_date"] == "2018-03-09"


def test_a_code_stays_good_where_somebody_was_quicker(registry: Registry, person: str) -> None:
    code = code_for(registry, contact_of("wang@example.org"))
    said, old = {**SAID, "email": "Wang@Example.org"}, leaving(registry, person)
    shown = {"email": code, "old_phone": old}
    corrected(registry, person, said={**SAID, "area": "北苑"})
    with pytest.raises(RecordChanged):
        corrected(registry, person, said=said, shown=shown)
    made = corrected(registry, person, seen=2, said=said, shown=shown)
    assert made.record.fields is not None
    assert made.record.fields["email"] == "wang@example.org"


def test_whoever_helps_says_why_and_the_member_is_told(registry: Registry, person: str) -> None:
    office = registry.office
    with pytest.raises(BasicsRefused, match="says why"):
        corrected(registry, person, by=office)
    reason = "本人在服务台出示证件"
    made = corrected(
        registry, person, by=office, said={**SAID, **CITIZEN, "area": "北苑"}, reason=reason
    )
    assert made.record.by == office
    registry.clock.wait(hours=1)
    again = {**SAID, "area": "北苑"}
    corrected(registry, person, seen=2, by=office, said=again, reason=reason)
    with registry.database.reading() as conn:
        name = person.replace("person", "correction")
        why = records.history(conn, registry.ledger, "correction", name)
        newest, first = messages.inbox(conn, registry.ledger, person, before=None, limit=9)
    told = [each.fields for each in why]
    assert told == [
        {"reason": reason, "how": "helped", "basics_version": version} for version in (2, 3)
    ]
    assert "证件号码 · Document number" in first.texts["zh"].body
    assert "居住区域" in first.texts["en"].body
    assert "居住区域" not in newest.texts["zh"].body
    assert CITIZEN["document_number"] not in repr((newest, first))


def test_of_whom_nothing_is_kept_nothing_is_corrected(registry: Registry) -> None:
    with pytest.raises(RecordUnknown):
        corrected(registry, registry.office)


def test_a_citizen_s_number_says_sex_and_birth() -> None:
    found = checked({**SAID, **CITIZEN, "document_number": "110105 19491231 002x"}, TODAY)
    assert (found["birth_date"], found["sex"]) == ("1949-12-31", "female")
    assert found["document_number"] == "11010519491231002X"
    passport = {"document_kind": "passport", "document_number": "e1234 5678"}
    assert checked({**SAID, **passport}, TODAY)["document_number"] == "E12345678"


@pytest.mark.parametrize(
    ("said", "error", "says"),
    [
        ({"full_name": "王芳"}, BasicsRefused, "telephone number or an e-mail"),
        ({"phone": PHONE}, BasicsRefused, "name is needed"),
        ({**SAID, "full_name": "\u200b"}, FieldRefused, "1 to 200"),
        ({**SAID, "phone": "12"}, FieldRefused, "digits"),
        ({**SAID, "document_number": "E12345678"}, BasicsRefused, "kind and a number"),
        ({**SAID, "document_kind": "passport"}, BasicsRefused, "kind and a number"),
        ({**SAID, **CITIZEN, "document_number": "110105194912310021"}, NumberRefused, "slip"),
        ({**SAID, **CITIZEN, "sex": "male"}, BasicsRefused, "another sex"),
        ({**SAID, **CITIZEN, "birth_date": "1950-01-01"}, BasicsRefused, "date of birth"),
        ({**SAID, "birth_date": "2026-11-25"}, BasicsRefused, "in the future"),
        ({**SAID, "birth_date": "1849-12-31"}, BasicsRefused, "too long ago"),
        ({**SAID, "religion": "x"}, FieldRefused, "no field religion"),
    ],
)
def test_what_does_not_fit_is_refused_without_repeating_it(
    said: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        checked(said, TODAY)
    assert "王芳" not in str(caught.value)


def test_what_is_left_empty_is_not_kept_but_none_is_an_answer() -> None:
    left = {"sex": None, "area": "", "service_categories": None}
    found = checked({**SAID, **left, "skills": []}, TODAY)
    assert found == {"full_name": "王芳", "phone": "+8613912345678", "skills": []}


def test_who_is_reached_otherwise_needs_no_contact(registry: Registry) -> None:
    person = fresh("person")
    registry.keep(person, full_name="赵大爷", reached="北苑家园传达室")
    made = corrected(registry, person, said={"full_name": "赵大爷", "area": "北苑街道"})
    assert (made.record.fields or {})["reached"] == "北苑家园传达室"
