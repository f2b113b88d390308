"""environ_store.py: small while nobody looks, and what a user changed stays changed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from bridge.engineio.environ_store import EnvironStore


def request() -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET", "HTTP_USER_AGENT": "test", "HTTP_COOKIE": "a=b", "REMOTE_ADDR": "127.0.0.1",
        "HTTP_UPGRADE": "websocket", "wsgi.input": io.BytesIO(), "wsgi.version": (1, 0), "wsgi.errors": None,
        "wsgi.run_once": False, "eventlet.posthooks": [],
    }  # fmt: skip


KEPT = {key: value for key, value in request().items() if isinstance(value, str) and key != "HTTP_UPGRADE"}
CONSTANT = {"wsgi.version": (1, 0), "wsgi.errors": None, "wsgi.run_once": False}


@pytest.fixture
def environs() -> EnvironStore:
    made = EnvironStore()
    made["a"] = request()
    return made


def without_input(environ: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in environ.items() if key != "wsgi.input"}


def is_small(environs: EnvironStore) -> bool:
    return not environs._asked_for


def test_what_is_of_use_is_kept_and_no_more(environs: EnvironStore) -> None:
    assert is_small(environs)
    assert without_input(environs["a"]) == {**KEPT, **CONSTANT}
    assert environs["a"]["wsgi.input"].read() == b""


def test_one_that_was_only_looked_at_is_small_again_and_the_same(environs: EnvironStore) -> None:
    for _ in range(3):
        kept = environs._kept["a"]
        seen = environs["a"]
        assert environs["a"] is seen
        environs.pack("a")
        assert environs._kept["a"] is kept
        assert is_small(environs)


@pytest.mark.parametrize("change", [
    lambda environ: environ.update(HTTP_COOKIE="c=d"),
    lambda environ: environ.update(mine="x"),
    lambda environ: environ.pop("HTTP_COOKIE"),
    lambda environ: (environ.pop("HTTP_COOKIE"), environ.update(mine="x")),
    lambda environ: (environ.pop("wsgi.errors"), environ.update(mine="x")),
])  # fmt: skip
def test_text_that_was_changed_is_kept_and_small(
    environs: EnvironStore, change: Callable[[dict[str, Any]], object]
) -> None:
    wanted = {**KEPT, **CONSTANT}
    change(wanted)
    change(environs["a"])
    environs.pack("a")
    assert is_small(environs)
    assert without_input(environs["a"]) == {**wanted, **CONSTANT}  # what is the same for all is there for all


@pytest.mark.parametrize("value", [1, ["x"], {"user": 3}])
def test_one_that_something_else_was_put_into_is_kept_as_it_is(environs: EnvironStore, value: object) -> None:
    seen = environs["a"]
    seen["mine"] = value
    environs.pack("a")
    assert environs["a"] is seen
    del seen["mine"]
    environs.pack("a")
    assert is_small(environs)


def test_whether_there_is_one_is_told_without_making_it_whole(environs: EnvironStore) -> None:
    assert "a" in environs
    assert "b" not in environs
    assert is_small(environs)


def test_nothing_is_left_of_one_that_has_gone_or_come_again(environs: EnvironStore) -> None:
    assert environs["a"]
    environs["a"] = {**request(), "HTTP_COOKIE": "new"}
    assert is_small(environs)
    assert environs["a"]["HTTP_COOKIE"] == "new"
    del environs["a"]
    assert not environs._kept
    assert not environs._asked_for
    environs.pack("a")


USELESS = (
    "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_CONNECTION", "HTTP_UPGRADE", "HTTP_SEC_WEBSOCKET_KEY",
    "HTTP_SEC_WEBSOCKET_VERSION", "HTTP_SEC_WEBSOCKET_EXTENSIONS", "REMOTE_PORT", "RAW_PATH_INFO",
)  # fmt: skip
THE_SAME = ("flask.app", "wsgi.errors", "wsgi.version", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")


def test_what_is_of_no_use_once_the_connection_stands_is_not_kept(environs: EnvironStore) -> None:
    environs["b"] = {**request(), **dict.fromkeys(USELESS, "x"), "HTTP_A": "x", "flask.app": 1}
    assert without_input(environs["b"]) == {**KEPT, **CONSTANT, "HTTP_A": "x"}


def test_what_is_the_same_for_every_request_is_that_of_the_first() -> None:
    environs = EnvironStore()
    first: dict[str, Any] = {key: [key] for key in THE_SAME}
    environs["a"] = {**request(), **first}
    environs["b"] = {**request(), **dict.fromkeys(THE_SAME, 2)}
    for sid in ("a", "b"):
        assert without_input(environs[sid]) == {**KEPT, **first}
        assert environs[sid]["flask.app"] is first["flask.app"]


def text(size: int) -> str:
    """One that no other is the same object as."""
    return "".join(["x"] * size)


def test_texts_and_sets_of_headers_are_shared_but_for_long_texts() -> None:
    environs = EnvironStore()
    for sid in ("a", "b"):
        environs[sid] = {"HTTP_COOKIE": text(255), "HTTP_LONG": text(256)}
    (keys, values), (other_keys, other_values) = environs._kept["a"], environs._kept["b"]
    assert keys is other_keys
    assert values == other_values
    assert values[0] is other_values[0]
    assert values[1] is not other_values[1]


def test_of_sets_of_headers_a_bounded_number_is_remembered() -> None:
    environs = EnvironStore()
    for number in range(1024):
        environs[f"s{number}"] = {f"HTTP_{number}": "x"}
    assert len(environs._keys) == 1024
    environs["next"] = {"HTTP_NEXT": "x"}
    assert list(environs._keys) == [("HTTP_NEXT",)]
    assert environs["s7"]["HTTP_7"] == "x"


def test_what_makes_an_environ_does_so_after_its_session_s_end(environs: EnvironStore) -> None:
    whole = environs.of("a")
    assert whole is not None
    assert environs.of("b") is None
    del environs["a"]
    assert without_input(whole()) == {**KEPT, **CONSTANT}
    assert whole()["wsgi.input"].read() == b""


def test_it_is_a_mapping_of_those_that_are_there(environs: EnvironStore) -> None:
    environs["b"] = request()
    assert (list(environs), len(environs)) == (["a", "b"], 2)
    environs.pack("nobody")
    with pytest.raises(KeyError):
        environs["nobody"]
    with pytest.raises(KeyError):
        del environs["nobody"]
