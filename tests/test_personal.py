"""Where personal text may lie: in one column, encrypted.  All others have a form of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, Text, select

from ledger.db import Database
from ledger.journal.entry import HOST, LEDGER_NAME
from ledger.programme.people.tables import metadata
from tests.audit.lived import live
from tests.cli.conftest import make_cheap_keys
from tests.programme.registry import Registry, fresh

ID = r"[a-z]+/[a-z2-7]{26}"
DAY = r"\d{4}-\d\d-\d\d"
TIME = rf"{DAY}T\d\d:\d\d:\d\d\.\d{{6}}Z"
HASH = r"[A-Za-z0-9+/]{43}="
WORD = r"[a-z][a-z0-9_-]{0,40}"
PARTS = rf'\[(\["({DAY}|never)",-?\d+\],?)*\]'

# Each text column of every table, and the one form of what it holds.
TEXTS = {
    "account.name": rf"({ID}(/held)?|{WORD})",
    "account.nonce": r"([A-Za-z0-9+/]{22}==)?",
    "account.dated": PARTS,
    "account.holds": r"\[[\d,]*\]",
    "account.until": rf"({TIME})?",
    "account.lapses": rf"({DAY})?",
    "attainment.id": ID,
    "attainment.person": ID,
    "attainment.organisation": ID,
    "attainment.kind": WORD,
    "attainment.what": rf"({ID}|{WORD})",
    "attainment.result": WORD,
    "attainment.first": DAY,
    "attainment.last": DAY,
    "blind_index.kind": WORD,
    "blind_index.id": ID,
    "blind_index.field": WORD,
    "blind_index.value": HASH,  # HMAC under a key of the ledger and the field
    "blind_index.subject": ID,
    "budget.account": ID,
    "budget.first": DAY,
    "budget.last": DAY,
    "budget.project": ID,
    "card.subject": ID,
    "card.id": ID,
    "card.code": HASH,  # HMAC under a key of the ledger
    "card.by": ID,
    "card.at": TIME,
    "checkpoint.at": TIME,
    "consent.person": ID,
    "consent.purpose": WORD,
    "consent.state": WORD,
    "consent.notice_hash": HASH,
    "consent.how": WORD,
    "consent.by": ID,
    "consent.at": TIME,
    "merged.person": ID,
    "merged.into": ID,
    "merged.merge": ID,
    "merged.at": TIME,
    "distinct_people.first": ID,
    "distinct_people.second": ID,
    "distinct_people.by": ID,
    "distinct_people.at": TIME,
    "course.id": ID,
    "course.organisation": ID,
    "course.at": TIME,
    "data_key.subject": ID,
    "data_key.key": rf"({ID})?",
    "data_key.destroyed_on": DAY,
    "data_key.restricted_on": DAY,
    "engagement.id": ID,
    "engagement.auditor": ID,
    "engagement.kinds": rf"{WORD}( {WORD})*",
    "engagement.subject": ID,
    "engagement.first": DAY,
    "engagement.last": DAY,
    "engagement.by": ID,
    "engagement.approved_by": ID,
    "engagement.at": TIME,
    "engagement.ended_by": ID,
    "engagement.ended_at": TIME,
    "engagement_record.engagement": ID,
    "engagement_record.kind": WORD,
    "engagement_record.record": ID,
    "engagement_record.at": TIME,
    "evidence.about": ID,
    "evidence.id": ID,
    "evidence.subject": ID,
    "evidence.organisation": ID,
    "evidence.file": r"[a-z2-7]{26}",
    "errand.id": ID,
    "errand.session": ID,
    "errand.helper": ID,
    "errand.action": r"[a-z-]+:[a-z]+",
    "errand.method": WORD,
    "errand.thing": ID,
    "errand.outcome": WORD,
    "errand.at": TIME,
    "erasure_request.id": ID,
    "erasure_request.person": ID,
    "erasure_request.state": WORD,
    "erasure_request.due": DAY,
    "erasure_request.at": TIME,
    "erasure_request.decided_by": ID,
    "erasure_request.approved_by": ID,
    "erasure_request.decided_at": TIME,
    "erasure_request.until": DAY,
    "erasure_request.decision": ID,
    "erasure_request.done_at": TIME,
    "head.at": rf"({TIME})?",
    "hold.account": ID,
    "hold.payee": ID,
    "hold.until": TIME,
    "hold.lots": PARTS,
    "hold.companion": rf'(\["{WORD}",.*\])?',  # a kind and the key of a row
    "invitation.id": ID,
    "invitation.organisation": ID,
    "invitation.state": WORD,
    "invitation.until": TIME,
    "invitation.by": ID,
    "invitation.at": TIME,
    "invitation_batch.id": ID,
    "invitation_batch.organisation": ID,
    "invitation_batch.by": ID,
    "invitation_batch.at": TIME,
    "invitation_batch.next_at": TIME,
    "invitation_batch.done_at": TIME,
    "job.job": WORD,
    "job.day": rf"{DAY}(T\d\d)?",  # or an hour of it
    "joining_link.organisation": ID,
    "joining_link.state": WORD,
    "joining_link.by": ID,
    "joining_link.at": TIME,
    "keyset.vkeys": rf'\[("{HOST}/log/{LEDGER_NAME}\+[0-9a-f]{{8}}\+[A-Za-z0-9+/=]+",?)*\]',
    "keyset.next": HASH,
    "lease.job": WORD,
    "lease.holder": ID,
    "lease.until": TIME,
    "ledger.name": LEDGER_NAME,
    "ledger.origin": rf"{HOST}/log/{LEDGER_NAME}",
    "login.subject": ID,
    "login.password": r"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+",
    "login.locked_until": TIME,
    "login.code_until": TIME,
    "membership.id": ID,
    "membership.organisation": ID,
    "membership.subject": ID,
    "membership.first": DAY,
    "membership.last": DAY,
    "membership.state": WORD,
    "membership.by": ID,
    "membership.at": TIME,
    "mention.account": ID,
    "message.id": ID,
    "message.subject": ID,
    "message.kind": WORD,
    "message.channel": WORD,
    "message.state": WORD,
    "message.next_at": TIME,
    "message.at": TIME,
    "message.read_at": TIME,
    "message.done_at": TIME,
    "message.done_by": ID,
    "message_choice.subject": ID,
    "message_choice.channel": WORD,
    "message_choice.language": WORD,
    "message_choice.at": TIME,
    "organisation.id": ID,
    "organisation.kind": WORD,
    "organisation.subkind": WORD,
    "organisation.status": WORD,
    "organisation.at": TIME,
    "organisation_code.code": HASH,  # HMAC under a key of the ledger
    "organisation_code.organisation": ID,
    "organisation_member.alliance": ID,
    "organisation_member.organisation": ID,
    "organisation_member.first": DAY,
    "organisation_member.last": DAY,
    "organisation_status.organisation": ID,
    "organisation_status.status": WORD,
    "organisation_status.by": ID,
    "organisation_status.at": TIME,
    "outside_name.index": HASH,  # HMAC under a key of the ledger
    "outside_name.account": ID,
    "person.person": ID,
    "person.standing": WORD,
    "policy.first": DAY,
    "policy.transfers": r'\[(\[("[a-z]+",){3}\d+\],?)*\]',
    "posting.account": rf"({ID}(/held)?|{WORD})",
    "proposal.id": ID,
    "proposal.actor": ID,
    "proposal.actor_for": ID,
    "proposal.kind": WORD,
    "proposal.command": r"\{.*\}",  # the fields of an entry, which lets no other text in
    "proposal.request": HASH,
    "proposal.state": WORD,
    "proposal.decided_by": ID,
    "proposal.decided_for": ID,
    "proposal.at": TIME,
    "record.kind": WORD,
    "record.id": ID,
    "record.subject": ID,
    "record.key": ID,
    "record.at": TIME,
    "record.by": ID,
    "recovery_code.subject": ID,
    "request.request": HASH,
    "request.rule": WORD,
    "request.message": r"[ -~]*",  # a sentence of the book's own, with ids and numbers in it
    "request.at": TIME,
    "role_grant.id": ID,
    "role_grant.person": ID,
    "role_grant.role": WORD,
    "role_grant.organisation": ID,
    "role_grant.deputy_of": ID,
    "role_grant.first": DAY,
    "role_grant.last": DAY,
    "role_grant.by": ID,
    "role_grant.by_for": ID,
    "role_grant.at": TIME,
    "role_grant.ended_by": ID,
    "role_grant.ended_at": TIME,
    "run.type": WORD,
    "sent_code.contact": HASH,  # HMAC under a key of the ledger
    "sent_code.purpose": WORD,
    "sent_code.expires_at": TIME,
    "sent_code.hour_from": TIME,
    "service.member": ID,
    "service.effective_at": TIME,
    "session.id": ID,
    "session.person": ID,
    "session.lasts": WORD,
    "session.created_at": TIME,
    "session.used_on": DAY,
    "session.expires_at": TIME,
    "session.revoked_at": TIME,
    "session.helper": ID,
    "session.way": WORD,
    "session.reason": WORD,
    "team.id": ID,
    "team.organisation": ID,
    "team.leader": ID,
    "team.at": TIME,
    "team_member.team": ID,
    "team_member.person": ID,
    "team_member.first": DAY,
    "team_member.last": DAY,
    "trail.actor": ID,
    "trail.action": r"[a-z]+:[a-z]+",
    "trail.subject": ID,
    "token.id": ID,
    "token.ledger": WORD,
    "token.person": ID,
    "token.role": WORD,
    "token.created_at": TIME,
    "token.expires_at": TIME,
    "token.revoked_at": TIME,
    "token.scopes": rf"{WORD}( {WORD})*",
    "venue.id": ID,
    "venue.organisation": ID,
    "venue.at": TIME,
}
# Each column of bytes.  The first is where personal text is; the others hold none.
BYTES = {
    "record.ciphertext": "all personal text, encrypted under the subject's data key",
    "record.commitment": "a hash over salted fields",
    "data_key.wrapped": "a key, encrypted under a master key",
    "entry.raw": "an entry, whose field table lets no text from outside in",
    "entry.leaf": "a hash",
    "subtree.hash": "a hash",
    "head.edge": "hashes",
    "publication.edge": "hashes",
    "checkpoint.note": "a signed head: origin, size, root",
    "login.totp": "a secret, sealed by the person's data key",
    "login.next_totp": "a secret, sealed by the person's data key",
    "login.code": "an HMAC",
    "recovery_code.code": "an HMAC",
    "sent_code.code": "an HMAC",
    "proposal.fingerprint": "an HMAC",
    "request.fingerprint": "an HMAC",
    "session.hash": "a hash of random bytes",
    "token.hash": "a hash of random bytes",
    "trail.raw": "a line of ids, words and a time",
    "trail.leaf": "a hash",
    "trail_head.edge": "hashes",
    "trail_root.root": "a hash",
}


def columns(kind: type) -> set[str]:
    return {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, kind)
    }


def test_every_column_of_text_or_bytes_says_what_it_may_hold() -> None:
    # a new column is put on the list with its form, or its text into a record
    assert columns(Text) == TEXTS.keys()
    assert columns(LargeBinary) == BYTES.keys()


def strays(database: Database) -> list[str]:
    """The columns that hold a text of another form than theirs."""
    found = []
    with database.reading() as conn:
        for name, form in TEXTS.items():
            table, _, column = name.partition(".")
            values = conn.execute(select(metadata.tables[table].c[column]).distinct()).scalars()
            if not all(value is None or re.fullmatch(form, value) for value in values):
                found.append(name)
    return found


def test_after_a_long_story_every_column_holds_what_it_says(
    database_url: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a ledger with every type of entry, and one with records
    live(database, tmp_path, grants=5)
    make_cheap_keys(monkeypatch)
    with database.writing() as conn:
        ledger = metadata.tables["ledger"]
        conn.execute(ledger.update().values(name="lived", origin="points.example.org/log/lived"))
    registry = Registry(tmp_path, database_url)
    member = fresh("member")
    registry.keep(member, full_name="阿依古丽·买买提明", phone="13912345678")
    # then each text is of its column's form
    assert strays(database) == []
    # and a name that is put anywhere else is seen
    with database.writing() as conn:
        conn.execute(metadata.tables["record"].update().values(kind="阿依古丽"))
    assert strays(database) == ["record.kind"]
    registry.installation.close()
