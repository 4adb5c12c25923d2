"""Keys, high-water files and evidence that are missing, damaged or cannot be written."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from ledger.errors import LedgerStopped
from ledger.installation import Installation
from ledger.journal import log
from tests.api.conftest import PASSPHRASE, Desk
from tests.cli.conftest import Terminal
from tests.cli.test_serving import _free_port
from tests.faults.conftest import Customer
from tests.faults.page import FAULTS

KEY = "log-1.ed25519.pem"


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_that_is_missing(customer: Customer, here: Installation) -> None:
    away = unplug(here.settings.keys / "beiyuan" / KEY)
    start_again(here)
    customer.meets("keys-unusable")
    customer.meets("keys-unusable")

    put_back(away)

    customer.is_served_again()


def start_again(here: Installation) -> None:
    """Forgets the ledger, as a process that was started just now."""
    here._open.pop("beiyuan").publisher.stop()


def unplug(path: Path) -> Path:
    """Moves a file away; where it is then."""
    away = path.with_name(f"{path.name}.away")
    return path.rename(away)


def put_back(away: Path) -> None:
    """Moves it back."""
    away.rename(away.with_suffix(""))


@pytest.fixture
def stopped_service(desk: Desk, database_url: str) -> Terminal:
    """A service that ran and was stopped; its terminal, to start it again."""
    here = desk.installation
    terminal = Terminal(here.settings.data, database_url)
    terminal.environ |= {"POINTS_PASSPHRASE": PASSPHRASE, "POINTS_PORT": str(_free_port())}
    return terminal


def refuses_to_start(terminal: Terminal, test: str) -> None:
    """One sentence on stderr, the table's."""
    sentence = FAULTS[test].sees
    assert isinstance(sentence, str)
    assert sentence in terminal.complaint("serve")


def test_a_start_without_a_key(stopped_service: Terminal) -> None:
    unplug(stopped_service.data / "keys" / "beiyuan" / KEY)

    refuses_to_start(stopped_service, "test_a_start_without_a_key")


def test_a_start_with_a_wrong_passphrase(stopped_service: Terminal) -> None:
    stopped_service.environ["POINTS_PASSPHRASE"] = "another"

    refuses_to_start(stopped_service, "test_a_start_with_a_wrong_passphrase")


def test_a_start_without_a_server(stopped_service: Terminal, tmp_path: Path) -> None:
    stopped_service.environ["POINTS_DATABASE_URL"] = f"postgresql:///points?host={tmp_path}"

    refuses_to_start(stopped_service, "test_a_start_without_a_server")


# --- the high-water file --------------------------------------------------------------------------


@pytest.fixture
def mark(here: Installation) -> Path:
    """The high-water file."""
    return here.settings.high_water / "beiyuan"


def newest_head(here: Installation) -> bytes:
    """The first three lines of the newest checkpoint, as everybody can get them."""
    with here.database.reading() as conn:
        newest = log.latest_checkpoint(conn, here.ledger("beiyuan").id)
    assert newest is not None
    return b"".join(newest.note.splitlines(keepends=True)[:3])


@pytest.mark.parametrize("content", [b"", b"points", bytes(100)])
def test_a_high_water_file_that_is_damaged(
    customer: Customer, here: Installation, mark: Path, content: bytes
) -> None:
    mark.write_bytes(content)
    customer.meets("ledger-stopped")
    customer.meets("ledger-stopped")
    assert customer.desk.get("").status_code == 200

    mark.write_bytes(newest_head(here))

    customer.is_served_again()


def test_a_high_water_file_that_is_missing(
    customer: Customer, here: Installation, mark: Path
) -> None:
    mark.unlink()
    customer.meets("ledger-stopped")
    customer.meets("ledger-stopped")

    mark.write_bytes(newest_head(here))

    customer.is_served_again()


def test_a_start_without_a_high_water_file(
    customer: Customer, here: Installation, mark: Path
) -> None:
    mark.unlink()
    start_again(here)
    customer.meets("ledger-stopped")

    mark.write_bytes(newest_head(here))

    customer.is_served_again()


def test_a_high_water_file_that_cannot_be_written(
    customer: Customer, here: Installation, mark: Path
) -> None:
    in_the_way = mark.with_name("beiyuan.new")
    in_the_way.mkdir()
    customer.is_served()
    with pytest.raises(LedgerStopped, match="cannot be written"):
        here.ledger("beiyuan").publisher.publish()
    customer.meets("ledger-stopped")

    in_the_way.rmdir()

    customer.is_served_again()


# --- evidence -------------------------------------------------------------------------------------

SCAN = b"%PDF-1.7 and so on"


def send_scan(customer: Customer, key: str) -> TestResponse:
    """A scan of the customer's, sent to the office."""
    person = "person" + customer.member.removeprefix("member")
    return customer.desk.post(f"/evidence?person={person}", SCAN, key=key)


def test_evidence_that_cannot_be_written(customer: Customer, here: Installation) -> None:
    here.settings.evidence.touch()  # in the place of the directory
    customer.notes(send_scan(customer, "one"))
    customer.notes(send_scan(customer, "one"))
    customer.is_served()

    here.settings.evidence.unlink()

    kept = send_scan(customer, "one")
    assert kept.status_code == 201
    path = kept.json["id"].replace("evidence/", "/evidence/")
    assert customer.desk.get(f"{path}/file", "officer").data == SCAN
    customer.is_served_again()


def test_evidence_that_is_missing(customer: Customer, here: Installation) -> None:
    kept = send_scan(customer, "one").json
    path = kept["id"].replace("evidence/", "/evidence/")
    (file,) = (here.settings.evidence / "beiyuan").iterdir()
    away = unplug(file)
    customer.notes(customer.desk.get(f"{path}/file", "officer"))
    assert customer.desk.get(path, "officer").json == kept
    customer.is_served()

    put_back(away)

    assert customer.desk.get(f"{path}/file", "officer").data == SCAN
    customer.is_served_again()


# --- the service's log ----------------------------------------------------------------------------


def test_a_log_that_nobody_reads_any_more(stopped_service: Terminal) -> None:
    # given a service whose log goes to a pipe, and then to nobody
    with stopped_service.start("serve", "--workers", 1) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline().startswith("Two-Way Points serves")
            asked = ("/v1/ledgers/beiyuan", "/readyz")
            before = [status_of(stopped_service, path) for path in asked]
            assert '"event":"request"' in process.stderr.readline()
            # when its reader goes, then the answers are the same
            process.stderr.close()
            for _ in range(3):
                assert [status_of(stopped_service, path) for path in asked] == before == [401, 200]
        finally:
            process.terminate()


def status_of(service: Terminal, path: str) -> int:
    """What a client that has no token gets."""
    client = HTTPConnection("127.0.0.1", int(service.environ["POINTS_PORT"]), timeout=30)
    with closing(client):
        client.request("GET", path)
        return client.getresponse().status
