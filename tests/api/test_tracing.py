"""Each request has an id and one line in the log, which tells nothing of whom it was about."""

import json
import os
import re

import pytest
import structlog

from api import tracing
from ledger.logs import configure_logging
from ledger.programme import deeds

SENT = "0123456789abcdef0123456789abcdef"
NAME = "zhangsan-13800138000"


@pytest.fixture(autouse=True)
def restored():
    yield
    structlog.reset_defaults()


def test_an_id_of_a_safe_form_is_taken_and_any_other_is_not(desk, subtests):
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    for sent in (SENT, uuid, SENT.upper(), uuid.upper(), "A" * 32):
        with subtests.test(sent=sent):
            answer = desk.ask("GET", desk.base, "auditor", X_Request_Id=sent)
            assert answer.headers["X-Request-Id"] == sent
    for sent in ("", NAME, "110105194912310021", SENT + "0", SENT[:-1] + "G", uuid[:-1] + "\u00e9"):
        with subtests.test(sent=sent):
            answer = desk.ask("GET", desk.base, "nobody", X_Request_Id=sent)
            assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
            assert answer.headers["X-Request-Id"] != sent


def test_ids_are_made_once_though_a_process_forks():
    # given a process that makes ids, and another one that begins as its copy
    before = tracing._new_id()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, tracing._new_id().encode())
        os._exit(0)

    # when both of them make one
    os.waitpid(child, 0)
    theirs, ours = os.read(reading, 32).decode(), tracing._new_id()

    # then no id is made twice
    assert len({before, theirs, ours}) == 3
    for each in (before, theirs, ours):
        assert re.fullmatch("[0-9a-f]{32}", each)


def test_a_line_tells_the_route_and_not_what_was_asked(desk, capsys):
    # given a log
    configure_logging()
    member = desk.member()
    capsys.readouterr()

    # when something is read, something refused, and something not served at all
    desk.ask("GET", f"{desk.base}/accounts?reference={NAME}", "auditor", X_Request_Id=SENT)
    desk.post("/debits", {"account": member, "amount": 987_654_321}, key=NAME)
    desk.ask("GET", f"/{NAME}", "nobody", Cookie=f"session={NAME}")

    # then there is a line each, of routes
    text = capsys.readouterr().err
    read, refused, unknown = (json.loads(line) for line in text.splitlines())
    assert (read["request_id"], read["method"], read["status"]) == (SENT, "GET", 200)
    assert read["route"] == "/v1/ledgers/<ledger:ledger>/accounts"
    assert (read["ledger"], read["token"].partition("/")[0]) == ("beiyuan", "token")
    assert (refused["status"], refused["ms"] > 0) == (409, True)
    assert (unknown["route"], unknown["status"], "ledger" in unknown) == ("-", 404, False)
    # and nothing of what was in them
    for secret in (NAME, member, "987654321", *filter(None, desk.tokens.values())):
        assert secret not in text


def test_a_fault_bears_the_requests_id_and_none_of_its_words(desk, capsys, monkeypatch):
    # given something that nobody foresaw
    configure_logging()
    member = desk.member()

    def fail(*_, **__):
        raise RuntimeError(f"cannot enter {NAME} of {member}")

    monkeypatch.setattr(deeds, "command_of", fail)
    capsys.readouterr()

    # when it happens
    body = {"account": member, "amount": 25, "budget": desk.budget}
    headers = {"Authorization": f"Bearer {desk.tokens['officer']}", "Idempotency-Key": NAME}
    answer = desk.client.post(f"{desk.base}/credits", json=body, headers=headers)

    # then answer and log know the request by one id
    assert (answer.status_code, answer.json["type"]) == (500, "/problems/internal")
    request_id = answer.headers["X-Request-Id"]
    assert answer.json["request_id"] == request_id
    text = capsys.readouterr().err
    told = [json.loads(line) for line in text.splitlines()]
    assert [each["request_id"] for each in told] == [request_id] * 2
    assert told[0]["errors"] == ["RuntimeError"]
    for secret in (NAME, member, *filter(None, desk.tokens.values())):
        assert secret not in text
        assert secret not in answer.text
