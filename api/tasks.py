"""Tasks: everything that waits for a person, in one list, what is due first."""

from __future__ import annotations

import re
from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError, fields, validate

from api.answers import page
from api.auth import calendar, caller, installation
from api.fields import limit
from api.resource import Resource
from ledger.installation import OpenLedger
from ledger.journal import entry as e
from ledger.journal.times import format_time, is_time, to_us
from ledger.programme.people import waiting
from ledger.programme.tasks import After, Task, list_tasks, place_of

blueprint = Resource(
    "tasks", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/tasks", description=__doc__
)
_AFTER = re.compile(
    rf"([a-z-]{{1,40}})/(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}}Z)/([a-z]{{1,20}}/{e.RANDOM})",
    re.ASCII,
)


class Place(fields.String):
    """A place in the list, as the Link to the next page has it."""

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> Any:
        found = _AFTER.fullmatch(super()._deserialize(value, *rest, **more) or "")
        if found is None or found[1] not in waiting.KINDS or not is_time(found[2]):
            raise ValidationError("Wanted a place in the list as the Link to the next page has it.")
        return After(*found.groups())


class TaskSchema(Schema):
    """What waits for somebody of a role, whichever of them is first."""

    kind = fields.String(required=True)
    subject = fields.String(required=True, metadata={"description": "what is to be decided on"})
    what = fields.String(metadata={"description": "of which kind that is: `grant`, `enterprise` …"})
    organisation = fields.String(metadata={"description": "whose it is to decide"})
    role = fields.String(required=True, metadata={"description": "whose task it is first"})
    decisions = fields.List(
        fields.String(), required=True, metadata={"description": "what can be decided"}
    )
    since = fields.String(required=True)
    due = fields.String(required=True, metadata={"description": "the last working day in time"})
    assumed = fields.Boolean(
        required=True,
        metadata={"description": "the holidays until then are not published yet: it may move"},
    )
    overdue = fields.Boolean(required=True)


class TasksSchema(Schema):
    """What waits for the caller, what is due first."""

    tasks = fields.List(fields.Nested(TaskSchema), required=True)


class TasksQuery(Schema):
    """Which tasks."""

    kind = fields.String(validate=validate.OneOf(sorted(waiting.KINDS)), load_default=None)
    after = Place(
        load_default=None, metadata={"description": "as the Link to the next page has it"}
    )
    limit = limit()


@blueprint.reads("", TasksSchema, action="tasks:read", query=TasksQuery)
def show_tasks(query: dict[str, Any], ledger: OpenLedger) -> Response:
    """List what waits for you

    Everybody sees what they may decide. Of proposals, those of other people; of claims to belong to
    an organisation, those of one's own organisations.
    """
    here = installation()
    now = format_time(to_us(here.clock.now()))
    with here.database.reading() as conn:
        found = list_tasks(conn, ledger.id, calendar(), caller(), now, **query)
    full = len(found) == query["limit"]
    following = "/".join(place_of(found[-1])) if full else None
    return page("tasks", [_shown(each) for each in found], "after", following)


def _shown(task: Task) -> dict[str, Any]:
    return {name: value for name, value in task._asdict().items() if value is not None}
