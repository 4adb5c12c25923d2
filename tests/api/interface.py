"""The interface as it is published: the OpenAPI document, as tests read it."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from api import create_app


@cache
def published() -> dict[str, Any]:
    """The document, to be read only."""
    # Only putting the application together, which asks its installation for nothing.
    return create_app(installation=object()).test_client().get("/v1/openapi.json").json


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation by its name, such as `get /v1/…`."""
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield f"{method} {path}", operation
