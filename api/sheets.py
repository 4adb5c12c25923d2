"""Sheets that are printed: self-contained pages in Chinese or English, without scripts."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import segno
from flask import Blueprint, Response, render_template
from markupsafe import Markup
from marshmallow import Schema, fields, validate

from api.auth import installation

HTML = "text/html"
LANGUAGES = ("zh", "en")

blueprint = Blueprint("sheets", __name__, template_folder="templates")

_STYLE = Path(__file__).with_name("templates").joinpath("sheets/print.css").read_text("utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


class SheetQuery(Schema):
    """In which language a sheet is printed."""

    language = fields.String(validate=validate.OneOf(LANGUAGES), load_default=LANGUAGES[0])


def sheet(template: str, language: str, **values: Any) -> Response:
    """The page of a template of `templates/sheets`, in one language, with all that it needs."""
    style = Markup(_STYLE)  # noqa: S704  # our own file
    text = render_template(f"sheets/{template}", language=language, style=style, **values)
    return Response(text, mimetype=HTML, headers={"Content-Security-Policy": POLICY})


def sign_of(text: str) -> Markup:
    """A QR code as SVG, to stand in a page."""
    drawn = segno.make_qr(text, error="m").svg_inline(omitsize=True, border=2)
    return Markup(drawn)  # noqa: S704  # drawn, and not written


@blueprint.get("/ledgers/<ledger:ledger>/card")
def show_scanned(ledger: str) -> Response:
    """What whoever scans a member's card sees: the number stays behind `#`, unread."""
    installation().ledger(ledger)
    response = sheet("scanned.html", LANGUAGES[0])
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response
