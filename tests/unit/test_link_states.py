"""states.py and backoff.py: the table of transitions, the page of the documents that shows it, the waits."""

from __future__ import annotations

import socket

import pytest

from bridge.errors import LinkError
from bridge.link.backoff import FIRST_DELAY, LAST_DELAY, Backoff
from bridge.link.hint import Hint
from bridge.link.states import TRANSITIONS, CurrentState, LinkAction, LinkEvent, LinkState, LinkStatus, sentence
from tests.unit.links import Linked


def test_the_states_are_those_of_the_contract() -> None:
    assert {state.value for state in LinkState} == {"connecting", "connected", "waiting", "closed"}


def test_every_state_can_be_reached_and_left_and_none_follows_itself() -> None:
    assert {state for state, _ in TRANSITIONS} == set(LinkState)
    assert {following for following, _ in TRANSITIONS.values()} == set(LinkState)
    assert all(state is not following for (state, _), (following, _) in TRANSITIONS.items())


def test_only_a_dialled_connection_is_connected_and_every_state_can_be_closed() -> None:
    opened = {state for (state, _), (following, _) in TRANSITIONS.items() if following is LinkState.CONNECTED}
    assert opened == {LinkState.CONNECTING}
    closable = {state for state, event in TRANSITIONS if event is LinkEvent.CLOSE}
    assert closable == set(LinkState) - {LinkState.CLOSED}


def test_what_broke_is_counted_by_whether_it_was_connected() -> None:
    broken = {state: action for (state, event), (_, action) in TRANSITIONS.items() if event is LinkEvent.BREAK}
    assert broken == {
        LinkState.CONNECTING: LinkAction.COUNT_FAILURE,
        LinkState.CONNECTED: LinkAction.COUNT_DROP,
    }


def test_an_event_that_the_table_does_not_have_for_a_state_is_a_bug_that_stops_the_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dial() -> socket.socket:
        raise LinkError("refused", "never mind")

    monkeypatch.delitem(TRANSITIONS, (LinkState.CLOSED, LinkEvent.DIAL))
    with pytest.raises(AssertionError, match="'dial' can't happen to a link that is closed"):
        Linked(dial=dial).link.run()


def test_a_status_is_told_under_the_names_of_the_contract() -> None:
    status = LinkStatus(LinkState.WAITING, "reset", 1700000000.123, 0.25)
    assert status.as_json() == {
        "state": "waiting",
        "reason": "reset",
        "since": 1700000000.123,
        "next_try_s": 0.25,
        "silent": False,
        "hint": None,
    }
    hinted = LinkStatus(LinkState.CONNECTED, None, 1.0, None, False, Hint("tls", "it speaks TLS"))
    assert hinted.as_json()["hint"] == {"code": "tls", "text": "it speaks TLS", "try": None}


def test_what_is_left_until_the_next_try_is_never_negative_and_none_unless_it_waits() -> None:
    now = CurrentState(LinkState.WAITING, "reset", 1700000000.12345, 50.0)
    assert now.status(49.75) == LinkStatus(LinkState.WAITING, "reset", 1700000000.123, 0.25)
    assert now.status(51.0).next_try_s == 0.0
    assert CurrentState(LinkState.CONNECTED, "", 1.0, None).status(5.0) == LinkStatus(
        LinkState.CONNECTED, None, 1.0, None
    )


def test_each_state_has_its_line_in_the_log() -> None:
    lines = {state: sentence("here:1", LinkStatus(state, "why", 0.0, 1.25)) for state in LinkState}
    assert lines[LinkState.CONNECTED] == "connected to here:1"
    assert lines[LinkState.CONNECTING] == "connecting to here:1"
    assert lines[LinkState.WAITING] == "link down: why; next try in 1.2 s"
    assert lines[LinkState.CLOSED] == "link closed: why"


def test_delays_double_from_the_first_to_the_last_give_or_take_a_quarter() -> None:
    for _ in range(20):
        delays = Backoff()
        base = FIRST_DELAY
        for _ in range(12):
            assert max(FIRST_DELAY, base * 0.75) <= delays.next() <= min(LAST_DELAY, base * 1.25)
            base = min(base * 2, LAST_DELAY)


def test_delays_begin_anew_after_a_reset() -> None:
    delays = Backoff()
    for _ in range(10):
        delays.next()
    assert delays.next() >= LAST_DELAY * 0.75
    delays.reset()
    assert delays.next() <= FIRST_DELAY * 1.25


def test_two_bridges_do_not_wait_the_same_time() -> None:
    waits = {tuple(delays.next() for _ in range(5)) for delays in (Backoff(), Backoff(), Backoff())}
    assert len(waits) == 3
