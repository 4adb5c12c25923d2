"""What all pages are registered on: the blueprint, with what it says when a page cannot."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from api.console import pages
from api.problems import Problem
from ledger.errors import PointsError

blueprint = Blueprint("console", __name__, template_folder="templates")
blueprint.register_error_handler(Problem, pages.on_problem)
blueprint.register_error_handler(PointsError, pages.on_points_error)
blueprint.register_error_handler(Exception, pages.on_anything)
blueprint.after_request(pages.headed)
blueprint.context_processor(pages.described)

FORM = "application/x-www-form-urlencoded"
ONE = "/ledgers/<ledger:ledger>"


@blueprint.before_request
def want_a_form() -> Any:
    """What our pages send are forms; JSON, which the library would take for one, is not."""
    return pages.refused("form") if request.method == "POST" and request.mimetype != FORM else None
