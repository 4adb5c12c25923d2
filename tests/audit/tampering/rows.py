"""What somebody may change in single rows of the database, table by table."""

from __future__ import annotations

from typing import Any

from tests.audit.tampering.scene import Case, sql

OTHER = bytes(32)
HEAD_ROW = "The head row is not that of the first and the last entry"
DAMAGED = "The stored edge of the tree is damaged"
HASHES = "The stored hashes of the tree do not hold"
ROOT = "The database's root at size"
FEWER = "The database has 334 entries, but a head of 335 was signed"
ONE_MEMBER = "(SELECT min(name) FROM account WHERE name LIKE 'member/%')"


def row(table: str, column: str, value: str, what: str, where: str = "", **said: Any) -> Case:
    """One column set to another value; of `where` there is one row or more."""
    condition = f" WHERE {where}" if where else ""
    statement = f'UPDATE {table} SET "{column}" = {value}{condition}'
    values = {"other": OTHER} if ":other" in value else {}
    said.setdefault("names", f"{table}.{column}")
    return Case(f"{table}.{column}", what, sql(statement, **values), **said)


def gone(table: str, where: str = "", what: str = "taken away", **said: Any) -> Case:
    """A row taken away."""
    condition = f" WHERE {where}" if where else ""
    said.setdefault("names", f"{table}.*")
    return Case(table, what, sql(f"DELETE FROM {table}{condition}"), **said)


def more(table: str, columns: str, values: str, what: str = "one too many", **said: Any) -> Case:
    """A row added."""
    said.setdefault("names", f"{table}.*")
    statement = f"INSERT INTO {table} (ledger_id, {columns}) VALUES (1, {values})"
    return Case(table, what, sql(statement), **said)


def first_of(table: str, key: str = "seq") -> str:
    """The condition for the row of the lowest key."""
    return f"{key} = (SELECT min({key}) FROM {table})"


LEDGER = [
    row("ledger", "name", "'nanyuan'", "called otherwise", stops="cannot be read or written"),
    row(
        "ledger",
        "origin",
        "'points.example.org/log/nanyuan'",
        "another log's origin",
        stops="is of points.example.org/log/beiyuan, not of",
    ),
]
HEAD = [
    row("head", "size", "size - 1", "one entry fewer", stops=DAMAGED),
    row("head", "at", "'2026-11-23T00:00:00.000000Z'", "put back in time", stops=HEAD_ROW),
    row("head", "utc_offset_minutes", "0", "another local day", stops=HEAD_ROW),
    row("head", "edge", ":other", "another right edge of the tree", stops=DAMAGED),
    gone("head", stops="The head row is gone"),
]
ENTRY = [
    row(
        "entry",
        "raw",
        "(SELECT raw FROM entry AS e WHERE e.seq = 41)",
        "replaced",
        "seq = 40",
        bundle="entry 40 in tile/entries/000 has the leaf hash",
    ),
    row(
        "entry",
        "leaf",
        ":other",
        "another hash beside the same bytes",
        "seq = 7",
        bundle="entry 7 in tile/entries/000 has the leaf hash",
    ),
    row(
        "entry",
        "seq",
        "9999",
        "the last one renumbered",
        "seq = (SELECT max(seq) FROM entry)",
        names="entry.*",
        stops=HASHES,
        bundle="ends after",
    ),
    gone(
        "entry",
        "seq = 9",
        "one of the middle taken away",
        bundle="entry 9 in tile/entries/000 breaks the rule `sequence`",
    ),
    gone(
        "entry",
        "seq = (SELECT max(seq) FROM entry)",
        "the last one taken away",
        stops=FEWER,
        names="checkpoint.*",
        bundle="335 entries was published, but there are 334",
    ),
    Case(
        "entry",
        "one more behind the last",
        sql(
            "INSERT INTO entry SELECT ledger_id, seq + 1, raw, leaf FROM entry"
            " WHERE seq = (SELECT max(seq) FROM entry)"
        ),
        stops="but there are rows up to 336",
        names="entry.raw",
        signs=True,
    ),
]
POSTING = [
    row("posting", "amount", "amount + 1", "more points", "seq = 40"),
    row("posting", "balance", "balance + 1", "another balance", "seq = 40"),
    row("posting", "prev", "0", "cut off from the one before", "seq = 40"),
    row("posting", "seq", "9999", "moved behind the log", "seq = 40", names="posting.*"),
    row(
        "posting",
        "account",
        "'withdrawn'",
        "moved to another account",
        "seq = 40 AND account LIKE 'issuer/%'",
        names="posting.*",
    ),
    gone("posting", "seq = 40"),
    more("posting", "account, seq, amount, balance, prev", "'nobody', 9999, 1, 1, 0"),
]
ACCOUNT = [
    row(
        "account",
        "name",
        "'member/x'",
        "called otherwise",
        f"name = {ONE_MEMBER}",
        names="account.*",
    ),
    row("account", "balance", "balance + 7", "points from nowhere", "name LIKE 'issuer/%'"),
    row("account", "last", '"last" - 1', "its last posting", "name LIKE 'issuer/%'"),
    row("account", "nonce", "'x'", "the nonce of its last posting", "name LIKE 'issuer/%'"),
    row("account", "count", '"count" + 1', "the number of its postings", "name LIKE 'issuer/%'"),
    row("account", "dated", "'[[\"2999-12-31\",40]]'", "points that do not lapse", "dated <> '[]'"),
    row("account", "open", 'NOT "open"', "a closed account opened", 'NOT "open"'),
    row("account", "holds", "'[8]'", "a hold that is not open", f"name = {ONE_MEMBER}"),
    row(
        "account",
        "until",
        "'2026-11-25T00:00:00.000000Z'",
        "a hold that runs out",
        f"name = {ONE_MEMBER}",
    ),
    row("account", "lapses", "''", "found by no expiry", "lapses <> ''"),
    gone("account", "name = 'settled'"),
    more(
        "account",
        "name, balance, last, nonce, count, dated, open, holds, until, lapses",
        "'member/x', 9, 9, '', 1, '[]', true, '[]', '', ''",
    ),
]
HOLD = [
    row("hold", "seq", "9999", "renumbered", first_of("hold"), names="hold.*"),
    row("hold", "account", "'member/x'", "another giver", first_of("hold")),
    row("hold", "payee", "'org/x'", "another payee", first_of("hold")),
    row("hold", "until", "'2999-12-31T00:00:00.000000Z'", "held for ever", first_of("hold")),
    row("hold", "lots", "'[[\"never\",60]]'", "a closed one opened", first_of("hold")),
    gone("hold", first_of("hold")),
]
BUDGET = [
    row("budget", "account", "'issuer/x'", "another issuer", names="budget.*"),
    row("budget", "limit", "9000000", "a higher limit"),
    row("budget", "first", "'1999-01-01'", "an earlier first day"),
    row("budget", "last", "'2999-01-01'", "a later last day"),
    row("budget", "project", "'project/x'", "another project"),
    gone("budget"),
]
POLICY = [
    row("policy", "seq", "4", "the number of another entry", "seq = 3", names="policy.*"),
    row("policy", "first", "'2999-01-01'", "put off", "seq > 3"),
    row("policy", "grant_limit", "999999", "larger grants by one alone", "seq > 3"),
    row("policy", "reversal_limit", "999999", "larger reversals by one alone", "seq > 3"),
    row("policy", "hold_days", "9999", "longer holds", "seq > 3"),
    row("policy", "transfers", '\'[["gift","member","member",99999]]\'', "larger gifts", "seq > 3"),
    gone("policy", "seq > 3"),
]
PERSON = [
    row(
        "person", "person", "'person/x'", "another person", "standing = 'partner'", names="person.*"
    ),
    row("person", "standing", "'office'", "a partner raised", "standing = 'partner'"),
    gone("person", "standing = 'partner'"),
    more("person", "person, standing", "'person/x', 'office'"),
]
SERVICE = [
    row("service", "seq", "9999", "renumbered", names="service.*"),
    row("service", "member", "'member/x'", "somebody else's"),
    row("service", "root", "0", "of another chain"),
    row("service", "minutes", "600", "more time"),
    row("service", "effective_at", "'2026-11-22T01:00:00.000000Z'", "another day"),
    row("service", "last", "false", "replaced by none"),
    row("service", "credit", "0", "to be credited again"),
    gone("service"),
]
RUN = [
    row("run", "type", "'debit'", "of another type", "type = 'erasure'", names="run.*"),
    row("run", "first", "first + 1", "one entry fewer", "last = 4", names="run.*"),
    row("run", "last", '"last" + 1', "one entry more", "type = 'erasure'", names="run.*"),
    gone("run", "type = 'erasure'"),
    more("run", "type, last, first", "'debit', 40, 40"),
]
MENTION = [
    row("mention", "account", "'member/x'", "of another account", "seq = 4", names="mention.*"),
    row("mention", "seq", "5", "in another entry", "seq = 4", names="mention.*"),
    gone("mention", "seq = 4"),
    more("mention", "account, seq", "'member/x', 40"),
]
REVERSED = [
    row("reversed", "seq", "9999", "another entry's", names="reversed.*"),
    row("reversed", "points", "0", "to be reversed again"),
    gone("reversed"),
    more("reversed", "seq, points", "40, 1"),
]
KEYSET = [
    row("keyset", "seq", "1", "from another entry on", "seq = 0", names="keyset.*"),
    row(
        "keyset",
        "vkeys",
        "'[]'",
        "other keys",
        "seq > 0",
        bundle="manifest.json says keys is",
    ),
    row("keyset", "next", "'x'", "another hash of the next keys", "seq > 0"),
    gone("keyset", "seq > 0", bundle="checkpoints/335 is not signed by"),
]
SUBTREE = [
    row(
        "subtree",
        "level",
        "2",
        "of another level",
        names="subtree.*",
        stops=HASHES,
        bundle="tile/1/000.p/1 has 0 bytes",
    ),
    row(
        "subtree",
        "index",
        "7",
        "at another place",
        names="subtree.*",
        stops=HASHES,
        bundle="tile/1/000.p/1 has 0 bytes",
    ),
    row("subtree", "hash", ":other", "another hash", stops=ROOT, bundle="tile/1/000.p/1 says"),
    gone("subtree", stops=HASHES, bundle="tile/1/000.p/1 has 0 bytes"),
]
ANSWERED = "last = (SELECT max(last) FROM request)"
REQUEST = [
    row("request", "request", "'x'", "another request", ANSWERED, names="request.*"),
    row("request", "first", '"first" - 1', "answered with more entries", ANSWERED),
    row("request", "last", '"last" - 1', "answered with another entry", ANSWERED),
    gone("request", ANSWERED, "taken away, to be entered again"),
    more(
        "request",
        "request, first, last, at",
        "'x', 40, 40, ''",
        "an answer to what was not asked",
        names="request.last",
    ),
]
NEWEST = "size = (SELECT max(size) FROM checkpoint)"
CHECKPOINT = [
    row(
        "checkpoint",
        "size",
        "7",
        "renumbered",
        "size = 5",
        names="checkpoint.note",
        bundle="checkpoints/7 is of points.example.org/log/beiyuan at size 5",
    ),
    row(
        "checkpoint",
        "note",
        ":other",
        "an old one replaced",
        "size = 5",
        bundle="checkpoints/5: note holds the control character",
    ),
    row(
        "checkpoint",
        "note",
        ":other",
        "the newest one replaced",
        NEWEST,
        stops=HASHES,
        bundle="checkpoint: note holds the control character",
    ),
    row("checkpoint", "at", "'2026-11-23T00:00:00.000000Z'", "another time", NEWEST),
    gone(
        "checkpoint",
        NEWEST,
        "the newest taken away",
        stops="The newest checkpoint is not the head that was published",
        names="publication.size",
    ),
    Case(
        "checkpoint",
        "one of a size beyond the log",
        sql(
            "INSERT INTO checkpoint SELECT ledger_id, 9999, note, at FROM checkpoint"
            f" WHERE {NEWEST}"
        ),
        stops="The newest checkpoint is not the head that was published",
        names="publication.size",
        bundle="9999 entries was published, but there are 335",
    ),
]
PUBLICATION = [
    row("publication", "size", "size - 1", "one entry fewer", stops=DAMAGED),
    row("publication", "edge", ":other", "another right edge of the tree", stops=DAMAGED),
    gone("publication", stops="This ledger has no publication row"),
]
ROWS = [
    *LEDGER,
    *HEAD,
    *ENTRY,
    *POSTING,
    *ACCOUNT,
    *HOLD,
    *BUDGET,
    *POLICY,
    *PERSON,
    *SERVICE,
    *RUN,
    *MENTION,
    *REVERSED,
    *KEYSET,
    *SUBTREE,
    *REQUEST,
    *CHECKPOINT,
    *PUBLICATION,
]
