"""handlers_file.py: a file that is loaded, and every way in which that can fail, with file, line and reason."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from bridge.errors import HandlersError
from bridge.relay.handlers import Bridge, Hooks
from bridge.relay.handlers_file import load
from bridge.relay.users import Users


@pytest.fixture(autouse=True)
def imports_as_they_were() -> Iterator[None]:
    path, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def file(folder: Path, text: str, name: str = "game.py") -> Path:
    path = folder / name
    path.write_text(dedent(text))
    return path


def failure(path: Path) -> HandlersError:
    with pytest.raises(HandlersError) as failed:
        load(path, Bridge(None, Hooks(), Users()))
    return failed.value


def test_a_file_registers_its_hooks(tmp_path: Path) -> None:
    hooks = Hooks()
    path = file(
        tmp_path,
        """
        from __future__ import annotations
        from dataclasses import dataclass

        @dataclass
        class Player:  # dataclasses look their module up in sys.modules
            x: int = 0

        def setup(bridge):
            @bridge.on_event("go")
            def go(client):
                return {"x": Player().x}
        """,
    )
    load(path, Bridge(None, hooks, Users()))
    assert hooks.events["go"](None) == {"x": 0}


def test_a_file_can_import_what_lies_beside_it_and_hides_nothing(tmp_path: Path) -> None:
    file(tmp_path, "SPEED = 7", "speeds_of_this_game.py")
    file(tmp_path, "raise RuntimeError('the wrong json')", "json.py")
    path = file(
        tmp_path,
        """
        import json
        import speeds_of_this_game

        def setup(bridge):
            bridge.on_event("go")(lambda client: json.loads(str(speeds_of_this_game.SPEED)))
        """,
    )
    hooks = Hooks()
    load(path, Bridge(None, hooks, Users()))
    assert hooks.events["go"](None) == 7


def test_two_files_of_the_same_name_are_two_files(tmp_path: Path) -> None:
    hooks = Hooks()
    bridge = Bridge(None, hooks, Users())
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        text = f"def setup(bridge):\n    bridge.on_event('{folder}')(lambda client: '{folder}')\n"
        load(file(tmp_path / folder, text), bridge)
    assert [hooks.events[name](None) for name in ("one", "two")] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("def setup(bridge)\n    pass\n", 1, "SyntaxError: expected ':'"),
        ("x = 1\n  y = 2\n", 2, "IndentationError: unexpected indent"),
        ("\nimport no_such_module_anywhere\n", 2, "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("x = 1\n\ny = 1 / 0\n", 3, "ZeroDivisionError: division by zero"),
        ("def setup(bridge):\n    raise ValueError('a\\nb')\n", 2, "ValueError: a\nb"),
        ("def setup(bridge):\n    assert False\n", 2, "AssertionError"),
        ("import sys\nsys.exit('no')\n", 2, "SystemExit: no"),
        ("def setup(bridge):\n    bridge.on_event('connect')\n", 2, "ValueError: the event name 'connect' is reserved"),
        ("def setup(bridge):\n    bridge.send({})\n", 2, "RuntimeError: the bridge is not running yet"),
        ("def helper():\n    return {}['x']\n\ndef setup(bridge):\n    helper()\n", 2, "KeyError: 'x'"),
        ("", 0, "there is no function setup(bridge) in it"),
        ("setup = 5\n", 0, "there is no function setup(bridge) in it"),
        ("\nasync def setup(bridge):\n    pass\n", 2, "setup is async: the bridge calls hooks as plain functions"),
        ("class S:\n    async def __call__(self, bridge): ...\nsetup = S()\n", 0, "setup is async"),
        ("def setup():\n    pass\n", 0, "TypeError: setup() takes 0 positional arguments but 1 was given"),
    ],
)
def test_an_error_is_told_with_file_line_and_reason(tmp_path: Path, text: str, line: int, reason: str) -> None:
    path = file(tmp_path, text)
    error = failure(path)
    assert (error.file, error.line) == (str(path), line)
    assert error.reason.startswith(reason)
    where = f"{path}:{line}" if line else f"{path}"
    assert str(error) == f"the handlers can't be loaded: {where}: {error.reason}"


def test_an_error_in_a_file_beside_it_is_told_with_the_line_that_led_there(tmp_path: Path) -> None:
    file(tmp_path, "def broken(:\n", "beside_this_game.py")
    assert failure(file(tmp_path, "x = 1\nimport beside_this_game\n")).line == 2
    file(tmp_path, "def fail():\n    raise KeyError('deep')\n", "beside_that_game.py")
    path = file(tmp_path, "import beside_that_game\n\ndef setup(bridge):\n    beside_that_game.fail()\n")
    assert failure(path).line == 4


def test_a_setup_that_gives_what_would_have_to_be_awaited_is_async_without_a_warning(tmp_path: Path) -> None:
    text = "async def later():\n    pass\n\ndef setup(bridge):\n    return later()\n"
    error = failure(file(tmp_path, text))
    assert (error.line, error.reason[:14]) == (4, "setup is async")
    gc.collect()


def test_what_is_no_python_file_is_told(tmp_path: Path) -> None:
    assert "no Python file" in failure(file(tmp_path, "", "game.txt")).reason
    assert "FileNotFoundError" in failure(tmp_path / "not-there.py").reason
    assert failure(tmp_path / "not-there.py").line == 0
    (tmp_path / "raw.py").write_bytes(b"x = '\xff'\n")
    assert "SyntaxError" in failure(tmp_path / "raw.py").reason
    (tmp_path / "zero.py").write_bytes(b"x = 1\0\n")
    assert failure(tmp_path / "zero.py").reason


def test_a_path_through_a_link_or_a_dot_is_the_same_file(tmp_path: Path) -> None:
    path = file(tmp_path, "x = 1\ny = 1 / 0\n")
    (tmp_path / "sub").mkdir()
    assert failure(tmp_path / "sub" / ".." / "game.py").line == 2
    (tmp_path / "linked.py").symlink_to(path)
    assert failure(tmp_path / "linked.py").line == 2
