"""`/readyz` where the database's role lacks what it was to be granted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import create_app
from ledger.config import read_settings
from ledger.db import Database
from ledger.programme.opening import open_installation
from ledger.programme.privileges import granted
from tests.postgres import other_role
from tests.statements import statements


class Served:
    """A service by a role with the grants of docs/operating.md, and what changes these."""

    def __init__(self, role: str, client: Any, owner: Database, own: Database) -> None:
        self.role, self.client, self.owner, self.own = role, client, owner, own

    def run(self, statement: str) -> None:
        with self.owner.writing() as conn:
            conn.exec_driver_sql(statement.replace("ROLE", f'"{self.role}"'))

    def checks(self, status: int) -> dict[str, str]:
        answer = self.client.get("/readyz")
        assert answer.status_code == status, answer.text
        checks: dict[str, str] = answer.json["checks"]
        return checks


@pytest.fixture
def served(postgresql_url: str, postgresql_database: Database, tmp_path: Path) -> Iterator[Served]:
    with other_role(postgresql_url) as (role, url):
        environ = {
            "POINTS_DATA": str(tmp_path / "data"),
            "POINTS_DATABASE_URL": url,
            "POINTS_PASSPHRASE": "a passphrase of the tests",
        }
        installation = open_installation(read_settings(environ), environ)
        client = create_app(installation).test_client()
        made = Served(role, client, postgresql_database, installation.database)
        for table, privilege in granted():
            made.run(f"GRANT {privilege} ON {table} TO ROLE")
        made.run("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ROLE")
        yield made
        installation.close()


def test_a_role_with_all_grants_is_ready(served: Served) -> None:
    assert served.checks(200)["privileges"] == "ok"


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("INSERT ON request", "INSERT on request"),
        ("DELETE ON evidence", "DELETE on evidence"),
        ("USAGE ON SEQUENCE ledger_ledger_id_seq", "USAGE on ledger_ledger_id_seq"),
    ],
)
def test_a_grant_that_is_missing_is_named(served: Served, what: str, named: str) -> None:
    served.run(f"REVOKE {what} FROM ROLE")
    checks = served.checks(503)
    assert checks["privileges"] == f"missing: {named}; run the grants of docs/operating.md"
    assert {said for name, said in checks.items() if name != "privileges"} == {"ok"}
    served.run(f"GRANT {what} TO ROLE")
    served.checks(200)


def test_a_role_without_any_grant_is_told_so_and_not_that_the_service_failed(
    served: Served,
) -> None:
    served.run("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ROLE")
    checks = served.checks(503)
    assert checks["privileges"].startswith("missing: SELECT on alembic_version;")
    assert checks["ledgers"] == "failed; the log says why"


def test_it_is_one_statement(served: Served) -> None:
    served.checks(200)
    with statements(served.own) as seen:
        served.checks(200)
    assert len([each for each in seen if "has_table_privilege" in each.text]) == 1
