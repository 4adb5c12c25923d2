"""Commands: what somebody wants entered, and how that becomes the fields of an entry.

A command is a frozen value without clock, randomness or database.  `touches` names the accounts
that it concerns, `needs` the earlier entries and people it refers to (so that they can be loaded
together), `compose` makes the entry's fields from the state.  Nothing is judged here: `book.check`
does that.  Only a command whose `for` names nothing is refused at once, since there is no entry to
compose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.journal import parts, reversal, times
from ledger.journal.entry import Entry, base_of
from ledger.journal.flows import captured
from ledger.journal.parts import NEVER, Parts
from ledger.journal.postings import due_holds, due_points, is_due, policy_on
from ledger.journal.rules import refuse
from ledger.journal.state import Account, Hold, State
from ledger.journal.statements import state_root

_NOBODY = Account(0, 0, "")
Moves = Mapping[str, tuple[int, Parts]]


class Needs(NamedTuple):
    """What a command refers to: accounts by name, earlier entries by `seq`, people.

    An account that has open holds brings its `/held` and these holds along.
    """

    accounts: tuple[str, ...] = ()
    holds: tuple[int, ...] = ()
    originals: tuple[int, ...] = ()
    services: tuple[int, ...] = ()
    people: tuple[str, ...] = ()
    everything: bool = False  # all accounts: a `state` entry sums up the whole book
    budgets: bool = False  # all budgets: their limits are summed


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands have: who acts, who approves, and a record outside the log."""

    actor: str | None = None
    approver: str | None = None
    ref: Mapping[str, str] | None = None

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        return Needs(people=self.people())

    def people(self) -> tuple[str, ...]:
        """The people whose standing counts."""
        return tuple(person for person in (self.actor, self.approver) if person)

    def touches(self, state: State) -> tuple[str, ...]:
        """The accounts concerned, some known only once holds and originals are loaded."""
        return self.needs().accounts

    def fulfilled(self, due: Iterable[Entry]) -> bool:
        """Whether the due work that came first has done what the command asks for."""
        return False

    def compose(self, state: State, at: str) -> Entry | None:
        """The entry's fields at the time `at`; None when there is nothing to enter."""
        raise NotImplementedError

    def _fields(self, kind: str, **fields: Any) -> Entry:
        given = {"actor": self.actor, "approver": self.approver, "ref": self.ref, **fields}
        entry = {name: value for name, value in given.items() if value is not None}
        if self.ref is not None:
            entry["ref"] = dict(self.ref)
        entry["type"] = kind
        return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Command):
    """An entry without postings, its fields as they stand (`person`, `open`, `budget`, …)."""

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        given = self.fields
        names = [given[name] for name in ("account", "budget", "member") if name in given]
        people = [given[name] for name in ("person", "recorder") if name in given]
        held = [name + "/held" for name in names if self.kind in ("open", "close")]
        service = (given["for"],) if "for" in given else ()
        return Needs(
            accounts=(*names, *held),
            services=service,
            people=(*self.people(), *people),
            budgets=self.kind == "budget",
        )

    def touches(self, state: State) -> tuple[str, ...]:
        """The accounts concerned; a closing account's due work is done first."""
        return self.needs().accounts

    def compose(self, state: State, at: str) -> Entry:
        """The fields as given."""
        return self._fields(self.kind, **dict(self.fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class StateOfAll(Command):
    """A `state` entry: the root over all accounts as they stand."""

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        return Needs(people=self.people(), everything=True)

    def compose(self, state: State, at: str) -> Entry:
        """The root at this point."""
        return self._fields("state", root=state_root(state))


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit(Command):
    """Points from a budget to a member or organisation, for a service or as a grant."""

    account: str
    amount: int
    budget: str
    effective_at: str | None = None
    valid_until: str | None = None
    service: int | None = None
    org: str | None = None
    project: str | None = None

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        service = () if self.service is None else (self.service,)
        return Needs(self.touches(), services=service, people=self.people())

    def touches(self, state: State | None = None) -> tuple[str, ...]:
        """The account and its budget's issuer."""
        return (self.account, self.budget)

    def compose(self, state: State, at: str) -> Entry:
        """Issuer and receiver; a service's credit names the policy of its day."""
        effective_at = self.effective_at or at
        policy = None
        if self.service is not None:
            service = state.get("services", self.service)
            effective_at = service.effective_at if service else effective_at
            day = times.local_day(effective_at, state.head.utc_offset_minutes)
            in_force = policy_on(state, day)
            policy = in_force.seq if in_force else None
        balance = (state.account(self.account) or _NOBODY).balance
        change = parts.receive(balance, ((self.valid_until or NEVER, self.amount),))
        moves = {self.budget: (-self.amount, ()), self.account: (self.amount, change)}
        return self._fields(
            "credit",
            effective_at=effective_at,
            org=self.org,
            policy=policy,
            postings=_postings(state, moves),
            project=self.project,
            **({} if self.service is None else {"for": self.service}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spending(Command):
    account: str
    amount: int

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        return Needs((self.account,), people=self.people())

    def _spent(self, state: State) -> Parts:
        account = state.account(self.account) or _NOBODY
        return parts.spend(account.balance, account.dated, self.amount)

    def _leave(self, state: State, kind: str, sink: str, **fields: Any) -> Entry:
        moves = {self.account: (-self.amount, self._spent(state)), sink: (self.amount, ())}
        return self._fields(kind, postings=_postings(state, moves), **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit(_Spending):
    """Points taken out of circulation; with an approver also below zero."""

    org: str | None = None
    project: str | None = None

    def compose(self, state: State, at: str) -> Entry:
        """The account and `withdrawn`."""
        return self._leave(state, "debit", "withdrawn", org=self.org, project=self.project)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle(_Spending):
    """Points that an organisation collected leave circulation against its statement (`ref`)."""

    def compose(self, state: State, at: str) -> Entry:
        """The organisation and `settled`."""
        return self._leave(state, "settlement", "settled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(_Spending):
    """Points from one holder to another for a purpose that the policy lists."""

    receiver: str
    purpose: str

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        return Needs((self.account, self.receiver), people=self.people())

    def compose(self, state: State, at: str) -> Entry:
        """Giver and receiver; days are carried across."""
        spent = self._spent(state)
        target = state.account(self.receiver) or _NOBODY
        received = parts.receive(target.balance, parts.negated(spent))
        moves = {
            self.account: (-self.amount, spent),
            self.receiver: (self.amount, received),
        }
        if self.account == self.receiver:
            refuse("flow", "a transfer goes from one account to another")
        if self.amount < 1:
            refuse("flow", f"a transfer is of 1 point or more, not of {self.amount}")
        return self._fields("transfer", postings=_postings(state, moves), purpose=self.purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferAll(Command):
    """All that a holder has once nothing of it is due, for a purpose that the policy lists.

    Nothing, where there are no points.  A holder in debt or with open holds is refused.
    """

    account: str
    receiver: str
    purpose: str

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        return Needs((self.account, self.receiver), people=self.people())

    def compose(self, state: State, at: str) -> Entry | None:
        """Giver and receiver; days are carried across."""
        account = state.account(self.account) or _NOBODY
        if account.holds:
            count = len(account.holds)
            refuse("closing", f"{self.account} has {count} open holds: release or capture first")
        if account.balance < 0:
            refuse("funds", f"{self.account} owes {-account.balance} points: write that off first")
        if not account.balance:
            return None
        whole = Transfer(
            account=self.account,
            receiver=self.receiver,
            amount=account.balance,
            purpose=self.purpose,
            actor=self.actor,
            approver=self.approver,
            ref=self.ref,
        )
        return whole.compose(state, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold(_Spending):
    """Points set aside for a payee until a time; as long as the policy allows when None."""

    payee: str
    until: str | None = None

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        names = (self.account, self.account + "/held", self.payee)
        return Needs(names, people=self.people())

    def compose(self, state: State, at: str) -> Entry:
        """The account and its `/held`."""
        spent = self._spent(state)
        moves = {
            self.account: (-self.amount, spent),
            self.account + "/held": (self.amount, parts.negated(spent)),
        }
        until = self.until
        if until is None:
            day = times.local_day(at, state.head.utc_offset_minutes)
            policy = policy_on(state, day)
            span = (policy.hold_days if policy else 1) * times.US_PER_DAY
            until = times.format_time(times.parse_time(at) + span)
        return self._fields("hold", payee=self.payee, postings=_postings(state, moves), until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnHold(Command):
    hold: int

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        return Needs(holds=(self.hold,), people=self.people())

    def touches(self, state: State) -> tuple[str, ...]:
        """The hold's account and payee, when there is such a hold."""
        hold: Hold | None = state.get("holds", self.hold)
        return () if hold is None else (hold.account, hold.account + "/held", hold.payee)

    def _hold(self, state: State) -> Hold:
        hold: Hold | None = state.get("holds", self.hold)
        if hold is None:
            refuse("reference", f"entry {self.hold} is no hold")
        if not hold.lots:
            refuse(
                "reference",
                f"hold {self.hold} is closed, nothing of it is left; it ran until {hold.until}",
            )
        return hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture(_OnHold):
    """A hold paid to its payee: all of it when `amount` is None; `final` gives back the rest."""

    amount: int | None = None
    final: bool = False

    def compose(self, state: State, at: str) -> Entry:
        """The held account, the payee, and with `final` the account that gets the rest."""
        hold = self._hold(state)
        held = parts.total(hold.lots)
        amount = held if self.amount is None else self.amount
        if amount > held:
            refuse("funds", f"hold {self.hold} has {held} points left, {amount} are needed")
        gone, back = captured(hold, amount, self.final)
        payee = state.account(hold.payee) or _NOBODY
        moves = {
            hold.account + "/held": (-parts.total(gone), parts.negated(gone)),
            hold.payee: (amount, parts.receive(payee.balance, ((NEVER, amount),))),
        }
        if back:
            holder = state.account(hold.account) or _NOBODY
            moves[hold.account] = (parts.total(back), parts.receive(holder.balance, back))
        return self._fields(
            "capture",
            final=self.final or None,
            postings=_postings(state, moves),
            **{"for": self.hold},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(_OnHold):
    """All that is left of a hold given back."""

    def fulfilled(self, due: Iterable[Entry]) -> bool:
        """Whether the hold was past its `until`, so that due work gave it back already."""
        return any(entry["type"] == "release" and entry["for"] == self.hold for entry in due)

    def compose(self, state: State, at: str) -> Entry:
        """The held account and its owner; days are carried across."""
        hold = self._hold(state)
        account = state.account(hold.account) or _NOBODY
        held = parts.total(hold.lots)
        moves = {
            hold.account: (held, parts.receive(account.balance, hold.lots)),
            hold.account + "/held": (-held, parts.negated(hold.lots)),
        }
        return self._fields("release", postings=_postings(state, moves), **{"for": self.hold})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse(Command):
    """An earlier credit, debit, transfer or capture undone, all that is left of it when None."""

    original: int
    amount: int | None = None

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        return Needs(originals=(self.original,), people=self.people())

    def touches(self, state: State) -> tuple[str, ...]:
        """The original's two sides, when there is such an entry."""
        original = state.original(self.original)
        if original is None or original["type"] not in reversal.REVERSIBLE:
            return ()
        giver, getter, _ = reversal.original_sides(original)
        return (giver, getter)

    def compose(self, state: State, at: str) -> Entry:
        """Back along the original."""
        original = reversal.reversible(state, self.original)
        giver, getter, whole = reversal.original_sides(original)
        left = whole - (state.get("reversed", self.original) or 0)
        amount = left if self.amount is None else self.amount
        if not 0 < amount <= left:
            refuse(
                "reversal",
                f"of entry {self.original} {left} points can be reversed, not {amount}",
            )
        day = times.local_day(at, state.head.utc_offset_minutes)
        changes = reversal.reversal_changes(state, original, amount, day)
        moves = {giver: (amount, changes[giver]), getter: (-amount, changes[getter])}
        return self._fields("reversal", postings=_postings(state, moves), **{"for": self.original})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(Command):
    """Whatever is due of an account brought forward; no entry when nothing is."""

    account: str

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        return Needs((self.account,))

    def compose(self, state: State, at: str) -> None:
        """Nothing of its own: due work precedes every command."""
        return


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOff(Command):
    """A debt forgiven, wholly or in part."""

    account: str
    amount: int

    def needs(self) -> Needs:
        """What must be loaded to decide the command."""
        return Needs((self.account,), people=self.people())

    def compose(self, state: State, at: str) -> Entry:
        """`written-off` and the account below zero."""
        moves: Moves = {
            self.account: (self.amount, ((NEVER, self.amount),)),
            "written-off": (-self.amount, ()),
        }
        return self._fields("write-off", postings=_postings(state, moves))


def next_due(state: State, names: Iterable[str], at: str) -> Entry | None:
    """The fields of the next due entry among the accounts `names` at `at`, None when none is."""
    for name in map(base_of, names):
        account = state.account(name)
        if account is None or not (account.dated or account.holds):
            continue
        day = times.local_day(at, state.head.utc_offset_minutes)
        if not is_due(account, at, day):
            continue
        holds = due_holds(state, account, at)
        if holds:
            return Release(hold=holds[0]).compose(state, at)
        due = due_points(account, day)
        lapsing = parts.total(due)
        moves = {name: (-lapsing, parts.negated(due)), "expired": (lapsing, ())}
        return {"type": "expiry", "postings": _postings(state, moves)}
    return None


def _postings(state: State, moves: Moves) -> list[dict[str, Any]]:
    """The postings of `moves` {account: (amount, change)} in order of account."""
    postings = []
    for name in sorted(moves):
        amount, change = moves[name]
        account = state.account(name) or _NOBODY
        posting = {
            "account": name,
            "amount": amount,
            "balance": account.balance + amount,
            "prev": account.last,
        }
        if change and not (len(change) == 1 and change[0][0] == NEVER):
            posting["parts"] = [list(part) for part in change]
        postings.append(posting)
    return postings
