"""What always holds of dated points, whatever the numbers."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.journal import parts
from ledger.journal.parts import NEVER

DAYS = st.sampled_from([f"2026-12-{day:02d}" for day in range(1, 10)])
POINTS = st.integers(1, 50)
DATED = st.dictionaries(DAYS, POINTS, max_size=6).map(lambda days: tuple(sorted(days.items())))
LOTS = st.dictionaries(DAYS | st.just(NEVER), POINTS, min_size=1, max_size=6).map(
    lambda days: tuple(sorted(days.items()))
)
LOOSE = st.lists(st.tuples(DAYS | st.just(NEVER), st.integers(-50, 50)), max_size=12)


@st.composite
def accounts(draw):
    """Balance and dated parts: a debt, or dated points with undated ones beside them."""
    if draw(st.booleans()):
        return draw(st.integers(-80, 0)), ()
    dated = draw(DATED)
    return parts.total(dated) + draw(st.integers(0, 60)), dated


def in_order(lots):
    days = [day for day, _ in lots]
    return days == sorted(set(days)) and all(points for _, points in lots)


def after(account, change):
    """Balance and dated parts after a change."""
    balance, dated = account
    return balance + parts.total(change), parts.applied(dated, change)


def is_account(balance, dated):
    """What the rules promise of an account: in order, positive, a debt alone."""
    undated = balance - parts.total(dated)
    return in_order(dated) and all(n > 0 for _, n in dated) and (undated >= 0 or not dated)


@given(LOOSE)
def test_tidying_keeps_the_sum_of_every_day(loose):
    tidy = parts.tidy(loose)
    assert in_order(tidy)
    for day in {day for day, _ in loose}:
        assert dict(tidy).get(day, 0) == sum(points for other, points in loose if other == day)
    assert parts.tidy(tidy) == tidy


@given(accounts())
def test_the_whole_of_an_account_is_its_balance(account):
    assert parts.total(parts.whole(*account)) == account[0]
    assert in_order(parts.whole(*account))


@given(LOTS, st.integers(0, 400))
def test_the_soonest_and_what_is_left_make_up_the_whole(lots, points):
    taken = parts.soonest(lots, points)
    left = parts.without(lots, taken)
    assert parts.total(taken) == min(points, parts.total(lots))
    assert parts.tidy((*taken, *left)) == lots
    assert all(points > 0 for _, points in (*taken, *left))
    if taken and left:
        assert taken[-1][0] <= left[0][0]


@given(LOTS, st.data())
def test_the_latest_are_what_the_soonest_leave(lots, data):
    points = data.draw(st.integers(0, parts.total(lots)))
    soonest = parts.soonest(lots, parts.total(lots) - points)
    assert parts.latest(lots, 0, points) == parts.without(lots, soonest)


@given(LOTS, st.data())
def test_pieces_taken_from_the_latest_on_make_up_the_whole(lots, data):
    taken, done = [], 0
    while done < parts.total(lots):
        amount = data.draw(st.integers(1, parts.total(lots) - done))
        piece = parts.latest(lots, done, amount)
        assert in_order(piece)
        assert parts.total(piece) == amount
        assert not taken or piece[-1][0] <= taken[-1][0][0]
        taken.append(piece)
        done += amount
    assert parts.tidy(part for piece in taken for part in piece) == lots


@given(accounts(), st.integers(1, 300))
def test_spending_takes_exactly_so_many_and_no_later_day_before_an_earlier(account, points):
    balance, dated = account
    change = parts.spend(balance, dated, points)
    assert parts.total(change) == -points
    assert in_order(change)
    assert all(n < 0 for _, n in change)
    left_balance, left = after(account, change)
    assert is_account(left_balance, left)
    left_days = dict(left)
    for day, _ in change:
        assert all(earlier not in left_days for earlier, _ in dated if earlier < day)


@given(accounts(), LOTS)
def test_receiving_brings_all_points_and_fills_a_debt_with_the_soonest(account, lots):
    balance = account[0]
    change = parts.receive(balance, lots)
    assert parts.total(change) == parts.total(lots)
    assert in_order(change)
    assert all(n > 0 for _, n in change)
    assert is_account(*after(account, change))
    filled = min(max(-balance, 0), parts.total(lots))
    days = tuple(part for part in change if part[0] != NEVER)
    kept = parts.without(lots, parts.soonest(lots, filled))
    assert days == tuple(part for part in kept if part[0] != NEVER)


@given(accounts(), LOTS, st.data())
def test_taking_back_takes_the_brought_days_first_and_exactly_so_many(account, lots, data):
    balance, dated = account
    points = data.draw(st.integers(1, parts.total(lots)))
    brought = parts.latest(lots, 0, points)
    change = parts.take_back(balance, dated, brought, points)
    assert parts.total(change) == -points
    assert in_order(change)
    assert all(n < 0 for _, n in change)
    assert is_account(*after(account, change))
    had, lost = dict(parts.whole(balance, dated)), dict(change)
    for day, got in brought:
        assert -lost.get(day, 0) >= min(got, max(had.get(day, 0), 0))


@given(accounts(), LOTS)
def test_what_was_just_received_can_be_taken_back_without_a_trace(account, lots):
    change = parts.receive(account[0], lots)
    then = after(account, change)
    back = parts.take_back(*then, change, parts.total(change))
    assert after(then, back) == account


@given(accounts(), st.integers(1, 200))
def test_what_was_just_spent_comes_back_as_it_was(account, points):
    spent = parts.spend(*account, points)
    then = after(account, spent)
    back = parts.receive(then[0], parts.negated(spent))
    balance, dated = after(then, back)
    assert balance == account[0]
    if then[0] >= 0:
        assert dated == account[1]


@given(LOTS)
def test_negating_twice_changes_nothing(lots):
    assert parts.negated(parts.negated(lots)) == lots
    assert parts.total(parts.negated(lots)) == -parts.total(lots)
