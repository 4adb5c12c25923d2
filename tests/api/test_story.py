"""From an empty database to a receipt that an outsider checks."""

import io
import zipfile

from ledger.journal.commands import Credit
from ledger.journal.orders import Group, Order
from ledger.tlog.checkpoint import open_checkpoint, parse_checkpoint
from ledger.tlog.merkle import check_consistency, leaf_hash, prove_consistency
from ledger.tlog.note import parse_vkey, split_note
from ledger.tlog.proof import check_proof, parse_proof
from ledger.tlog.tiles import TileHashes, decode_bundle


def verifiers(desk):
    entry = desk.get("/entries/0").json
    return [parse_vkey(vkey) for vkey in entry["vkeys"]]


def test_points_are_earned_held_paid_and_proven(desk):
    # given a member known by an outside reference, with 50 points
    opened = desk.post("/accounts", {"kind": "member", "reference": "志愿者 0042"})
    member = opened.json["account"]
    assert opened.headers["Location"] == f"/v1/ledgers/beiyuan/accounts/{member}"
    org = desk.org()
    desk.credit(member, 30, valid_until="2027-12-31")
    desk.credit(member, 20)

    # when a hold of 40 is placed, and captured with 25, giving the rest back
    held = desk.post("/holds", {"account": member, "payee": org, "amount": 40})
    hold = held.json["hold"]
    seen = desk.get(f"/accounts/{member}").json
    captured = desk.post(f"/holds/{hold}/captures", {"amount": 25, "final": True})

    # then the balances follow, the soonest days spent first
    assert (seen["balance"], seen["held"], seen["available"]) == (10, 40, 10)
    assert seen["parts"] == [{"valid_until": None, "points": 10}]
    assert seen["holds"] == [hold]
    found = desk.get("/accounts?reference=志愿者 0042").json["accounts"]
    one = desk.get(f"/accounts/{member}").json
    assert found == [{name: value for name, value in one.items() if name != "as_of"}]
    assert found[0]["parts"] == [
        {"valid_until": "2027-12-31", "points": 5},
        {"valid_until": None, "points": 20},
    ]
    assert desk.balance(org) == 25
    assert desk.get(f"/holds/{hold}").json == {
        "hold": hold,
        "account": member,
        "payee": org,
        "until": held.json["entries"][0]["until"],
        "left": 0,
        "open": False,
    }

    # and the capture's receipt proves it to anybody who has the log's keys
    receipt_url = captured.json["receipt"]
    assert desk.ask("GET", receipt_url, "auditor").status_code == 202
    desk.publish()
    receipt = desk.ask("GET", receipt_url, "auditor")
    assert receipt.content_type == "text/plain; charset=utf-8"
    proof = parse_proof(receipt.data)
    checkpoint = check_proof(proof, leaf_hash(proof.extra), verifiers(desk))
    assert checkpoint.origin == "points.example.org/log/beiyuan"
    assert proof.extra in desk.get("/entries").data


def test_a_request_waits_for_its_receipt_when_asked(desk):
    # given a service that publishes
    desk.installation.start_publishing()

    # when points are credited and the request waits
    made = desk.post("/accounts?wait=10", {"kind": "org"})

    # then the receipt is there at once
    assert made.status_code == 201
    assert desk.ask("GET", made.json["receipt"], "auditor").status_code == 200


def test_a_receipt_that_is_not_there_yet_says_when_to_ask_again(desk):
    made = desk.post("/accounts", {"kind": "org"})

    answer = desk.ask("GET", made.json["receipt"], "auditor")

    assert answer.status_code == 202
    assert answer.headers["Retry-After"] == "1"
    assert answer.json == {"receipt": made.json["receipt"]}


def test_the_log_at_its_origin_extends_itself(desk):
    # given two published sizes of the log
    old = parse_checkpoint(split_note(desk.ask("GET", "/log/beiyuan/checkpoint").data).text)
    member = desk.member(10)
    desk.publish()
    answer = desk.ask("GET", "/log/beiyuan/checkpoint")
    new, _ = open_checkpoint(answer.data, verifiers(desk))

    # when somebody without a token proves one from the other, with the tiles that are served
    def read_tile(tile):
        served = desk.ask("GET", f"/log/beiyuan/{tile.path}")
        assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        return served.data

    proof = prove_consistency(old.size, new.size, TileHashes(read_tile, new.size))

    # then the newer begins with the older
    check_consistency(old.size, old.root, new.size, new.root, proof)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=3"
    assert member in desk.get("/entries").text


def test_the_entries_of_a_tile_need_a_token_and_hash_to_its_leaves(desk):
    desk.publish()
    size = desk.get("").json["published"]

    hidden = desk.ask("GET", f"/log/beiyuan/tile/entries/000.p/{size}")
    shown = desk.ask("GET", f"/log/beiyuan/tile/entries/000.p/{size}", "auditor")
    hashes = desk.ask("GET", f"/log/beiyuan/tile/0/000.p/{size}")

    assert hidden.status_code == 401
    assert shown.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    leaves = b"".join(leaf_hash(raw) for raw in decode_bundle(shown.data, size))
    assert leaves == hashes.data


def test_only_tiles_of_published_trees_are_served(desk):
    # given a log of 7 entries of which 5 are published
    desk.member(10)
    assert (desk.size(), desk.get("").json["published"]) == (7, 5)

    # when tiles of any width are asked for, then only that of the published size is there
    for width, status in ((4, 404), (5, 200), (6, 404), (7, 404), (8, 404)):
        answer = desk.ask("GET", f"/log/beiyuan/tile/0/000.p/{width}")
        assert answer.status_code == status, width
    for path in ("0/000", "1/000.p/1", "0/001.p/1", "63/000.p/1", "0/0", "9/x001/000", "entries"):
        assert desk.ask("GET", f"/log/beiyuan/tile/{path}").status_code == 404, path


def test_a_full_tile_is_served_and_the_level_above_it(desk):
    # given a published log of over 256 entries
    ledger = desk.installation.ledger("beiyuan")
    credit = Credit(account=desk.member(), amount=1, budget=desk.budget, actor=desk.first)
    ledger.appender.submit(Group((Order(command=credit),) * 260))
    size = desk.publish()
    assert size > 256

    # when its tiles are read, then the one of level 1 holds the root over the full one below
    below = desk.ask("GET", "/log/beiyuan/tile/0/000").data
    above = desk.ask("GET", "/log/beiyuan/tile/1/000.p/1").data
    rest = desk.ask("GET", f"/log/beiyuan/tile/0/001.p/{size - 256}").data
    assert (len(below), len(above), len(rest)) == (256 * 32, 32, (size - 256) * 32)
    tiles = {"tile/0/000": below, "tile/1/000.p/1": above}
    hashes = TileHashes(lambda tile: tiles[tile.path], 256)
    assert hashes(8, 0) == above


def test_the_bundle_is_the_log_in_a_zip(desk):
    desk.member(10)
    desk.publish()

    answer = desk.get("/bundle")

    assert answer.mimetype == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="beiyuan.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.data)) as bundle:
        assert bundle.testzip() is None
        assert "manifest.json" in bundle.namelist()


def test_an_unknown_log_is_not_there(desk):
    for path in ("checkpoint", "tile/0/000.p/5"):
        assert desk.ask("GET", f"/log/xiyuan/{path}").json["type"] == "/problems/ledger-unknown"


def test_the_service_says_whether_it_is_ready(desk, installation):
    # given a service in order
    assert desk.ask("GET", "/healthz").json == {"status": "ok"}
    ready = desk.ask("GET", "/readyz")
    assert ready.status_code == 200
    assert ready.json["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "privileges": "ok",
        "triggers": "ok",
        "distribution": "ok",
        "ledgers": "ok",
    }

    # when the database is older than a head that was signed
    desk.member()
    mark = installation.settings.high_water / "beiyuan"
    desk.publish()
    ahead = mark.read_bytes().replace(b"\n6\n", b"\n600\n")
    mark.write_bytes(ahead)

    # then it is alive and not ready, and says of which ledger
    answer = desk.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"]["ledgers"] == "ledger-stopped"
    assert desk.ask("GET", "/healthz").status_code == 200
