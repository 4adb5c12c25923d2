"""Joining of one's own will: a name, a confirmed contact, one consent; one entry."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.journal import log
from ledger.journal.entry import decode, to_base64
from ledger.programme import records
from ledger.programme.commitments import FieldRefused
from ledger.programme.people import consents, joining
from ledger.programme.people.consents import NoticeNotSeen
from ledger.programme.people.contacts import contact_of
from ledger.programme.people.devices import CodeRefused, members_with
from ledger.programme.people.joining import MemberAlready
from tests.programme.people.informing import PHONE, code_for, inform, joined
from tests.programme.registry import Registry


def size(registry: Registry) -> int:
    with registry.database.reading() as conn:
        return log.log_size(conn, registry.ledger.id)


def test_one_entry_makes_a_member_bound_to_their_consent(registry: Registry) -> None:
    notice = inform(registry)
    # when somebody joins
    new = joined(registry)
    # then they have opened their own account, and can sign in with their number
    with registry.database.reading() as conn:
        (raw,) = log.raw_entries(conn, registry.ledger.id, new.seq, new.seq + 1)
        basics = records.one(conn, registry.ledger, "basics", new.person)
        (said,) = consents.history(conn, registry.ledger, new.person, "recording")
        assert members_with(conn, registry.ledger, contact_of(PHONE)) == [new.person]
    entry = decode(raw)
    assert (entry["type"], entry["account"], entry["actor"]) == ("open", new.account, new.person)
    assert basics.fields == {"full_name": "王芳", "phone": "+8613912345678"}
    # and the log binds the consent, to the notice that was shown
    assert entry["ref"] == {"id": said.id, "commitment": to_base64(said.commitment)}
    assert said.fields is not None
    assert said.fields["notice_hash"] == notice.hash


def test_a_code_confirms_one_contact_once(registry: Registry) -> None:
    inform(registry)
    before, code = size(registry), code_for(registry, contact_of(PHONE))
    with pytest.raises(CodeRefused):
        joined(registry, phone="139 1234 5679", code=code)
    new = joined(registry, code=code)
    with pytest.raises(CodeRefused):
        joined(registry, name="王小明", code=code)
    # but whoever got no answer sends the same again, and is told the same
    assert joined(registry, code=code)[:2] == new[:2]
    assert size(registry) == before + 1
    registry.clock.wait(minutes=11)
    with pytest.raises(CodeRefused):
        joined(registry, code=code)


def test_a_used_code_is_not_guessed_by_sending_it_again(registry: Registry) -> None:
    inform(registry)
    code = code_for(registry, contact_of(PHONE))
    joined(registry, code=code)
    for _ in range(5):
        with pytest.raises(CodeRefused):
            joined(registry, code=f"{(int(code) + 1) % 1_000_000:06d}")
    with pytest.raises(CodeRefused):
        joined(registry, code=code)


def test_sent_twice_at_once_one_member_joins(registry: Registry) -> None:
    inform(registry)
    before, code = size(registry), code_for(registry, contact_of(PHONE))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: joined(registry, code=code).person, range(4)))
    assert len(set(found)) == 1
    assert size(registry) == before + 1


def test_without_having_seen_the_newest_notice_nobody_joins_and_the_code_stays_good(
    registry: Registry,
) -> None:
    before, code = size(registry), code_for(registry, contact_of(PHONE))
    with pytest.raises(NoticeNotSeen, match="no notice"):
        joined(registry, code=code)
    inform(registry)
    with pytest.raises(NoticeNotSeen):
        joined(registry, notice=2, code=code)
    with pytest.raises(FieldRefused):
        joined(registry, name=" \u200b", code=code)
    assert size(registry) == before
    assert joined(registry, code=code).seq == before


def test_a_family_shares_a_telephone_but_nobody_joins_twice(registry: Registry) -> None:
    inform(registry)
    mother, son = joined(registry), joined(registry, name="李·小明")
    assert mother.person != son.person
    with pytest.raises(MemberAlready, match="Sign in"):
        joined(registry, name="李•小明")  # the same name, with another dot


def test_a_contact_gets_five_codes_an_hour(sqlite_registry: Registry) -> None:
    registry, contact = sqlite_registry, contact_of("fang@example.org")
    place = (registry.database, registry.ledger, registry.clock, contact)
    sent = [joining.ask_code(*place) for _ in range(6)]
    assert [each is None for each in sent] == [False] * 5 + [True]
    assert sent[0] is not None
    assert sent[0].to == "fang@example.org"
