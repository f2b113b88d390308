"""A bridge with handlers files, its link up to a scripted server.

Use: `with Handled(server, [path], "--payload", "json") as at, at.client() as ann: ann.ask("x")`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from tests.client import Client
from tests.process import ROOT, Bridge
from tests.tcpserver import Peer, TcpServer

__all__ = ["EXAMPLES", "Handled", "OwnServer", "busy", "written"]

EXAMPLES = ROOT / "examples" / "handlers"


def written(folder: Path, text: str, name: str = "own.py") -> Path:
    """A handlers file with this text."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def busy(folder: Path, seconds: float) -> Path:
    """A handlers file that takes so long for each message of the server."""
    return written(
        folder,
        f"""
import time

def setup(bridge):
    @bridge.on_message
    def message(text):
        time.sleep({seconds})
""",
    )


class Handled:
    """The bridge, and `peer`, its connection to the server."""

    def __init__(self, server: TcpServer, files: Sequence[Path], *flags: str) -> None:
        given = [part for path in files for part in ("--handlers", str(path))]
        self.bridge = Bridge("--server", server.address, *given, *flags)
        self.peer: Peer = server.accept()
        self._marks = count()

    def __enter__(self) -> Handled:
        return self

    def __exit__(self, *_: object) -> None:
        self.bridge.__exit__()

    def client(self) -> Client:
        """A client that knows that the link is up."""
        client = Client(self.bridge.url)
        client.linked()
        return client

    def frames_of(self, client: Client, event: str, *args: object) -> list[bytes]:
        """What the server gets for one event that is acked as ok: all that comes before a mark,
        an event that no handler takes."""
        start = self._mark(client)
        assert client.ask(event, *args) == {"ok": True}
        end = self._mark(client)
        return self.peer.frames.entries[start : end - 1]

    def _mark(self, client: Client) -> int:
        """How many frames there are with a new mark as the last of them."""
        name = f"mark-{next(self._marks)}"
        assert client.ask(name)["ok"]
        frame = self.peer.frames.wait(lambda f: f'"{name}"'.encode() in f)
        return self.peer.frames.entries.index(frame) + 1


class OwnServer:
    """The server.py of an example, in a process of its own."""

    def __init__(self, example: str) -> None:
        command = [sys.executable, str(EXAMPLES / example / "server.py"), "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().removeprefix("listening on ").strip()

    def __enter__(self) -> OwnServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()
