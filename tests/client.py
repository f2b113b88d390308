"""A browser's place: python-socketio's own client, with everything that it got kept in order.

Use: `with Client(bridge.url) as client: client.ask("move", {"x": 1})`.
"""

from __future__ import annotations

import threading
from typing import Any

import socketio
from socketio import packet

from tests.waiting import PATIENCE, Log

__all__ = ["Client"]


class Client:
    """One client. `events`: (event name, first argument), the bridge's own included."""

    def __init__(self, url: str, transports: list[str] | None = None, **connect: Any) -> None:
        self.events: Log[tuple[str, Any]] = Log()
        self.gone = threading.Event()
        self.sio = socketio.Client(reconnection=False, handle_sigint=False, request_timeout=PATIENCE)
        # Engine.IO's client takes each message on a thread of its own, and they overtake one another.
        trigger = self.sio.eio._trigger_event
        self.sio.eio._trigger_event = lambda *args, **kwargs: trigger(*args, **{**kwargs, "run_async": False})
        self.sio.on("*", lambda event, *args: self.events.add((event, args[0] if args else None)))
        self.sio.on("disconnect", lambda *_: self.gone.set())
        self.sio.connect(url, transports=transports or ["websocket"], wait_timeout=PATIENCE, **connect)

    @property
    def sid(self) -> str:
        """Its Socket.IO id."""
        return str(self.sio.get_sid())

    def emit(self, event: str, *args: object) -> None:
        """Emit, not asking for an ack."""
        self.sio.emit(event, args if args else None)

    def ask(self, event: str, *args: object, timeout: float = PATIENCE) -> dict[str, Any]:
        """Emit and wait for the ack."""
        answers: Log[Any] = Log()
        self.sio.emit(event, args if args else None, callback=lambda *a: answers.add(a[0] if a else None))
        answer = answers.wait_count(1, timeout)[0]
        assert isinstance(answer, dict), answer
        return answer

    def got(self, event: str, wanted: object = None) -> Any:
        """Wait for an event of this name, with this argument if one is given; its argument."""
        return self.events.wait(lambda e: e[0] == event and (wanted is None or e[1] == wanted))[1]

    def all(self, event: str) -> list[Any]:
        """The arguments of every event of this name so far."""
        return [value for name, value in self.events.entries if name == event]

    def linked(self, state: str = "connected") -> dict[str, Any]:
        """Wait until the page has been told that the link is in this state."""
        told = self.events.wait(lambda e: e[0] == "bridge:link" and e[1]["state"] == state)[1]
        assert isinstance(told, dict)
        return told

    def close(self) -> None:
        """Disconnect as `socket.disconnect()` does."""
        if self.sio.connected:
            # Its own way closes the socket beside the thread that writes, which may not have said goodbye yet.
            self.sio._send_packet(self.sio.packet_class(packet.DISCONNECT))
            queue = self.sio.eio.queue
            with queue.all_tasks_done:
                queue.all_tasks_done.wait_for(lambda: not queue.unfinished_tasks, PATIENCE)
        self.sio.disconnect()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
