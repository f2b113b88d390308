"""engineio/states.py: the table of transitions and the page of the documents that shows it."""

from __future__ import annotations

import re

from bridge.engineio.states import TRANSITIONS, SessionState
from tests.process import ROOT


def test_every_state_can_be_reached_but_the_first_and_only_the_last_is_not_left() -> None:
    assert set(TRANSITIONS) == set(SessionState)
    assert [state for state in SessionState if not TRANSITIONS[state]] == [SessionState.CLOSED]
    for state, following in TRANSITIONS.items():
        assert state not in following
        assert state is SessionState.CLOSED or SessionState.CLOSED in following


def test_the_table_in_the_documents_is_the_table_in_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text[text.index("## A session's states") :]
    names = {state.value: state for state in SessionState}
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \|$", section, re.MULTILINE)
    table = {names[left]: {names[one] for one in right.split(", ")} for left, right in rows if left in names}
    assert {state: following for state, following in TRANSITIONS.items() if following} == table
