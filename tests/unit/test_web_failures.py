"""failures.py: what the log has of routes that fail."""

from __future__ import annotations

import logging

import pytest
from flask import Flask

from bridge.counters import Counters
from bridge.web import log_failures


class Failing:
    """An app whose routes fail. `now`: what its counters take for the time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.counters = Counters(clock=lambda: self.now)
        app = Flask("failing")
        app.add_url_rule("/<path:path>", "fails", self._fails)
        log_failures(app, self.counters)
        self.ask = app.test_client().get

    def _fails(self, path: str) -> str:
        if path.startswith("key"):
            raise KeyError(path)
        raise ValueError("x" * 1000)


def test_a_kind_has_its_traceback_once_and_then_a_line_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    at = Failing()
    for path in ("/key1", "/key2", "/other", "/other"):
        assert at.ask(path).status_code == 500
    at.now += 10.1
    at.ask("/" + "y" * 500)
    assert at.counters["route_errors"] == 5
    first, second, third = caplog.records
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR, logging.WARNING]
    assert [bool(record.exc_info) for record in caplog.records] == [True, True, False]
    assert first.getMessage().startswith("! GET '/key1' failed: KeyError: ")
    assert f", in {__file__}:" in first.getMessage()
    assert second.getMessage().startswith("! GET '/other' failed: ValueError: ")
    assert "(1 more like it since)" in third.getMessage()
    assert all(len(record.getMessage()) < 400 for record in caplog.records)


def test_where_it_failed_is_told_of_one_s_own_code(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("failing")
    app.add_url_rule("/", "fails", lambda: app.jinja_env.get_template("none").render())
    log_failures(app, Counters())
    app.test_client().get("/")
    assert f"failed: TemplateNotFound: 'none', in {__file__}:" in caplog.records[0].getMessage()
