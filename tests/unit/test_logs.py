"""logs.py: how log lines look."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Iterator

import pytest

from bridge.logs import configure


@pytest.fixture(autouse=True)
def root_logger_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    yield
    sys.excepthook, threading.excepthook = hooks
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_a_line_of_text_has_time_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "text")
    logging.getLogger("bridge").warning("! refused %s", "this")
    (line,) = lines(capsys)
    assert re.fullmatch(r"\d\d:\d\d:\d\d WARNING ! refused this", line)


def test_only_the_level_that_was_asked_for_and_above_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning", "text")
    logging.getLogger("bridge").info("not this")
    logging.getLogger("bridge.link").error("this")
    assert [line.split()[-1] for line in lines(capsys)] == ["this"]


def test_a_line_of_json_is_one_object_whatever_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug", "json")
    logging.getLogger("bridge.link").debug("< two\nlines “%s”", "ü")
    (line,) = lines(capsys)
    entry = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry == {"level": "debug", "logger": "bridge.link", "message": r"< two\nlines “ü”"}


def test_a_traceback_is_part_of_its_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    try:
        raise ZeroDivisionError("on purpose")
    except ZeroDivisionError:
        logging.getLogger("bridge").exception("! the handler failed")
    (line,) = lines(capsys)
    assert "ZeroDivisionError: on purpose" in json.loads(line)["traceback"]


def test_configuring_again_replaces_what_was_there(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "text")
    configure("info", "text")
    logging.getLogger("bridge").info("once")
    assert len(lines(capsys)) == 1


NASTY = "a\x1b[2J\x07\u202e\u200b\x9b\n00:00:00 ERROR   forged"
SHOWN = r"a\x1b[2J\x07\u202e\u200b\x9b\n00:00:00 ERROR   forged"


def test_what_a_terminal_would_obey_or_hide_is_made_visible_in_a_line_of_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("info", "text")
    logging.getLogger("bridge").warning("! %s", NASTY)
    (line,) = lines(capsys)
    assert line.endswith(f"WARNING ! {SHOWN}")


def test_what_a_terminal_would_obey_or_hide_is_made_visible_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    try:
        raise ValueError(NASTY)
    except ValueError:
        logging.getLogger("bridge").exception("! %s", NASTY)
    (line,) = lines(capsys)
    assert line.isprintable()
    assert json.loads(line)["message"] == f"! {SHOWN}"
    assert all(part.isprintable() for part in json.loads(line)["traceback"].split("\n"))


def test_nothing_in_a_traceback_can_pass_for_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "text")
    try:
        raise ValueError(NASTY)
    except ValueError:
        logging.getLogger("bridge").exception("! failed")
    first, *others = lines(capsys)
    assert first.endswith("! failed")
    assert others[0] == "  Traceback (most recent call last):"
    assert others[-1] == "  00:00:00 ERROR   forged"
    assert all(line.startswith("  ") and line.isprintable() for line in others)


def test_an_exception_that_nobody_catches_is_a_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "text")

    def fail() -> None:
        raise ValueError(NASTY)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    first, *others = lines(capsys)
    assert first.endswith("! an exception that nobody caught")
    assert all(line.isprintable() for line in others)
