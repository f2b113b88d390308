"""engineio/states.py: the table of transitions and the page of the documents that shows it."""

from __future__ import annotations

import re

from bridge.engineio.states import TRANSITIONS, Action, SessionEvent, SessionState
from tests.process import ROOT


def test_every_state_can_be_reached_but_the_first_and_only_the_last_is_not_left() -> None:
    assert {state for state, _ in TRANSITIONS} == set(SessionState) - {SessionState.CLOSED}
    assert {following.state for following in TRANSITIONS.values()} == set(SessionState)
    assert all(state is not following.state for (state, _), following in TRANSITIONS.items())


def test_every_event_and_action_is_in_the_table() -> None:
    assert {event for _, event in TRANSITIONS} == set(SessionEvent)
    assert {following.action for following in TRANSITIONS.values()} == set(Action)


def test_a_session_that_ends_is_told_of_exactly_once_on_every_way() -> None:
    ways = [(SessionState.POLLING, 0)]
    for state, told in ways:
        assert told == (state in (SessionState.CLOSING, SessionState.CLOSED)), state
        for (before, _), (after, action) in TRANSITIONS.items():
            way = (after, told + (action in (Action.SAY_FAREWELL, Action.TELL_GONE)))
            if before is state and way not in ways:
                ways.append(way)


def test_the_table_in_the_documents_is_the_table_in_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text[text.index("## A session's states") : text.index("## An outbox's states")]
    rows = re.findall(r"^\| ([\w ]+) \| ([\w ]+) \| ([\w ]+) \| ([\w ,'-]+) \|$", section, re.MULTILINE)
    assert rows[0] == ("state", "event", "next state", "besides")
    code = [
        (state.value, event.value, following.state.value, following.action.value)
        for (state, event), following in TRANSITIONS.items()
    ]
    assert rows[1:] == code


def test_each_way_in_the_table_is_in_the_picture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text[text.index("## A session's states") : text.index("## An outbox's states")]
    picture = section.split("```")[1]
    for state in SessionState:
        assert state.value in picture
    for event in SessionEvent:
        assert event.value in picture, event
