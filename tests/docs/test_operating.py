"""docs/operating.md is rehearsed: its blocks are run as they stand, on real databases."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import psycopg
import pyrage
import pytest
from click.testing import CliRunner

from api import create_app
from ledger.cli import points
from ledger.config import read_settings
from ledger.journal.entry import new_id
from ledger.journal.pkcs8 import decrypt, encrypt
from ledger.programme import records
from ledger.programme.erasure import GONE_WITH_SUBJECT, destroy
from ledger.programme.opening import open_installation
from ledger.programme.people.tables import metadata
from ledger.programme.privileges import granted
from ledger.programme.recording import Change, save
from tests.cli.conftest import ROOT, make_cheap_keys
from tests.journal.live import CHEAP
from tests.postgres import PACKAGE, postgres_server

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^<!-- (rehearsal|checked): ([a-z-]+) -->\n\n```[a-z]+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
BLOCKS = {name: text for kind, name, text in BLOCK.findall(PAGE) if kind == "rehearsal"}
CHECKED = {name: text for kind, name, text in BLOCK.findall(PAGE) if kind == "checked"}
REHEARSED = {
    *("pg-setup", "pg-migrate", "pg-grants", "pg-address", "pg-backup", "pg-replace"),
    *("pg-restore", "pg-vacuum"),
    *("pg-upgrade", "pg-rollback", "init", "sqlite-backup", "sqlite-restore", "keys-backup"),
    *("evidence-backup", "evidence-restore"),
    *("roll-forward", "key-make", "key-rotate", "key-revoke"),
}
AS_POSTGRES = {"pg-setup", "pg-replace"}
KEPT = ("entry", "posting", "checkpoint")
PG_TOOLS = PACKAGE / "pginstall" / "bin"


class Shell:
    """Runs blocks of the page, each as `sh -eu`, with what the page exports."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        for name in ("data", "backup", "elsewhere"):
            (folder / name).mkdir(mode=0o700)
        (folder / "passphrase").write_text("a passphrase of the tests\n")
        (folder / "passphrase").chmod(0o600)
        own = {name: value for name, value in os.environ.items() if name[:2] not in ("PO", "PG")}
        path = [Path(sys.executable).parent, PG_TOOLS, own["PATH"]]
        self.environ = {
            **own,
            "PATH": os.pathsep.join(map(str, path)),
            "PYTHONPATH": str(ROOT),
            "POINTS_DATA": str(folder / "data"),
            "POINTS_PASSPHRASE_FILE": str(folder / "passphrase"),
            "POINTS_PUBLIC_HOST": "points.example.org",
            "BACKUP": str(folder / "backup"),
            **environ,
        }
        if "PGHOST" in environ:
            (owner,) = re.findall(r'^export OWNER="(.*)"$', PAGE, re.MULTILINE)
            self.environ["OWNER"] = owner.replace("$PGHOST", environ["PGHOST"])

    def block(self, *names: str, exits: int = 0) -> str:
        """Runs blocks of the page one after the other in one shell; what they print.

        The database's superuser is whom the page says, and elsewhere nobody.
        """
        users = {True: "export PGUSER=postgres", False: "unset PGUSER"}
        return self.run(
            "\n".join(f"{users[name in AS_POSTGRES]}\n{BLOCKS[name]}" for name in names), exits
        )

    def run(self, script: str, exits: int = 0) -> str:
        done = subprocess.run(
            ["sh", "-euc", script],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == exits, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def found(self, options: str = "") -> None:
        """Makes the first ledger as the page does, and keeps who founded it."""
        (command, *rest) = BLOCKS["init"].splitlines()
        told = orjson.loads(self.run(f"{command} --json {options}"))
        self.cheapen("data")
        self.run("\n".join(rest))
        actor, approver = (founder["person"] for founder in told["founders"])
        self.environ |= {"ACTOR": actor, "APPROVER": approver}

    def cheapen(self, name: str) -> None:
        """Keys below there cost next to nothing to open from now on; the passphrase stays."""
        passphrase = b"a passphrase of the tests"
        for file in (self.folder / name).rglob("*.pem"):
            file.write_bytes(encrypt(decrypt(file.read_bytes(), passphrase), passphrase, CHEAP))

    def points(self, *words: str, exits: int = 0) -> str:
        """What is no part of the page runs in this process, which has everything loaded."""
        environ = {name: value for name, value in self.environ.items() if name.startswith("POINTS")}
        done = CliRunner(env=environ).invoke(points, words, prog_name="points")
        assert done.exit_code == exits, f"{words} {done.output} {done.exception}"
        return done.output

    def rotate(self) -> None:
        """Something happens to the ledger."""
        people = ("--actor", self.environ["ACTOR"], "--approver", self.environ["APPROVER"])
        self.points("key", "rotate", "--ledger", "beiyuan", *people)


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """So do keys that are made in this process."""
    make_cheap_keys(monkeypatch)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of these tests' own: roles belong to a whole server."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="module")
def postgresql(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell after the page's set-up of PostgreSQL, with the service's address."""
    host = server.partition("host=")[2]
    shell = Shell(tmp_path_factory.mktemp("postgresql"), PGHOST=host)
    shell.block("pg-setup", "pg-migrate", "pg-grants", "pg-grants")
    return at_the_service_s_address(shell)


def at_the_service_s_address(shell: Shell) -> Shell:
    (address,) = re.findall(r'POINTS_DATABASE_URL="(.*)"', BLOCKS["pg-address"])
    shell.environ["POINTS_DATABASE_URL"] = address.replace("$PGHOST", shell.environ["PGHOST"])
    return shell


def test_every_block_of_the_page_is_rehearsed_here() -> None:
    assert BLOCKS.keys() == REHEARSED
    assert CHECKED.keys() == {"systemd", "nginx"}


def test_the_service_role_does_all_that_the_service_does(postgresql: Shell) -> None:
    # When the sample programme is loaded by the role that owns nothing, and every command run
    made = orjson.loads(postgresql.points("demo", "--json"))
    here = ("--ledger", made["ledger"])
    postgresql.points("expire", *here)
    postgresql.points("work", "--once")
    postgresql.points("export", str(postgresql.folder / "demo.zip"), *here)
    postgresql.points("verify", "--database", *here)
    key = pyrage.x25519.Identity.generate().to_public()
    postgresql.run(f'points backup make "$BACKUP/points.age" --to {key}')
    person = ("--person", made["founders"][0], "--role", "officer")
    token = orjson.loads(postgresql.points("token", "create", *here, *person, "--json"))["token"]
    # Then the API writes and is ready
    environ = {**postgresql.environ, "POINTS_HOST": "127.0.0.1"}
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environ.items():
            patch.setenv(variable, value)
        app = create_app(settings=read_settings(environ))
    client = app.test_client()
    assert client.get("/readyz").get_json()["status"] == "ready"
    opened = client.post(
        f"/v1/ledgers/{made['ledger']}/accounts",
        json={"kind": "member", "reference": "rehearsal:1"},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "rehearsal-1"},
    )
    assert opened.status_code == 201
    app.extensions["points"].close()


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE {table} SET ledger_id = ledger_id" for table in KEPT),
        *(f"DELETE FROM {table}" for table in KEPT),
        *(f"TRUNCATE {table}" for table in KEPT),
        *(f"DROP TRIGGER {table}_next ON {table}" for table in KEPT),
        *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in KEPT),
        "SET session_replication_role = replica",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE entry2 (seq bigint)",
        "CREATE TEMPORARY TABLE entry (seq bigint)",
        "DROP TABLE head",
        "DELETE FROM head",
        "DELETE FROM account",
        "UPDATE alembic_version SET version_num = ''",
        "GRANT UPDATE ON entry TO points_service",
    ],
)
def test_the_service_role_can_do_no_more(postgresql: Shell, statement: str) -> None:
    url = postgresql.environ["POINTS_DATABASE_URL"]
    with psycopg.connect(url) as conn, conn.cursor() as cursor:
        if statement.startswith("GRANT"):  # which PostgreSQL answers by a warning
            cursor.execute(statement)
            cursor.execute("SELECT has_table_privilege('entry', 'UPDATE')")
            assert cursor.fetchone() == (False,)
            return
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            cursor.execute(statement)  # type: ignore[arg-type]


def test_the_service_role_owns_no_table(postgresql: Shell) -> None:
    with psycopg.connect(postgresql.environ["POINTS_DATABASE_URL"]) as conn:
        rows = conn.execute(
            "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert {owner for _, owner in rows} == {"points_owner"}
    assert {table for table, _ in rows} == {*metadata.tables, "alembic_version"}


def test_postgresql_is_backed_up_restored_and_rolled_forward(postgresql: Shell) -> None:
    # Given a ledger that goes on after the daily backup, until the database is lost
    postgresql.found()
    postgresql.block("pg-backup", "pg-backup")
    postgresql.rotate()
    postgresql.block("keys-backup", "keys-backup")
    # When the page is followed, and once more
    postgresql.block("pg-replace", "pg-restore", "pg-replace", "pg-restore")
    assert "roll it forward" in postgresql.points("publish", "--ledger", "beiyuan", exits=1)
    told = postgresql.block("roll-forward")
    # Then nothing is missing, and the ledger goes on
    assert "1 entry put back, 6 in the bundle" in told
    postgresql.rotate()
    # And the tables are migrated up, down and up again by their owner
    postgresql.environ["REVISION"] = "0001"
    postgresql.block("pg-upgrade", "pg-rollback", "pg-upgrade", "pg-grants")
    postgresql.points("verify", "--database", "--ledger", "beiyuan")


def test_a_new_server_is_given_the_backup(postgresql: Shell, tmp_path: Path) -> None:
    postgresql.points("demo", "--if-missing")
    postgresql.block("pg-backup")
    with postgres_server() as url:
        shell = Shell(tmp_path, PGHOST=url.partition("host=")[2])
        shell.environ["BACKUP"] = postgresql.environ["BACKUP"]
        shell.block("pg-replace", "pg-restore")
        at_the_service_s_address(shell)
        with psycopg.connect(shell.environ["POINTS_DATABASE_URL"]) as conn:
            assert conn.execute("SELECT count(*) FROM ledger").fetchone() != (0,)


def test_a_backup_that_fails_leaves_the_one_before(postgresql: Shell, tmp_path: Path) -> None:
    shell = Shell(tmp_path, PGHOST="/nowhere")
    for name in ("points.dump", "points.db"):
        (tmp_path / "backup" / name).write_bytes(b"yesterday's")
    # When the server, and the file, are not there
    shell.block("pg-backup", exits=1)
    shell.block("sqlite-backup", exits=1)
    # Then what is there is yesterday's
    for name in ("points.dump", "points.db"):
        assert (tmp_path / "backup" / name).read_bytes() == b"yesterday's"


def test_sqlite_is_backed_up_restored_and_rolled_forward(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.found()
    shell.block("sqlite-backup", "sqlite-backup", "evidence-backup")
    kept = tmp_path / "data" / "evidence" / "beiyuan" / "a"
    kept.parent.mkdir()
    kept.write_bytes(b"sealed")
    shell.block("evidence-backup", "evidence-backup")
    kept.unlink()
    shell.rotate()
    shell.block("keys-backup", "keys-backup")
    lost = (tmp_path / "data" / "points.db").read_bytes()
    shell.block("sqlite-restore", "sqlite-restore", "evidence-restore")
    assert lost in [file.read_bytes() for file in tmp_path.glob("data/lost/*/points.db")]
    assert kept.read_bytes() == b"sealed"
    assert "roll it forward" in shell.points("publish", exits=1)
    assert "1 entry put back, 6 in the bundle" in shell.block("roll-forward")
    # And without any backup of the database, bundle, keys and high-water file are enough
    for file in (tmp_path / "data").glob("points.db*"):
        file.unlink()
    assert "points migrate" in shell.block("roll-forward", exits=1)
    shell.points("migrate")
    assert "6 entries put back" in shell.block("roll-forward")
    shell.rotate()


def test_keys_are_made_elsewhere_brought_rotated_and_revoked(tmp_path: Path) -> None:
    # Given next keys on another machine
    shell = Shell(tmp_path)
    hashes = []
    for name in ("first", "second"):
        elsewhere = {**shell.environ, "NEXT_KEYS": str(tmp_path / "elsewhere" / name)}
        shell.environ = elsewhere
        hashes.append(shell.block("key-make").strip())
    shell.cheapen("elsewhere")
    shell.found(f"--next-hash {hashes[0]}")
    # When they are brought and the keys are rotated
    shell.environ |= {
        "NEXT_KEYS": str(tmp_path / "elsewhere" / "first"),
        "NEXT_PASSPHRASE": str(tmp_path / "passphrase"),
        "NEXT_HASH": hashes[1],
    }
    assert "Generation 2 signs from entry 5 on" in shell.block("key-rotate")
    # And somebody steals these, so that they are revoked
    head = orjson.loads(shell.points("publish", "--json"))
    shell.environ |= {"SIZE": str(head["size"]), "ROOT": head["root"]}
    shell.environ["NEXT_KEYS"] = str(tmp_path / "elsewhere" / "second")
    shell.run(BLOCKS["key-rotate"].splitlines()[0])
    told = shell.block("key-revoke")
    # Then the new ones vouch for all, the old ones up to that head
    assert "vouch for nothing after the first 6 entries." in told
    bundle = str(tmp_path / "beiyuan.zip")
    shell.points("export", bundle)
    shell.points("verify", bundle, "--key-file", str(tmp_path / "beiyuan.keys"))


def test_the_unit_starts_what_there_is_and_keeps_it_in_bounds() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(CHECKED["systemd"])
    assert unit["Service"]["ExecStart"].split()[:2] == ["/opt/points/.venv/bin/points", "serve"]
    hardened = ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "PrivateDevices")
    assert all(unit["Service"][name] == "yes" for name in hardened)
    assert unit["Service"]["ProtectSystem"] == "strict"


def test_the_proxy_closes_its_braces_and_waits_longer_than_the_service() -> None:
    text = CHECKED["nginx"]
    assert text.count("{") == text.count("}")
    lines = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    assert all(re.search(r"[;{}]$", line) for line in lines)
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;\n.*proxy_send", text)
    assert int(seconds) > 60


def test_the_proxy_knows_each_bundle_and_sets_its_headers_for_all(tmp_path: Path) -> None:
    text = CHECKED["nginx"]
    plain, text = text.split("listen 443")
    assert "proxy_pass" not in plain
    # nginx passes a server's headers on to no location that sets one
    places = re.findall(r"^    location (.*?) \{\n(.*?)^    \}", text, re.MULTILINE | re.DOTALL)
    assert len(places) == text.count("location ") == text.count("proxy_pass ")
    assert not any("proxy_set_header" in inside for _, inside in places)
    for header in ("Host", "X-Forwarded-For", "X-Forwarded-Proto"):
        assert text.count(f"proxy_set_header {header} ") == 1
    # and a bundle is not kept until it is whole
    (bundle,) = (place.removeprefix("~ ") for place, inside in places if "buffering off" in inside)
    app = create_app(settings=read_settings(Shell(tmp_path).environ))
    paths = [re.sub("<.*?>", "x", str(rule)) for rule in app.url_map.iter_rules()]
    app.extensions["points"].close()
    whole = [path for path in paths if re.search(r"/bundle[^/]*$", path)]
    assert len(whole) > 1
    assert all(re.search(bundle, path) for path in whole)
    assert not any(re.search(bundle, path) for path in paths if path not in whole)


def test_the_service_erases_and_the_owner_rewrites_the_tables(postgresql: Shell) -> None:
    # Given a member whom the role that owns nothing keeps a record of
    made = orjson.loads(postgresql.points("demo", "--json"))
    environ = postgresql.environ
    member, office = new_id("member", os.urandom(16)), made["founders"][0]
    with closing(open_installation(read_settings(environ), environ)) as here:
        ledger = here.ledger(made["ledger"])
        change = Change("basics", member, member, {"phone": "13912345678"})
        save(here.database, ledger, here.clock, [change], by=office)
        # When that role erases them, and the owner does what the page says
        destroy(here.database, ledger, [member], "2026-11-24")
        postgresql.block("pg-vacuum")
        # Then nobody reads or finds them
        with here.database.reading() as conn:
            assert records.one(conn, ledger, "basics", member).fields is None
            assert records.found_by(conn, ledger, "phone", ["13912345678"]) == {"13912345678": []}


def test_the_grants_are_those_that_readiness_wants(postgresql: Shell) -> None:
    wanted = {(table, privilege) for table, privilege in granted()}
    with psycopg.connect(postgresql.environ["POINTS_DATABASE_URL"]) as conn:
        rows = conn.execute(
            "SELECT tablename, privilege FROM pg_tables,"
            " unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege"
            " WHERE schemaname = 'public' AND has_table_privilege(tablename, privilege)"
        ).fetchall()
    assert set(rows) == wanted


def test_the_service_may_delete_what_is_forgotten_and_what_goes_with_whoever_is_erased() -> None:
    deleted = re.search(r"^GRANT DELETE ON (.*) TO points_service;$", PAGE, re.MULTILINE)
    assert deleted is not None
    gone = {column.table.name for column in GONE_WITH_SUBJECT}
    assert set(deleted[1].split(", ")) == {"request", "lease", "sent_code"} | gone
