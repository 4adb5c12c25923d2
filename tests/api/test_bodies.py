"""Bodies that are cut short or malformed on the way change nothing, and their key is still good."""

import io

import orjson
import pytest

from api.document import FILE
from tests.api.enterprise import managed, problem

ROSTER = "姓名,手机号\n张三,13800138000\n李四,li@example.org\n".encode()
FIRST_ROW = ROSTER[: ROSTER.index("李四".encode())]


class Malformed(io.RawIOBase):
    """What a server hands over of chunks that are none."""

    def read(self, _size: int = -1) -> bytes:
        raise LookupError("invalid chunk size")


def send(desk, path, role, came, key, *, stated=None, form="application/json"):
    """A POST of which so much came, as gunicorn passes it on: it counts nothing itself."""
    length = {"HTTP_TRANSFER_ENCODING": "chunked"}
    if stated is not None:
        length = {"CONTENT_LENGTH": str(stated)}
    stream = came if isinstance(came, io.RawIOBase) else io.BytesIO(came)
    return desk.client.post(
        desk.base + path,
        headers={"Authorization": f"Bearer {desk.tokens[role]}", "Idempotency-Key": key},
        content_type=form,
        environ_overrides={"wsgi.input": stream, "wsgi.input_terminated": True, **length},
    )


@pytest.fixture
def body(desk):
    return orjson.dumps({"account": desk.member(), "amount": 5, "budget": desk.budget})


def test_a_command_that_is_cut_short_is_refused_though_it_reads_whole(desk, body):
    size = desk.size()

    refused = send(desk, "/credits", "officer", body, "one", stated=len(body) + 4)

    assert problem(refused) == (400, "bad-request")
    assert "ended before" in refused.json["detail"]
    assert desk.size() == size
    # and the same key is good for the whole
    made = send(desk, "/credits", "officer", body + b" \r\n ", "one", stated=len(body) + 4)
    assert made.status_code == 201
    assert desk.size() == size + 1


def test_half_of_a_roster_invites_nobody(desk):
    house = managed(desk)
    path = f"/rosters?organisation={house.org}"

    refused = send(house, path, "manager", FIRST_ROW, "one", stated=len(ROSTER), form=FILE)

    assert problem(refused) == (400, "bad-request")
    assert house.invitations() == []
    whole = send(house, path, "manager", ROSTER, "one", stated=len(ROSTER), form=FILE)
    assert (whole.status_code, whole.json["invited"]) == (200, 2)


def test_half_of_a_scan_is_not_kept(desk):
    path = f"/evidence?person=person{desk.member().removeprefix('member')}"
    scan = b"%PDF-1.7 " + bytes(300_000)

    refused = send(desk, path, "officer", scan[:200_000], "one", stated=len(scan), form=FILE)

    assert problem(refused) == (400, "bad-request")
    assert send(desk, path, "officer", scan, "one", stated=len(scan), form=FILE).status_code == 201


def test_chunks_that_are_none_are_the_clients_fault(desk):
    refused = send(desk, "/credits", "officer", Malformed(), "one")

    assert problem(refused) == (400, "bad-request")
    assert "chunks" in refused.json["detail"]


def test_a_form_that_is_cut_short_is_refused_on_a_page(desk):
    form = b"account=13800138000&csrf"

    refused = desk.client.post(
        "/ledgers/beiyuan/sign-in/code",
        content_type="application/x-www-form-urlencoded",
        environ_overrides={
            "wsgi.input": io.BytesIO(form),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": str(len(form) + 10),
        },
    )

    assert (refused.status_code, refused.mimetype) == (400, "text/html")
