"""Commitments: 32 bytes that bind all fields of a record's version; single ones can be shown.

The commitment is the RFC 6962 root over one leaf per field, in order of their names, under a first
leaf that says whose fields they are:

    0   JCS({context: "points/commitment/v1", ledger, kind, id, version})
    n   JCS({field, salt, value})

A field's salt is 32 bytes, HKDF-SHA256 from the version's 32 random bytes, without which a short
value could be guessed from its leaf.  `ledger` is the origin of the log.

A disclosure is JSON: the first leaf's values, the size of the tree, and for each field shown its
place in the tree, salt, value and path.  `check_disclosure` needs nothing else but the commitment.

No database here.  Sources: RFC 6962 section 2.1, RFC 8785, RFC 5869; `docs/records.md`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from ledger.errors import PointsError
from ledger.journal.entry import to_base64
from ledger.journal.sealing import derived
from ledger.tlog.errors import TlogError
from ledger.tlog.merkle import (
    check_inclusion,
    leaf_hash,
    node_hash,
    prove_inclusion,
    root_of,
)

CONTEXT = "points/commitment/v1"
SEED_BYTES = 32
FIELDS_MAX = 200
DEPTH_MAX = 8
INTEGER_MAX = 2**53 - 1

_SALT_CONTEXT = b"points/commitment/v1/salt\n"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)

Fields = Mapping[str, Any]
Disclosure = dict[str, Any]


class FieldRefused(PointsError):
    """A field's name or value cannot be kept in a record."""

    code = "field"


class NotShown(PointsError):
    """A disclosure does not show what it says, or not under this commitment."""

    code = "disclosure"


class Place(NamedTuple):
    """Where a version of a record belongs; `ledger` is the origin of its log."""

    ledger: str
    kind: str
    id: str
    version: int


def check_fields(fields: Fields) -> None:
    """`FieldRefused` unless all of it can be written as JCS and comes back as it was.

    Names are `[a-z][a-z0-9_]*`; values are text, integers within ±(2^53-1), booleans, null, and
    lists and objects of these.  The refusal names the field, never its value.
    """
    if not 1 <= len(fields) <= FIELDS_MAX:
        raise FieldRefused(f"A record has 1 to {FIELDS_MAX} fields, not {len(fields)}.")
    for name, value in fields.items():
        if not _NAME.fullmatch(name):
            raise FieldRefused(
                "A field's name is 1 to 63 lower-case letters, digits and underscores, a letter"
                " first."
            )
        if not _is_plain(value, DEPTH_MAX):
            raise FieldRefused(
                f"The field {name} holds something else than text, whole numbers, truth values and"
                f" lists or objects of these, at most {DEPTH_MAX} deep."
            )


def commitment_of(place: Place, fields: Fields, seed: bytes) -> bytes:
    """The 32 bytes that bind these fields; `seed` are the version's own 32 random bytes."""
    return root_of([leaf_hash(leaf) for leaf in _leaves(place, fields, seed)])


def disclose(place: Place, fields: Fields, seed: bytes, names: Collection[str]) -> Disclosure:
    """What shows the fields of these names, and nothing of the others but how many there are.

    `FieldRefused` for a name that the record does not have.
    """
    unknown = set(names) - fields.keys()
    if unknown:
        raise FieldRefused(f"The record has no field {min(unknown)[:63]!r}.")
    hashes = [leaf_hash(leaf) for leaf in _leaves(place, fields, seed)]
    shown = []
    for index, name in enumerate(sorted(fields), start=1):
        if name in names:
            values = {"field": name, "salt": to_base64(_salt(seed, name)), "value": fields[name]}
            shown.append({"index": index, "path": _path(index, hashes), **values})
    first = {**place._asdict(), "context": CONTEXT, "path": _path(0, hashes)}
    return {"record": first, "size": len(hashes), "fields": shown}


def check_disclosure(disclosure: Any, commitment: bytes) -> tuple[Place, dict[str, Any]]:
    """Whose fields are shown, and the fields; `NotShown` unless all are under `commitment`."""
    try:
        record, size = disclosure["record"], disclosure["size"]
        place = Place(*(record[name] for name in Place._fields))
        if disclosure.keys() != {"record", "size", "fields"} or record["context"] != CONTEXT:
            raise NotShown("This is not a disclosure of the form that docs/records.md describes.")
        _check_leaf(_jcs(_without(record, "path")), 0, size, record["path"], commitment)
        fields: dict[str, Any] = {}
        for shown in disclosure["fields"]:
            leaf = _without(shown, "index", "path")
            if leaf.keys() != {"field", "salt", "value"} or shown["index"] == 0:
                raise NotShown("A field of the disclosure is not of the form that is wanted.")
            if leaf["field"] in fields:
                raise NotShown("The disclosure shows a field twice.")
            _check_leaf(_jcs(leaf), shown["index"], size, shown["path"], commitment)
            fields[leaf["field"]] = leaf["value"]
    except (TlogError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotShown("The disclosure does not lead to the commitment, or is damaged.") from error
    return place, fields


# --- leaves and paths ----------------------------------------------------------------------------


def _leaves(place: Place, fields: Fields, seed: bytes) -> Iterable[bytes]:
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a version has {SEED_BYTES} random bytes, got {len(seed)}")
    yield _jcs({**place._asdict(), "context": CONTEXT})
    for name in sorted(fields):
        salt = to_base64(_salt(seed, name))
        yield _jcs({"field": name, "salt": salt, "value": fields[name]})


def _salt(seed: bytes, name: str) -> bytes:
    return derived(seed, _SALT_CONTEXT + name.encode("ascii"))


def _jcs(value: Any) -> bytes:
    # orjson orders keys by code point, JCS by UTF-16: the same for the keys that are let in.
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _path(index: int, hashes: list[bytes]) -> list[str]:
    def subtree(level: int, at: int) -> bytes:
        if level == 0:
            return hashes[at]
        return node_hash(subtree(level - 1, 2 * at), subtree(level - 1, 2 * at + 1))

    return [to_base64(each) for each in prove_inclusion(index, len(hashes), subtree)]


def _check_leaf(leaf: bytes, index: int, size: int, path: list[str], root: bytes) -> None:
    if type(index) is not int or type(size) is not int or size > FIELDS_MAX + 1:
        raise NotShown("The disclosure's tree is not one of a record's.")
    hashes = [base64.b64decode(each, validate=True) for each in path]
    if [to_base64(each) for each in hashes] != path:
        raise NotShown("A hash of the disclosure is not spelt as it should be.")
    check_inclusion(leaf_hash(leaf), index, size, hashes, root)


def _without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _is_plain(value: Any, depth: int) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        return _is_whole(value)
    if type(value) is int:
        return -INTEGER_MAX <= value <= INTEGER_MAX
    if depth == 0:
        return False
    if isinstance(value, list):
        return all(_is_plain(each, depth - 1) for each in value)
    return type(value) is dict and all(
        isinstance(key, str) and key.isascii() and _is_plain(each, depth - 1)
        for key, each in value.items()
    )


def _is_whole(text: str) -> bool:
    """Whether no half of a character is in it (a lone surrogate)."""
    return not any("\ud800" <= each <= "\udfff" for each in text)
