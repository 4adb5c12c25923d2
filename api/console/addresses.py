"""What all pages are registered on: the blueprint, with what it says when a page cannot."""

from __future__ import annotations

from flask import Blueprint

from api.console import pages
from api.problems import Problem
from ledger.errors import PointsError

blueprint = Blueprint("console", __name__, template_folder="templates")
blueprint.register_error_handler(Problem, pages.on_problem)
blueprint.register_error_handler(PointsError, pages.on_points_error)
blueprint.register_error_handler(Exception, pages.on_anything)
blueprint.after_request(pages.headed)
blueprint.context_processor(pages.described)

ONE = "/ledgers/<ledger:ledger>"
