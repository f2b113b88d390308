"""A handlers file is checked by mypy: what is right passes, what is wrong is told at its line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.process import ROOT

USER = """
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge import Bridge, Client, Emit, Frame, Refused, ToClients, ToServer


def told(fate: Refused | None) -> None:
    print(fate.code if fate else "sent")


def setup(bridge: Bridge) -> None:
    @bridge.app.get("/hello")
    def hello() -> str:
        return "hello"

    @bridge.on_event("move")
    def move(client: Client, x: object = None, *more: object) -> dict[str, object]:
        client.state["x"] = x
        return {"username": client.user, "agent": client.headers.get("User-Agent"), "token": client.auth.get("token")}

    @bridge.on_event("slow", thread=True)
    def slow(client: Client) -> Iterator[Frame | str]:
        yield Frame({"a": 1}, done=told)
        yield "text"

    @bridge.on_connect
    def came(client: Client) -> ToServer:
        if client.cookies.get("banned"):
            raise Refused("bad-user")
        bridge.send(b"raw", done=told)
        return None

    @bridge.on_register
    def registered(client: Client) -> object:  # W: on_register
        return bridge.DEFAULT

    @bridge.on_disconnect
    def went(client: Client) -> Any:
        return bridge.DEFAULT

    @bridge.on_message
    def said(message: Any) -> ToClients:
        return [Emit("a", message), bridge.Emit("b", message, to=bridge.clients[0]), bridge.DEFAULT]

    @bridge.on_link_up
    def up(ask: Any) -> list[str]:
        return [ask("login", seconds=2)]

    @bridge.on_link_down
    def down(reason: str) -> None:
        bridge.emit("down", reason, to=["ann", "bob"])

    @bridge.on_event("number")
    def number(client: Client) -> int:  # W: type-var
        return 5

    @bridge.on_event("later")
    async def later(client: Client) -> str:  # W: type-var
        return "x"

    @bridge.on_event("nobody")
    def nobody() -> None:  # W: type-var
        return None

    @bridge.on_connect()  # W: call-arg
    def twice(client: Client) -> None:
        return None

    @bridge.on_event  # W: arg-type
    def unnamed(client: Client) -> None:
        return None

    bridge.send(5)  # W: arg-type
    bridge.emit("x", to=5)  # W: arg-type
    Frame(5)  # W: arg-type
    print(bridge.clients[0].adress)  # W: attr-defined
    bridge.clients[0].disconnect(5)  # W: arg-type
"""


def test_mypy_tells_right_from_wrong_in_a_users_file(tmp_path: Path) -> None:
    file = tmp_path / "game.py"
    file.write_text(USER, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--cache-dir",
        str(tmp_path / "cache"),
        "--config-file",
        os.devnull,
    ]
    done = subprocess.run(
        [*command, str(file)], cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    told = {
        int(line.split(":")[1]) for line in done.stdout.splitlines() if line.startswith("game.py") and "error" in line
    }
    wanted = {number for number, line in enumerate(USER.splitlines(), 1) if "# W:" in line}
    # A decorator's error is told at its own line, or at that of the function under it.
    near = {number if number in told else number - 1 for number in wanted}
    assert near == told, done.stdout + done.stderr


def test_the_types_cost_nothing_until_they_are_used() -> None:
    """Every entry patches first: what imports `bridge` must not import what has to be patched before."""
    code = (
        "import sys, bridge\n"
        "assert not {'flask', 'eventlet', 'socket', 'threading'} & set(sys.modules) - before, sys.modules\n"
        "from bridge import Bridge, Client, Emit, Frame, Refused, ToClients, ToServer\n"
        "assert not {'flask', 'eventlet'} & set(sys.modules)\n"
        "assert Bridge.Emit is Emit and Bridge.Frame is Frame and Bridge.Refused is Refused\n"
        "try:\n    bridge.nothing\nexcept AttributeError as error:\n    assert 'nothing' in str(error)\n"
    )
    code = "import sys\nbefore = set(sys.modules)\n" + code
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
