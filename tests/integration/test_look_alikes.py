"""Nobody takes a name that only looks like another's, or that can't be seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client import Client
from tests.process import Bridge
from tests.returning import Returning
from tests.tcpserver import TcpServer
from tests.viewer import until

CYRILLIC = "аnn"


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    with TcpServer() as server, Bridge("--server", server.address, "--identity", "register") as running:
        server.accept()
        yield running


@pytest.mark.parametrize("name", [CYRILLIC, "ａｎｎ", "𝓪𝓷𝓷"])
def test_a_name_that_only_looks_like_anothers_is_refused(bridge: Bridge, name: str) -> None:
    with Client(bridge.url) as ann, Client(bridge.url) as other:
        assert ann.ask("register", "ann") == {"ok": True, "user": "ann"}
        answer = other.ask("register", name)
        assert answer["error"] == "bad-user"
        assert "looks the same" in answer["message"]
        assert other.ask("register", "Ann") == {"ok": True, "user": "Ann"}
        assert other.ask("register", "ann") == {"ok": True, "user": "ann"}
        assert bridge.counter("refused_bad_user") == 1


def test_a_plain_name_is_refused_too_if_a_look_alike_was_there_first(bridge: Bridge) -> None:
    with Client(bridge.url) as first, Client(bridge.url) as second:
        assert first.ask("register", CYRILLIC)["ok"]
        assert second.ask("register", "ann")["error"] == "bad-user"


def test_a_name_is_taken_while_its_user_is_within_grace(bridge: Bridge) -> None:
    with Client(bridge.url) as ann, Client(bridge.url) as other:
        assert ann.ask("register", "ann")["ok"]
        ann.sio.eio.disconnect(abort=True)
        assert other.ask("register", CYRILLIC)["error"] == "bad-user"


def test_a_name_is_free_when_its_user_has_gone(bridge: Bridge) -> None:
    with Client(bridge.url) as other:
        with Client(bridge.url) as ann:
            assert ann.ask("register", "ann")["ok"]
            assert other.ask("register", CYRILLIC)["error"] == "bad-user"
        until(lambda: other.ask("register", CYRILLIC)["ok"])


def test_who_comes_back_has_its_name_though_a_look_alike_has_come_meanwhile() -> None:
    flags = ("--identity", "register", "--grace", "0.1")
    with TcpServer() as server, Bridge("--server", server.address, *flags) as bridge, Client(bridge.url) as other:
        server.accept()
        with Returning(bridge) as ann:
            ann.emit("register", "ann", ack=0)
            assert ann.answer(0)["ok"]
        until(lambda: other.ask("register", CYRILLIC)["ok"])
        with Returning(bridge, pid=ann.pid) as again:
            assert (again.sid, again.pid) == (ann.sid, ann.pid)
            again.wait(lambda packet: packet == '42["bridge:user",{"user":"ann"}]')
            again.emit("move", ack=1)
            assert again.answer(1)["ok"]


def test_who_alone_has_a_name_may_change_it_into_one_that_looks_the_same(bridge: Bridge) -> None:
    with Client(bridge.url) as ann:
        assert ann.ask("register", CYRILLIC)["ok"]
        assert ann.ask("register", "ann") == {"ok": True, "user": "ann"}


@pytest.mark.parametrize(
    "name",
    ["an\u200bn", "\u202eann", "ann\U000e0041", "\u3164", "a\u2800", "a\ue000", "a\u0301\u0301\u0301\u0301", "a\xa0b"],
)
def test_a_user_name_that_can_not_be_seen_whole_is_refused(bridge: Bridge, name: str) -> None:
    with Client(bridge.url) as ann:
        assert ann.ask("register", name)["error"] == "bad-user"


@pytest.mark.parametrize("name", [" connected", "move ", "mo\u200bve", "\u202emove", "move\ufe0f", "\u3164"])
def test_an_event_whose_name_can_not_be_seen_whole_is_refused(bridge: Bridge, name: str) -> None:
    with Client(bridge.url) as ann:
        assert ann.ask("register", "ann")["ok"]
        assert ann.ask(name)["error"] == "bad-event"
