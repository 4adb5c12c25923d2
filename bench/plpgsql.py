"""The peer of the appends: a plain ledger in PL/pgSQL, the same kind of posting, under pgbench.

As many such ledgers are written: a table of accounts with balances, a table of transfers, a table
of lines with the balance after each, and a function that locks both accounts in order, checks the
floor, and writes.  Every transfer is from one hot account, each a transaction of its own.  No log
is signed, no key is remembered, no date kept.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import psycopg

from bench.peers import CLIENTS, JOBS, pgbench

MEMBERS = 1_000

SCHEMA = f"""
CREATE TABLE account (
  id bigint PRIMARY KEY,
  balance bigint NOT NULL,
  version bigint NOT NULL,
  floor bigint NOT NULL
);
CREATE TABLE transfer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  giver bigint NOT NULL REFERENCES account,
  receiver bigint NOT NULL REFERENCES account,
  amount bigint NOT NULL CHECK (amount > 0),
  at timestamptz NOT NULL
);
CREATE TABLE line (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account bigint NOT NULL REFERENCES account,
  transfer bigint NOT NULL REFERENCES transfer,
  amount bigint NOT NULL,
  balance_before bigint NOT NULL,
  balance_after bigint NOT NULL,
  version bigint NOT NULL
);
CREATE INDEX ON line (account, version);

CREATE FUNCTION post(a bigint, b bigint, points bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  giver account;
  receiver account;
  made bigint;
BEGIN
  PERFORM FROM account WHERE id IN (a, b) ORDER BY id FOR UPDATE;
  UPDATE account SET balance = balance - points, version = version + 1
    WHERE id = a RETURNING * INTO giver;
  UPDATE account SET balance = balance + points, version = version + 1
    WHERE id = b RETURNING * INTO receiver;
  IF giver.balance < giver.floor THEN
    RAISE EXCEPTION 'account % has % points, % are needed', a, giver.balance + points, points;
  END IF;
  INSERT INTO transfer (giver, receiver, amount, at) VALUES (a, b, points, clock_timestamp())
    RETURNING id INTO made;
  INSERT INTO line (account, transfer, amount, balance_before, balance_after, version) VALUES
    (a, made, -points, giver.balance + points, giver.balance, giver.version),
    (b, made, points, receiver.balance - points, receiver.balance, receiver.version);
  RETURN made;
END $$;

INSERT INTO account SELECT id, 0, 0, CASE id WHEN 0 THEN -1000000000000 ELSE 0 END
  FROM generate_series(0, {MEMBERS}) AS id;
"""

SCRIPT = f"""\\set receiver random(1, {MEMBERS})
SELECT post(0, :receiver, 25);
"""


def prepare_plpgsql(url: str) -> None:
    """Makes the ledger: one account that may go below zero, a thousand that may not."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(SCHEMA)


def plpgsql_per_second(url: str, seconds: int) -> float:
    """Transfers a second from the hot account, with as many clients as TPC-B has."""
    with tempfile.TemporaryDirectory(prefix="points-bench-") as folder:
        script = Path(folder) / "post.sql"
        script.write_text(SCRIPT)
        return pgbench(
            url,
            f"--client={CLIENTS}",
            f"--jobs={JOBS}",
            "--protocol=prepared",
            f"--time={seconds}",
            "--no-vacuum",
            f"--file={script}",
        )
