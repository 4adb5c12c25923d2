"""What messages go out to: a real mail server and a real HTTP service, both on the loopback."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Mailbox:
    """What a mail server took; it refuses with `answer` while that is set.

    `goodbye` is what it says to QUIT.
    """

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.answer: str | None = None
        self.goodbye = "221 Bye"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer is not None:
            return self.answer
        self.taken.append(envelope)
        return "250 OK"

    async def handle_QUIT(self, *_: Any) -> str:  # noqa: N802
        return self.goodbye

    def mails(self) -> list[EmailMessage]:
        """What was taken, as mail."""
        parse = email.message_from_bytes
        return [parse(each.content, policy=email.policy.default) for each in self.taken]


class Service(ThreadingHTTPServer):
    """A message service that answers with a status, and says what it was sent."""

    def __init__(self, status: int = 202, location: str | None = None) -> None:
        self.status, self.location = status, location
        self.taken: list[tuple[dict[str, str], Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/send"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
