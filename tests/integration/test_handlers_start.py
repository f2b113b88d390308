"""A handlers file with an error in it: file, line and reason at start, and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from bridge.errors import HandlersError
from bridge.relay.handlers import Bridge, Hooks
from bridge.relay.handlers_file import load
from bridge.relay.users import Users
from tests.handlers import written
from tests.process import run_app

TWICE = """\
def setup(bridge):
    @bridge.on_event("go")
    def first(client):
        return None

    @bridge.on_event("go")
    def second(client):
        return None
"""


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("def setup(bridge):\n    return = 1\n", 2, "SyntaxError: invalid syntax"),
        ("x = 1\n", 0, "there is no function setup(bridge) in it"),
    ],
)
def test_an_error_in_the_file_is_told_with_file_line_and_reason_and_ends_with_2(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    path = written(tmp_path, text)
    done = run_app("--handlers", str(path), "--port", "0")
    assert done.returncode == 2
    where = f"{path}:{line}: " if line else f"{path}: "
    assert where in done.stderr
    assert reason in done.stderr.split(where)[1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("x = 1\nimport nosuchmodule\n", 2, "ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("def setup(bridge):\n    raise RuntimeError('no such table')\n", 2, "RuntimeError: no such table"),
        (TWICE, 6, "ValueError: the event 'go' has a handler already"),
        ("def setup(bridge):\n    bridge.on_event('connect')(print)\n", 2, "the event name 'connect' is reserved"),
        ("def help():\n    1 / 0\n\ndef setup(bridge):\n    help()\n", 2, "ZeroDivisionError: division by zero"),
        ("def setup(bridge):\n    import json\n    json.loads('{')\n", 3, "JSONDecodeError"),
        ("def setup(bridge):\n    bridge.on_evnt('go')\n", 2, "AttributeError"),
        ("import sys\nsys.exit('not today')\n", 2, "SystemExit: not today"),
        ("setup = 3\n", 0, "there is no function setup(bridge) in it"),
        ("x = 1\nasync def setup(bridge):\n    pass\n", 2, "setup is async: "),
        ("async def setup(bridge):\n    yield\n", 1, "setup is async: "),
        ("async def f(bridge):\n    pass\n\ndef setup(bridge):\n    return f(bridge)\n", 4, "setup is async: "),
        ("def setup():\n    pass\n", 0, "TypeError: setup() takes 0 positional arguments but 1 was given"),
        ("def setup(bridge):\n    bridge.send({'a': 1})\n", 2, "the bridge is not running yet"),
        ("def setup(bridge):\n    bridge.on_message(print)\n    bridge.on_message(print)\n", 3, "on_message has a"),
        ("def setup(bridge):\n    bridge.on_event('*')(print)\n", 2, "the event name '*' is reserved"),
        ("def setup(bridge):\n    bridge.on_event('bridge:link')(print)\n", 2, "are the bridge's own"),
        ("def setup(bridge):\n    bridge.on_event('')(print)\n", 2, "an event name can't be empty"),
        ("def setup(bridge):\n    bridge.app.get('x')(print)\n", 2, "ValueError"),
        ("def setup(bridge):\n    bridge.Emit('disconnect')\n", 2, "the event name 'disconnect' is reserved"),
    ],
)
def test_the_line_is_the_innermost_one_in_the_file_itself(tmp_path: Path, text: str, line: int, reason: str) -> None:
    path = written(tmp_path, text)
    bridge = Bridge(Flask("test"), Hooks(), Users())
    with pytest.raises(HandlersError) as caught:
        load(path, bridge)
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert reason in caught.value.reason


def test_an_event_that_two_files_take_is_told_with_the_second_file(tmp_path: Path) -> None:
    text = "def setup(bridge):\n    bridge.on_event('go')(print)\n"
    one, two = written(tmp_path, text, "one.py"), written(tmp_path, text, "two.py")
    done = run_app("--handlers", str(one), "--handlers", str(two), "--port", "0")
    assert done.returncode == 2
    assert f"{two}:2: ValueError: the event 'go' has a handler already" in done.stderr


def test_a_file_that_is_no_python_file_is_told(tmp_path: Path) -> None:
    done = run_app("--handlers", str(written(tmp_path, "hello", "notes.txt")), "--port", "0")
    assert done.returncode == 2
    assert "notes.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run_app("--handlers", str(tmp_path / "nowhere.py"), "--port", "0")
    assert done.returncode == 2
    assert "nowhere.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_looks_into_the_handlers_too(tmp_path: Path) -> None:
    good, bad = written(tmp_path, "def setup(bridge):\n    pass\n", "good.py"), written(tmp_path, "1 / 0\n", "bad.py")
    assert run_app("--handlers", str(good), "--check").returncode == 0
    done = run_app("--handlers", str(bad), "--check")
    assert done.returncode == 2
    assert f"{bad}:1: ZeroDivisionError" in done.stderr
