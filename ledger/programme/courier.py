"""Handing messages to channels beside requests: a bounded queue, and a thread that empties it.

For messages that are worth nothing a minute later, such as codes: they are kept nowhere, go out
once, and whoever does not get one asks for another.  So a request takes as long whether there is
somebody to send to or not.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping

import structlog

from ledger.logs import log_fault
from ledger.programme.channels import Channel, NotSent, Outgoing

MESSAGES_WAITING_MAX = 1_000

_logger = structlog.get_logger(__name__)


class Courier:
    """Takes messages and sends them in their order.  Safe to share between threads; one a process.

    What cannot be sent is dropped, and logged without saying whom it was for.
    """

    def __init__(self, channels: Mapping[str, Channel]) -> None:
        self._channels = dict(channels)
        self._waiting: queue.Queue[tuple[str, Outgoing]] = queue.Queue(MESSAGES_WAITING_MAX)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def hand_over(self, field: str, message: Outgoing) -> None:
        """Has a message sent soon by the channel for `email` or `phone`; returns at once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait((field, message))
        except queue.Full:
            _logger.warning("message not sent", kind=message.kind, reason="too many wait")

    def wait(self) -> None:
        """Waits until all that was handed over has been sent or dropped."""
        self._waiting.join()

    def _run(self) -> None:
        while True:
            field, message = self._waiting.get()
            try:
                self._send(field, message)
            except NotSent as error:
                _logger.warning("message not sent", kind=message.kind, reason=str(error))
            except Exception as error:  # noqa: BLE001  # the next message is somebody else's
                log_fault("message not sent", error, kind=message.kind)
            finally:
                self._waiting.task_done()

    def _send(self, field: str, message: Outgoing) -> None:
        channel = self._channels.get(field)
        if channel is None:
            raise NotSent(f"No channel for {field} is configured.")
        channel.send(message)
