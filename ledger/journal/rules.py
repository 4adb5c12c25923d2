"""The rules of the book as data: their names, their order, what they say.

Where an entry breaks two rules, the one that stands first here is the one it is refused by, so that
the same request always gets the same answer.  `docs/journal.md` prints this table; the numbers are
those of its section on rules.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from ledger.errors import PointsError


class Rule(NamedTuple):
    """A rule's stable name, its section, and what it demands."""

    id: str
    section: str
    demands: str


RULES = (
    Rule("form", "form", "the bytes are the canonical encoding of an entry of the field table"),
    Rule("sequence", "chain", "`seq` is the number of entries before this one"),
    Rule("origin", "chain", "`ledger` is the origin that entry 0 fixed"),
    Rule("clock", "clock", "`at` is after the `at` of the entry before"),
    Rule(
        "gap",
        "clock",
        "over 31 days after its predecessor, an entry is a `state` with an `actor`",
    ),
    Rule("effective", "clock", "`effective_at` is not after `at`"),
    Rule(
        "founding",
        "two people",
        "entry 0 and only it is `ledger`; 1 and 2 are `person` of two different people of standing "
        "`office` without `actor`; 3 is `policy`; 4 is `budget`",
    ),
    Rule("once", "once", "no earlier entry carries the same `request`"),
    Rule("standing", "two people", "`actor`, `approver`, `recorder` have a standing that fits"),
    Rule("two-people", "two people", "an `approver` is there where one is needed, not the `actor`"),
    Rule("flow", "flow", "postings join the accounts that the type allows, and sum to zero"),
    Rule("self", "service", "nobody records, verifies, approves or grants for themselves"),
    Rule("reference", "flow", "`for` names an earlier entry that this one can follow"),
    Rule("account", "closing", "every account named exists"),
    Rule("closed", "closing", "every account named is open"),
    Rule("due", "due work", "nothing of an account is due when anything else posts to it"),
    Rule("until", "dates", "`until` is after `at` by at most the policy's `hold_days`"),
    Rule("holds", "floors", "an account has at most 64 open holds"),
    Rule("purpose", "flow", "the policy in force lists the transfer's purpose, kinds and limit"),
    Rule(
        "policy", "service", "a credit for service names the policy of its local day; no other does"
    ),
    Rule(
        "replaced", "service", "a service is replaced once, and only the last of a chain credited"
    ),
    Rule("credited", "service", "a chain of services bears at most one unreversed credit"),
    Rule("grant", "two people", "a credit without `for` above the grant limit has an `approver`"),
    Rule("reversal", "reversal", "reversals of an entry sum to at most its amount"),
    Rule("reversal-limit", "two people", "a reversal above the limit has an `approver`"),
    Rule("lapsed", "reversal", "points whose day is past are not taken back from a credit"),
    Rule("budget-period", "budgets", "the budget covers the local day of `effective_at`"),
    Rule("budget-project", "budgets", "a budget of one project credits for that project only"),
    Rule("budget-limit", "budgets", "an issuer never falls below minus its limit"),
    Rule("limits", "budgets", "all limits sum to at most 2^53-1"),
    Rule("funds", "floors", "an account does not fall below zero"),
    Rule("debt", "floors", "a write-off is at most the debt"),
    Rule("past-day", "dates", "a credit's days are not past"),
    Rule(
        "dates",
        "dates",
        "credit and transfer bring an account to at most 64 days, held ones counted",
    ),
    Rule("parts", "dates", "`parts` are those that the rules of dates give, left out when undated"),
    Rule("range", "chain", "no balance is beyond 2^53-1"),
    Rule("balance", "chain", "`balance` is the balance before plus `amount`"),
    Rule("prev", "chain", "`prev` is the `seq` of the account's posting before"),
    Rule("opening", "closing", "`open` names a new or a closed account"),
    Rule("closing", "closing", "`close` needs a balance of zero and no holds"),
    Rule(
        "from", "two people", "a policy starts no earlier than the local day of `at`; days in order"
    ),
    Rule("keys", "keys", "`vkeys` are those that the keys before committed to"),
    Rule("root", "state", "`root` is the root over all accounts"),
)
ORDER = {rule.id: place for place, rule in enumerate(RULES)}


class Refused(PointsError):
    """The book refuses: `rule` is the id of the rule, the text what was got and what is wanted."""

    code = "refused"

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        assert rule in ORDER, rule
        self.rule = rule
        self.message = message


def refuse(rule: str, message: str) -> NoReturn:
    """Raises the refusal by one rule."""
    raise Refused(rule, message)
