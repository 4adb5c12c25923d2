"""What queries of reading endpoints have in common: as of when, of which time, which page."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.fields import Count, Moment, Time, limit
from ledger.journal.asof import Span
from ledger.journal.entry import POINTS_MAX

OLDEST, NEWEST = "oldest", "newest"


class AsOfQuery(Schema):
    """As of when: after which entry, or after the last one by some time; the head when left out."""

    as_of = Count(
        0,
        POINTS_MAX,
        load_default=None,
        description="the `seq` of an entry, to see things as they were after it; beyond the head:"
        " the head",
    )
    as_of_time = Time(
        load_default=None,
        description="a time in UTC instead: as of the last entry by then",
    )

    @validates_schema
    def _one_of_them(self, values: dict[str, Any], **_: Any) -> None:
        if values.get("as_of") is not None and values.get("as_of_time") is not None:
            raise ValidationError("Name `as_of` or `as_of_time`, not both.", "as_of_time")


def span_query(order: str) -> type[Schema]:
    """A query for a run of the log, page by page, in that order unless another is asked for."""
    members = {
        "__doc__": "Which part of the log, in which order, and which page of it.",
        "start": Moment(
            data_key="from", load_default=None, description="a local day or a time in UTC"
        ),
        "end": Moment(
            data_key="to",
            load_default=None,
            description="a local day or a time in UTC, itself included",
        ),
        "after": Count(0, POINTS_MAX, load_default=None, description="entries above this `seq`"),
        "before": Count(0, POINTS_MAX, load_default=None, description="entries below this `seq`"),
        "order": fields.String(validate=validate.OneOf((OLDEST, NEWEST)), load_default=order),
        "limit": limit(),
    }
    return type(f"{order.title()}FirstQuery", (AsOfQuery,), members)


def page_span(query: dict[str, Any]) -> Span:
    """The entries that `after` and `before` leave."""
    after, before = query["after"], query["before"]
    return Span(
        0 if after is None else after + 1,
        POINTS_MAX if before is None else before - 1,
    )


def cursor(query: dict[str, Any]) -> str:
    """The parameter by which the page that follows is asked for."""
    return "before" if query["order"] == NEWEST else "after"
