"""The bundle: the whole published log as one zip, to be checked offline."""

from __future__ import annotations

from flask import Response

from api.auth import installation
from api.downloads import zipped
from api.resource import Resource
from ledger.audit.bundle import bundle_chunks
from ledger.installation import OpenLedger

blueprint = Resource(
    "bundle", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/bundle", description=__doc__
)


@blueprint.reads("", None, action="log:read", content_type="application/zip")
def download(ledger: OpenLedger) -> Response:
    """Download the bundle"""
    chunks = bundle_chunks(installation().database, ledger.id, ledger.origin)
    return zipped(chunks, f"{ledger.name}.zip")
