"""How a message reaches a person: e-mail by SMTP, a telephone by one HTTP adapter.

    email   RFC 5321 to POINTS_SMTP, `smtps://user@host` (TLS from the start, port 465) or
            `smtp://user@host` (STARTTLS, port 587); the password lies in POINTS_SMTP_PASSWORD_FILE
    phone   a POST of JSON {id, kind, text, to} to POINTS_SMS_URL (https), with the secret of
            POINTS_SMS_SECRET_FILE as `Authorization: Bearer …`; any 2xx says that it was taken.
            What stands behind it, SMS or 企业微信, is the provider's.

Both want TLS with a certificate that holds, but for the loopback address.  A message has an id, so
that one that is sent again can be told from another: `Message-ID`, or `id`.  Nothing here logs
whom a message is for, or what it says; what servers answer is not repeated either.
"""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

import orjson

from ledger.errors import ConfigError, KeysError, PointsError
from ledger.journal.privatefiles import read_private

TIMEOUT_SECONDS = 10.0
SMTP_PORTS = {"smtp": 587, "smtps": 465}


class NotSent(PointsError):
    """The message did not go out; it may later."""

    code = "not-sent"


class Outgoing(NamedTuple):
    """A message to one contact: `kind` is a word for it, `subject` is for e-mail alone."""

    id: str
    to: str
    kind: str
    subject: str
    text: str

    def __repr__(self) -> str:
        return f"<message {self.id} of kind {self.kind}>"


class Channel(Protocol):
    """One way to reach people.  Safe to share between threads."""

    def send(self, message: Outgoing) -> None:
        """Hands a message over; `NotSent` where it was not taken."""


class Smtp:
    """E-mail by one relay, a connection a message."""

    def __init__(self, url: str, sender: str, password: str | None) -> None:
        self._url, self._sender, self._password = urlsplit(url), sender, password

    def __repr__(self) -> str:
        return f"<SMTP by {self._url.hostname}>"

    def send(self, message: Outgoing) -> None:
        """Hands a message over; `NotSent` where it was not taken."""
        try:
            mail = self._mail(message)
            with self._connected() as server:
                server.send_message(mail)
        except (OSError, smtplib.SMTPException, ValueError):
            # What was raised quotes the address, and what the server said of it.
            raise NotSent("The mail server did not take a message.") from None

    def _mail(self, message: Outgoing) -> EmailMessage:
        """ValueError where a header would hold a line break."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._sender, message.to, message.subject
        name, host = message.id.partition("/")[2], self._sender.rpartition("@")[2]
        mail["Message-ID"] = f"<{name}@{host}>"
        mail.set_content(message.text)
        return mail

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        url, context = self._url, ssl.create_default_context()
        host, port = url.hostname or "", url.port or SMTP_PORTS[url.scheme]
        if url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
        try:
            if url.scheme == "smtp" and not _is_loopback(host):
                server.starttls(context=context)
            if url.username is not None:
                server.login(unquote(url.username), self._password or "")
            yield server
            with suppress(OSError, smtplib.SMTPException):
                server.quit()  # what was taken is taken, whatever becomes of the goodbye
        finally:
            server.close()


class Adapter:
    """Telephones by one HTTP service."""

    def __init__(self, url: str, secret: str | None) -> None:
        self._url, self._secret = url, secret
        self._opener = urllib.request.build_opener(_NoRedirects)

    def __repr__(self) -> str:
        return f"<messages by {urlsplit(self._url).hostname}>"

    def send(self, message: Outgoing) -> None:
        """Hands a message over; `NotSent` where it was not taken."""
        headers = {"Content-Type": "application/json"}
        if self._secret is not None:
            headers["Authorization"] = f"Bearer {self._secret}"
        said = {"id": message.id, "kind": message.kind, "text": message.text, "to": message.to}
        request = urllib.request.Request(  # noqa: S310  # https, or the loopback: see `channels`
            self._url, orjson.dumps(said), headers, method="POST"
        )
        try:
            self._opener.open(request, timeout=TIMEOUT_SECONDS).close()
        except (OSError, urllib.error.URLError, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # an answer as well, with its connection
            raise NotSent("The message service did not take a message.") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The secret goes to the address that was configured, and to no other."""

    def redirect_request(self, *_: object) -> None:
        return None


def channels(environ: Mapping[str, str]) -> dict[str, Channel]:
    """The channels that are configured, by the kind of contact: `email`, `phone`.

    Raises `ConfigError` for what cannot be used.
    """
    found: dict[str, Channel] = {}
    if environ.get("POINTS_SMTP"):
        url = _checked("POINTS_SMTP", environ["POINTS_SMTP"], ("smtp", "smtps"))
        sender = environ.get("POINTS_MAIL_FROM", "")
        if "@" not in sender:
            raise ConfigError("POINTS_MAIL_FROM is to be the address that mail comes from.")
        password = _secret(environ, "POINTS_SMTP_PASSWORD_FILE")
        found["email"] = Smtp(url.geturl(), sender, password)
    if environ.get("POINTS_SMS_URL"):
        url = _checked("POINTS_SMS_URL", environ["POINTS_SMS_URL"], ("https", "http"))
        if url.scheme == "http" and not _is_loopback(url.hostname or ""):
            raise ConfigError("POINTS_SMS_URL begins with http:// and is to begin with https://.")
        found["phone"] = Adapter(url.geturl(), _secret(environ, "POINTS_SMS_SECRET_FILE"))
    return found


def _checked(name: str, text: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        url = urlsplit(text)
        usable = url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or url.password is not None:
        # It may hold a password, so it is not repeated.
        raise ConfigError(
            f"{name} cannot be used: wanted {' or '.join(f'{each}://host' for each in schemes)},"
            " without a password in it."
        )
    return url


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    if not environ.get(name):
        return None
    try:
        return read_private(Path(environ[name])).decode("ascii").strip()
    except (OSError, KeysError, UnicodeDecodeError) as error:
        raise ConfigError(f"The file that {name} names cannot be used: make it 0600.") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
