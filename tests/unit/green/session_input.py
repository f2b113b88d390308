"""What a session takes of its client: what has come in part, how much in a turn, and how much that is of no use."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from bridge.engineio import useless_budget as module
from bridge.engineio.states import SessionState
from bridge.engineio.useless_budget import FLOOD
from bridge.wire.segment import Segment
from bridge.wire.websocket_frames import BINARY, CLOSE, PING, PONG, TEXT, close_frame
from tests.unit.green.servers import replaced
from tests.unit.green.sessions import Case


def test_what_comes_with_attachments_goes_to_socketio_when_they_are_there() -> None:
    at = Case()
    session = at.by_websocket()
    for kind in ("5", "6"):
        at.told.clear()
        session.take([(TEXT, f'4{kind}2-["a"]'.encode()), (BINARY, b"x"), (TEXT, b"3")])
        assert at.told == []
        assert at.unfinished.size == 9
        session.take([(BINARY, b"y"), (TEXT, b'42["b"]'), (TEXT, b'42["c"]')])
        at.tasks_done()
        assert at.told[:3] == [("message", f'{kind}2-["a"]'), ("message", b"x"), ("message", b"y")]
        assert at.told[3:] == [("events", "client", [["b"], ["c"]], True)]
        assert at.unfinished.size == 0


def test_attachments_that_do_not_come_are_for_socketio_to_say() -> None:
    at = Case()
    at.by_websocket()
    at.say(b'451-["a"]', b'42["b"]')
    at.tasks_done()
    assert at.told == [("message", '51-["a"]'), ("message", '2["b"]')]
    session = at.session
    session.take([(TEXT, b'453-["a"]'), (BINARY, b"x" * (1 << 19)), (BINARY, b"x" * (1 << 20))])
    at.tasks_done()
    assert [len(str(one[1])) > 100 for one in at.told[2:]] == [False, True, True]
    assert at.unfinished.size == 0


def test_too_many_attachments_end_the_session() -> None:
    for count in (10, 11):
        at = Case()
        at.by_websocket()
        at.say(f"45{count}-[]".encode())
        assert at.is_in(SessionState.CLOSED) is (count > 10)
    assert at.told[0] == ("junk", "11 attachments are more than 10 (--max-attachments)")


def test_half_a_packet_is_given_up_in_time_and_forgotten_with_its_session() -> None:
    at = Case()
    at.by_websocket()
    at.say(b'451-["a"]')
    assert at.session in at.queues.packets
    at.session.overdue()
    assert at.told[0] == ("junk", "a packet was not whole within 30 s")
    assert (at.unfinished.size, len(at.queues.packets)) == (0, 0)


def test_half_a_message_is_counted_and_before_connect_bounded() -> None:
    at = Case()
    session = at.by_websocket()
    at.websocket.feed(b"\x81\xfe\xff\xff" + b"x" * 65_000)
    at.websocket.feed(b"x" * 500)
    assert at.unfinished.size == 65_504
    session.joined = False
    at.websocket.feed(b"x" * 36)
    assert at.told == [("junk", "a message before CONNECT is over 65536 bytes"), ("ended",)]
    assert at.sent[0][1][:2] == (1009).to_bytes(2, "big")
    assert at.unfinished.size == 0


def test_who_is_not_read_has_the_full_time_for_the_rest_again() -> None:
    at = Case()
    at.by_websocket()
    at.websocket.feed(b"\x81\xfe\x10\0")
    at.websocket.pause()
    at.queues.packets.discard(at.websocket)
    at.websocket.overdue()
    assert at.told == []
    at.websocket.resume()
    assert at.websocket in at.queues.packets
    at.websocket.overdue()
    assert at.told[0] == ("junk", "a packet was not whole within 30 s")


def test_a_turn_ends_by_time_and_the_rest_is_taken_in_order_as_tasks() -> None:
    at = Case()
    session = at.by_websocket()
    slow = session._shared.events

    def events(client: str, some: Any, may_wait: bool) -> int:
        time.sleep(0.0004 * len(some))
        return slow(client, some, may_wait)

    session._shared.events = events
    at.say(*[b'42["%d"]' % n for n in range(40)], b"1")
    assert session.flow.held
    assert len(at.told) < 10
    at.tasks_done()
    taken = [data[0] for one in at.told if one[0] == "events" for data in one[2]]  # type: ignore[attr-defined]
    assert taken == [str(n) for n in range(40)]
    assert at.told[-2:] == [("ended",), ("gone", "client disconnect")]


def test_who_sends_too_much_that_is_of_no_use_is_ended() -> None:
    for opcode, data in ((PING, b""), (PONG, b""), (TEXT, b"2"), (TEXT, b"3"), (TEXT, b"6"), (TEXT, b"5")):
        at = Case()
        session = at.by_websocket()
        session.take([(opcode, data)] * 400)
        at.tasks_done()
        assert not session.closed, data
        session.take([(opcode, data)] * 200)
        at.tasks_done()
        assert at.is_in(SessionState.CLOSING), data  # what it still sends is left unread, or it would not read why
        session.writable()
        assert at.sock.calls[-1] == "shutdown"
        assert at.sent[-1] == (CLOSE, close_frame(1008, FLOOD)[2:])
        assert at.limits.counters["clients_flooding"] == 1


def test_the_budget_grows_with_time_and_pongs_that_are_asked_for_are_free() -> None:
    at = Case()
    session = at.by_websocket()
    now = [100.0]
    with replaced(module, time=SimpleNamespace(monotonic=lambda: now[0])):
        assert sum(session.charge() for _ in range(400)) == 400
        for _ in range(10):
            now[0] += 0.5
            assert sum(session.charge() for _ in range(100)) == 100
        for _ in range(5):
            session.ping()
            at.say(b"3")
        assert not session.charge()


def test_who_is_ended_for_that_is_told_so_behind_what_is_under_way() -> None:
    at = Case()
    session = at.by_websocket()
    at.sock.room = 3
    session.outbox.put(Segment(b"\x81\x034ab"))
    for _ in range(402):
        session.charge()
    assert at.is_in(SessionState.CLOSING)
    at.sock.room = 1000
    session.writable()
    assert at.sent == [(TEXT, b"4ab"), (CLOSE, close_frame(1008, FLOOD)[2:])]
    at.tasks_done()
    assert ("gone", "transport error") in at.told


def test_whose_connect_has_come_is_half_open_again_only_if_it_was_in_vain() -> None:
    at, told = Case(), list[str]()
    session = at.by_websocket(client=None)
    session._shared.joined = lambda _: told.append("joined")
    session._shared.half_open = lambda _: told.append("half-open")
    at.say(b"40/nope,")
    assert told == ["joined"]
    at.tasks_done()
    assert told == ["joined", "half-open"]

    def let_in(session: Any, _: object) -> None:
        session.join()

    session._shared.message = let_in
    at.say(b"40")
    at.tasks_done()
    assert told == ["joined", "half-open"] + 2 * ["joined"]


def test_attachments_have_their_full_time_after_it_was_we_who_did_not_read() -> None:
    at = Case()
    session = at.by_websocket()
    at.say(b'42["slow"]', b'451-["a"]')
    session.flow.stop()
    assert session.flow.held
    session.overdue()
    assert not session.closed
    at.queues.packets.discard(session)
    session.flow.start()
    at.tasks_done()
    assert not session.flow.held
    assert session in at.queues.packets
    session.overdue()
    assert session.closed


def test_what_is_given_up_is_given_up_once_and_not_kept() -> None:
    at = Case()
    session = at.by_websocket()
    at.say(b'42["slow"]', b'451-["a"]')
    session.flow.stop()
    session.give_up("too much")
    session.flow.start()
    at.tasks_done()
    assert [one for one in at.told if one[0] == "junk"] == [("junk", "too much")]
    assert session._incomplete is None
    assert session not in at.queues.packets
