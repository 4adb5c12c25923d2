"""The sample programme: the volunteer alliance of a sub-district, with members who are made up.

Ledger `beiyuan-<suffix>` (北苑街道非公志愿服务联盟): enterprises, a social organisation, a
community and a venue, twenty members of whom all is known that service asks for; a month of
verified service that earned points, some dated; redemptions held, paid, given back and still open;
a gift, a correction, a settlement; a notice of each purpose, so that somebody can join.  One credit
is valid until the day on which it is loaded, so that on the next day it lapses.

Names are outside references, too: they are found by, and never in the log.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from ledger.demo_members import acquainted
from ledger.demo_notices import NOTICES
from ledger.errors import ConfigError
from ledger.installation import Installation, OpenLedger
from ledger.journal import commands as c
from ledger.journal.commands import Command, Statement
from ledger.journal.entry import new_id, to_base64
from ledger.journal.founding import Founding
from ledger.journal.orders import Done, Group, Order
from ledger.journal.times import format_time, local_day, parse_time, start_of_day, to_us
from ledger.programme.names import naming, reference_index
from ledger.programme.people import notices
from ledger.programme.people.notices import RECORDING

NAME = "beiyuan"
SUFFIX_CHARACTERS = 4
BUDGET_LIMIT = 1_000_000
UTC_OFFSET_MINUTES = 480
POINTS_PER_HOUR = 10
TRANSFERS = (
    {"purpose": "merge", "from": "member", "to": "member", "limit": 1_000_000},
    {"purpose": "gift", "from": "member", "to": "member", "limit": 100},
    {"purpose": "donation", "from": "member", "to": "org", "limit": 500},
)

ORGANISATIONS = (
    "四美国际",
    "中保伟业",
    "七夕集团",
    "和众泽益",
    "社会动员中心",
    "社区公益空间",
)
DESK = "四美国际"
ORGANISER = "和众泽益"
PROJECTS = ("一千零一个愿望", "爱在后备箱", "红V训练营", "白领驿站")
MEMBERS = (
    "安晓禾",
    "白知远",
    "陈思源",
    "丁若水",
    "范明朗",
    "高一帆",
    "何清和",
    "姜未央",
    "康乐天",
    "李望舒",
    "马行空",
    "宁致远",
    "彭小满",
    "秦立夏",
    "任芳菲",
    "宋春生",
    "田野秋",
    "王星河",
    "谢云开",
    "周明月",
)
# Who served how many days ago, for which project (by its place), how many minutes.
SERVICE = (
    *((who, 28 - who, who % 4, 60 + 30 * (who % 4)) for who in range(20)),
    *((who, 7, 2, 180) for who in (0, 3, 6, 9, 12)),
    *((who, 3, 0, 240) for who in (1, 4, 7)),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What was made: the ledger, its founders (of standing office) and its first budget."""

    ledger: str
    origin: str
    budget: str
    founders: tuple[str, str]
    auditor: str
    entries: int

    def to_json(self) -> dict[str, Any]:
        """The same by name."""
        return asdict(self)


def load_demo(installation: Installation) -> Demo:
    """Makes a ledger and lives through a month of it; raises what `create_ledger` does."""
    now = format_time(to_us(installation.clock.now()))
    today = local_day(now, UTC_OFFSET_MINUTES)
    founders, budget = (_id("person"), _id("person")), _id("issuer")
    year = int(today[:4])
    founding = Founding(
        founders=founders,
        budget=budget,
        budget_limit=BUDGET_LIMIT,
        budget_from=f"{year - 1}-01-01",
        budget_to=f"{year + 1}-12-31",
        policy_from=f"{year - 1}-01-01",
        utc_offset_minutes=UTC_OFFSET_MINUTES,
        grant_limit=200,
        reversal_limit=200,
        transfers=TRANSFERS,
    )
    ledger = installation.create_ledger(_free_name(installation), founding)
    place = (installation.database, ledger, installation.clock)
    shown = {
        purpose: notices.publish(*place, purpose, parts, seen=0, by=founders[0])
        for purpose, parts in NOTICES.items()
    }
    programme = _Programme(ledger, founding, date.fromisoformat(today))
    members = programme.introduce()
    programme.submit([acquainted(*place, members, shown[RECORDING], by=founders[0])])
    programme.serve()
    programme.redeem()
    programme.correct()
    size = ledger.publisher.publish()
    return Demo(ledger.name, ledger.origin, budget, founders, programme.auditor, size)


class _Programme:
    """One sample programme as it goes on."""

    def __init__(self, ledger: OpenLedger, founding: Founding, today: date) -> None:
        self._ledger = ledger
        self._budget = founding.budget
        self._head, self._deputy = founding.founders
        self._today = today
        self._organiser, self._desk, self.auditor = (_id("person") for _ in range(3))
        self._orgs = {name: _id("org") for name in ORGANISATIONS}
        self._members = {name: _id("member") for name in MEMBERS}
        self._projects = [_id("project") for _ in PROJECTS]
        self._credits: list[int] = []

    def introduce(self) -> dict[str, str]:
        """People with their standing; organisations and members, known by their names.

        The accounts of the members.
        """
        standings = {self._organiser: "partner", self._desk: "partner", self.auditor: "auditor"}
        self._enter(
            *(
                self._by_head("person", person=person, standing=standing)
                for person, standing in standings.items()
            )
        )
        orders = []
        for name, account in (self._orgs | self._members).items():
            index = reference_index(self._ledger.keys, name)
            command = self._by_head("open", account=account)
            orders.append(Order(command=command, companions=(naming(index, account),)))
        self.submit(orders)
        return self._members

    def serve(self) -> None:
        """Verified service and what it earned, every third credit with a last day."""
        services = self._enter(*(self._service(*line) for line in SERVICE))
        earned = [
            self._credit(seq, place, *line)
            for place, (seq, line) in enumerate(zip(services, SERVICE, strict=True))
        ]
        self._credits = self._enter(*earned)

    def redeem(self) -> None:
        """Rewards: paid, paid for less than was held, given back, and two still open."""
        payee = self._orgs[DESK]
        holds = self._enter(
            *(
                c.PlaceHold(account=self._member(who), amount=points, payee=payee, actor=self._desk)
                for who, points in ((0, 20), (1, 30), (2, 10), (3, 15), (4, 25))
            )
        )
        self._enter(
            c.Capture(hold=holds[0], actor=self._desk),
            c.Capture(hold=holds[1], amount=25, final=True, actor=self._desk),
            c.Release(hold=holds[2], actor=self._desk),
        )
        self._enter(
            c.StateOfAll(),
            c.Settle(
                account=payee,
                amount=40,
                actor=self._desk,
                approver=self._head,
                ref=_ref("settlement"),
            ),
        )

    def correct(self) -> None:
        """A gift, a donation, a grant that lapses today, a credit taken back, the state of all."""
        self._enter(
            c.Transfer(
                account=self._member(7),
                receiver=self._member(8),
                amount=10,
                purpose="gift",
                actor=self._deputy,
            ),
            c.Transfer(
                account=self._member(9),
                receiver=self._orgs["社区公益空间"],
                amount=5,
                purpose="donation",
                actor=self._deputy,
            ),
            c.Credit(
                account=self._member(10),
                amount=8,
                budget=self._budget,
                valid_until=self._today.isoformat(),
                actor=self._head,
            ),
            c.Reverse(original=self._credits[5], actor=self._head),
            c.StateOfAll(actor=self._head),
        )

    # --- the parts -------------------------------------------------------------------------------

    def _by_head(self, kind: str, **fields: Any) -> Statement:
        return Statement(kind=kind, fields=fields, actor=self._head)

    def _member(self, who: int) -> str:
        return self._members[MEMBERS[who]]

    def _nine_o_clock(self, days_ago: int) -> str:
        day = (self._today - timedelta(days=days_ago)).isoformat()
        return format_time(parse_time(start_of_day(day, UTC_OFFSET_MINUTES)) + 9 * 3_600_000_000)

    def _service(self, who: int, days_ago: int, project: int, minutes: int) -> Statement:
        return Statement(
            kind="service",
            fields={
                "assurance": "roster",
                "effective_at": self._nine_o_clock(days_ago),
                "member": self._member(who),
                "minutes": minutes,
                "org": self._orgs[ORGANISER],
                "project": self._projects[project],
                "recorder": self._organiser,
            },
            actor=self._head,
            ref=_ref("contribution"),
        )

    def _credit(
        self, seq: int, place: int, who: int, days_ago: int, project: int, minutes: int
    ) -> c.Credit:
        end_of_next_year = f"{self._today.year + 1}-12-31"
        return c.Credit(
            account=self._member(who),
            amount=minutes * POINTS_PER_HOUR // 60,
            budget=self._budget,
            effective_at=self._nine_o_clock(days_ago),
            valid_until=None if place % 3 else end_of_next_year,
            service=seq,
            org=self._orgs[ORGANISER],
            project=self._projects[project],
            actor=self._head,
        )

    def _enter(self, *commands: Command) -> list[int]:
        """Enters the commands, all or none; the `seq` of each one's entry."""
        return self.submit([Order(command=command) for command in commands])

    def submit(self, orders: Sequence[Order]) -> list[int]:
        """Enters orders, all or none; the `seq` of each one's last entry."""
        outcomes = self._ledger.appender.submit(Group(tuple(orders)))
        done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
        if len(done) < len(outcomes):
            said = {str(other.message) for other in outcomes if not isinstance(other, Done)}
            raise ConfigError(f"The sample programme was refused: {'; '.join(sorted(said))}.")
        return [outcome.last for outcome in done]


def _id(kind: str) -> str:
    return new_id(kind, os.urandom(16))


def _ref(kind: str) -> dict[str, str]:
    """Stands for a record outside the log, which the sample does not have."""
    return {"id": _id(kind), "commitment": to_base64(os.urandom(32))}


def _free_name(installation: Installation) -> str:
    """`beiyuan-` and a random suffix, so that no demo's origin is ever used twice."""
    taken = set(installation.names())
    while True:
        suffix = "".join(
            secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(SUFFIX_CHARACTERS)
        )
        if f"{NAME}-{suffix}" not in taken:
            return f"{NAME}-{suffix}"
