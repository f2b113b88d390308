"""queue.py while the link is down: what is sent is held, in order, and told its fate once."""

from __future__ import annotations

import threading
import time

import pytest

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.link.framing.registry import framing_out
from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.message import JOINED
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.link.outgoing.queue import OutgoingQueue
from tests.unit.uplinks import By, Outcomes, Tilde, uplink
from tests.waiting import PATIENCE, Log


def holder(
    seconds: float = 1000, size: int = 1000, client: int = 1000, counters: Counters | None = None
) -> OutgoingQueue:
    return uplink(holding=OfflineBuffer(seconds, size, client), counters=counters)


def sent(up: OutgoingQueue) -> list[bytes]:
    """What waits, frame by frame, which is sent now."""
    frames = b"".join(up.take(1 << 30)).split(b"~")[:-1]
    up.sent()
    return frames


def messages_of(up: OutgoingQueue, payloads: list[bytes], by: By | None = None) -> Log[str]:
    """What the senders of these are told, in words."""
    said: Log[str] = Log()
    for payload in payloads:
        up.send([payload], lambda error: said.add(error.message if error else "sent"), by=by)
    return said


def test_before_the_first_link_what_is_sent_is_held_and_goes_out_after_announcements() -> None:
    up, done = holder(), Outcomes()
    up.send([b"1"], done.of("1"), by=By("a"))
    up.send([b"2", b"3"], done.of("2"), by=By("b"))
    assert (done["1"], done["2"]) == ([], [])
    up.up([b"ann", b"bob"])
    up.send([b"4"])
    assert sent(up) == [b"ann", b"bob", b"1", b"2", b"3", b"4"]
    assert (done["1"], done["2"]) == ([None], [None])
    up.down(in_flight=False)


def test_what_waited_when_the_link_broke_is_held_before_what_comes_later() -> None:
    up, done = holder(), Outcomes()
    up.up([])
    for name in ("1", "2"):
        up.send([name.encode()], done.of(name))
    up.tell([b"old presence"])
    up.down(in_flight=False)
    up.send([b"3"], done.of("3"))
    assert [done[name] for name in ("1", "2", "3")] == [[], [], []]
    assert up.waiting == 0
    up.up([b"ann"])
    assert up.waiting == 6
    assert sent(up) == [b"ann", b"1", b"2", b"3"]
    assert [done[name] for name in ("1", "2", "3")] == [[None]] * 3
    assert up.waiting == 0


def test_what_was_in_flight_when_the_link_broke_is_refused_at_once_and_not_sent_again() -> None:
    counters = Counters()
    up, done = holder(counters=counters), Outcomes()
    up.up([])
    up.send([b"1"], done.of("1"))
    up.send([b"2"], done.of("2"))
    assert up.take(1) == [b"1~"]
    up.down(in_flight=True)
    assert (done["1"], done["2"]) == (["link-down"], [])
    assert counters["frames_unconfirmed"] == 1
    up.up([])
    assert sent(up) == [b"2"]


def test_an_event_of_which_a_part_was_sent_is_not_completed_on_the_next_connection() -> None:
    up, done = holder(size=1 << 20), Outcomes()
    up.up([])
    up.send([b"P" * JOINED, b"P"], done.of("both"))
    up.take(1)
    up.down(in_flight=False)
    assert done["both"] == ["link-down"]
    up.sent()
    up.up([b"ann"])
    assert sent(up) == [b"ann"]
    assert done["both"] == ["link-down"]


def test_when_its_time_is_over_it_is_refused_and_the_ack_says_so() -> None:
    up = holder(seconds=0.05)
    said = messages_of(up, [b"1", b"2"])
    assert said.wait_count(2) == ["the server was not connected within 0.05 s"] * 2
    up.up([])
    up.send([b"3"])
    assert sent(up) == [b"3"]


def test_what_waited_for_an_old_connection_is_held_from_the_break_on() -> None:
    up, done = holder(seconds=0.05), Outcomes()
    up.up([])
    over = threading.Event()
    up.send([b"1"], lambda _: over.set())
    up.down(in_flight=False)
    up.send([b"2"], done.of("2"))
    assert over.wait(PATIENCE)


def test_what_there_is_no_room_for_is_refused_at_once_with_the_reason() -> None:
    up, done = holder(size=30, client=20), Outcomes()
    by = By("a")
    up.send([b"x" * 19], done.of("first"), by=by)
    with pytest.raises(Refused, match="at most 20 bytes of one client are held"):
        up.send([b""], done.of("second"), by=by)
    up.send([b"y" * 9], done.of("third"), by=By("b"))
    with pytest.raises(Refused, match="at most 30 bytes are held") as refused:
        up.send([b""], done.of("fourth"))
    assert refused.value.code == "link-down"
    up.up([])
    assert sent(up) == [b"x" * 19, b"y" * 9]
    assert (done["second"], done["fourth"]) == ([], [])


def test_of_what_waited_when_the_link_broke_what_does_not_fit_is_refused() -> None:
    up = holder(client=10)
    up.up([])
    said = messages_of(up, [b"1" * 9, b"2" * 9], By("a"))
    up.down(in_flight=False)
    assert said.entries == ["the server is not connected, and at most 10 bytes of one client are held for it"]
    up.up([])
    assert sent(up) == [b"1" * 9]


def test_without_holding_what_is_sent_is_refused_at_once() -> None:
    up = uplink()
    up.up([])
    up.down(in_flight=False)
    with pytest.raises(Refused, match="link-down"):
        up.send([b"1"], by=By())


def test_what_was_held_for_a_user_who_has_gone_is_refused_when_the_link_is_back() -> None:
    up, done = holder(), Outcomes()
    ann, bob = By("a"), By("b")
    up.send([b"ann 1"], done.of("ann 1"), by=ann)
    up.send([b"bob"], done.of("bob"), by=bob)
    up.send([b"ann 2"], done.of("ann 2"), by=ann)
    up.send([b"anybody"], done.of("anybody"))
    ann.here = False
    assert done["ann 1"] == []
    up.up([b"bob is here"])
    assert (done["ann 1"], done["ann 2"]) == (["gone"], ["gone"])
    assert sent(up) == [b"bob is here", b"bob", b"anybody"]


def test_presence_is_never_held() -> None:
    up = holder()
    up.tell([b"ann"])
    up.up([b"bob"])
    up.tell([b"carl"])
    up.down(in_flight=False)
    up.tell([b"dan"])
    up.up([b"eve"])
    assert sent(up) == [b"eve"]


def test_who_waits_for_room_when_the_link_breaks_is_let_in_and_held_in_line() -> None:
    up, done = holder(), Outcomes()
    up.up([])
    up.send([b"x" * 50] * 2)
    said: Log[str] = Log()

    def wait() -> None:
        with up.room(PATIENCE):
            up.send([b"w"], done.of("w"), has_room=True)
            said.add("held")

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    up.down(in_flight=False)
    assert said.wait_count(1) == ["held"]
    thread.join(PATIENCE)
    up.up([])
    assert sent(up) == [b"x" * 50, b"x" * 50, b"w"]
    assert done["w"] == [None]


def test_what_is_held_is_refused_when_the_bridge_stops_and_later_nothing_is_held() -> None:
    up = holder()
    said = messages_of(up, [b"1", b"2"])
    assert up.drained(0)
    up.close()
    assert said.entries == ["the server was not connected before the bridge stopped"] * 2
    with pytest.raises(Refused, match="link-down"):
        up.send([b"3"])
    up.close()


def test_a_link_that_comes_back_for_a_moment_gives_what_is_held_no_more_time() -> None:
    up = holder(seconds=0.3)
    began = time.monotonic()
    said = messages_of(up, [b"1"])
    while not said.entries and time.monotonic() - began < PATIENCE:
        up.up([])
        up.down(in_flight=False)
    assert said.entries == ["the server was not connected within 0.3 s"]
    assert 0.3 <= time.monotonic() - began < 1.5
    up.close()


def test_at_a_stop_what_is_held_waits_for_the_link_a_while_and_nothing_more_is_held() -> None:
    up = holder()
    said = messages_of(up, [b"1", b"2"])
    stopping = threading.Thread(target=up.close, args=(PATIENCE,))
    stopping.start()
    while True:
        try:
            up.send([b"3"])
        except Refused as error:
            assert (error.code, error.message) == ("link-down", "the bridge is stopping")  # noqa: PT017
            break
    up.up([b"ann"])
    assert sent(up)[:3] == [b"ann", b"1", b"2"]
    stopping.join(PATIENCE)
    assert not stopping.is_alive()
    assert said.entries[:2] == ["sent", "sent"]


def test_when_the_bridge_stops_nobody_waits_for_a_link_that_nothing_is_held_for() -> None:
    up = holder()
    began = time.monotonic()
    up.close(10 * PATIENCE)
    assert time.monotonic() - began < PATIENCE
    up = holder(seconds=0.2)
    said = messages_of(up, [b"1"])
    began = time.monotonic()
    up.close(PATIENCE)
    assert said.entries == ["the server was not connected within 0.2 s"]
    assert time.monotonic() - began < PATIENCE


def test_what_waits_for_a_link_that_is_up_is_not_touched_when_the_bridge_stops() -> None:
    up, done = holder(), Outcomes()
    up.up([])
    up.send([b"1"], done.of("1"))
    up.close()
    assert not up.drained(0)
    assert sent(up) == [b"1"]
    up.send([b"2"], done.of("2"))
    up.down(in_flight=False)
    assert done["2"] == ["link-down"]


def test_large_ones_and_those_that_are_sent_apart_are_held_as_well() -> None:
    framing = Tilde()
    framing.separate = True
    up, done = (
        OutgoingQueue(framing, 1000, lambda: None, Counters(), holding=OfflineBuffer(1000, 1000, 1000)),
        Outcomes(),
    )
    up.send([b"1", b"2"], done.of("12"))
    up.up([])
    assert up.take(1) == [b"1~"]
    up.sent()
    assert done["12"] == []
    assert up.take(1) == [b"2~"]
    up.sent()
    assert done["12"] == [None]


def test_a_refusal_may_send_again() -> None:
    up, done = holder(), Outcomes()
    by = By("a")
    up.send([b"1"], lambda _: up.send([b"again"], done.of("again")), by=by)
    by.here = False
    up.up([])
    assert sent(up) == [b"again"]
    assert done["again"] == [None]


def test_what_is_not_confirmed_and_what_is_held_are_limited_together_to_the_byte() -> None:
    held, counters = OfflineBuffer(1000, 300, 300), Counters()
    up = OutgoingQueue(
        framing_out("~", 400), 200, lambda: None, counters, holding=held, confirming=DeliveryTracker(b"{}")
    )

    def send(size: int) -> None:
        """So many bytes with the number and the framing."""
        up.send([b'{"n":"%b"}' % (b"x" * (size - len(b'{"n":"","seq":1}~')))])

    up.up([])
    send(200)
    sent(up)
    up.down(in_flight=False)
    with pytest.raises(Refused):
        send(301)
    send(300)
    assert (up.waiting, up.held) == (200, 300)
    with pytest.raises(Refused, match="has to confirm what it was sent before"):
        send(20)


def test_whoever_closes_does_not_wait_when_the_link_is_back_and_nothing_is_left_for_it() -> None:
    up, by = holder(), By()
    up.send([b"1"], by=by)
    closes = threading.Thread(target=up.close, args=(2 * PATIENCE,))
    closes.start()
    while not up._changed._waiters:  # type: ignore[attr-defined]
        time.sleep(0)
    by.here = False
    up.up([])
    closes.join(PATIENCE)
    assert not closes.is_alive()
