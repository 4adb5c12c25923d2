"""An enterprise with a manager, whom members say that they belong to."""

from ledger.programme.people import consents, notices
from ledger.programme.people.notices import LANGUAGES, PARTS


def managed(desk):
    """The desk, with the manager of an enterprise and its joining link."""
    desk.org = desk.organisation()
    manager = desk.person()
    desk.given(manager, "manager", desk.org)
    desk.tokens["manager"] = desk.session(manager)
    desk.link = f"/organisations/{desk.org.removeprefix('org/')}/joining-link"
    desk.code = desk.post(desk.link, role="manager").json["code"]
    here = desk.installation
    desk.place = (here.database, here.ledger("beiyuan"), here.clock)
    parts = {part: dict.fromkeys(LANGUAGES, part) for part in PARTS}
    notices.publish(*desk.place, "employer", parts, seen=0, by=desk.first)
    return desk


def member(house, name: str) -> str:
    """A member's token under their name."""
    person = "person" + house.member().removeprefix("member")
    house.keep(person, full_name=name, phone="13912345678")
    house.tokens[name] = house.session(person, "device")
    return person


def share(house, person: str) -> None:
    consents.give(*house.place, person, "employer", notice=1, how="self", by=person)


def claim(house, role: str, code: str | None = None):
    body = {"code": house.code if code is None else code}
    return house.ask("POST", f"{house.base}/memberships", role, body)


def problem(answer):
    return answer.status_code, answer.json["type"].removeprefix("/problems/")
