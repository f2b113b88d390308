"""session_token.py: a pid is read by whom it was made by, and by nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.recovery.session_token import SessionToken, TokenSigner

KEY = b"0123456789abcdef0123456789abcdef"
TOKENS = TokenSigner(KEY)


def test_a_pid_is_read_back() -> None:
    assert TOKENS.read(TOKENS.make("session", "sid_-1")) == SessionToken("session", "sid_-1")


def test_no_two_pids_are_the_same() -> None:
    assert len({TOKENS.make("session", "sid") for _ in range(100)}) == 100


def test_a_pid_of_another_key_is_none() -> None:
    assert TokenSigner(b"another key of thirty-two bytes!").read(TOKENS.make("session", "sid")) is None


@given(st.data())
def test_a_pid_that_was_changed_is_none(data: st.DataObject) -> None:
    pid = TOKENS.make("session", "sid")
    at = data.draw(st.integers(0, len(pid) - 1))
    char = data.draw(st.characters().filter(lambda char: char != pid[at]))
    changed = TOKENS.read(pid[:at] + char + pid[at + 1 :])
    # The last character of a signature in base64 has bits that are not used.
    assert changed is None or (at == len(pid) - 1 and changed == SessionToken("session", "sid"))


@given(st.none() | st.integers() | st.text() | st.binary() | st.lists(st.text()))
def test_anything_else_is_none(text: object) -> None:
    assert TOKENS.read(text) is None


@pytest.mark.parametrize("parts", ["session", "session.sid", "a.b.c.d", "a b.sid.n", ".sid.n", "session..n"])
def test_what_is_signed_but_no_pid_is_none(parts: str) -> None:
    assert TOKENS.read(TOKENS._signer.sign(parts).decode()) is None
