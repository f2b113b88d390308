"""session_token.py: a pid is read by whom it was made by, and by nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.recovery.session_token import SessionToken, TokenSigner

KEY = b"0123456789abcdef0123456789abcdef"
TOKENS = TokenSigner(KEY)
TOKEN = SessionToken("session", "sid", "mark")
PID = TOKENS.make(TOKEN)


def test_a_pid_is_read_back() -> None:
    token = SessionToken("session", "sid_-1", "Mark-_1")
    assert TOKENS.read(TOKENS.make(token)) == token


def test_a_pid_of_another_key_is_none() -> None:
    assert TokenSigner(b"another key of thirty-two bytes!").read(PID) is None


@given(st.integers(0, len(PID) - 1), st.characters())
def test_a_pid_that_was_changed_is_none(at: int, char: str) -> None:
    changed = PID[:at] + char + PID[at + 1 :]
    assert TOKENS.read(changed) == (TOKEN if changed == PID else None)


def test_a_signature_has_one_spelling() -> None:
    signed = next(
        f"session.sid.{number}"
        for number in range(1000)
        if b"-" in TOKENS._signer.get_signature(f"session.sid.{number}")
    )
    value, _, signature = TOKENS._signer.sign(signed).decode().rpartition(".")
    assert TOKENS.read(f"{value}.{signature}") == SessionToken(*value.split("."))
    for other in (signature.replace("-", "+"), f"{signature}=", f"{signature}\n", f"{signature[:5]} {signature[5:]}"):
        assert TOKENS.read(f"{value}.{other}") is None
    last = signature[-1]
    assert all(TOKENS.read(f"{value}.{signature[:-1]}{char}") is None for char in "AEIMQUYcgkosw048BCD" if char != last)


@given(st.none() | st.integers() | st.text() | st.binary() | st.lists(st.text()))
def test_anything_else_is_none(text: object) -> None:
    assert TOKENS.read(text) is None


@pytest.mark.parametrize("parts", ["session", "session.sid", "a.b.c.d", "a b.sid.n", ".sid.n", "session..n", "a.b."])
def test_what_is_signed_but_no_pid_is_none(parts: str) -> None:
    assert TOKENS.read(TOKENS._signer.sign(parts).decode()) is None
