"""The proof of one account's balance, made and checked offline.

A proof is one JSON object in the encoding of RFC 8785, at most 3,000,000 bytes, of just these
members::

    format   "points-balance/1"
    leaf     [account, balance, held, count, last, nonce]: the account's leaf in the state tree
    path     0 to 53 pairs [side, hash]: from the leaf up, each hash (base64 of 32 bytes) and
             whether it stands "left" or "right" of what it is hashed with
    receipt  the receipt of the `state` entry, as text

It names neither the place of the leaf nor the number of accounts: no signature covers them. To
check it:

1. It is read; anything but the canonical encoding of such an object is refused.
2. Its receipt is checked as `receipts.py` does, and is of an entry of type `state`.
3. The hash of the leaf's JCS, hashed up along the path, is the entry's `root`.

Source: docs/journal.md, rule 12.
"""

from __future__ import annotations

import base64
import re
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ledger.audit.faults import BalanceFault
from ledger.audit.receipts import ReceiptReport, verify_receipt
from ledger.journal.entry import ACCOUNT, NONCE, POINTS_MAX
from ledger.journal.statetree import Step
from ledger.tlog.merkle import HASH_BYTES, leaf_hash, node_hash
from ledger.tlog.note import Verifier
from ledger.tlog.proof import HASHES_MAX

FORMAT = "points-balance/1"
BALANCE_BYTES_MAX = 3_000_000

_ACCOUNT = re.compile(ACCOUNT.text.encode(), re.ASCII)
_NONCE = re.compile(NONCE.text.encode(), re.ASCII)


@dataclass(frozen=True, slots=True)
class BalanceReport:
    """What an account had after the entry `receipt.seq`, at `receipt.entry["at"]`.

    `balance` is its own, `held` what its open holds had; `count` postings, the last of them `last`.
    """

    account: str
    balance: int
    held: int
    count: int
    last: int
    receipt: ReceiptReport

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "account": self.account,
            "balance": self.balance,
            "held": self.held,
            "count": self.count,
            "last": self.last,
            **self.receipt.to_json(),
        }


def encode_balance(leaf: bytes, path: Sequence[Step], receipt: bytes) -> bytes:
    """The proof as a file: a leaf's bytes, the path from it, the receipt of the `state` entry."""
    return orjson.dumps(
        {
            "format": FORMAT,
            "leaf": orjson.loads(leaf),
            "path": [[side, base64.b64encode(each).decode()] for side, each in path],
            "receipt": receipt.decode(),
        }
    )


def verify_balance(raw: bytes, trusted: Sequence[Verifier] | None = None) -> BalanceReport:
    """What the proof `raw` proves; BalanceFault or ReceiptFault where it proves nothing."""
    leaf, path, receipt = _parsed(raw)  # Step 1.
    report = verify_receipt(receipt, trusted)  # Step 2.
    if report.entry["type"] != "state":
        raise BalanceFault(f"its receipt is of a `{report.entry['type']}`, wanted one of a `state`")
    value = leaf_hash(orjson.dumps(leaf))  # Step 3.
    for side, each in path:
        value = node_hash(each, value) if side == "left" else node_hash(value, each)
    root = base64.b64encode(value).decode()
    if root != report.entry["root"]:
        raise BalanceFault(
            f"leaf and path lead to the root {root}, entry {report.seq} states"
            f" {report.entry['root']}"
        )
    account, balance, held, count, last, _ = leaf
    return BalanceReport(account, balance, held, count, last, report)


def _parsed(raw: bytes) -> tuple[list[Any], list[Step], bytes]:
    """Leaf, path and receipt of a proof whose every byte is as it should be."""
    if len(raw) > BALANCE_BYTES_MAX:
        raise BalanceFault(f"it has over {BALANCE_BYTES_MAX:,} bytes: it is no balance proof")
    try:
        proof = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BalanceFault("it is no balance proof: it is not JSON") from error
    members = ["format", "leaf", "path", "receipt"]
    if not isinstance(proof, dict) or sorted(proof) != members or proof["format"] != FORMAT:
        raise BalanceFault(f"it is no balance proof: wanted {', '.join(members)} of {FORMAT}")
    if not isinstance(proof["receipt"], str):
        raise BalanceFault("its receipt is no text")
    leaf, path = _leaf(proof["leaf"]), _path(proof["path"])
    if orjson.dumps(proof, option=orjson.OPT_SORT_KEYS) != raw:
        raise BalanceFault("it is not in the one canonical encoding (RFC 8785)")
    return leaf, path, proof["receipt"].encode()


def _leaf(leaf: Any) -> list[Any]:
    if not isinstance(leaf, list) or len(leaf) != 6:
        raise BalanceFault("its leaf does not have six values")
    account, *numbers, nonce = leaf
    whole = all(type(each) is int and abs(each) <= POINTS_MAX for each in numbers)
    if not whole or min(numbers[1:]) < 0:
        raise BalanceFault("its leaf has a number that is none, or is out of range")
    for form, value in ((_ACCOUNT, account), (_NONCE, nonce)):
        if not isinstance(value, str) or not form.fullmatch(orjson.dumps(value)):
            raise BalanceFault("its leaf names no account, or has no nonce")
    return leaf


def _path(path: Any) -> list[Step]:
    if not isinstance(path, list) or len(path) > HASHES_MAX:
        raise BalanceFault(f"its path is no list of at most {HASHES_MAX} hashes")
    steps = []
    for step in path:
        if not (isinstance(step, list) and len(step) == 2 and step[0] in ("left", "right")):
            raise BalanceFault("its path has something else than a side and a hash")
        steps.append((step[0], _hash(step[1])))
    return steps


def _hash(text: Any) -> bytes:
    try:
        value = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (Base64Error, ValueError):
        value = b""
    if len(value) != HASH_BYTES or base64.b64encode(value).decode() != text:
        raise BalanceFault("its path has a hash that is none")
    return value
