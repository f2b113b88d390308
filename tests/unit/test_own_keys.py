"""own_keys.py: which keys a server might take for the bridge's own."""

from __future__ import annotations

import time

import pytest

from bridge.names import MAX_NAME
from bridge.relay import own_keys
from bridge.relay.own_keys import OwnKeys


@pytest.mark.parametrize(
    "key",
    [
        "username", "Username", "userName", "USERNAME", " username", "username\t", "username\0", "username\0x",
        "\0username", "user\0name", "user\u200bname", "\ufeffusername", "\u202eusername", "ｕsername", "usеrname",
        "uſername", "User\x1bName",
    ],
)  # fmt: skip
def test_a_key_that_a_server_might_take_for_the_bridges_own_is_found(key: str) -> None:
    assert OwnKeys({"username", "action"}).meant_by(key) == "username"


@pytest.mark.parametrize(
    "key", ["", "user", "user_name", "usernames", "x", "\0", "é", "data", "usèrname", "u" * 10_000]
)
def test_any_other_key_is_free(key: str) -> None:
    own = OwnKeys({"username", "action"})
    assert own.meant_by(key) is None
    assert own.meant_by(key) is None


def test_a_key_of_any_alphabet_is_found_in_other_case_and_form() -> None:
    assert OwnKeys({"Été"}).meant_by("e\u0301TÉ") == "Été"


def test_keys_that_were_found_free_are_remembered_so_that_the_next_object_is_quick() -> None:
    own = OwnKeys({"username"})
    assert not own.are_free({"x": 1})
    own.meant_by("x")
    own.meant_by("Username")
    assert own.are_free({"x": 1})
    assert not own.are_free({"x": 1, "Username": 2})


def test_no_more_keys_are_remembered_than_the_limit_and_no_long_ones() -> None:
    own = OwnKeys({"username"})
    for n in range(3 * own_keys.MOST_FREE):
        own.meant_by(f"key {n}")
        own.meant_by("x" * (MAX_NAME + 1) + str(n))
        assert len(own._free) <= own_keys.MOST_FREE
    assert max(map(len, own._free)) <= MAX_NAME


@pytest.mark.parametrize("key", ["Reply_To", "reply_to\0", "reply_to\0x", " reply_to", "rеply_to"])
def test_a_shared_key_is_free_as_it_is_and_found_in_any_other_form(key: str) -> None:
    own = OwnKeys({"username"}, {"reply_to"})
    for _ in range(2):
        assert own.meant_by("reply_to") is None
        assert own.meant_by(key) == "reply_to"
        assert own.meant_by("Username") == "username"
    assert own.are_free({"reply_to": 1})


def test_a_shared_key_that_might_be_read_as_one_that_is_not_is_found() -> None:
    assert OwnKeys({"username"}, {"UserName"}).meant_by("UserName") == "username"


@pytest.mark.parametrize("key", ["a" + "\u0301\u0316" * 60_000, "\ufdfa" * 170_000, "username" + "\u200b" * 400_000])
def test_what_is_too_long_for_a_name_is_not_looked_at(key: str) -> None:
    own = OwnKeys({"username", "action"})
    began = time.process_time()
    assert own.meant_by(key) is None
    assert time.process_time() - began < 0.1  # bringing its marks into order takes seconds


def test_what_is_before_a_nul_is_looked_at_however_long_the_rest_is() -> None:
    assert OwnKeys({"username"}).meant_by("UserName\0" + "x" * 1_000_000) == "username"


def test_looks_of_characters_are_remembered_up_to_a_limit() -> None:
    own = OwnKeys({"username"})
    for code in range(0x4E00, 0x4E00 + 2 * own_keys.MOST_LOOKS):
        assert own.meant_by(chr(code)) is None
    assert len(own._look) <= own_keys.MOST_LOOKS
    assert own.meant_by("uѕername") == "username"
