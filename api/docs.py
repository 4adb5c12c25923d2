"""Pages for people: the OpenAPI document as HTML at `/v1/docs`, and what each problem means.

Plain pages, made by our own templates: nothing is loaded from elsewhere, no script runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from flask import Blueprint, Response, abort, current_app, render_template

from api.openapi import document
from api.problems import MIMETYPE, PROBLEMS

POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
GROUPS = {
    "request": "The request itself",
    "caller": "Who asks",
    "named": "What is asked about",
    "book": "Rules of the book",
    "programme": "The programme around the book",
    "service": "The service",
}

blueprint = Blueprint("docs", __name__, template_folder="templates")


class Row(NamedTuple):
    """A field or parameter as a table shows it."""

    name: str
    type: str
    required: bool
    says: str


class Document:
    """The OpenAPI document, in the order and words in which a page shows it."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = spec

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Each resource with its sentence and its operations."""
        found: dict[str, dict[str, Any]] = {
            tag["name"]: {"says": tag.get("description", ""), "operations": []}
            for tag in self._spec["tags"]
        }
        for path, item in self._spec["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    shown = self._operation(method, path, operation, item.get("parameters", ()))
                    found[operation["tags"][0]]["operations"].append(shown)
        return found

    def _operation(
        self, method: str, path: str, operation: Mapping[str, Any], shared: Any
    ) -> dict[str, Any]:
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        answers = [
            self._answer(status, kind, content)
            for status, response in sorted(operation["responses"].items())
            for kind, content in (response.get("content") or {"": {}}).items()
            if kind != MIMETYPE
        ]
        problems = {
            status: list(content["examples"])
            for status, response in sorted(operation["responses"].items())
            for kind, content in response.get("content", {}).items()
            if kind == MIMETYPE
        }
        return {
            "id": f"{method}-{path.strip('/').replace('{', '').replace('}', '').replace('/', '-')}",
            "method": method.upper(),
            "path": path,
            "summary": operation["summary"],
            "says": operation.get("description", ""),
            "open": "security" not in operation,
            "parameters": [
                _parameter(each) for each in (*shared, *operation.get("parameters", ()))
            ],
            "body": list(self._rows(body["schema"])) if body else [],
            "answers": answers,
            "problems": problems,
            "samples": operation.get("x-codeSamples", []),
        }

    def _answer(self, status: str, kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
        schema = content.get("schema")
        return {
            "status": status,
            "type": kind,
            "fields": list(self._rows(schema)) if schema and kind == "application/json" else [],
            "examples": list(content.get("examples", {}).values()),
        }

    def _rows(self, schema: Mapping[str, Any], above: str = "") -> Iterator[Row]:
        schema = self._resolved(schema)
        if "items" in schema:
            yield from self._rows(schema["items"], f"{above}[]")
            return
        wanted = schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            whole = f"{above}.{name}" if above else name
            yield Row(whole, _type(self._resolved(field)), name in wanted, _says(field))
            yield from self._rows(field, whole)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        found: Mapping[str, Any] = self._spec["components"]["schemas"][name] if name else schema
        return found


@blueprint.get("/v1/docs")
def overview() -> str:
    """What there is, and what holds for all of it."""
    return render_template("docs/overview.html", resources=_document().resources)


@blueprint.get("/v1/docs/<resource>")
def show_resource(resource: str) -> str:
    """The operations of one resource."""
    resources = _document().resources
    if resource not in resources:
        abort(404)
    return render_template(
        "docs/resource.html", name=resource, resources=resources, **resources[resource]
    )


@blueprint.get("/v1/docs/style.css")
def style() -> Response:
    """How all these pages look."""
    return Response(render_template("docs/style.css"), mimetype="text/css")


@blueprint.get("/problems")
def show_problems() -> str:
    """All problems, by what they are about."""
    return render_template("docs/problems.html", groups=GROUPS, problems=PROBLEMS)


@blueprint.get("/problems/<code>")
def show_problem(code: str) -> str:
    """When a problem happens, what to do, and whether a retry helps."""
    if code not in PROBLEMS:
        abort(404)
    return render_template("docs/problem.html", code=code, problem=PROBLEMS[code], groups=GROUPS)


@blueprint.after_request
def _kept_to_itself(response: Response) -> Response:
    if response.status_code != 200:
        return response  # the console's page for those who are lost, which has a session
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _document() -> Document:
    extensions = current_app.extensions
    if "points-document" not in extensions:
        extensions["points-document"] = Document(document())
    found: Document = extensions["points-document"]
    return found


def _parameter(parameter: Mapping[str, Any]) -> Row:
    schema = parameter["schema"]
    says = parameter.get("description") or _says(schema)
    kind = f"{parameter['in']}, {_type(schema)}"
    return Row(parameter["name"], kind, parameter.get("required", False), says)


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "object")
    name = kind if isinstance(kind, str) else " or ".join(kind)
    return f"list of {_type(schema['items'])}" if "items" in schema else name


def _says(schema: Mapping[str, Any]) -> str:
    """A field's description with its bounds, in words."""
    said = [schema["description"]] if "description" in schema else []
    if "enum" in schema:
        said.append(f"one of {', '.join(map(str, schema['enum']))}")
    if "minimum" in schema:
        said.append(f"{schema['minimum']:,} to {schema['maximum']:,}")
    if schema.get("default") is not None:
        said.append(f"{schema['default']} when left out")
    return "; ".join(said)
