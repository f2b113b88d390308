"""A Socket.IO server of python-socketio's on our Engine.IO server, and its clients, which poll.

Use: `at = Sio(); client = at.client("40"); client.got == ['40{"sid":"…"}']`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

warnings.simplefilter("ignore")  # eventlet's, about itself

import socketio  # noqa: E402

from bridge.engineio.session import Session  # noqa: E402
from bridge.socketio_server.install import take_over  # noqa: E402
from bridge.socketio_server.manager import Manager  # noqa: E402
from tests.unit.green.servers import Asks  # noqa: E402
from tests.unit.green.sessions import until  # noqa: E402

__all__ = ["Client", "Sio"]


class Client:
    """One that polls. `session`: its; `sid`: its Socket.IO id."""

    def __init__(self, at: Asks, session: Session) -> None:
        self._at, self.session = at, session

    def say(self, *texts: str, answer: bytes = b"ok") -> list[str]:
        """What it is sent after it has posted these."""
        body = "\x1e".join(texts).encode()
        found = self._at.ask(self._at.of(self.session), "POST", body)
        assert not answer or found.body == answer, found
        return self.got

    @property
    def got(self) -> list[str]:
        """What waits for it, which it fetches."""
        until(lambda: self.session.flow.tasks is None)
        if not self.session.outbox.size:
            return []
        return self._at.ask(self._at.of(self.session)).body.decode().split("\x1e")


class Sio(Asks):
    """`told`: what happened, in order."""

    def __init__(self, take: dict[str, Any] | None = None, **settings: Any) -> None:
        self.told: list[tuple[object, ...]] = []
        logger = logging.getLogger("tests.socketio")
        logger.setLevel(logging.CRITICAL)
        manager = Manager(lambda sid, eio_sid: self.told.append(("connected", eio_sid)), lambda eio_sid, new: new())
        self.sio = socketio.Server(
            async_mode="eventlet", async_handlers=False, client_manager=manager, logger=logger, engineio_logger=logger,
            **settings,
        )  # fmt: skip
        self.server = take_over(self.sio, **(take or {"arrives": self.arrives}))

    @contextmanager
    def arrives(self, eio_sid: str, packet: str) -> Iterator[None]:
        self.told.append(("arrives", eio_sid, packet))
        try:
            yield
        finally:
            self.told.append(("arrived", eio_sid))

    def on(self, event: str, handler: Callable[..., object], namespace: str = "/") -> None:
        self.sio.on(event, handler, namespace=namespace)

    def client(self, *texts: str) -> Client:
        """One that has said this."""
        client = Client(self, self.polling())
        if texts:
            self.first = client.say(*texts)
        return client
