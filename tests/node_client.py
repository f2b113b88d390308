"""Node's stock socket.io-client in a process of its own, driven line by line.

Use: `with NodeClient(bridge.url) as client: client.ask("move", {"x": 1})`.
"""

from __future__ import annotations

import json
import subprocess
import threading
from itertools import count
from typing import Any, Self

from tests.process import ROOT, environment
from tests.waiting import PATIENCE, Log

__all__ = ["FOLDER", "NodeClient", "NodeProcess"]

FOLDER = ROOT / "tests" / "node"


class NodeProcess:
    """A program of tests/node. `said`: what it printed, parsed; it is told what to do line by line."""

    def __init__(self, *argv: str, **env: str) -> None:
        self.said: Log[dict[str, Any]] = Log()
        self.process = subprocess.Popen(
            ["node", *argv],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=FOLDER, env=environment(**env),
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def tell(self, command: dict[str, object]) -> None:
        """Send one command."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.add(json.loads(line))


class NodeClient(NodeProcess):
    """One client; see tests/node/client.js."""

    def __init__(self, url: str, options: dict[str, object] | None = None, version: str = "4") -> None:
        self._ids = count()
        super().__init__("client.js", url, json.dumps(options or {}), SOCKET_IO_CLIENT=version)

    def connected(self) -> str:
        """Wait for the connection; its id."""
        return str(self.said.wait(lambda line: "connect" in line)["connect"])

    def upgraded(self) -> None:
        """Wait for its WebSocket, after it began with polling."""
        self.said.wait(lambda line: "upgrade" in line)

    def cut(self) -> None:
        """Lose the network; the client comes back by itself."""
        start = len(self.said.entries)
        self.tell({"cut": True})
        self.said.wait(lambda line: "disconnect" in line, start=start)

    def back(self) -> dict[str, Any]:
        """Wait until it is connected again; what it says of that."""
        self.said.wait(lambda line: "disconnect" in line)
        start = max(number for number, line in enumerate(self.said.entries) if "disconnect" in line)
        return self.said.wait(lambda line: "connect" in line, start=start)

    def ask(self, *emit: object) -> dict[str, Any]:
        """Emit and wait for the ack."""
        number = next(self._ids)
        self.tell({"emit": list(emit), "ack": number})
        answer = self.said.wait(lambda line: line.get("ack") == number)["answer"]
        assert isinstance(answer, dict)
        return answer

    def got(self, event: str, *args: object) -> dict[str, Any]:
        """Wait for an event, with these arguments if any are given."""
        return self.said.wait(lambda line: line.get("event") == event and (not args or line["args"] == list(args)))
