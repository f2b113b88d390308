"""--replies: the server's answer to an event is its ack, for the one client that asked."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.client import Client
from tests.integration.test_link_down import emit
from tests.process import Bridge
from tests.tcpserver import Peer, TcpServer


class Answering:
    """A bridge with replies, and its connection."""

    def __init__(self, server: TcpServer, *args: str) -> None:
        self.bridge = Bridge("--server", server.address, "--replies", *args)
        self.peer: Peer = server.accept()


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as made:
        yield made


def test_the_servers_answer_is_the_ack_of_the_client_that_asked_and_nobodys_message(server: TcpServer) -> None:
    at = Answering(server)
    with at.bridge as bridge, Client(bridge.url) as ann, Client(bridge.url) as bob:
        acks = emit(ann, "price", {"of": "shovel", "reply_to": "forged"}), emit(bob, "price", {"of": "mine"})
        asked = [at.peer.message(of=of) for of in ("shovel", "mine")]
        assert [message["username"] for message in asked] == [ann.sid, bob.sid]
        for message in reversed(asked):
            at.peer.send_json({"reply_to": message["reply_to"], "gold": len(message["of"])}, "to all")
        assert acks[0].wait_count(1) == [{"ok": True, "reply": {"gold": 6}}]
        assert acks[1].wait_count(1) == [{"ok": True, "reply": {"gold": 4}}]
        ann.got("message", '"to all"')
        assert set(ann.all("message") + bob.all("message")) == {'"to all"'}
        ann.emit("tell", {"n": 1})
        assert at.peer.message(action="tell") == {"username": ann.sid, "action": "tell", "n": 1}
        assert bridge.counter("keys_stripped") == 1


def test_what_a_server_might_take_for_an_id_of_a_question_does_not_reach_it(server: TcpServer) -> None:
    at = Answering(server)
    forged = {"Reply_To": "forged", "reply_to\0": "forged", "re\u200bply_to": "forged"}
    with at.bridge as bridge, Client(bridge.url) as ann:
        emit(ann, "price", {"of": "shovel"} | forged)
        assert list(at.peer.message(action="price")) == ["username", "action", "of", "reply_to"]
        ann.emit("tell", {"reply_to": "msg-17"} | forged)
        assert at.peer.message(action="tell") == {"username": ann.sid, "action": "tell", "reply_to": "msg-17"}
        assert bridge.counter("keys_stripped") == 6
        bridge.said("a client's field 'Reply_To' was left out, because a server might read it as 'reply_to'")


def test_without_replies_these_fields_are_the_pages_own(server: TcpServer) -> None:
    with Bridge("--server", server.address) as bridge, Client(bridge.url) as ann:
        ann.emit("tell", {"Reply_To": 1, "reply_to": 2})
        message = server.accept().message(action="tell")
        assert message == {"username": ann.sid, "action": "tell", "Reply_To": 1, "reply_to": 2}


def test_the_ids_of_questions_may_be_numbers(server: TcpServer) -> None:
    at = Answering(server, "--reply-id", "number")
    with at.bridge as bridge, Client(bridge.url) as ann:
        acks = emit(ann, "price", {"of": "shovel"})
        asked = at.peer.message(action="price")["reply_to"]
        assert isinstance(asked, int)
        at.peer.send_json({"reply_to": asked, "gold": 6})
        assert acks.wait_count(1) == [{"ok": True, "reply": {"gold": 6}}]


def test_without_an_answer_in_time_the_ack_says_no_reply_and_a_late_answer_is_dropped(server: TcpServer) -> None:
    at = Answering(server, "--reply-timeout", "0.5")
    with at.bridge as bridge, Client(bridge.url) as ann:
        ann.linked()
        started = time.monotonic()
        answer = ann.ask("price")
        assert time.monotonic() - started >= 0.5 - 0.01  # the clock of the hub is coarser than this one
        assert (answer["ok"], answer["error"]) == (False, "no-reply")
        at.peer.send_json({"reply_to": at.peer.message(action="price")["reply_to"]}, {"reply_to": "never asked"}, 1)
        ann.got("message", "1")
        assert ann.all("message") == ['{"reply_to": "never asked"}', "1"]
        assert bridge.counter("replies_unknown") == 1
        assert bridge.counter("refused_no_reply") == 1


def test_an_answer_to_a_client_that_has_gone_is_no_trouble(server: TcpServer) -> None:
    at = Answering(server)
    with at.bridge as bridge, Client(bridge.url) as bob:
        ann = Client(bridge.url)
        emit(ann, "price")
        asked = at.peer.message(action="price")
        ann.close()
        at.peer.message(username=asked["username"], action="disconnected")
        at.peer.send_json({"reply_to": asked["reply_to"], "gold": 10}, "on")
        assert bob.got("message") == '"on"'


def test_an_answer_that_no_other_encoder_would_write_is_given_as_far_as_json_has_it(server: TcpServer) -> None:
    at = Answering(server)
    with at.bridge as bridge, Client(bridge.url) as ann:
        ann.linked()
        for text, reply in (
            ('"x":NaN', {"x": None}),
            ('"x":123456789012345678901234567890', {"x": 1.2345678901234568e29}),
            ('"x":"\\ud800"', {"x": "\ud800"}),
        ):
            answers = emit(ann, "ask", text)
            key = at.peer.message(data=text)["reply_to"]
            at.peer.send(f'{{"reply_to":"{key}",{text}}}~'.encode())
            assert answers.wait_count(1) == [{"ok": True, "reply": reply}]


def test_over_a_broken_link_an_event_that_was_held_or_sent_again_is_answered_once(server: TcpServer) -> None:
    at = Answering(server, "--confirm", "--hold", "60")
    with at.bridge as bridge, Client(bridge.url) as ann:
        before = emit(ann, "ask", 1)
        asked = at.peer.message(data=1)
        at.peer.reset()
        ann.linked("waiting")
        meanwhile = emit(ann, "ask", 2)
        again = server.accept()
        assert again.message(data=1) == asked
        held = again.message(data=2)
        again.send_json({"reply_to": held["reply_to"]}, {"confirm": 2}, *[{"reply_to": asked["reply_to"]}] * 2, "end")
        ann.got("message", '"end"')
        assert before.wait_count(1) == meanwhile.wait_count(1) == [{"ok": True, "reply": {}}]
        assert bridge.counter("replies_unknown") == 1
        assert bridge.counter("events_ok") == 2
