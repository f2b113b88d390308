"""on_link_down: it is called with the reason, and what it raises stops nothing."""

from __future__ import annotations

import pytest

from bridge.relay.handlers import Bridge
from tests.unit.relays import At


@pytest.mark.parametrize("error", [None, ValueError("a bug"), SystemExit("a bug")])
def test_the_hook_is_told_why_the_link_is_down_and_may_fail(
    error: BaseException | None, caplog: pytest.LogCaptureFixture
) -> None:
    reasons: list[str] = []

    def setup(bridge: Bridge) -> None:
        @bridge.on_link_down
        def hook(reason: str) -> None:
            reasons.append(reason)
            if error is not None:
                raise error

    at = At("sid", setup)
    at.relay.link_down("eof")
    at.relay.link_down("reset")
    assert reasons == ["eof", "reset"]
    assert at.counters["handler_errors"] == (2 if error else 0)
    assert ("a bug" in caplog.text) == (error is not None)


def test_without_a_hook_nothing_is_called() -> None:
    at = At("sid")
    at.relay.link_down("eof")
    assert at.counters["handler_errors"] == 0
