"""The programs under test: tests/behaviour/app.py in processes of their own, one an engine and a way of setting it.

Use: `sites.get("plain", "quick").url`.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import requests

from tests.behaviour.departures import DEPARTURES
from tests.process import ROOT, environment
from tests.waiting import PATIENCE, Log

__all__ = ["ENGINES", "SETTINGS", "Site", "Sites"]

ENGINES = ("plain", "ours")

#: Flags by name. No ping comes in between unless a test is about pings.
SETTINGS: dict[str, tuple[str, ...]] = {
    "calm": (),
    "quick": ("--ping-interval", "0.3", "--ping-timeout", "0.8"),
    "exact": ("--ping-interval", "0.3", "--ping-timeout", "0.2"),
    "stock": ("--ping-interval", "2", "--ping-timeout", "10"),
    "beating": ("--ping-interval", "1", "--ping-timeout", "2"),
    "impatient": ("--connect-timeout", "0.4"),
    "open": ("--origin", "http://friend.test", "--origin", "http://other.test"),
}


class Site:
    """One process. `engine`: plain or ours."""

    def __init__(self, engine: str, *flags: str) -> None:
        self.engine = engine
        self.log: Log[str] = Log()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.behaviour.app", "--engine", engine, *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment(),
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.log.wait(lambda line: line.isdigit(), timeout=60))
        self.url = f"http://127.0.0.1:{self.port}"

    def says(self, departure: str) -> Any:
        """What this engine does where the two differ."""
        found = DEPARTURES[departure]
        return found.plain if self.engine == "plain" else found.ours

    def reasons(self, sid: str, wait: float = 10.0) -> list[str]:
        """Why this client has gone, as its handler was told each time: once, if all is well."""
        return list(self._ask(f"/reasons/{sid}", wait))

    def gone(self, eio_sid: str, wait: float = 10.0) -> bool:
        """Whether this session is at its end within the time."""
        return bool(self._ask(f"/gone/{eio_sid}", wait)[0])

    def polled(self, eio_sid: str, count: int) -> bool:
        """Whether so many polls of this session have come."""
        return bool(self._ask(f"/polled/{eio_sid}/{count}", PATIENCE)[0])

    def emit(self, sid: str, event: str, data: str) -> None:
        """An event of the server's own."""
        requests.get(f"{self.url}/emit/{sid}/{event}", params={"data": data}, timeout=PATIENCE).raise_for_status()

    def stats(self) -> dict[str, Any]:
        """See app.py."""
        answer: dict[str, Any] = requests.get(f"{self.url}/stats", timeout=PATIENCE).json()
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdout
        self._process.stdout.close()

    def _ask(self, path: str, wait: float) -> list[Any]:
        answer = requests.get(self.url + path, params={"wait": wait}, timeout=wait + PATIENCE)
        answer.raise_for_status()
        found: list[Any] = answer.json()
        return found

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.log.add(line.rstrip("\n"))


class Sites:
    """Those of one run, each started when it is first needed."""

    def __init__(self) -> None:
        self._sites: dict[tuple[str, str], Site] = {}

    def get(self, engine: str, setting: str = "calm") -> Site:
        """The one of this engine with these settings."""
        key = engine, setting
        if key not in self._sites:
            self._sites[key] = Site(engine, *SETTINGS[setting])
        return self._sites[key]

    def close(self) -> None:
        """End all."""
        for site in self._sites.values():
            site.close()
