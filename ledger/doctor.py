"""What somebody who runs the service should look at, in sentences.

Nothing is changed, but that ledgers are opened as the service opens them.  `/readyz` answers the
service's own questions in milliseconds; this one asks more, and of the whole installation.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

from alembic.migration import MigrationContext
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from ledger.backup import LAST, TRIED
from ledger.db import database_now
from ledger.distribution import missing_triggers
from ledger.errors import PointsError
from ledger.faults import not_set_up
from ledger.installation import Installation, OpenLedger
from ledger.journal.tables import ledger as ledgers
from ledger.journal.times import format_time, parse_time, to_us
from ledger.migrating import revisions
from ledger.programme.calendar import read_calendar
from ledger.programme.delivery import backlogs
from ledger.programme.files import missing
from ledger.programme.jobs import due_jobs
from ledger.programme.lags import publish_lags
from ledger.programme.people.inviting import waiting
from ledger.programme.privileges import lacking
from ledger.programme.vault import generations_in_use

CLOCKS_APART_SECONDS_MAX = 5
FREE_BYTES_MIN = 1 << 30
FREE_SHARE_MIN = 0.05
BACKUP_DAYS_MAX = 2
TRIED_DAYS_MAX = 100
UNPUBLISHED_SECONDS_MAX = 60
WAITING_HOURS_MAX = 18  # the tries of a message take some seventeen, and quiet hours are eleven
BATCH_HOURS_MAX = 1
NEXT_YEAR_DAYS = 31


class Finding(NamedTuple):
    """One look: what was looked at, whether it is as it should be, and a sentence."""

    about: str
    good: bool
    says: str


def look(installation: Installation) -> list[Finding]:
    """Looks at everything, whatever is found on the way."""
    findings: list[Finding] = []
    for about, check in CHECKS.items():
        try:
            findings += [Finding(about, good, says) for good, says in check(installation)]
        except PointsError as error:
            findings.append(Finding(about, False, str(error)))
        except DBAPIError as error:
            says = not_set_up(error)
            if says is None:
                raise
            findings.append(Finding(about, False, says))
    return findings


Said = Iterator[tuple[bool, str]]


def _clock(here: Installation) -> Said:
    with here.database.reading() as conn:
        there = here.clock.database_now(database_now(conn))
    apart = abs((here.clock.now() - there).total_seconds())
    if apart > CLOCKS_APART_SECONDS_MAX:
        yield False, f"Host and database are {apart:.0f} s apart: set both by a time server."
    else:
        yield True, "Host and database have the same time."


def _disk(here: Installation) -> Said:
    disk = shutil.disk_usage(here.settings.data)
    free = f"{disk.free / (1 << 30):,.1f} GiB of {disk.total / (1 << 30):,.0f} are free"
    if disk.free < max(FREE_BYTES_MIN, FREE_SHARE_MIN * disk.total):
        yield False, f"Where the data lie, {free}: make room, before the log cannot be written."
    else:
        yield True, f"Where the data lie, {free}."


def _database(here: Installation) -> Said:
    with here.database.reading() as conn:
        found = MigrationContext.configure(conn).get_current_revision()
        missing = missing_triggers(conn)
        lacks = lacking(conn)
    newest = revisions()[-1]
    if found != newest:
        yield False, f"The tables are of migration {found}, wanted {newest}: run points migrate."
    elif lacks is not None:
        yield False, f"The database's role lacks {lacks}: run the grants of docs/operating.md."
    elif missing:
        yield (
            False,
            f"Triggers are missing: {', '.join(missing)}. Restore the schema from a backup.",
        )
    else:
        yield True, f"The tables are of migration {found}, with all triggers."


def _backup(here: Installation) -> Said:
    file = here.settings.data / LAST
    try:
        made = file.read_text("ascii").strip()
        age = _since(here, made)
    except (FileNotFoundError, ValueError):
        yield False, "No backup was made by points backup yet. Make one, and try to open it."
        return
    says = f"The last backup is of {made}"
    if age > timedelta(days=BACKUP_DAYS_MAX):
        yield False, f"{says}, {age.days} days ago: look at what makes them."
    else:
        yield True, f"{says}."
    yield _tried(here)


def _tried(here: Installation) -> tuple[bool, str]:
    """How old the last backup is of which somebody tried whether it opens."""
    try:
        tried = (here.settings.data / TRIED).read_text("ascii").strip()
        age = _since(here, tried)
    except (FileNotFoundError, ValueError):
        return True, "No backup was opened by points backup open yet; only that tells if one opens."
    says = f"The last backup that was opened is of {tried}"
    if age > timedelta(days=TRIED_DAYS_MAX):
        return False, f"{says}, {age.days} days ago: try a newer one with points backup open."
    return True, f"{says}."


def _ledgers(here: Installation) -> Said:
    """Keys, heads and data keys of each ledger."""
    for name in here.names():
        try:
            ledger = here.ledger(name)
            with here.database.reading(snapshot=True) as conn:
                ledger.publisher.check(conn)
        except PointsError as error:
            yield False, f"{name}: {error}"
            continue
        yield True, f"{name}: its keys open, and its heads go together."
        yield from _masters(here, ledger)


def _masters(here: Installation, ledger: OpenLedger) -> Said:
    with here.database.reading() as conn:
        used = generations_in_use(conn, ledger.id)
    newest = ledger.masters.newest()
    older = sum(number for generation, number in used.items() if generation < newest)
    if older:
        yield (
            False,
            (
                f"{ledger.name}: {older:,} data keys are wrapped by older master keys: run"
                f" points key master --resume --ledger {ledger.name}."
            ),
        )


def _publishing(here: Installation) -> Said:
    with here.database.reading() as conn:
        lags = publish_lags(conn, here.clock.now())
    late = [lag for lag in lags if lag.entries and lag.seconds > UNPUBLISHED_SECONDS_MAX]
    for lag in late:
        yield (
            False,
            (
                f"{lag.ledger}: {lag.entries:,} entries, the oldest {lag.seconds:,.0f} s old, are"
                " under no checkpoint: does the service run?"
            ),
        )
    if not late:
        yield True, "What was entered is published."


def _jobs(here: Installation) -> Said:
    late = due_jobs(here)
    for due in late:
        yield (
            False,
            f"{due.ledger}: the job {due.job} of {due.period} is not done: run points work.",
        )
    if not late:
        yield True, "What time brings is done."


def _evidence(here: Installation) -> Said:
    looked = lost = 0
    c = ledgers.c
    with here.database.reading() as conn:
        known = conn.execute(select(c.ledger_id, c.name).order_by(c.name)).all()
    for row in known:
        with here.database.reading() as conn:
            found, gone = missing(conn, row.ledger_id, here.settings.evidence / row.name)
        looked, lost = looked + found, lost + gone
        if gone:
            yield (
                False,
                (
                    f"{row.name}: {gone:,} of {found:,} files of evidence that were looked for"
                    f" are missing: put them back from a backup of {here.settings.evidence}."
                ),
            )
    if not lost:
        yield True, f"Files of evidence are there; looked for: {looked:,}."


def _messages(here: Installation) -> Said:
    with here.database.reading() as conn:
        found = backlogs(conn)
    for each in found:
        if each.since is not None and _since(here, each.since) > timedelta(hours=WAITING_HOURS_MAX):
            yield (
                False,
                (
                    f"{each.ledger}: {each.waiting:,} messages wait to be sent, one since"
                    f" {each.since}: look at the mail server and the message service, and whether"
                    " the service runs."
                ),
            )
        if each.paper:
            yield (
                True,
                (
                    f"{each.ledger}: {each.paper:,} messages are to be printed or told by"
                    " telephone; they are among the office's tasks."
                ),
            )
    if not any(each.waiting or each.paper for each in found):
        yield True, "All messages are delivered."


def _invitations(here: Installation) -> Said:
    with here.database.reading() as conn:
        found = waiting(conn)
    late = [each for each in found if _since(here, each.since) > timedelta(hours=BATCH_HOURS_MAX)]
    for each in late:
        yield (
            False,
            (
                f"{each.ledger}: {each.batches:,} lists of people to invite, {each.people:,} people"
                f" in all, wait, one since {each.since}: look whether the service runs, and in its"
                " log for what keeps them."
            ),
        )
    if not late:
        yield True, "Whoever is to be invited is invited."


def _calendar(here: Installation) -> Said:
    calendar, now = read_calendar(os.environ), here.clock.now()
    wanted = {now.year, (now + timedelta(days=NEXT_YEAR_DAYS)).year}
    missing = sorted(wanted - calendar.years.keys())
    for year in missing:
        yield (
            False,
            (
                f"The working days of {year} are not known here: name a file with them in"
                " POINTS_CALENDAR. The State Council's notice of them is out each November."
            ),
        )
    if not missing:
        yield True, "The working days of these weeks are known."


def _since(here: Installation, text: str) -> timedelta:
    now = parse_time(format_time(to_us(here.clock.now())))
    return timedelta(microseconds=now - parse_time(text))


CHECKS: dict[str, Callable[[Installation], Said]] = {
    "clock": _clock,
    "disk": _disk,
    "database": _database,
    "backup": _backup,
    "ledgers": _ledgers,
    "publishing": _publishing,
    "jobs": _jobs,
    "evidence": _evidence,
    "messages": _messages,
    "invitations": _invitations,
    "calendar": _calendar,
}
"""What is looked at, in this order."""
