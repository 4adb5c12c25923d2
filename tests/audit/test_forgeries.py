"""A keeper of the log who breaks a rule is caught, though every hash and signature is right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.faults import BundleFault
from ledger.audit.offline import CLOSED, OpenHolds, SeenRequests
from ledger.audit.verify import verify_bundle
from ledger.journal import commands as c
from ledger.journal.entry import Entry, decode, encode
from ledger.journal.state import Hold
from tests.audit.lived import Files, Forger, Lived, bundle_of, entries_in, pack


@pytest.fixture
def forger(lived: Lived, files: Files) -> Forger:
    """Someone with the log's keys, at the end of its first day."""
    return Forger(entries_in(files)[: lived.published[1]])


def verdict(lived: Lived, log: list[bytes], path: Path) -> BundleFault:
    """What a bundle of these entries is refused by; its tree and signatures are as they should."""
    files = bundle_of(log, lambda _: lived.keys.signers(1), [5], lived.keys.vkeys(1))
    with pytest.raises(BundleFault) as caught:
        verify_bundle(pack(files, path), [each.verifier for each in lived.keys.signers(1)])
    return caught.value


Forgery = Callable[[Forger, Lived], Entry]


def grant(forger: Forger, lived: Lived, **changes: Any) -> Entry:
    """An honest grant to some member, but for the changes."""
    members = (
        name for name, row in forger.books.rows("accounts") if name[:7] == "member/" and row.open
    )
    member = next(name for name in members if not name.endswith("/held"))
    return forger.draft(lived.counter.credit(member, 5), **changes)


def _wrong_balance(forger: Forger, lived: Lived) -> Entry:
    entry = grant(forger, lived)
    entry["postings"][1]["balance"] += 1
    return entry


def _wrong_prev(forger: Forger, lived: Lived) -> Entry:
    entry = grant(forger, lived)
    entry["postings"][0]["prev"] -= 1
    return entry


def _from_nothing(forger: Forger, lived: Lived) -> Entry:
    entry = grant(forger, lived)
    entry["postings"][1]["amount"] += 1
    entry["postings"][1]["balance"] += 1
    return entry


FORGERIES: dict[str, Forgery] = {
    "balance": _wrong_balance,
    "prev": _wrong_prev,
    "flow": _from_nothing,
    "sequence": lambda forger, lived: grant(forger, lived, seq=7),
    "origin": lambda forger, lived: grant(forger, lived, ledger="example.org/log/other"),
    "clock": lambda forger, lived: grant(forger, lived, at=forger.books.head.at),
    "gap": lambda forger, lived: grant(forger, lived, at="2027-11-24T00:00:00.000000Z"),
    "effective": lambda forger, lived: grant(
        forger, lived, effective_at="2026-12-24T00:00:00.000000Z"
    ),
    "two-people": lambda forger, lived: grant(forger, lived, approver=lived.counter.office),
    "founding": lambda forger, lived: forger.draft(
        c.Statement(
            kind="ledger",
            fields={
                "next": "A" * 43 + "=",
                "utc_offset_minutes": 480,
                "vkeys": list(lived.keys.vkeys(1)),
            },
        )
    ),
    "keys": lambda forger, lived: forger.draft(
        c.Statement(
            kind="key",
            fields={"next": "A" * 43 + "=", "vkeys": list(lived.keys.vkeys(3))},
            actor=lived.counter.office,
            approver=lived.counter.second,
        )
    ),
    "root": lambda forger, lived: forger.draft(
        c.StateOfAll(actor=lived.counter.office), root="A" * 43 + "="
    ),
}


@pytest.mark.parametrize("rule", FORGERIES)
def test_a_rule_that_is_broken_is_named(
    lived: Lived, forger: Forger, tmp_path: Path, rule: str
) -> None:
    log = [*forger.entries, encode(FORGERIES[rule](forger, lived))]
    fault = verdict(lived, log, tmp_path / "forged.zip")
    seq = len(log) - 1
    assert (fault.rule, fault.seq, fault.file) == (rule, seq, f"tile/entries/000.p/{len(log)}")
    assert str(fault).startswith(f"entry {seq} in {fault.file} breaks the rule `{rule}`: ")


def test_bytes_that_are_not_canonical_break_the_form(
    lived: Lived, forger: Forger, tmp_path: Path
) -> None:
    forged = encode(grant(forger, lived)).replace(b",", b", ", 1)
    fault = verdict(lived, [*forger.entries, forged], tmp_path / "forged.zip")
    assert (fault.rule, fault.seq) == ("form", len(forger.entries))


def test_of_two_forgeries_the_first_is_named_whatever_the_second_is(
    lived: Lived, forger: Forger, tmp_path: Path
) -> None:
    forged = encode(_wrong_balance(forger, lived))
    fault = verdict(lived, [*forger.entries, forged, b"{}"], tmp_path / "forged.zip")
    assert (fault.rule, fault.seq) == ("balance", len(forger.entries))


def test_a_day_that_no_calendar_has_breaks_the_form(
    lived: Lived, forger: Forger, tmp_path: Path
) -> None:
    forged = encode(grant(forger, lived)).replace(b'"at":"2026-11-24', b'"at":"2026-11-31')
    fault = verdict(lived, [*forger.entries, forged], tmp_path / "forged.zip")
    assert (fault.rule, fault.seq) == ("form", len(forger.entries))
    assert "its `at` is out of range" in str(fault)


def test_the_last_moment_of_the_calendar_is_judged_like_any_other(
    lived: Lived, forger: Forger, tmp_path: Path
) -> None:
    state = encode(forger.draft(c.StateOfAll(actor=lived.counter.office)))
    late = state.replace(decode(state)["at"].encode(), b"2999-12-31T23:59:59.999999Z")
    fault = verdict(lived, [*forger.entries, late, b"{}"], tmp_path / "forged.zip")
    assert fault.seq == len(forger.entries) + 1


def test_an_entry_left_out_and_everything_signed_anew_is_seen(
    lived: Lived, files: Files, tmp_path: Path
) -> None:
    log = entries_in(files)[: lived.published[2]]
    fault = verdict(lived, log[:300] + log[301:], tmp_path / "forged.zip")
    assert (fault.rule, fault.seq) == ("sequence", 300)
    assert "entry 300 comes next, not 301" in str(fault)


def test_an_entry_left_out_and_the_rest_renumbered_is_seen_too(
    lived: Lived, files: Files, tmp_path: Path
) -> None:
    log = entries_in(files)[: lived.published[2]]
    renumbered = [encode(decode(raw) | {"seq": seq}) for seq, raw in enumerate(log[301:], 300)]
    fault = verdict(lived, log[:300] + renumbered, tmp_path / "forged.zip")
    assert (fault.rule, fault.seq) == ("balance", 300)


def test_a_request_entered_twice_is_seen_and_both_are_named(
    lived: Lived, files: Files, tmp_path: Path
) -> None:
    # Given the grants of the first day, and one of them entered again as if it were new
    forger = Forger(entries_in(files)[: lived.published[2]])
    earlier = lived.published[2] - 500
    request = decode(forger.entries[earlier])["request"]
    again = encode(grant(forger, lived, request=request))
    # When its keeper signs that
    fault = verdict(lived, [*forger.entries, again], tmp_path / "forged.zip")
    # Then the second is refused, naming the first
    assert (fault.rule, fault.seq) == ("once", lived.published[2])
    assert f"entry {earlier} carries the same request" in str(fault)


def test_due_work_left_out_is_seen(lived: Lived, files: Files, tmp_path: Path) -> None:
    # Given the second day's release and expiry, left out, and the state signed in their place
    forger = Forger(entries_in(files)[: lived.published[2]])
    due = [decode(raw) for raw in entries_in(files)[lived.published[2] :][:2]]
    assert [entry["type"] for entry in due] == ["release", "expiry"]
    member = due[1]["postings"][1]["account"]
    late = forger.draft(lived.counter.credit(member, 5), at=due[1]["at"])
    # Then the next posting to that member is refused
    fault = verdict(lived, [*forger.entries, encode(late)], tmp_path / "forged.zip")
    assert (fault.rule, fault.seq) == ("due", lived.published[2])


def test_a_hold_captured_again_after_it_was_closed_is_a_fault_of_reference(
    lived: Lived, forger: Forger, tmp_path: Path
) -> None:
    closed = next(seq for seq, hold in forger.books.rows("holds") if not hold.lots)
    release = next(decode(r) for r in forger.entries if decode(r)["type"] == "release")
    again = forger.draft(c.StateOfAll()) | {
        "type": "release",
        "for": closed,
        "actor": lived.counter.office,
        "postings": release["postings"],
    }
    del again["root"]
    fault = verdict(lived, [*forger.entries, encode(again)], tmp_path / "forged.zip")
    assert fault.rule == "reference"
    assert f"hold {closed} is closed" in str(fault)


# --- the compact tables --------------------------------------------------------------------------


class Colliding(str):
    """A request whose hash is that of all others."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 7


def test_requests_of_one_hash_stay_two() -> None:
    # Given a table in which one request is, and a log that has just that one
    first, second = Colliding("first"), Colliding("second")
    seen = SeenRequests(10, lambda request: 3 if request == "first" else None)
    seen[first] = 3
    # Then the other, of the same hash, is not taken for it
    assert seen.seq_of(first) == 3
    assert seen.seq_of(second) is None


def test_a_full_table_of_requests_knows_each_and_no_other() -> None:
    requests = [f"request {number}" for number in range(5_000)]
    seen = SeenRequests(len(requests), requests.index)
    for number, request in enumerate(requests):
        assert seen.seq_of(request) is None
        seen[request] = number
    assert [seen.seq_of(request) for request in requests] == list(range(5_000))
    assert seen.seq_of("another") is None


def test_closed_holds_are_all_one() -> None:
    holds = OpenHolds()
    opened = Hold("member/a", "org/b", "2026", (("never", 5),))
    holds[8], holds[9] = opened, opened._replace(lots=())
    assert holds == {8: opened, 9: CLOSED}
    assert not CLOSED.lots
