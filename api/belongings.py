"""What the views of venues, teams and courses have alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response
from sqlalchemy import ColumnElement

from api.auth import installation
from api.resource import answer, page, with_etag
from ledger.installation import OpenLedger
from ledger.programme.people import belongings
from ledger.programme.people.belongings import Belonging, Kind, of_organisations
from ledger.programme.people.organisations import OrganisationUnknown
from ledger.programme.roles import Reach


@dataclass(frozen=True, slots=True)
class Views:
    """Those of a kind; `reached` are the rows of a reach, `told` what is told beside the record.

    Left out, `reached` are those of its organisations.
    """

    kind: Kind
    reached: Callable[[int, Reach], ColumnElement[bool]] | None = None
    told: Callable[[Belonging], dict[str, Any]] = lambda _: {}

    def found(self, ledger: OpenLedger, name: str, reach: Reach) -> Belonging:
        """One that `reach` reaches; the kind's `unknown`, whether it is there or not."""
        with installation().database.reading() as conn:
            return belongings.find(conn, ledger, self.kind, name, self._rows(ledger, reach))

    def one(self, ledger: OpenLedger, name: str, reach: Reach, status: int = 200) -> Response:
        """The answer that shows one, and the version to change it by; raises as `found` does."""
        found = self.found(ledger, name, reach)
        return with_etag(answer(self._shown(found), status), found.version)

    def page(self, ledger: OpenLedger, reach: Reach, query: dict[str, Any]) -> Response:
        """A page of those that `reach` reaches, in order of their ids."""
        rows = self._rows(ledger, reach)
        with installation().database.reading() as conn:
            found = belongings.listed(conn, ledger, self.kind, rows, **query)
        following = found[-1].id if len(found) == query["limit"] else None
        shown = [self._shown(each) for each in found]
        return page(f"{self.kind.word}s", shown, "after", following)

    def _rows(self, ledger: OpenLedger, reach: Reach) -> ColumnElement[bool]:
        if self.reached is None:
            return of_organisations(self.kind, reach)
        return self.reached(ledger.id, reach)

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
