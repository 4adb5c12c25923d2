"""The rules of the journal, applied: `check` an entry against the books, `decide` a command.

`check` is the one judge.  It is asked live before an entry is written, and offline of every entry
of an exported log.  `decide` composes the entries that a command asks for (what is due first) and
hands each to `check`.  No input or output here; time and randomness are arguments.

The order of the rules is that of `rules.RULES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ledger.journal import times
from ledger.journal.commands import Command, next_due
from ledger.journal.entry import VERSION, Entry, encode, person_of
from ledger.journal.flows import FLOWS
from ledger.journal.rules import refuse
from ledger.journal.state import Change, Head, Overlay, State
from ledger.journal.statements import FOUNDERS, STATEMENTS

GAP_MAX_US = 31 * times.US_PER_DAY
FOUNDING = ("ledger", "person", "person", "policy", "budget")

_ANYBODY = frozenset({"office", "partner", "member", "auditor"})
_STAFF = frozenset({"office", "partner"})
_OFFICE = frozenset({"office"})

# Which standing an actor needs; an approver is always of standing `office`.
ACTORS = {
    "person": _OFFICE,
    "open": _STAFF,
    "close": _STAFF,
    "budget": _OFFICE,
    "policy": _OFFICE,
    "service": _STAFF,
    "credit": _OFFICE,
    "debit": _OFFICE,
    "transfer": _ANYBODY - {"auditor"},
    "hold": _ANYBODY - {"auditor"},
    "capture": _ANYBODY - {"auditor"},
    "release": _ANYBODY - {"auditor"},
    "reversal": _OFFICE,
    "settlement": _STAFF,
    "write-off": _OFFICE,
    "key": _OFFICE,
    "erasure": _OFFICE,
    "state": _OFFICE,
    "record": _ANYBODY,
}


def check(state: State, entry: Entry) -> tuple[Head, list[Change]]:
    """The head and the rows after `entry`, or `Refused` by the first rule that it breaks.

    The entry's form must have been checked (`entry.encode` or `entry.decode`); `state` is read,
    never changed.
    """
    head = state.head
    seq, at, kind = entry["seq"], entry["at"], entry["type"]
    if seq != head.size:
        refuse("sequence", f"entry {head.size} comes next, not {seq}")
    if head.size == 0:
        return _first(state, entry)
    if entry["ledger"] != head.origin:
        refuse("origin", f"the entry belongs to {entry['ledger']}, this log is {head.origin}")
    _on_time(head, entry)
    if seq < len(FOUNDING) or kind == "ledger":
        _founding(state, entry)
    request = entry.get("request")
    if request is not None and state.request(request) is not None:
        refuse("once", f"entry {state.request(request)} carries the same request")
    _people(state, entry)
    day = times.local_day(at, head.utc_offset_minutes)
    flow = FLOWS.get(kind)
    changes = flow(state, entry, day) if flow else STATEMENTS[kind](state, entry, day)
    if request is not None:
        changes.append(("requests", request, seq))
    return Head(seq + 1, at, head.origin, head.utc_offset_minutes), changes


def _first(state: State, entry: Entry) -> tuple[Head, list[Change]]:
    if entry["type"] != "ledger":
        refuse("founding", f"entry 0 is of type `ledger`, not `{entry['type']}`")
    head = Head(1, entry["at"], entry["ledger"], entry["utc_offset_minutes"])
    return head, STATEMENTS["ledger"](state, entry, "")


def _on_time(head: Head, entry: Entry) -> None:
    at = entry["at"]
    if at <= head.at:
        refuse("clock", f"`at` is {at}, not after the entry before ({head.at})")
    seen = entry["type"] == "state" and "actor" in entry
    if at[:10] != head.at[:10] and not seen and _gap_us(head, at) > GAP_MAX_US:
        refuse("gap", f"no entry since {head.at}: run `points clock accept` first")
    if "effective_at" in entry and entry["effective_at"] > at:
        refuse("effective", f"`effective_at` {entry['effective_at']} is after `at` ({at})")


def _gap_us(head: Head, at: str) -> int:
    return times.parse_time(at) - times.parse_time(head.at)


def _founding(state: State, entry: Entry) -> None:
    seq, kind = entry["seq"], entry["type"]
    if seq >= len(FOUNDING) or kind != FOUNDING[seq]:
        wanted = FOUNDING[seq] if seq < len(FOUNDING) else "any type but `ledger`"
        refuse("founding", f"entry {seq} is of type {wanted}, not `{kind}`")
    if seq in FOUNDERS:
        if entry["standing"] != "office" or "actor" in entry or "approver" in entry:
            refuse("founding", "founders are of standing `office` and have no actor")
        if state.get("persons", entry["person"]) is not None:
            refuse("founding", "the two founders are two different people")


def _standing(state: State, person: str) -> str | None:
    """A person's standing; who has a member's account but no entry of their own is a `member`."""
    standing: str | None = state.get("persons", person)
    if standing is None and state.account("member" + person.removeprefix("person")) is not None:
        return "member"
    return standing


def _people(state: State, entry: Entry) -> None:
    kind = entry["type"]
    actor, approver = entry.get("actor"), entry.get("approver")
    if actor is None:
        if approver is not None or "request" in entry or (kind == "release" and "ref" in entry):
            refuse("two-people", "what nobody acts in has no approver, no request and no `ref`")
        if kind == "person" and entry["seq"] not in FOUNDERS:
            refuse("two-people", "a person entry has an actor")
        return
    own = kind == "open" and actor == person_of(entry["account"])
    standing = _standing(state, actor)
    if not own and standing not in ACTORS[kind]:
        refuse("standing", f"{actor} may not act in a {kind}: {_may(ACTORS[kind])} may")
    if approver is not None:
        if _standing(state, approver) != "office":
            refuse("standing", f"{approver} may not approve: people of standing office may")
        if kind not in ("settlement", "service") and standing != "office":
            refuse("standing", f"{actor} is not of standing office, which approved actions need")
    recorder = entry.get("recorder")
    if recorder is not None and _standing(state, recorder) in (None, "none"):
        refuse("standing", f"{recorder} is not known: introduce the person first")
    if approver == actor:
        refuse("two-people", "the approver is another person than the actor")


def _may(standings: frozenset[str]) -> str:
    return "people of standing " + " or ".join(sorted(standings))


# --- deciding ------------------------------------------------------------------------------------


class Made(NamedTuple):
    """An entry that `decide` made, and its canonical bytes."""

    entry: Entry
    raw: bytes


def next_at(head: Head, now_us: int) -> str:
    """The time of the next entry: now, or a microsecond after the entry before (rule 2)."""
    now = times.format_time(now_us)
    return now if now > head.at else times.format_time(times.parse_time(head.at) + 1)


def decide(
    state: Overlay, command: Command, now_us: int, nonce: Callable[[], str], request: str | None
) -> list[Made]:
    """The entries that `command` asks for at `now_us`, applied to `state`.

    What is due of the accounts that it touches comes first, in entries of its own.  Raises
    `Refused`, or `MalformedEntry` for a command whose values have no entry's form; the caller then
    drops `state`, due entries included.
    """
    made: list[Made] = []
    names = command.touches(state)
    at = next_at(state.head, now_us)
    while (due := next_due(state, names, at)) is not None:
        made.append(_enter(state, due, at, nonce(), None))
        at = next_at(state.head, now_us)
    if made and command.fulfilled(entry for entry, _ in made):
        return made
    fields = command.compose(state, at)
    if fields is not None:
        made.append(_enter(state, fields, at, nonce(), request))
    return made


def _enter(state: Overlay, fields: Entry, at: str, nonce: str, request: str | None) -> Made:
    head = state.head
    entry = {
        "ledger": head.origin,
        **fields,
        "at": at,
        "nonce": nonce,
        "seq": head.size,
        "v": VERSION,
    }
    if request is not None:
        entry["request"] = request
    raw = encode(entry)
    state.apply(*check(state, entry))
    state.remember(entry)
    return Made(entry, raw)
