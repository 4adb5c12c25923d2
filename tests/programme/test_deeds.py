"""A kind of wish that another room adds: several orders, all or nothing, once two people agree."""

import pytest

from ledger.journal.commands import Statement
from ledger.journal.orders import Done, Group, Order, Refusal
from ledger.programme import deeds, proposals
from ledger.programme.deeds import Deed
from ledger.programme.proposals import Decider, Proposed
from ledger.programme.wishes import Wish
from tests.programme.registry import fresh

REQUEST = "A" * 43 + "="


def _orders(wish, approver, _at):
    opened = Statement(kind="open", fields={"account": wish.values["account"]}, actor=wish.actor)
    closed = Statement(kind="close", fields={"account": wish.values["close"]}, actor=approver)
    return Order(command=opened), Order(command=closed)


@pytest.fixture
def deed(monkeypatch):
    """The kind `swap`: one account is opened and another closed."""
    monkeypatch.setattr(deeds, "DEEDS", dict(deeds.DEEDS))
    monkeypatch.setattr(proposals, "DEEDS", deeds.DEEDS)
    deeds.register("swap", Deed(lambda _: "A swap needs a second person.", _orders))


def propose(registry, **values):
    wish = Wish("swap", values, registry.office, REQUEST, b"print")
    outcome = proposals.submit(registry.ledger, registry.clock, wish)
    assert isinstance(outcome, Proposed)
    return outcome.id


def approve(registry, proposal_id):
    return proposals.approve(
        registry.database, registry.ledger, registry.clock, proposal_id, Decider(registry.second)
    )


def find(registry, proposal_id):
    with registry.database.reading() as conn:
        return proposals.find_proposal(conn, registry.ledger.id, proposal_id)


def opened(registry):
    account = fresh("member")
    command = Statement(kind="open", fields={"account": account}, actor=registry.office)
    registry.ledger.appender.submit(Group((Order(command=command),)))
    return account


def test_its_orders_are_entered_together_once_approved_and_told_again(registry, deed):
    proposal_id = propose(registry, account=fresh("member"), close=opened(registry))
    assert propose(registry, account=fresh("member"), close="") == proposal_id  # the same request

    first, again = approve(registry, proposal_id), approve(registry, proposal_id)

    assert isinstance(first, Done)
    (made,) = first.made
    assert (made.entry["type"], made.entry["actor"]) == ("close", registry.second)
    assert (again.first, again.last, again.replayed) == (first.first, first.last, True)
    found = find(registry, proposal_id)
    assert (found.state, found.seq) == ("approved", first.last)


def test_where_one_of_its_orders_is_refused_nothing_is_entered(registry, deed):
    account = fresh("member")
    proposal_id = propose(registry, account=account, close=fresh("member"))

    outcome = approve(registry, proposal_id)

    assert isinstance(outcome, Refusal)
    assert outcome.rule == "account"
    assert find(registry, proposal_id).state == "refused"
    # the account that would have been opened can still be
    command = Statement(kind="open", fields={"account": account}, actor=registry.office)
    (again,) = registry.ledger.appender.submit(Group((Order(command=command),)))
    assert isinstance(again, Done)


@pytest.mark.parametrize("kind", ["credit", "grant"])
def test_a_kind_has_one_meaning(kind):
    with pytest.raises(ValueError, match="already"):
        deeds.register(kind, Deed(lambda _: None, _orders))
