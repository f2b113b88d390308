"""The stock Socket.IO clients of four languages, each a program of its own that is driven line by line.

They are built when they are first needed, in the versions that their files here pin; where a language's tools are
missing, its tests are skipped, and say so.

Use: `with Program("java", url, "polling") as client: client.connected()`.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.process import ROOT, environment
from tests.waiting import PATIENCE, Log

__all__ = ["KINDS", "WAYS", "Program", "built"]

HERE = ROOT / "tests" / "clients"
JAVA, RUST, PYTHON, NODE = HERE / "java", HERE / "rust", HERE / "python", ROOT / "tests" / "node"

WAYS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}
PYTHONS = ("python 5.5 sync", "python 5.5 asyncio", "python 5.18 sync", "python 5.18 asyncio")
KINDS = ("node", *PYTHONS, "java", "rust")
#: Seconds for a client to start, on a machine that has other things to do; a JVM, or half a dozen Pythons.
STARTING = 60.0
BUILDING = 900.0  # seconds, with everything to be fetched


def built(kind: str) -> None:
    """Build what this kind needs, once; skips the test if the tools for it are missing."""
    build = {"j": _build_java, "r": _build_rust, "p": _build_python}.get(kind[0])
    if build is None:
        return
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / f"{kind.split(maxsplit=1)[0]}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes run tests
        build(kind)


def _build_java(_: str) -> None:
    if not (shutil.which("mvn") and shutil.which("javac")):
        pytest.skip("the Java client was not tried: there is no Maven or no JDK here")
    if _older(JAVA / "target" / "client.jar", JAVA / "pom.xml", JAVA / "src/main/java/client/Main.java"):
        _run("mvn", "--batch-mode", "-q", "-f", str(JAVA / "pom.xml"), "package")


def _build_rust(_: str) -> None:
    if not shutil.which("cargo"):
        pytest.skip("the Rust client was not tried: there is no cargo here")
    wanted = re.search(r'rust-version = "([\d.]+)"', (RUST / "Cargo.toml").read_text(encoding="utf-8"))
    found = re.search(r"[\d.]+", _run("cargo", "--version"))
    assert wanted
    assert found
    if _version(found[0]) < _version(wanted[1]):
        pytest.skip(f"the Rust client was not tried: it needs cargo {wanted[1]}, and here is {found[0]}")
    if _older(RUST / "target" / "release" / "client", RUST / "Cargo.lock", RUST / "src" / "main.rs"):
        _run("cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", str(RUST / "Cargo.toml"))


def _build_python(kind: str) -> None:
    wanted = PYTHON / f"{kind.split()[1]}.txt"
    done = _packages(kind) / "installed"
    if _older(done, wanted):
        _run(
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--upgrade",
            "--target",
            str(_packages(kind)),
            "-r",
            str(wanted),
        )
        done.touch()


def _packages(kind: str) -> Path:
    return ROOT / "build" / f"python-client-{kind.split()[1]}"


def _older(made: Path, *sources: Path) -> bool:
    return not made.exists() or any(source.stat().st_mtime > made.stat().st_mtime for source in sources)


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILDING, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


class Program:
    """One client, of one of KINDS. `way`: one of WAYS; `said`: what it printed, parsed."""

    def __init__(self, kind: str, url: str, way: str) -> None:
        self.kind, self.way = kind, way
        self.said: Log[dict[str, Any]] = Log()
        self._process = subprocess.Popen(
            self._command(url), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=NODE, env=environment(**({"PYTHONPATH": str(_packages(kind))} if kind in PYTHONS else {})),
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def connected(self, since: int = 0) -> None:
        """Wait until it has connected, after the first `since` lines that it said."""
        self.said.wait(lambda line: "connect" in line, STARTING if not since else PATIENCE, since)

    def upgraded(self) -> None:
        """Wait until it uses a WebSocket, if it says so."""
        if self.kind in ("node", "java") and self.way == "upgrade":
            self.said.wait(lambda line: "upgrade" in line)

    def emit(self, name: str, value: object, **more: object) -> None:
        """Emit an event."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"emit": [name, value], **more}) + "\n")
        self._process.stdin.flush()

    def suspend(self) -> None:
        """It does nothing until `resume`, as on a laptop that is closed."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        return f"{self.kind} by {self.way}"

    def _command(self, url: str) -> list[str]:
        if self.kind == "node":
            options = {"transports": WAYS[self.way], "reconnectionDelay": 200, "reconnectionDelayMax": 1000}
            return ["node", "client.js", url, json.dumps(options)]
        if self.kind == "java":
            return ["java", "-cp", f"{JAVA}/target/client.jar:{JAVA}/target/dependency/*", "client.Main", url, self.way]
        if self.kind == "rust":
            return [str(RUST / "target" / "release" / "client"), url, self.way]
        return [sys.executable, str(PYTHON / "client.py"), url, self.way, self.kind.split()[2]]

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.said.add(json.loads(line))
