"""states.py and backoff.py: the table of transitions, the page of the documents that shows it, the waits."""

from __future__ import annotations

import re
import socket

import pytest

from bridge.errors import LinkError
from bridge.link.backoff import FIRST_DELAY, LAST_DELAY, Backoff
from bridge.link.connection import TRANSITIONS, LinkState, LinkStatus
from bridge.link.hint import Hint
from bridge.link.states import Now, sentence
from tests.process import ROOT
from tests.unit.links import Linked


def test_the_states_are_those_of_the_contract() -> None:
    assert {state.value for state in LinkState} == {"connecting", "connected", "waiting", "closed"}


def test_every_state_can_be_reached_and_left_and_none_follows_itself() -> None:
    assert set(TRANSITIONS) == set(LinkState)
    assert set().union(*TRANSITIONS.values()) == set(LinkState)
    for state, following in TRANSITIONS.items():
        assert following
        assert state not in following


def test_only_a_dialled_connection_is_connected_and_every_state_can_be_closed() -> None:
    assert [state for state in LinkState if LinkState.CONNECTED in TRANSITIONS[state]] == [LinkState.CONNECTING]
    closable = {state for state in LinkState if LinkState.CLOSED in TRANSITIONS[state]}
    assert closable == set(LinkState) - {LinkState.CLOSED}


def test_the_table_in_the_documents_is_the_table_in_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    names = {state.value: state for state in LinkState}
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \|$", text, re.MULTILINE)
    table = {names[left]: {names[one] for one in right.split(", ")} for left, right in rows if left in names}
    assert table == TRANSITIONS


@pytest.mark.parametrize("forbidden", [LinkState.CONNECTED, LinkState.WAITING, LinkState.CLOSED])
def test_a_transition_that_is_not_in_the_table_is_a_bug_that_stops_the_link(
    forbidden: LinkState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dial() -> socket.socket:
        raise LinkError("refused", "never mind")

    monkeypatch.setitem(TRANSITIONS, LinkState.CLOSED, frozenset({forbidden}))
    linked = Linked(dial=dial)
    with pytest.raises(AssertionError, match="from closed to connecting"):
        linked.link.run(on_burst=linked.bursts.add, on_state=linked.states.add, outgoing=linked.uplink)


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
    now = Now(LinkState.WAITING, "reset", 1700000000.12345, 50.0)
    assert now.status(49.75) == LinkStatus(LinkState.WAITING, "reset", 1700000000.123, 0.25)
    assert now.status(51.0).next_try_s == 0.0
    assert Now(LinkState.CONNECTED, "", 1.0, None).status(5.0) == LinkStatus(LinkState.CONNECTED, None, 1.0, None)


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
