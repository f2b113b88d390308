"""status.py: /healthz, /readyz and /bridge/status say the same."""

from __future__ import annotations

import pytest
from flask import Flask

from bridge.counters import COUNTERS, Counters
from bridge.web import add_status

DOWN: dict[str, object] = {"state": "waiting", "reason": "nothing listens", "since": 1700000000.5, "next_try_s": 0.4}
UP: dict[str, object] = {"state": "connected", "reason": None, "since": 1700000001.5, "next_try_s": None}


class Site:
    """An app with the three routes; `link` and the counters are what they read."""

    def __init__(self) -> None:
        self.link, self.counters = DOWN, Counters()
        app = Flask("status")
        add_status(app, link=lambda: self.link, status=self._status)
        self.client = app.test_client()

    def _status(self) -> dict[str, object]:
        return {"link": self.link, "counters": self.counters.snapshot()}


def test_it_is_healthy_while_it_serves_link_up_or_down() -> None:
    site = Site()
    for link in (DOWN, UP):
        site.link = link
        answer = site.client.get("/healthz")
        assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_it_is_ready_with_the_link_up_and_else_says_why_not() -> None:
    site = Site()
    answer = site.client.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "waiting", "reason": "nothing listens"})
    site.link = UP
    answer = site.client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("state", ["connecting", "closed"])
def test_a_link_without_a_reason_has_one_all_the_same(state: str) -> None:
    site = Site()
    site.link = {**DOWN, "state": state, "reason": None}
    answer = site.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": state, "reason": f"the link is {state}"}


def test_the_status_shows_what_it_is_given() -> None:
    site = Site()
    site.counters.count("frames_in", 7)
    answer = site.client.get("/bridge/status").json
    assert answer is not None
    assert answer["link"] == DOWN
    assert set(answer["counters"]) == set(COUNTERS)
    assert answer["counters"]["frames_in"] == 7


def test_each_answer_is_of_the_moment_and_not_to_be_kept() -> None:
    site = Site()
    assert site.client.get("/bridge/status").json["counters"]["events_in"] == 0  # type: ignore[index]
    site.counters.count("events_in")
    assert site.client.get("/bridge/status").json["counters"]["events_in"] == 1  # type: ignore[index]
    for path in ("/healthz", "/readyz", "/bridge/status"):
        assert site.client.get(path).headers["Cache-Control"] == "no-store"
        assert site.client.post(path).status_code == 405
