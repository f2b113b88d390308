"""logs.py: how log lines look."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest

from bridge.logs import configure


@pytest.fixture(autouse=True)
def root_logger_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
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
    assert entry == {"level": "debug", "logger": "bridge.link", "message": "< two\nlines “ü”"}


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
