"""A client that polls, each request its own.

Use: `with Polling(at) as poll: poll.connect(); poll.post('42["echo"]'); poll.get()`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import requests

from tests.behaviour.sites import Site
from tests.waiting import PATIENCE

__all__ = ["NONE", "Polling", "Reply", "request"]


class Reply(NamedTuple):
    """Of an HTTP request: the status and the body."""

    status: int
    body: str


#: No response within the time.
NONE = Reply(0, "")


def request(
    at: Site,
    method: str,
    query: str,
    *,
    body: str | bytes = "",
    wait: float = PATIENCE,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Any request to the endpoint, on a connection of its own."""
    data = body.encode() if isinstance(body, str) else body
    try:
        got = requests.request(method, f"{at.url}/socket.io/{query}", data=data, headers=headers, timeout=wait)
    except requests.exceptions.ReadTimeout:
        return NONE
    return Reply(got.status_code, got.content.decode())


class Polling:
    """A session by polling. `eio_sid` and `opened` are its own, `sid` after `connect()`."""

    sid = ""

    def __init__(self, at: Site) -> None:
        self._at = at
        self._http = requests.Session()
        self._pool = ThreadPoolExecutor(4)
        self._polls = 0
        self.opened = json.loads(request(at, "GET", "?EIO=4&transport=polling").body[1:])
        self.eio_sid = str(self.opened["sid"])
        self.query = f"?EIO=4&transport=polling&sid={self.eio_sid}"

    @classmethod
    def session(cls, at: Site, namespace: str = "/") -> Polling:
        """One that is connected to this namespace."""
        poll = cls(at)
        poll.connect(namespace)
        return poll

    def connect(self, namespace: str = "/") -> str:
        """Connect to a namespace; the Socket.IO id."""
        at = "" if namespace == "/" else namespace + ","
        assert self.post(f"40{at}").status == 200
        while not self._connected_by(self.get().body, f"40{at}"):
            pass
        return self.sid

    def _connected_by(self, body: str, start: str) -> bool:
        """Whether the answer to CONNECT is in this poll; pings that come with it are answered."""
        for packet in body.split("\x1e"):
            if packet == "2":
                self.post("3")
            elif packet.startswith(start):
                self.sid = str(json.loads(packet[len(start) :])["sid"])
                return True
        assert body in ("2", "6"), f"no answer to CONNECT but {body!r}"
        return False

    def get(self, wait: float = PATIENCE) -> Reply:
        """One poll."""
        self._polls += 1
        return self._ask("GET", b"", wait)

    def post(self, body: str | bytes, wait: float = PATIENCE) -> Reply:
        """Packets."""
        return self._ask("POST", body.encode() if isinstance(body, str) else body, wait)

    def pending(self) -> Future[Reply]:
        """One poll, for what will come. The server has it when this returns, or has answered it."""
        self._polls += 1
        future = self._pool.submit(request, self._at, "GET", self.query)
        assert self._at.polled(self.eio_sid, self._polls)
        return future

    def event(self, text: str, number: int = 7) -> list[str]:
        """Ask an event's ack; the packets that the next poll brings."""
        assert self.post(f"42{number}{text}").status == 200
        return self.get().body.split("\x1e")

    def __enter__(self) -> Polling:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def _ask(self, method: str, data: bytes, wait: float) -> Reply:
        try:
            got = self._http.request(method, f"{self._at.url}/socket.io/{self.query}", data=data, timeout=wait)
        except requests.exceptions.ReadTimeout:
            return NONE
        return Reply(got.status_code, got.content.decode())
