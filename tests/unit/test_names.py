"""names.py: which names events and users may have."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.names import MAX_NAME, check_event, clean_user, event_problem
from bridge.visible import unseen


@pytest.mark.parametrize(
    "name",
    [
        "", "x" * (MAX_NAME + 1), "x" * 10_000, "a\nb", "a\x00", "\x7f", "\x85", "a\u2028b", "\ud800",
        " connected", "connected ", "a\t", "\xa0a", "a\u200bb", "\u202ea", "\u3164", "a\U000e0041",
        "*", "connect", "disconnect", "connect_error", "newListener", "removeListener",
        "bridge:link", "bridge:", "bridge:whatever",
    ],
)  # fmt: skip
def test_an_event_name_that_the_contract_excludes_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_event(name)
    assert refused.value.code == "bad-event"
    assert refused.value.message


@pytest.mark.parametrize("name", [None, 1, 1.5, True, ["chat"], {"a": 1}, b"chat"])
def test_an_event_name_that_is_no_string_is_refused(name: object) -> None:
    with pytest.raises(Refused, match="bad-event"):
        check_event(name)


@pytest.mark.parametrize(
    "name", ["x", "x" * MAX_NAME, "Connect", "❤️", "bridge", "a:b", "größe", "日本", "🎮", "a b", "__proto__"]
)
def test_any_other_event_name_is_taken(name: str) -> None:
    check_event(name)
    assert not event_problem(name, ())


def test_names_that_are_reserved_besides_are_refused_only_where_they_are_given() -> None:
    check_event("connected")
    with pytest.raises(Refused, match="bad-event"):
        check_event("connected", {"connected", "disconnected"})


@given(st.text(max_size=140))
def test_an_event_name_is_refused_exactly_for_its_length_its_characters_or_being_reserved(name: str) -> None:
    odd = name != name.strip() or bool(unseen(name))
    reserved = name.startswith("bridge:") or name in ("*", "connect", "disconnect")
    if not name or len(name) > MAX_NAME or odd or reserved:
        assert event_problem(name)
    else:
        assert event_problem(name) is None


@pytest.mark.parametrize(
    ("given_name", "used"),
    [
        ("ann", "ann"),
        ("  ann\t\n", "ann"),
        ("a b", "a b"),
        ("Ame\u0301lie", "Am\u00e9lie"),
        ("x" * MAX_NAME, "x" * MAX_NAME),
        (" " * 100 + "x" * MAX_NAME, "x" * MAX_NAME),
        ("e\u0301" * MAX_NAME, "\u00e9" * MAX_NAME),
        ('"~\\', '"~\\'),
        ("e\u0301\u0301\u0301", "\u00e9\u0301\u0301"),
        ("\u0e01\u0e35\u0e49", "\u0e01\u0e35\u0e49"),
        ("❤️ Ann", "❤️ Ann"),
    ],
)
def test_a_user_name_is_trimmed_and_composed(given_name: str, used: str) -> None:
    assert clean_user(given_name) == used


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "\n",
        "x" * (MAX_NAME + 1),
        "x" * 1_000_000,
        "a\x00b",
        "a\nb",
        "a\x1bb",
        "\x9f",
        "\ud83d",
        "a\u2029b",
        "an\u200bn",
        "\u202eann",
        "ann\U000e0041",
        "\u3164",
        "a\ue000",
        "a\u3000b",
        "e" + "\u0301" * 4,
        "\u1ec7\u0301\u0301",
    ],
)
def test_a_user_name_out_of_bounds_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        clean_user(name)
    assert refused.value.code == "bad-user"


@pytest.mark.parametrize("name", [None, 7, True, ["ann"], {"username": "ann"}, b"ann"])
def test_a_user_name_that_is_no_string_is_refused(name: object) -> None:
    with pytest.raises(Refused, match="bad-user"):
        clean_user(name)


def test_a_refusal_is_short_even_if_the_name_is_a_megabyte() -> None:
    with pytest.raises(Refused) as refused:
        clean_user("x" * 1_000_000)
    assert len(refused.value.message) < 200


@given(st.text(max_size=160))
@example(" \u0301")
@example("\u1100 \u1161")
def test_a_user_name_that_was_taken_is_taken_again_unchanged(name: str) -> None:
    try:
        used = clean_user(name)
    except Refused:
        return
    assert clean_user(used) == used
    assert unicodedata.is_normalized("NFC", used)
    assert used == used.strip()
    assert 1 <= len(used) <= MAX_NAME
