"""Balance proofs: what an account had, shown to whoever holds a key of the log's."""

from __future__ import annotations

from flask import Response
from marshmallow import Schema, fields

from api.accounts import ONE, absent
from api.answers import answer
from api.auth import installation
from api.fields import Count
from api.resource import Resource
from ledger.audit.balances import encode_balance
from ledger.errors import NotPublished
from ledger.installation import OpenLedger
from ledger.journal import log
from ledger.journal.entry import POINTS_MAX
from ledger.programme.reading.accounts import account_exists

PROOF_RETRY_AFTER_SECONDS = 1

blueprint = Resource(
    "proofs", __name__, url_prefix="/v1/ledgers/<ledger:ledger>/accounts", description=__doc__
)


class ProofQuery(Schema):
    """By which state a balance is to be proven."""

    as_of = Count(
        0,
        POINTS_MAX,
        load_default=None,
        description="the last published state up to this entry, instead of the newest",
    )


class ProofSchema(Schema):
    """A balance proof, as `docs/journal.md` describes it: canonical JSON, to be kept as it is."""

    format = fields.String(required=True)
    leaf = fields.List(
        fields.Raw(),
        required=True,
        metadata={"description": "account, balance, held, count, last, nonce"},
    )
    path = fields.List(
        fields.List(fields.String()),
        required=True,
        metadata={"description": "side and hash of each step from the leaf to the root"},
    )
    receipt = fields.String(required=True, metadata={"description": "of the `state` entry"})


class PendingProofSchema(Schema):
    """The first state is in the log and not yet under a published checkpoint."""

    proof = fields.String(required=True, metadata={"description": "where to ask again"})


@blueprint.reads(f"{ONE}/proof", ProofSchema, action="accounts:read", query=ProofQuery, also=(409,))
@blueprint.alt_response(202, schema=PendingProofSchema, success=True)
def show_proof(
    query: dict[str, int | None], ledger: OpenLedger, kind: str, random: str
) -> Response:
    """Fetch the proof of an account's balance

    By the last published state of all accounts; `points verify --balance` checks the file offline.
    """
    name, here = f"{kind}/{random}", installation()
    with here.database.reading() as conn:
        if not account_exists(conn, ledger.id, name):
            raise absent(name)
    try:
        proven = here.state_trees.prove(ledger.id, name, query["as_of"])
    except NotPublished:
        ledger.publisher.wake()
        where = f"/v1/ledgers/{ledger.name}/accounts/{name}/proof"
        return answer({"proof": where}, 202, Retry_After=str(PROOF_RETRY_AFTER_SECONDS))
    with here.database.reading(snapshot=True) as conn:
        receipt = log.receipt(conn, ledger.id, proven.seq).encode()
    proof = encode_balance(proven.leaf, proven.path, receipt)
    return Response(proof, mimetype="application/json")
