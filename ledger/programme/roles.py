"""Who may do what: one table of actions, and what it says of one person.

A *role* is held by a person in a ledger, some of them in one organisation:

    operator    the installation: makes ledgers, sees nothing inside of one but its overview
    admin       of the office: policy, budget, people, tokens; decides on proposals
    officer     of the office: accounts, points, services
    manager     of an organisation: its people and roles
    organiser   of an organisation: its activities
    desk        of an organisation: honours its rewards, helps members
    member      own records only
    auditor     reads what a ledger's log says, changes nothing; names only within an engagement

What a role may do with an action is its *outcome*: never, own, team, organisation or ledger, which
is how far it reaches.  A team is one that the person leads, in the organisation of the role; who
reaches an organisation reaches those teams too.  Of several roles of a person the furthest counts,
each for its own organisation.  A token may be narrowed to some of its role's actions, which are its
*scopes*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple


class Outcome(IntEnum):
    """How far an action of a role reaches; the greater one reaches further."""

    NEVER = 0
    OWN = 1
    TEAM = 2
    ORGANISATION = 3
    LEDGER = 4


class Action(NamedTuple):
    """What an action opens, its outcome for each role that has one, and whether it is privileged:
    then the audit trail has a line of each time that somebody tried it."""

    says: str
    outcomes: Mapping[str, Outcome]
    privileged: bool = False


OFFICE_ROLES = ("admin", "officer")
ORGANISATION_ROLES = ("manager", "organiser", "desk")
ROLES = ("operator", *OFFICE_ROLES, *ORGANISATION_ROLES, "member", "auditor")

STANDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "admin": ("office",),
        "officer": ("office",),
        "manager": ("partner", "office"),
        "organiser": ("partner", "office"),
        "desk": ("partner", "office"),
        "member": ("member", "partner", "office", "auditor"),
        "auditor": ("auditor", "office"),
    }
)
"""Which standing in the log each role of a ledger needs; it lasts only as long as that."""

_LEDGER, _ORGANISATION, _OWN = Outcome.LEDGER, Outcome.ORGANISATION, Outcome.OWN
_READERS = dict.fromkeys(("admin", "officer", "auditor"), _LEDGER)
_OPERATOR = {"operator": _LEDGER}
_ADMIN, _OFFICER = {"admin": _LEDGER}, {"officer": _LEDGER}
_TRAINERS = dict.fromkeys(("manager", "organiser"), _ORGANISATION)
_HOUSES = dict.fromkeys(ORGANISATION_ROLES, _ORGANISATION)
_DESKS = dict.fromkeys(("admin", "officer", "desk"), _LEDGER)  # any desk helps any member
_EVERYBODY = dict.fromkeys(ROLES[1:], _OWN)

ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "ledgers:list": Action("which ledgers there are", _OPERATOR),
        "ledgers:read": Action("where a ledger stands", _OPERATOR | _READERS),
        "ledgers:write": Action("make ledgers", _OPERATOR),
        "metrics:read": Action("figures of the service as a whole", _OPERATOR),
        "accounts:read": Action("accounts, their histories and holds", _READERS),
        "accounts:write": Action("open and close accounts", _OFFICER),
        "points:write": Action(
            "enter credits, debits, transfers, holds, reversals and what is like them", _OFFICER
        ),
        "services:write": Action("record services", _OFFICER),
        "log:read": Action("entries, receipts, the bundle", _READERS),
        "rules:read": Action("budgets and policies", _READERS),
        "rules:write": Action("propose budgets and policies", _ADMIN, privileged=True),
        "people:read": Action("people and their standing", _READERS),
        "people:write": Action("introduce people, change their standing", _ADMIN, privileged=True),
        "people:erase": Action(
            "propose that all about somebody is destroyed", _ADMIN, privileged=True
        ),
        "duplicates:read": Action("people who may be in a ledger twice", _ADMIN),
        "duplicates:write": Action("mark two people as two", _ADMIN, privileged=True),
        "merges:read": Action("who was merged into whom, and why", _ADMIN | _OFFICER),
        "merges:write": Action("propose that two people are merged", _ADMIN, privileged=True),
        "basics:read": Action(
            "names, contacts and documents of people", _ADMIN | _OFFICER, privileged=True
        ),
        "basics:write": Action(
            "correct what is kept of people, for them", _ADMIN | _OFFICER, privileged=True
        ),
        "erasures:read": Action(
            "who asked to be erased, and until when to answer", _ADMIN | _OFFICER
        ),
        "erasures:decide": Action("decide on requests to be erased", _ADMIN, privileged=True),
        "organisations:read": Action(
            "organisations with their names and contacts",
            _ADMIN | _OFFICER | _HOUSES,
        ),
        "organisations:write": Action(
            "change what is kept of an organisation", _ADMIN | {"manager": _ORGANISATION}
        ),
        "organisations:admit": Action(
            "take organisations up, admit and suspend them", _ADMIN, privileged=True
        ),
        "invitations:write": Action(
            "invite people to an organisation", _ADMIN | {"manager": _ORGANISATION}
        ),
        "rosters:write": Action(
            "invite people by a table of them", _ADMIN | {"manager": _ORGANISATION}
        ),
        "totals:read": Action(
            "how many people belong to an organisation, and what they did together",
            _READERS | {"manager": _ORGANISATION},
        ),
        "joining-links:read": Action(
            "the links by which people join an organisation", _ADMIN | {"manager": _ORGANISATION}
        ),
        "joining-links:write": Action(
            "make and revoke joining links", _ADMIN | {"manager": _ORGANISATION}
        ),
        "memberships:read": Action(
            "who belongs to which organisation",
            _EVERYBODY | _ADMIN | _OFFICER | {"manager": _ORGANISATION},
        ),
        "memberships:claim": Action("say where one belongs", {"member": _OWN}),
        "memberships:decide": Action(
            "confirm or decline who says to belong to an organisation",
            _ADMIN | {"manager": _ORGANISATION},
        ),
        "memberships:end": Action(
            "leave an organisation, or say that somebody left it",
            _EVERYBODY | _ADMIN | {"manager": _ORGANISATION},
        ),
        "venues:read": Action("where organisations receive people", _ADMIN | _OFFICER | _HOUSES),
        "venues:write": Action("take up and change venues", _ADMIN | {"manager": _ORGANISATION}),
        "teams:read": Action(
            "teams, their leaders and members", _EVERYBODY | _ADMIN | _OFFICER | _HOUSES
        ),
        "teams:write": Action(
            "form teams, change them and who is in them",
            _ADMIN | {"manager": _ORGANISATION, "organiser": Outcome.TEAM},
        ),
        "cards:read": Action("members' cards, to print them again", _DESKS | {"member": _OWN}),
        "cards:write": Action("make members' cards, void them", _DESKS, privileged=True),
        "cards:find": Action("find a member by a card's number", _DESKS, privileged=True),
        "helping:write": Action(
            "help a member: do for them what they could do alone",
            {"officer": _LEDGER, "desk": _LEDGER},
            privileged=True,
        ),
        "helping:end": Action("stop helping", {"officer": _OWN, "desk": _OWN}),
        "helping:read": Action(
            "what one did for a member, or had done for one",
            {"officer": _OWN, "desk": _OWN, "member": _OWN},
        ),
        "courses:read": Action(
            "training that organisations give",
            _ADMIN | _OFFICER | _HOUSES,
        ),
        "courses:write": Action("take up and change courses", _ADMIN | _TRAINERS),
        "attainments:read": Action(
            "training, qualifications and insurance of people",
            _EVERYBODY | _ADMIN | _OFFICER | _TRAINERS,
        ),
        "attainments:write": Action("keep what people attained", _ADMIN | _TRAINERS),
        "evidence:read": Action(
            "scans of what people said or got on paper",
            _EVERYBODY | _ADMIN | _OFFICER | _TRAINERS,
        ),
        "evidence:write": Action(
            "keep scans of what people said or got on paper",
            _ADMIN | _OFFICER | _TRAINERS | {"desk": _OWN},
        ),
        "notices:write": Action(
            "publish what people are told before they consent", _ADMIN, privileged=True
        ),
        "consents:read": Action(
            "what people consent to, with its proof", _EVERYBODY | _ADMIN | _OFFICER
        ),
        "joining:help": Action(
            "take up members at a desk, or by a signed form",
            _ADMIN | _OFFICER | {"desk": _ORGANISATION},
            privileged=True,
        ),
        "guardians:read": Action(
            "who consents for a minor, and to what", _EVERYBODY | _ADMIN | _OFFICER
        ),
        "guardians:write": Action(
            "enter what a minor's guardian consents to", _ADMIN | _OFFICER, privileged=True
        ),
        "consents:write": Action("give and withdraw one's own consents", _EVERYBODY),
        "grants:read": Action(
            "who holds which role",
            _EVERYBODY | _READERS | {"manager": _ORGANISATION},
        ),
        "grants:write": Action(
            "give roles and end them",
            _EVERYBODY | {"member": Outcome.NEVER, "manager": _ORGANISATION} | _ADMIN,
            privileged=True,
        ),
        "proposals:read": Action("what waits for a second person", _READERS),
        "proposals:decide": Action("approve proposals", _ADMIN, privileged=True),
        "proposals:decline": Action(
            "decline proposals, or withdraw one's own",
            _ADMIN | {"officer": _OWN},
            privileged=True,
        ),
        "tokens:read": Action("list tokens, without their secrets", _ADMIN | {"auditor": _LEDGER}),
        "tokens:write": Action("make, rotate and revoke tokens", _ADMIN, privileged=True),
        "trail:read": Action(
            "who did what is privileged, and was denied it", _ADMIN | {"auditor": _LEDGER}
        ),
        "tasks:read": Action("what waits for one, within what one may decide", _EVERYBODY),
        "messages:read": Action("one's own messages, and how one is reached", _EVERYBODY),
        "messages:write": Action("mark one's messages read, choose how one is reached", _EVERYBODY),
        "messages:hand": Action(
            "see what is to be printed or told by telephone, with names and numbers, and hand it"
            " over",
            _ADMIN | _OFFICER,
            privileged=True,
        ),
        "engagements:read": Action(
            "what lets auditors read records, and why", _ADMIN | {"auditor": _OWN}
        ),
        "engagements:write": Action(
            "propose engagements of auditors, end them", _ADMIN, privileged=True
        ),
        "engagements:use": Action(
            "read names and evidence within an engagement", {"auditor": _OWN}, privileged=True
        ),
        "logins:invite": Action("hand over codes that set a password", _ADMIN, privileged=True),
        "login:write": Action("change one's own password and second factor", _EVERYBODY),
        "own:read": Action("what is held about oneself, and who looked at it", _EVERYBODY),
        "own:correct": Action("correct what is kept of oneself", _EVERYBODY),
        "own:erase": Action(
            "ask that all about oneself is destroyed, take that back", _EVERYBODY, True
        ),
        "own:download": Action("download all that is held about oneself", _EVERYBODY, True),
        "sessions:read": Action("where one is signed in", _EVERYBODY),
        "sessions:write": Action("sign out, here or elsewhere", _EVERYBODY),
    }
)
"""The table.  A role that an action does not name may never do it."""

PRESENT, TELEPHONE = "present", "telephone"
_DONE_FOR_MEMBERS = tuple(
    name
    for name, action in ACTIONS.items()
    if action.outcomes.get("member") is _OWN
    and name.partition(":")[0] not in ("login", "sessions", "helping")
)
_THERE_ALONE = ("evidence:read", "own:download", "own:erase")
HELPED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        PRESENT: _DONE_FOR_MEMBERS,
        TELEPHONE: tuple(name for name in _DONE_FOR_MEMBERS if name not in _THERE_ALONE),
    }
)
"""What a helper may do for a member who is there, or on the telephone.

Whatever the member can do alone, but for signing in; their papers, and everything at once, to take
along or to destroy, only for who is there.
"""


def actions_of(role: str) -> tuple[str, ...]:
    """All that a role may ever do, in the table's order."""
    return tuple(name for name, action in ACTIONS.items() if action.outcomes.get(role))


def roles_of(action: str) -> tuple[str, ...]:
    """The roles that may do it, however far it reaches; KeyError for an action there is not."""
    outcomes = ACTIONS[action].outcomes
    return tuple(role for role in ROLES if outcomes.get(role))


def fits(role: str, standing: str | None) -> bool:
    """Whether a person of that standing may hold the role; an operator needs none."""
    return role == "operator" or standing in STANDINGS.get(role, ())


class Held(NamedTuple):
    """A role that a person holds, of one organisation where it is such a role.

    `deputy_of` is the person in whose place a deputy acts; `teams` are those of the organisation
    that the person leads, or whom the deputy stands in for.
    """

    role: str
    organisation: str | None = None
    deputy_of: str | None = None
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a ledger one person's action reaches: all of it, or what belongs to one of these.

    It is false where it reaches nothing.
    """

    everything: bool = False
    organisations: frozenset[str] = frozenset()
    own: str | None = None  # the person
    teams: frozenset[str] = frozenset()
    day: str | None = None  # the local day on which somebody is in those teams

    def __bool__(self) -> bool:
        return bool(self.everything or self.organisations or self.teams or self.own)

    @property
    def word(self) -> str:
        """How far it goes, at the furthest: never, own, team, organisation or ledger."""
        if self.everything:
            return "ledger"
        if self.organisations:
            return "organisation"
        if self.teams:
            return "team"
        return "own" if self.own else "never"

    def has_person(self, person: str) -> bool:
        """Whether it reaches what belongs to that person alone."""
        return self.everything or self.own == person

    def has_organisation(self, organisation: str) -> bool:
        """Whether it reaches what belongs to that organisation."""
        return self.everything or organisation in self.organisations


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sends a request: a person with the roles that they hold in a ledger today.

    `id` is that of the token or session; `scopes` the actions that it was narrowed to, if it was;
    `day` the local day on which the roles are held, where they are of some days.  `helped_by` is
    who does something for the person, if they do not do it themselves.
    """

    id: str
    ledger: str
    person: str
    held: tuple[Held, ...]
    scopes: tuple[str, ...] | None = None
    day: str | None = None
    helped_by: str | None = None

    @property
    def signed_in(self) -> bool:
        """Whether somebody has signed in, and does not come with a token."""
        return self.id.startswith("session/")

    @property
    def author(self) -> str:
        """Who writes what is written: the helper where there is one, else the person."""
        return self.helped_by or self.person

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles held, each once, in the order of `ROLES`."""
        held = {each.role for each in self.held}
        return tuple(role for role in ROLES if role in held)

    def allows(self, action: str) -> bool:
        """Whether the token or session was made for that action, whatever the roles say."""
        return self.scopes is None or action in self.scopes

    def may(self, action: str) -> bool:
        """Whether the person may go anywhere at all with an action, as `reach` says how far.

        KeyError for an action there is not.
        """
        outcomes = ACTIONS[action].outcomes
        return any(outcomes.get(each.role) for each in self.held)

    def in_place_of(self, action: str) -> str | None:
        """Whose deputy the person is in an action; None where a role of their own goes as far.

        Of several people, the first by their ids.  KeyError for an action there is not.
        """
        outcomes = ACTIONS[action].outcomes
        if all(each.deputy_of is None for each in self.held):
            return None
        furthest = max((outcomes.get(each.role, Outcome.NEVER) for each in self.held), default=0)
        whose = [each.deputy_of for each in self.held if outcomes.get(each.role, 0) == furthest]
        deputies = [name for name in whose if name is not None]
        return min(deputies) if furthest and len(deputies) == len(whose) else None

    def reach(self, action: str) -> Reach:
        """How far the person may go with an action; KeyError for one there is not."""
        outcomes = ACTIONS[action].outcomes
        found = [(outcomes.get(each.role, Outcome.NEVER), each) for each in self.held]
        return Reach(
            everything=any(outcome is Outcome.LEDGER for outcome, _ in found),
            organisations=frozenset(
                held.organisation
                for outcome, held in found
                if outcome is Outcome.ORGANISATION and held.organisation
            ),
            own=self.person if any(outcome for outcome, _ in found) else None,
            teams=frozenset(
                team for outcome, held in found if outcome >= Outcome.TEAM for team in held.teams
            ),
            day=self.day,
        )
