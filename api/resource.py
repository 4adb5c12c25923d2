"""Blueprints of resources: what every endpoint has, said once.

`reads`, `posts` and `deletes` put together what a view needs (action, then body or query, then the
answer's schema) and declare every status that it can give, so that a view only parses, calls the
domain once and renders.  The action is checked before anything of the body is read.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, g, request
from flask_smorest import Blueprint
from marshmallow import Schema

from api.auth import SCHEME, View, open_to_strangers, requires
from api.document import FILE, documented, problems_of
from api.parsing import BODY_BYTES_MAX, StrictParser
from api.problems import Problem

SchemaType = type[Schema]

FILE_BYTES_MAX = 20_000_000
FILE_IN_MEMORY_BYTES_MAX = 1_000_000
CHUNK_BYTES = 65_536
# What it is, its content says; so do browsers and spreadsheet programs, each in their way.
FILES = (
    FILE,
    "text/csv",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)

GUARDED = (401, 403, 404, 429, 500, 503)
READ = (400, *GUARDED, 422)
WRITE = (400, *GUARDED, 409, 413, 415, 422)

VERSION_MAX = 999_999_999
"""What a version's number can be: 9 digits, which a column for it takes."""

MATCH_PARAMETER = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "the ETag that came with what is changed: where somebody was quicker, nothing is"
    " changed and the answer says so.",
    "schema": {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$'},
}
MATCH_PARAMETERS_OF_A_FIRST: tuple[dict[str, Any], ...] = (
    MATCH_PARAMETER
    | {"required": False}
    | {"description": f"{MATCH_PARAMETER['description']} Left out for the first version alone."},
    {
        "in": "header",
        "name": "If-None-Match",
        "required": False,
        "description": "`*`, in the place of If-Match: make the first version, if there is none.",
        "schema": {"type": "string", "pattern": r"^\*$"},
    },
)

KEY_PARAMETER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "description": "1 to 255 visible ASCII characters, new for each request and the same when it"
    " is sent again: then nothing is entered twice, and the answer is the same.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


NAME_PARAMETER = {
    "in": "header",
    "name": "Content-Disposition",
    "required": False,
    "description": "the file's name, as in `attachment; filename*=UTF-8''form.pdf`: not in the"
    " address, which others write down.",
    "schema": {"type": "string"},
}


class Resource(Blueprint):
    """A blueprint whose views are declared by one decorator each."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *names: Any, **rest: Any) -> None:
        super().__init__(*names, **rest)
        # Beside the parameters of the query, which `doc(parameters=…)` would put away.
        self._prepare_doc_cbks.append(_with_headers)

    def reads(
        self,
        rule: str,
        answer: SchemaType | None,
        *,
        action: str,
        query: SchemaType | None = None,
        content_type: str | None = None,
        also: Sequence[int] = (),
    ) -> Callable[[View], View]:
        """A GET, for whoever may do the action, that answers 200 with `answer`."""

        def decorate(view: View) -> View:
            view = self._queried(view, query)
            view = _says(view, self.response(200, answer, content_type=content_type))
            return self._guarded(rule, "GET", view, action, (*READ, *also))

        return decorate

    def opens(
        self, rule: str, *, content_type: str, answer: SchemaType | None = None
    ) -> Callable[[View], View]:
        """A GET that needs no token."""

        def decorate(view: View) -> View:
            view = self._queried(view, None)
            view = _says(view, self.response(200, answer, content_type=content_type))
            return self._published(rule, "GET", view, (400, 404, 422, 500, 503))

        return decorate

    def watches(
        self,
        rule: str,
        answer: SchemaType | None,
        *,
        content_type: str | None = None,
        action: str | None = None,
    ) -> Callable[[View], View]:
        """A GET of the service's own state, which passes over any query that monitors add.

        Without an `action` it needs no token.
        """

        def decorate(view: View) -> View:
            view = _says(view, self.response(200, answer, content_type=content_type))
            if action is None:
                return self._published(rule, "GET", view, (400, 500))
            return self._guarded(rule, "GET", view, action, (400, 401, 403, 429, 500, 503))

        return decorate

    def tells(
        self, rule: str, answer: SchemaType, *, query: SchemaType | None = None
    ) -> Callable[[View], View]:
        """A GET below a ledger that needs no token, of what everybody may read."""

        def decorate(view: View) -> View:
            view = self._queried(view, query)
            view = open_to_strangers(_says(view, self.response(200, answer)))
            return self._published(rule, "GET", view, (400, 404, 422, 429, 500, 503))

        return decorate

    def takes(
        self,
        rule: str,
        answer: SchemaType,
        *,
        body: SchemaType,
        asks: SchemaType | None = None,
        status: int = 201,
    ) -> Callable[[View], View]:
        """A POST below a ledger that needs no token, such as one that gives it.

        It answers `status` with `answer`, or 200 with what it `asks` first.
        """

        def decorate(view: View) -> View:
            view = self._given(self._queried(view, None), body())
            if asks is not None:
                view = _says(view, self.alt_response(200, schema=asks, success=True))
            view = open_to_strangers(_says(view, self.response(status, answer)))
            problems = (400, 404, 409, 413, 415, 422, 429, 500, 503)
            return self._published(rule, "POST", view, problems, with_a_body=True)

        return decorate

    def posts(
        self,
        rule: str,
        answer: SchemaType | None,
        *,
        action: str,
        body: SchemaType | None = None,
        query: SchemaType | None = None,
        keyed: bool = True,
        waits: SchemaType | None = None,
        status: int = 201,
        body_bytes_max: int = BODY_BYTES_MAX,
        only_enters: bool = False,
    ) -> Callable[[View], View]:
        """A POST that answers `status` with `answer`, or 202 with `waits` for a second person.

        `keyed` ones need an Idempotency-Key.  What `only_enters` is, `auth.requires` says.
        """

        def decorate(view: View) -> View:
            view = self._queried(view, query)
            view = _bodiless(view) if body is None else self._given(view, body())
            if waits is not None:
                view = _says(view, self.alt_response(202, schema=waits, success=True))
            view = _says(view, self.response(status, answer))
            view.body_bytes_max = body_bytes_max  # type: ignore[attr-defined]
            if keyed:
                view = _says(view, self.doc(keyed=True))
            has = {"with_a_body": body is not None, "entering": keyed or waits is not None}
            return self._guarded(rule, "POST", view, action, WRITE, only_enters=only_enters, **has)

        return decorate

    def uploads(
        self,
        rule: str,
        answer: SchemaType | None,
        *,
        action: str,
        query: SchemaType,
        keyed: bool,
        named: bool = False,
        content_type: str | None = None,
        forms: Sequence[str] = FILES,
        most: int = FILE_BYTES_MAX,
        status: int = 200,
        also: Sequence[int] = (),
    ) -> Callable[[View], View]:
        """A POST of a file as it is, at most so many bytes, which the view gets open and seekable.

        `forms` are the content types under which it may come.
        """

        def decorate(view: View) -> View:
            view = self._queried(_opening(view, forms, most), query)
            view = _says(view, self.response(status, answer, content_type=content_type))
            view.body_bytes_max = most  # type: ignore[attr-defined]
            view = _says(view, self.doc(keyed=True)) if keyed else view
            view = _says(view, self.doc(named=True)) if named else view
            has = {"with_a_body": False, "entering": keyed, "file": FILE}
            return self._guarded(rule, "POST", view, action, (*WRITE, *also), **has)

        return decorate

    def puts(
        self,
        rule: str,
        answer: SchemaType,
        *,
        action: str,
        body: SchemaType,
        first: bool = False,
        matched: bool = True,
    ) -> Callable[[View], View]:
        """A PUT that answers 200 with `answer`; who sends it names, by If-Match, what they saw.

        Where it can make the `first` version too, that is asked for by `If-None-Match: *`.  Not
        `matched` is what only its owner ever changes, whose last word counts.
        """

        def decorate(view: View) -> View:
            view = self._given(self._queried(view, None), body())
            view = _says(view, self.response(200, answer))
            if matched:
                view = _says(view, self.doc(**{"matched_or_first" if first else "matched": True}))
            problems = (*WRITE, 412, 428) if matched else WRITE
            return self._guarded(rule, "PUT", view, action, problems, with_a_body=True)

        return decorate

    def deletes(
        self,
        rule: str,
        *,
        action: str,
        says: SchemaType | None = None,
        also: Sequence[int] = (),
    ) -> Callable[[View], View]:
        """A DELETE that answers 204, or 200 with what it `says` where more follows from it."""

        def decorate(view: View) -> View:
            view = _bodiless(self._queried(view, None))
            if says is not None:
                view = _says(view, self.alt_response(200, schema=says, success=True))
            view = _says(view, self.response(204))
            return self._guarded(rule, "DELETE", view, action, (400, *GUARDED, 422, *also))

        return decorate

    def _queried(self, view: View, query: SchemaType | None) -> View:
        """Gives the view its query; one that takes none gets nothing, and refuses any parameter."""
        if query is not None:
            return self._given(view, query(), location="query")
        return self._given(view, Schema(), location="query", as_kwargs=True)

    def _given(self, view: View, schema: Schema, **how: Any) -> View:
        """Gives the view what the schema makes of the body, or of another part of the request."""
        given: View = self.ARGUMENTS_PARSER.use_args(schema, **how)(view)
        return _says(given, self.arguments(schema, **how))

    def _guarded(
        self,
        rule: str,
        method: str,
        view: View,
        action: str,
        problems: Sequence[int],
        *,
        only_enters: bool = False,
        **has: Any,
    ) -> View:
        view = _says(view, self.doc(security=[{SCHEME: []}]))
        view = requires(action, only_enters=only_enters)(view)
        return self._published(rule, method, view, problems, **has)

    def _published(
        self,
        rule: str,
        method: str,
        view: View,
        problems: Sequence[int],
        *,
        with_a_body: bool = False,
        entering: bool = False,
        file: str | None = None,
    ) -> View:
        operation = f"{method} {spelled((self.url_prefix or '') + rule)}"
        known = problems_of(operation, with_a_body=with_a_body, entering=entering)
        # What a class of operations can meet, without what this one cannot.
        met = {status: known[status] for status in problems if status in known}
        more = documented(operation, met)
        if file is not None:
            content = {file: {"schema": {"type": "string", "format": "binary"}}}
            more.setdefault("requestBody", {}).setdefault("content", {}).setdefault(file, {})
            more["requestBody"]["content"][file] |= content[file]
            more["requestBody"]["required"] = True
        published: View = self.route(rule, methods=[method])(_says(view, self.doc(**more)))
        return published


def _with_headers(doc: dict[str, Any], info: dict[str, Any], **_: Any) -> dict[str, Any]:
    manual = info.get("manual_doc", {})
    for name, parameters in _HEADERS.items():
        if manual.pop(name, False):
            doc.setdefault("parameters", []).extend(parameters)
    return doc


_HEADERS: dict[str, tuple[dict[str, Any], ...]] = {
    "keyed": (KEY_PARAMETER,),
    "named": (NAME_PARAMETER,),
    "matched": (MATCH_PARAMETER,),
    "matched_or_first": MATCH_PARAMETERS_OF_A_FIRST,
}


def seen_version(*, first: bool = False) -> int:
    """The version that the request's If-Match names; `Problem` where it names none.

    Where there may be no `first` version yet, it is 0 for `If-None-Match: *`.
    """
    value, none = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    if first and none is not None:
        if value is not None or none != "*":
            raise Problem("match-form", "Send If-None-Match as *, alone, or If-Match.")
        return 0
    if value is None:
        raise Problem(
            "match-missing",
            "Send If-Match with the ETag that came with what you change, so that you overwrite"
            " nobody's change.",
        )
    found = _ETAG.fullmatch(value)
    if found is None:
        raise Problem("match-form", 'If-Match is one ETag as it came, such as "3".')
    return int(found[1])


def with_etag(response: Response, version: int) -> Response:
    """Names the version that an answer shows."""
    response.headers["ETag"] = f'"{version}"'
    return response


_ETAG = re.compile(r'"([1-9][0-9]{0,8})"', re.ASCII)


def spelled(rule: str) -> str:
    """A rule as OpenAPI spells it: `<seq:seq>` is `{seq}`."""
    return re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule)


def _says(view: View, describe: Callable[[View], View]) -> View:
    """The view with what `describe` adds to its description.

    What flask-smorest wraps around it for that only costs time with each request: a view makes its
    `Response` itself.
    """
    vars(view)["_apidoc"] = vars(describe(view))["_apidoc"]
    return view


def _bodiless(view: View) -> View:
    """Refuses what would be ignored."""

    @wraps(view)
    def checked(*args: Any, **path: Any) -> Any:
        if request.get_data() not in (b"", b"{}"):
            raise Problem("bad-request", "This request takes no body: send none.")
        return view(*args, **path)

    return checked


def _opening(view: View, forms: Sequence[str], most: int) -> View:
    """Gives the view the body as a file, kept on disk where it is long."""

    @wraps(view)
    def opened(query: dict[str, Any], **path: Any) -> Any:
        if request.mimetype not in forms:
            raise Problem("content-type", f"Send the file as it is, with Content-Type: {FILE}.")
        digest, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(max_size=FILE_IN_MEMORY_BYTES_MAX) as file:
            while chunk := request.stream.read(CHUNK_BYTES):
                size += len(chunk)
                if size > most:
                    raise Problem("too-large", f"Send at most {most:,} bytes.")
                digest.update(chunk)
                file.write(chunk)
            g.body = {"file": digest.hexdigest(), "query": query}  # for the fingerprint
            file.seek(0)
            return view(query, file, **path)

    return opened


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    """JSON, as UTF-8."""
    response = Response(orjson.dumps(body), status, mimetype="application/json")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def page(
    name: str, items: list[Any], cursor: str, following: object | None, **beside: Any
) -> Response:
    """A page of a list, with a Link to the next one while there may be more.

    `beside` are further members of the body; what is `as_of` an entry stays so on the next page.
    """
    response = answer({**beside, name: items})
    if following is not None:
        query = request.args.to_dict() | {cursor: str(following)}
        if "as_of" in beside:
            query.pop("as_of_time", None)
            query["as_of"] = str(beside["as_of"])
        response.headers["Link"] = f'<{request.path}?{urlencode(query)}>; rel="next"'
    return response
