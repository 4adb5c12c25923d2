"""Somebody who looks at the console."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class Visitor:
    """Somebody with a browser that runs no scripts."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={"Accept": "text/html", **headers})

    def post(self, path: str, values: dict[str, str], page: str = "/") -> TestResponse:
        """Sends a form with what guards it, as the page has it."""
        guard = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', self.get(page).text)
        assert guard is not None
        return self.client.post(path, data={"csrf_token": guard[1], **values})

    def sign_in(self, token: str, wanted: str = "") -> TestResponse:
        return self.post("/sign-in", {"token": token, "wanted": wanted})
