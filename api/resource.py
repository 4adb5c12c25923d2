"""Blueprints of resources: what every endpoint has, said once.

`reads`, `posts` and `deletes` put together what a view needs (action, then body or query, then the
answer's schema) and declare every status that it can give, so that a view only parses, calls the
domain once and renders.  The action is checked before anything of the body is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema

from api.auth import SCHEME, View, open_to_strangers, requires
from api.document import FILE, documented, problems_of
from api.parsing import BODY_BYTES_MAX, StrictParser
from api.replays import replaying
from api.uploads import FILE_BYTES_MAX, FILES, bodiless, opening
from api.versions import MATCH_PARAMETER, MATCH_PARAMETERS_OF_A_FIRST

SchemaType = type[Schema]

GUARDED = (401, 403, 404, 429, 500, 503)
READ = (400, *GUARDED, 422)
WRITE = (400, *GUARDED, 409, 413, 415, 422)

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
        replays: bool = False,
    ) -> Callable[[View], View]:
        """A POST that answers `status` with `answer`, or 202 with `waits` for a second person.

        `keyed` ones need an Idempotency-Key, and say it where they answer once more; so does what
        `replays` without one.  What `only_enters` is, `auth.requires` says.
        """

        def decorate(view: View) -> View:
            view = self._queried(view, query)
            view = bodiless(view) if body is None else self._given(view, body())
            if waits is not None:
                view = _says(view, self.alt_response(202, schema=waits, success=True))
            view = _says(view, self.response(status, answer))
            view.body_bytes_max = body_bytes_max  # type: ignore[attr-defined]
            view = self._keyed(view) if keyed else replaying(view) if replays else view
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
            view = self._queried(opening(view, forms, most), query)
            view = _says(view, self.response(status, answer, content_type=content_type))
            view.body_bytes_max = most  # type: ignore[attr-defined]
            view = self._keyed(view) if keyed else view
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
            view = bodiless(self._queried(view, None))
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

    def _keyed(self, view: View) -> View:
        return _says(replaying(view), self.doc(keyed=True))

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
