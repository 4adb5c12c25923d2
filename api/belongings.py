"""What the views of venues, teams and courses have alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response
from sqlalchemy import Connection

from api.answers import answer, page
from api.auth import installation
from api.versions import with_etag
from ledger.installation import OpenLedger
from ledger.programme.pages import Ways
from ledger.programme.people import belongings
from ledger.programme.people.belongings import Belonging, Kind, of_organisations
from ledger.programme.people.organisations import OrganisationUnknown
from ledger.programme.roles import Reach


@dataclass(frozen=True, slots=True)
class Views:
    """Those of a kind; `ways` are those in which a reach reaches rows, `told` what is told beside
    the record.

    Left out, `ways` are its organisations.
    """

    kind: Kind
    ways: Callable[[Connection, int, Reach], Ways] | None = None
    told: Callable[[Belonging], dict[str, Any]] = lambda _: {}

    def found(self, ledger: OpenLedger, name: str, reach: Reach) -> Belonging:
        """One that `reach` reaches; the kind's `unknown`, whether it is there or not."""
        with installation().database.reading() as conn:
            ways = self._ways(conn, ledger, reach)
            return belongings.find(conn, ledger, self.kind, name, ways)

    def one(self, ledger: OpenLedger, name: str, reach: Reach, status: int = 200) -> Response:
        """The answer that shows one, and the version to change it by; raises as `found` does."""
        found = self.found(ledger, name, reach)
        return with_etag(answer(self._shown(found), status), found.version)

    def page(self, ledger: OpenLedger, reach: Reach, query: dict[str, Any]) -> Response:
        """A page of those that `reach` reaches, in order of their ids."""
        with installation().database.reading() as conn:
            ways = self._ways(conn, ledger, reach)
            found = belongings.listed(conn, ledger, self.kind, ways, **query)
        following = found[-1].id if len(found) == query["limit"] else None
        shown = [self._shown(each) for each in found]
        return page(f"{self.kind.word}s", shown, "after", following)

    def _ways(self, conn: Connection, ledger: OpenLedger, reach: Reach) -> Ways:
        if self.ways is None:
            return of_organisations(self.kind, reach)
        return self.ways(conn, ledger.id, reach)

    def _shown(self, belonging: Belonging) -> dict[str, Any]:
        return {
            "id": belonging.id,
            "organisation": belonging.organisation,
            "at": belonging.at,
            "version": belonging.version,
            **self.told(belonging),
            **(belonging.fields or {}),
        }


def want_reached(reach: Reach, organisation: str) -> None:
    """`OrganisationUnknown` unless `reach` has that organisation, whether it is there or not."""
    if not reach.has_organisation(organisation):
        raise OrganisationUnknown(f"There is no {organisation} that you may see.")
