"""Whose code a thread is in: a handlers file's wherever it lies, the examples too; not app.py's, nor a library's."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import FrameType

import pytest

from bridge.hub import culprit as module
from bridge.hub.culprit import culprit
from tests.process import ROOT

PACKAGE = ROOT / "bridge"


def frame(file: Path) -> FrameType:
    """One of code that a file has, called by this test."""
    names: dict[str, FrameType] = {}
    exec(compile("import sys\nat = sys._getframe()", str(file), "exec"), names)
    return names["at"]


@pytest.mark.parametrize("file", [ROOT / "examples" / "handlers" / "keys" / "keys.py", Path("/srv/game.py")])
def test_a_handlers_file_is_blamed_wherever_it_lies(file: Path) -> None:
    found = culprit(frame(file))
    assert (found.file, found.line, found.own) == (str(file), 2, True)


@pytest.mark.parametrize(
    "file", [ROOT / "app.py", PACKAGE / "wiring.py", Path(sysconfig.get_path("purelib")) / "x.py", Path("<string>")]
)
def test_what_calls_handlers_is_not_blamed_but_who_called_it(file: Path) -> None:
    found = culprit(frame(file))
    assert (found.file, found.function, found.own) == (__file__, "frame", True)


def test_where_nothing_is_a_handlers_file_the_innermost_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NOT_OWN", ("/",))
    found = culprit(sys._getframe())
    assert found.function == "test_where_nothing_is_a_handlers_file_the_innermost_is_named"
    assert not found.own
