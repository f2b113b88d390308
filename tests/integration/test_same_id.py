"""Two connections that ask for the Socket.IO id that a client had, while a hook of the first of them still waits."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.handlers import written
from tests.sites import Site, site
from tests.waiting import PATIENCE

# The first who comes is let in at once; whoever comes after it when the file `open` is there.
HANDLERS = """
from pathlib import Path
import eventlet

asked = []

def setup(bridge):
    @bridge.on_connect
    def connected(client):
        asked.append(client.sid)
        number = len(asked)
        bridge.send({"asked": number})
        while number > 1 and not Path(__file__).with_name("open").exists():
            eventlet.sleep(0.01)
        return {"came": client.sid, "number": number}

    @bridge.on_disconnect
    def disconnected(client):
        return {"left": client.sid}

    @bridge.on_event("last")
    def last(client):
        return {"last": client.sid}
"""


def connecting(at: Site, pid: str | None = None) -> Any:
    """A WebSocket that has sent its CONNECT."""
    url = f"ws://127.0.0.1:{at.bridge.port}/socket.io/?EIO=4&transport=websocket"
    client = websocket.create_connection(url, timeout=PATIENCE)
    client.recv()
    client.send("40" + (json.dumps({"pid": pid}) if pid else ""))
    return client


def connected(client: Any) -> dict[str, str]:
    """What its CONNECT was answered with."""
    answer = client.recv()
    assert answer.startswith("40"), answer
    found: dict[str, str] = json.loads(answer[2:])
    return found


def read_on(client: Any) -> None:
    """Whatever comes: it may have been let in for a moment before another one took its place."""
    while True:
        client.recv()


@pytest.mark.parametrize("others", [1, 2])
def test_the_last_one_has_the_id_and_the_server_is_told_of_comings_and_goings_in_turn(
    tmp_path: Path, others: int
) -> None:
    handlers = written(tmp_path, HANDLERS)
    with site("--handlers", str(handlers), "--grace", "0") as at, ExitStack() as stack:
        with closing(connecting(at)) as client:
            first = connected(client)
        at.peer.frames.wait(lambda frame: b'"left"' in frame)
        waiting = stack.enter_context(closing(connecting(at, first["pid"])))
        at.peer.message(asked=2)
        rest = [stack.enter_context(closing(connecting(at, first["pid"]))) for _ in range(others)]
        (tmp_path / "open").touch()
        for client in rest:
            assert connected(client)["sid"]
            with suppress(OSError, websocket.WebSocketException):  # another one may have taken its place already
                client.send('42["last"]')
        with pytest.raises((OSError, websocket.WebSocketConnectionClosedException)):
            read_on(waiting)
        at.peer.message(last=first["sid"])
        its = [message for message in at.peer.messages if first["sid"] in message.values()]
        kinds = [next(iter(message)) for message in its]
        assert kinds == ["came", "left"] * (len(kinds) // 2 - 1) + ["came", "last"]
