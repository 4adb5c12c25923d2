"""The OpenAPI document, put together when somebody first asks for it.

To describe every operation takes longer than everything else that starts an application, and most
processes are never asked.  What is described depends on the resources alone, so it is done once a
process, in an application that serves nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Blueprint, Flask, Response, current_app
from flask_smorest import Api

from api import batch
from api.answers import answer
from api.auth import SCHEME
from api.converters import CONVERTERS, described
from api.document import problem_examples
from api.headers import add_headers
from api.resource import Resource

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/v1/openapi.json")
def show_document() -> Response:
    """The document for programs."""
    return answer(document())


def document() -> dict[str, Any]:
    """The document of the application's resources, to be read only."""
    served = current_app.blueprints.values()
    return _document_of(tuple(each for each in served if isinstance(each, Resource)))


class _Api(Api):
    DEFAULT_ERROR_RESPONSE_NAME = None


@cache
def _document_of(resources: tuple[Resource, ...]) -> dict[str, Any]:
    app = Flask(__name__, static_folder=None)
    app.config.update(API_TITLE="Two-Way Points", API_VERSION="v1", OPENAPI_VERSION="3.1.0")
    app.url_map.converters.update(CONVERTERS)
    api = _Api(app)
    api.ma_plugin.converter.add_attribute_function(batch.described)
    api.spec.components.security_scheme(SCHEME, {"type": "http", "scheme": "bearer"})
    for code, example in problem_examples():
        api.spec.components.example(code, example)
    for converter in CONVERTERS.values():
        api.register_converter(converter, described)
    for resource in resources:
        api.register_blueprint(resource)
    made: dict[str, Any] = api.spec.to_dict()
    add_headers(made)
    return made
