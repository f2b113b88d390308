"""What can be no hook ends the process at start; one that only its call shows to be none is told as it is called."""

from __future__ import annotations

from pathlib import Path

from tests.handlers import Handled, written
from tests.process import run_app
from tests.tcpserver import TcpServer

HEAD = """\
async def hook(client): ...
async def frames(client): yield "x"

def setup(bridge):
    """


def test_the_process_ends_with_2_and_one_line(tmp_path: Path) -> None:
    path = written(
        tmp_path, "def setup(bridge):\n    @bridge.on_event('go')\n    async def go(client):\n        pass\n"
    )
    done = run_app("--handlers", str(path), "--port", "0")
    assert done.returncode == 2
    assert f"{path}:2: TypeError: on_event('go'): setup.<locals>.go is async: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_async_function_that_only_its_call_shows_is_told_in_the_same_words(tmp_path: Path) -> None:
    text = (
        HEAD + "bridge.on_event('go')(lambda client: hook(client))\n    bridge.on_event('gen')(lambda c: frames(c))\n"
    )
    with TcpServer() as server, Handled(server, [written(tmp_path, text)]) as at, at.client() as ann:
        assert ann.ask("go")["error"] == "handler-error"
        assert "write def in place of async def" in at.bridge.said("the handler setup.<locals>.<lambda> failed")
        assert ann.ask("gen")["error"] == "handler-error"
        assert not any("never awaited" in line for line in at.bridge.log.entries)
