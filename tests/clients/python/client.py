"""The stock Socket.IO client of Python on a line of JSON: what it gets is printed, what it is told it does.

client.py URL polling|websocket|upgrade sync|asyncio
stdin: {"emit": [name, value]}; it ends when stdin does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import socketio

WAYS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}
OPTIONS = {"reconnection_delay": 0.2, "reconnection_delay_max": 1}


def say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")  # in one piece: there are several threads
    sys.stdout.flush()


def commands() -> Iterator[list[object]]:
    for line in sys.stdin:
        yield json.loads(line)["emit"]
    os._exit(0)


class Client(socketio.Client):  # type: ignore[misc]
    """`ready`: set while it is connected as it sees it, which 5.5 does only when its connect() returns: cut off between
    its `connect` event and that, it refuses its own attempts to come back."""

    def __init__(self) -> None:
        super().__init__(**OPTIONS)
        self.ready = threading.Event()

    def connect(self, *args: Any, **more: Any) -> None:
        """Connect, also when it comes back by itself."""
        super().connect(*args, **more)
        self.ready.set()


def run(url: str, way: str) -> None:
    """With threads."""
    client = Client()

    def gone(*_: object) -> None:
        client.ready.clear()
        say(disconnect="close")

    client.on("connect", lambda: say(connect=client.get_sid()))
    client.on("disconnect", gone)
    client.on("*", lambda event, *args: say(event=event, args=args))
    client.connect(url, transports=WAYS[way])
    for emit in commands():
        client.ready.wait()
        client.emit(*emit)


class AsyncClient(socketio.AsyncClient):  # type: ignore[misc]
    """The same with asyncio."""

    def __init__(self) -> None:
        super().__init__(**OPTIONS)
        self.ready = asyncio.Event()

    async def connect(self, *args: Any, **more: Any) -> None:
        """Connect, also when it comes back by itself."""
        await super().connect(*args, **more)
        self.ready.set()


async def run_async(url: str, way: str) -> None:
    """With asyncio."""
    client = AsyncClient()

    async def connected() -> None:
        say(connect=client.get_sid())

    async def disconnected(*_: object) -> None:
        client.ready.clear()
        say(disconnect="close")

    async def came(event: str, *args: object) -> None:
        say(event=event, args=args)

    client.on("connect", connected)
    client.on("disconnect", disconnected)
    client.on("*", came)
    await client.connect(url, transports=WAYS[way])
    told: asyncio.Queue[list[object]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    read = threading.Thread(
        target=lambda: [loop.call_soon_threadsafe(told.put_nowait, emit) for emit in commands()], daemon=True
    )
    read.start()
    while True:
        emit = await told.get()
        await client.ready.wait()
        await client.emit(*emit)


if __name__ == "__main__":
    if sys.argv[3] == "sync":
        run(sys.argv[1], sys.argv[2])
    else:
        asyncio.run(run_async(sys.argv[1], sys.argv[2]))
