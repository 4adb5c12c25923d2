"""docs/journal.md says what the code does: its tables, words, figures and worked log."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.journal import commands, entry, flows, parts, postings, reference, times
from ledger.journal.book import check, decide
from ledger.journal.entry import COMMON, FIELDS, TYPES
from ledger.journal.rules import RULES
from ledger.journal.state import Books, Hold, Overlay
from ledger.journal.statements import hash_vkeys, state_leaf
from ledger.tlog.keys import KeyType, Verifier
from ledger.tlog.merkle import leaf_hash, root_of

PAGE = Path(__file__).parents[2] / "docs" / "journal.md"
TEXT = PAGE.read_text(encoding="utf-8")
RULE_IDS = {rule.id for rule in RULES}
FIELD_NAMES = {"type", *COMMON} | {
    name for required, optional in FIELDS.values() for name in {**required, **optional}
}
FORMS = {form.name for form in COMMON.values()} | {
    form.name
    for required, optional in FIELDS.values()
    for form in {**required, **optional}.values()
}
INNER_NAMES = {
    name
    for form in (entry.POSTINGS, entry.TRANSFERS, entry.REF, entry.REVOKED)
    for name in re.findall(r'"([a-z]+)":', form.text)
}
WORDS = {
    *entry.STANDINGS,
    *entry.ASSURANCES,
    *entry.PURPOSES,
    *entry.HOLDER_KINDS,
    *entry.FIXED_ACCOUNTS,
    *entry.REF_KINDS,
}
# What the page writes as code besides: JSON and file words, characters of the alphabets.
OTHER_WORDS = {"never", "null", "false", "checkpoint", "extra", "format", "origin", "size", "keys"}
OTHER_WORDS |= {"a", "z", "x", "aeimquy4", "leaf", "left", "path", "receipt", "right"}


def prose() -> str:
    """The page without what is printed from the code, and without code blocks."""
    text = re.sub(r"<!-- ([a-z]+):begin -->.*?<!-- \1:end -->", "", TEXT, flags=re.DOTALL)
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def code_words() -> set[str]:
    """Every single lower-case word of the prose that stands as code."""
    return set(re.findall(r"`([a-z][a-z0-9_-]*)`", prose()))


def refusals() -> set[str]:
    """Every word that an arrow marks as the id of a rule; in tables arrows lead to accounts."""
    text = re.sub(r"^\|.*$", "", prose(), flags=re.MULTILINE)
    return set(re.findall(r"→\s+`([^`]*)`", text))


def test_the_printed_parts_are_those_of_the_code() -> None:
    wanted = reference.render(TEXT)

    assert wanted == TEXT, "run: python -m ledger.journal.reference docs/journal.md"


def test_a_page_without_a_place_for_a_printed_part_is_refused() -> None:
    begin, _ = reference.marks("rules")

    with pytest.raises(ValueError, match="rules:begin"):
        reference.render(TEXT.replace(begin, ""))


def test_the_command_brings_a_stale_page_up_to_date_and_leaves_the_prose(tmp_path: Path) -> None:
    stale = tmp_path / "journal.md"
    stale.write_text(TEXT.replace("| `hold` |", "| `holt` |"), encoding="utf-8")

    assert reference.main([str(stale)]) == 0

    assert stale.read_text(encoding="utf-8") == TEXT.replace("| `holt` |", "| `hold` |")


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("entry types", set(TYPES)),
        ("fields", FIELD_NAMES),
        ("keys inside fields", INNER_NAMES),
        ("forms", FORMS),
        ("standings", set(entry.STANDINGS)),
        ("assurances", set(entry.ASSURANCES)),
        ("fixed accounts", set(entry.FIXED_ACCOUNTS)),
    ],
)
def test_the_prose_speaks_of_all(what: str, names: set[str]) -> None:
    missing = names - code_words()

    assert not missing, f"{what} that the prose never names"


def test_the_prose_says_of_every_rule_what_it_refuses_and_of_no_other() -> None:
    assert refusals() == RULE_IDS


def test_no_word_in_code_is_unknown_to_the_code() -> None:
    known = RULE_IDS | set(TYPES) | FIELD_NAMES | INNER_NAMES | FORMS | WORDS | OTHER_WORDS

    assert code_words() - known == set()


def test_the_page_names_the_limits_of_the_code() -> None:
    for limit in (entry.ENTRY_BYTES_MAX, entry.POSTING_PARTS_MAX, entry.TRANSFER_RULES_MAX):
        assert f"{limit:,}" in prose()
    assert f"at most {flows.HOLDS_MAX} open holds" in prose()
    assert re.search(rf"at\s+most\s+{postings.DATES_MAX}\s+→ `dates`", prose())


# --- the figures of section 7 --------------------------------------------------------------------


def example_rows(title: str) -> Iterator[list[str]]:
    """The cells of the table that follows the line which starts with `title`."""
    lines = iter(TEXT.split("\n"))
    for line in lines:
        if line.startswith(title):
            break
    table = [line for line in next_block(lines) if line.startswith("|")]
    assert len(table) > 2, title
    for line in table[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def next_block(lines: Iterator[str]) -> Iterator[str]:
    """The lines up to the end of the next table."""
    begun = False
    for line in lines:
        begun = begun or line.startswith("|")
        if begun and not line.startswith("|"):
            return
        yield line


def read_parts(cell: str) -> parts.Parts:
    """`2027-06-30: 4, never: 6` as parts; nothing for `nothing`."""
    found = re.findall(r"(never|\d{4}-\d\d-\d\d): (-?\d+)", cell)
    assert bool(found) != (cell == "nothing"), cell
    return tuple((day, int(points)) for day, points in found)


def account_of(cell: str) -> tuple[int, parts.Parts]:
    """Balance and dated parts of an account that has the parts of a cell."""
    have = read_parts(cell)
    return parts.total(have), tuple(part for part in have if part[0] != parts.NEVER)


def test_the_examples_of_spending_are_right() -> None:
    for has, spends, change in example_rows("Spending ("):
        assert parts.spend(*account_of(has), int(spends)) == read_parts(change)


def test_the_examples_of_receiving_are_right() -> None:
    for has, receives, change in example_rows("Receiving ("):
        balance, _ = account_of(has)
        assert parts.receive(balance, read_parts(receives)) == read_parts(change)


def test_the_examples_of_capturing_are_right() -> None:
    for lots, pays, back, gone in example_rows("Capturing, "):
        hold = Hold("member/x", "org/y", "", read_parts(lots))
        leaves, returns = flows.captured(hold, int(pays), final=True)
        assert returns == read_parts(back)
        assert parts.negated(leaves) == read_parts(gone)


def test_the_examples_of_reversing_are_right() -> None:
    for took, before, now, receives in example_rows("Reversing in parts"):
        assert parts.latest(read_parts(took), int(before), int(now)) == read_parts(receives)
    for has, brought, change in example_rows("Reversing, who got"):
        back = read_parts(brought)
        taken = parts.take_back(*account_of(has), back, parts.total(back))
        assert taken == read_parts(change)


# --- the worked log of section 12 ----------------------------------------------------------------

ORIGIN = "points.example.org/log/beiyuan"


def worked_part() -> str:
    """The part of the page with the worked log and its figures."""
    begin, end = reference.marks("worked")
    return TEXT.partition(begin)[2].partition(end)[0]


def worked_lines() -> list[bytes]:
    """The entries of the page's worked log."""
    return [line.encode() for line in worked_part().split("\n") if line.startswith('{"')]


class Scribe:
    """Enters commands at set times, with ids and nonces that count up."""

    def __init__(self) -> None:
        self.raws: list[bytes] = []
        self.books = Books(self.read)
        self.drawn = 0

    def read(self, seq: int) -> entry.Entry | None:
        return entry.decode(self.raws[seq]) if seq < len(self.raws) else None

    def draw(self) -> bytes:
        self.drawn += 1
        return bytes((self.drawn * 37 + at * 11) % 256 for at in range(16))

    def nonce(self) -> str:
        return entry.to_base64(self.draw())

    def new_id(self, kind: str) -> str:
        return entry.new_id(kind, self.draw())

    def enter(self, at: str, command: commands.Command) -> int:
        """The `seq` of the last entry that the command makes."""
        over = Overlay(self.books)
        made = decide(over, command, times.parse_time(at), self.nonce, None)
        self.raws += [each.raw for each in made]
        for table, rows in over.changed.items():
            self.books.tables[table].update(rows)
        self.books.head = over.head
        return made[-1].entry["seq"]


def vkey(seed: int) -> str:
    """A verifier key of the worked log."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32))
    return Verifier(ORIGIN, KeyType.ED25519, private.public_key().public_bytes_raw()).vkey


def found(scribe: Scribe) -> tuple[str, str, str]:
    """Entries 0 to 4; the two founders and the budget."""
    state = commands.Statement
    first, second, budget = (scribe.new_id(kind) for kind in ("person", "person", "issuer"))
    origin = {
        "ledger": ORIGIN,
        "next": hash_vkeys([vkey(2)]),
        "utc_offset_minutes": 480,
        "vkeys": [vkey(1)],
    }
    policy = {
        "from": "2026-11-01",
        "grant_limit": 100,
        "hold_days": 100,
        "reversal_limit": 50,
        "rules": base64.b64encode(bytes(32)).decode(),
        "transfers": [{"from": "member", "limit": 20, "purpose": "gift", "to": "member"}],
    }
    period = {"budget": budget, "from": "2026-11-01", "limit": 1000, "to": "2027-10-31"}
    both = {"actor": first, "approver": second}
    at = "2026-11-24T02:00:00.000000Z"
    scribe.enter(at, state(kind="ledger", fields=origin))
    for person in (first, second):
        scribe.enter(at, state(kind="person", fields={"person": person, "standing": "office"}))
    scribe.enter(at, state(kind="policy", fields=policy, **both))
    scribe.enter(at, state(kind="budget", fields=period, **both))
    return first, second, budget


def worked_log() -> list[bytes]:
    """The worked log, made anew."""
    scribe = Scribe()
    clerk, _, budget = found(scribe)
    member, shop = scribe.new_id("member"), scribe.new_id("org")
    buyer = entry.person_of(member)

    def now(day: str, minute: int) -> str:
        return f"{day}T02:{minute:02}:00.000000Z"

    for minute, account in enumerate((member, shop), 5):
        opening = commands.Statement(kind="open", actor=clerk, fields={"account": account})
        scribe.enter(now("2026-11-24", minute), opening)
    grant = {"actor": clerk, "account": member, "budget": budget}
    dated = commands.Credit(amount=30, valid_until="2026-11-30", **grant)
    scribe.enter(now("2026-11-24", 7), dated)
    scribe.enter(now("2026-11-24", 8), commands.Credit(amount=20, **grant))
    placing = commands.PlaceHold(actor=buyer, account=member, amount=35, payee=shop)
    hold = scribe.enter(now("2026-11-25", 9), placing)
    paying = commands.Capture(actor=clerk, hold=hold, amount=25, final=True)
    capture = scribe.enter(now("2026-11-25", 10), paying)
    scribe.enter(now("2026-11-25", 11), commands.StateOfAll())
    debit = {"actor": clerk, "account": member}
    scribe.enter("2026-11-30T16:00:00.000000Z", commands.Debit(amount=4, **debit))
    undoing = commands.Reverse(actor=clerk, original=capture, amount=10)
    scribe.enter(now("2026-12-01", 14), undoing)
    scribe.enter(now("2026-12-02", 15), commands.Debit(amount=3, **debit))
    return scribe.raws


def test_the_worked_log_is_what_the_rules_make_of_its_story() -> None:
    assert worked_lines() == worked_log()


def test_the_worked_log_reads_back_and_passes_every_check() -> None:
    lines = worked_lines()
    books = Books(lambda seq: entry.decode(lines[seq]))

    for line in lines:
        books.apply(*check(books, entry.decode(line)))

    assert f"A whole log of {len(lines)} entries" in TEXT
    kinds = [entry.decode(line)["type"] for line in lines[5:]]
    assert kinds == [
        *("open", "open", "credit", "credit", "hold", "capture", "state"),
        *("expiry", "debit", "reversal", "expiry", "debit"),
    ]


def test_the_figures_about_the_worked_log_follow_from_its_lines() -> None:
    lines = worked_lines()
    books = Books(lambda seq: entry.decode(lines[seq]))
    for line in lines[:11]:
        books.apply(*check(books, entry.decode(line)))
    member = entry.decode(lines[5])["account"]
    account = books.account(member)
    assert account is not None

    leaf = state_leaf(member, account, 0).decode()
    root = entry.to_base64(root_of([leaf_hash(line) for line in lines]))

    assert f"`{root}`" in worked_part()
    assert f"\n{leaf}\n" in worked_part()
    assert f"\n{vkey(2)}\n" in worked_part()
    assert hash_vkeys([vkey(2)]) == entry.decode(lines[0])["next"]
