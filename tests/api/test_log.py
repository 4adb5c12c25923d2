"""The log as its specifications want it served (C2SP tlog-tiles, tlog-checkpoint, tlog-proof)."""

import orjson
import pytest

from ledger.tlog.checkpoint import log_signatures, open_checkpoint
from ledger.tlog.keys import KeyType
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.proof import parse_proof
from ledger.tlog.tiles import decode_bundle

LOG = "/log/beiyuan"
ORIGIN = "points.example.org/log/beiyuan"


@pytest.fixture
def published(desk):
    """A log whose heads of 5 entries and then of 8 were published."""
    assert desk.publish() == 5
    for _ in range(3):
        desk.org()
    assert desk.publish() == 8
    return desk


def test_the_checkpoint_is_text_that_is_kept_for_seconds(published):
    answer = published.ask("GET", f"{LOG}/checkpoint")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=3"


def test_the_origin_is_the_address_at_which_the_log_is_served(published):
    note = published.ask("GET", f"{LOG}/checkpoint").text

    assert note.splitlines()[0] == ORIGIN == f"points.example.org{LOG}"
    assert published.get("").json["origin"] == ORIGIN


def test_the_checkpoint_bears_an_ed25519_and_an_ml_dsa_signature_of_the_log(published):
    raw = published.ask("GET", f"{LOG}/checkpoint").data
    keys = [signer.verifier for signer in published.installation.ledger("beiyuan").keys.signers(1)]

    checkpoint, note = open_checkpoint(raw, keys)

    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, 8)
    assert len(log_signatures(checkpoint, note)) == 2
    assert {key.type for key in keys} == {KeyType.ED25519, KeyType.MLDSA44_COSIGNATURE}


def test_hash_tiles_are_open_to_all_and_kept_for_good(published):
    answer = published.ask("GET", f"{LOG}/tile/0/000.p/8")

    assert (answer.status_code, len(answer.data)) == (200, 8 * 32)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_entries_need_a_token_and_are_kept_by_whoever_asked_alone(published):
    path = f"{LOG}/tile/entries/000.p/8"

    assert published.ask("GET", path).status_code == 401
    answer = published.ask("GET", path, "auditor")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_the_entries_hash_to_the_leaves_of_the_tile_of_the_same_index(published):
    bundle = published.ask("GET", f"{LOG}/tile/entries/000.p/8", "auditor").data
    tile = published.ask("GET", f"{LOG}/tile/0/000.p/8").data

    assert b"".join(leaf_hash(entry) for entry in decode_bundle(bundle, 8)) == tile


def test_partial_tiles_are_those_of_published_sizes(published, subtests):
    for width in range(1, 12):
        for kind in ("0", "entries"):
            with subtests.test(kind=kind, width=width):
                path = f"{LOG}/tile/{kind}/000.p/{width}"
                answer = published.ask("GET", path, "auditor")
                assert answer.status_code == (200 if width in (5, 8) else 404)


def test_no_empty_tile_is_served(published, subtests):
    for tail in ("0/000.p/0", "entries/000.p/0", "0/000", "0/001", "1/000.p/0", "1/000", "63/000"):
        with subtests.test(tail):
            answer = published.ask("GET", f"{LOG}/tile/{tail}", "auditor")
            assert (answer.status_code, answer.json["type"]) == (404, "/problems/not-found")


def test_what_is_not_published_yet_has_no_tile(published):
    published.org()

    for kind in ("0", "entries"):
        path = f"{LOG}/tile/{kind}/000.p/9"
        assert published.ask("GET", path, "auditor").status_code == 404


def test_any_other_spelling_of_a_tile_is_not_served(published, subtests):
    for tail in (
        "0/0",
        "00/000.p/5",
        "0/000.p/05",
        "0/x000.p/5",
        "64/000.p/5",
        "-1/000.p/5",
        "0//",
    ):
        with subtests.test(tail):
            assert published.ask("GET", f"{LOG}/tile/{tail}").status_code == 404


def test_the_first_entries_are_served_as_long_as_the_log_is(published):
    # given heads that were published since
    published.org()
    published.publish()

    # then entry 0 is where it was: nothing is pruned
    for tail in ("entries/000.p/5", "entries/000.p/8", "entries/000.p/9"):
        raw = published.ask("GET", f"{LOG}/tile/{tail}", "auditor").data
        assert b'"seq":0' in decode_bundle(raw, int(tail.rpartition("/")[2]))[0]


def test_entries_as_json_are_served_elsewhere(published):
    assert published.get("/entries/0").mimetype == "application/json"
    assert published.ask("GET", f"{LOG}/tile/entries/0", "auditor").status_code == 404


def test_a_receipt_is_a_file_called_tlog_proof(published):
    answer = published.get("/entries/7/receipt")

    assert answer.headers["Content-Disposition"] == 'inline; filename="beiyuan-7.tlog-proof"'
    proof = parse_proof(answer.data)
    assert proof.index == 7
    assert proof.extra == orjson.dumps(published.get("/entries/7").json)


def test_the_log_is_asked_for_without_parameters(published):
    for tail in ("checkpoint?now", "tile/0/000.p/8?width=8"):
        assert published.ask("GET", f"{LOG}/{tail}").json["type"] == "/problems/fields"
