"""The stock clients, Node's and Python's, behind one face, so that one test can be run with both.

Use: `with stock.client(at, "node", ["polling"]) as ann: ann.ask("echo", 1, b"x") == [1, b"x"]`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import threading
from abc import ABC, abstractmethod
from itertools import count
from typing import Any

import requests
import socketio
from engineio.payload import Payload

from tests.behaviour.sites import Site
from tests.node_client import FOLDER
from tests.process import ROOT, environment
from tests.waiting import PATIENCE, Log

__all__ = ["TRANSPORTS", "Client", "Stock"]

Payload.max_decode_packets = 1000  # Python's client gives up at more packets than 16 in one poll

TRANSPORTS = {"polling": ["polling"], "upgrade": ["polling", "websocket"], "websocket": ["websocket"]}


class Client(ABC):
    """One client. `said`: what it has heard, in order, as dicts: connect, refused, event and args, disconnect."""

    #: Whether it may close its transport before it has said goodbye.
    hasty = False

    def __init__(self) -> None:
        self.said: Log[dict[str, Any]] = Log()
        self._ids = count()

    @property
    def sid(self) -> str:
        """Its id, once it is connected."""
        return str(self.said.wait(lambda line: "connect" in line)["connect"])

    @abstractmethod
    def emit(self, *event: Any, ack: int | None = None) -> None:
        """Emit a name and arguments; an answer is said as `ack`."""

    @abstractmethod
    def leave(self) -> None:
        """Disconnect as a page does."""

    def ask(self, *event: Any) -> list[Any]:
        """Emit and wait for the ack; its arguments."""
        number = next(self._ids)
        self.emit(*event, ack=number)
        return list(self.said.wait(lambda line: line.get("ack") == number)["answer"])

    def got(self, event: str) -> list[Any]:
        """Wait for an event of this name; its arguments."""
        return list(self.said.wait(lambda line: line.get("event") == event)["args"])

    def all(self, event: str) -> list[list[Any]]:
        """The arguments of each event of this name so far."""
        return [line["args"] for line in self.said.entries if line.get("event") == event]

    def over(self) -> str:
        """Wait for the end; why, as the client is told."""
        return str(self.said.wait(lambda line: "disconnect" in line)["disconnect"])

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


class _Python(Client):
    hasty = True

    def __init__(self, url: str, namespace: str, transports: list[str], auth: Any) -> None:
        super().__init__()
        self._namespace = namespace
        self._http = requests.Session()  # one of its own it may make anew after it has closed it
        self._sio = socketio.Client(reconnection=False, handle_sigint=False, http_session=self._http)
        # Engine.IO's client takes each message on a thread of its own, and they overtake one another.
        trigger = self._sio.eio._trigger_event
        self._sio.eio._trigger_event = lambda *args, **kwargs: trigger(*args, **{**kwargs, "run_async": False})
        on = {
            "connect": lambda: self.said.add({"connect": self._sio.get_sid(namespace)}),
            "disconnect": lambda reason: self.said.add({"disconnect": reason}),
            "connect_error": lambda data=None: self.said.add({"refused": data}),
            "*": self._event,
        }
        for name, handler in on.items():
            self._sio.on(name, handler, namespace=namespace)
        with contextlib.suppress(socketio.exceptions.ConnectionError):
            self._sio.connect(url, transports=transports, namespaces=[namespace], auth=auth, wait_timeout=PATIENCE)

    def emit(self, *event: Any, ack: int | None = None) -> None:
        said = (lambda *answer: self.said.add({"ack": ack, "answer": list(answer)})) if ack is not None else None
        self._sio.emit(event[0], event[1:], namespace=self._namespace, callback=said)

    def leave(self) -> None:
        queue = self._sio.eio.queue  # what is in it when it disconnects, its goodbye included, it may never send
        if queue is not None and self._sio.eio.state == "connected":
            with queue.all_tasks_done:
                queue.all_tasks_done.wait_for(lambda: not queue.unfinished_tasks, 2)
        self._sio.disconnect()
        self._http.close()
        if self._sio.eio.ws is not None:  # it leaves it open if its peer has ended it
            self._sio.eio.ws.close()

    def _event(self, event: str, *args: Any) -> tuple[Any, ...]:
        self.said.add({"event": event, "args": list(args)})
        return args  # the ack, if one is asked


class _Node(Client):
    def __init__(self, node: Stock, name: str) -> None:
        super().__init__()
        self._node, self._name = node, name

    def emit(self, *event: Any, ack: int | None = None) -> None:
        command = {"id": self._name, "emit": _binary(list(event), out=True)}
        self._node.tell(command if ack is None else {**command, "ack": ack})

    def leave(self) -> None:
        self._node.tell({"id": self._name, "close": True})


class Stock:
    """Makes clients. Those of Node share one process."""

    def __init__(self) -> None:
        self._names = count()
        self._clients: dict[str, _Node] = {}
        self._process = subprocess.Popen(
            ["node", str(ROOT / "tests" / "behaviour" / "stock.js")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=FOLDER, env=environment(),
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def client(self, at: Site, kind: str, transports: list[str], namespace: str = "/", auth: Any = None) -> Client:
        """A client of this kind, node or python, that has begun to connect."""
        if kind == "python":
            return _Python(at.url, namespace, transports, auth)
        name = str(next(self._names))
        client = self._clients[name] = _Node(self, name)
        options = {"transports": transports, **({"auth": auth} if auth else {})}
        self.tell({"id": name, "open": at.url + namespace, "options": options})
        return client

    def tell(self, command: dict[str, Any]) -> None:
        """One line to Node."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End Node's process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            said = json.loads(line)
            self._clients[said.pop("id")].said.add(_binary(said, out=False))


def _binary(value: Any, *, out: bool) -> Any:
    """Bytes as {"$binary": base64}, or the other way round."""
    if isinstance(value, bytes) and out:
        return {"$binary": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [_binary(one, out=out) for one in value]
    if isinstance(value, dict):
        if "$binary" in value and not out:
            return base64.b64decode(value["$binary"])
        return {key: _binary(one, out=out) for key, one in value.items()}
    return value
