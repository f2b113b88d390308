"""First words on a connection: what became of them, and what may still be said when a connection has ended."""

from __future__ import annotations

import inspect
import threading
from functools import partial
from typing import Any

import pytest

from bridge.counters import Counters
from bridge.errors import LinkError, Refused
from bridge.link.connection import Connection, LinkOptions, LinkState, LinkStatus
from bridge.link.dial import Dialer
from bridge.link.first_exchange import MOST, FirstExchange, FirstWordsOptions
from bridge.link.framing.registry import framing_in, framing_out
from bridge.link.outgoing.queue import OutgoingQueue
from bridge.relay.handlers import Ask, Bridge
from bridge.relay.hook_results import Frame
from tests.tcpserver import TcpServer
from tests.unit.relays import At
from tests.waiting import PATIENCE, Log


@pytest.mark.parametrize(
    ("content", "code"),
    [("second", None), ("a~b", "delimiter-in-frame"), ("\ud800", "not-json"), (5, "handler-error")],
)
@pytest.mark.parametrize("how", ["returned", "sent", "asked"])
def test_each_frame_of_first_words_is_told_once_what_became_of_it(content: Any, code: str | None, how: str) -> None:
    fates: list[str | None] = []

    def tell(fate: Refused | None) -> None:
        fates.append(fate.code if fate else None)

    def setup(bridge: Bridge) -> None:
        @bridge.on_link_up
        def hook(ask: Any) -> Any:
            frame = Frame(content, done=tell)
            if how == "asked":
                ask(frame)
            elif how == "sent":
                bridge.send(content, done=tell)
            return frame if how == "returned" else None

    at = At("sid", setup)
    said: list[bytes] = []
    exchange = FirstExchange(framing_out("~", 1 << 20), said.append)
    exchange.take([b"go on"])
    opening = at.relay.opening([b"hi"])
    assert opening is not None
    if code is None or (how == "sent" and content != 5):
        opening.begin(exchange)
    else:
        with pytest.raises(LinkError) as raised:
            opening.begin(exchange)
        assert raised.value.code == "opening"
    assert said == [b"hi~", *([b"second~"] if code is None else [])]
    assert fates == ([] if how == "sent" and content == 5 else [code])  # that is raised where it was sent
    assert exchange.size == sum(map(len, said))


def test_a_connection_begins_with_an_exchange_if_there_is_a_greeting_or_a_hook() -> None:
    assert At("sid").relay.opening([]) is None
    assert At("sid").relay.opening([b"hi"]) is not None
    assert At("sid", lambda bridge: bridge.on_link_up(dict)).relay.opening([]) is not None


def test_an_answer_is_waited_for_as_long_as_the_hook_says_or_5_seconds() -> None:
    waited: list[float] = []

    class Exchange(FirstExchange):
        def next(self, seconds: float) -> bytes:
            waited.append(seconds)
            return b"go on"

    def hook(ask: Any) -> None:
        assert ask(None) == ask("x", 0.5) == ask("y", seconds=7) == "go on"

    opening = At("sid", lambda bridge: bridge.on_link_up(hook)).relay.opening([])
    assert opening is not None
    opening.begin(Exchange(framing_out("~", 1 << 20), lambda frame: None))
    assert waited == [5.0, 0.5, 7]
    assert inspect.signature(Ask.__call__).parameters["seconds"].default == 5.0


def test_a_hook_whose_arguments_can_not_be_seen_is_called_without_any() -> None:
    at = At("sid", lambda bridge: bridge.on_link_up(dict))
    said: list[bytes] = []
    opening = at.relay.opening([])
    assert opening is not None
    opening.begin(FirstExchange(framing_out("~", 1 << 20), said.append))
    assert said == [b"{}~"]


def test_a_frame_for_a_connection_that_has_ended_is_told_so_and_ends_the_hook() -> None:
    fates: list[str | None] = []
    went_on: list[bool] = []

    def setup(bridge: Bridge) -> None:
        @bridge.on_link_up
        def hook(ask: Any) -> Any:
            yield Frame("one", done=lambda fate: fates.append(fate.code if fate else None))
            went_on.append(True)

    def broken(data: bytes) -> None:
        raise LinkError("closed", "the server has gone")

    opening = At("sid", setup).relay.opening([])
    assert opening is not None
    with pytest.raises(LinkError, match="the server has gone"):
        opening.begin(FirstExchange(framing_out("~", 1 << 20), broken))
    assert fates == ["link-down"]
    assert not went_on


@pytest.mark.parametrize("error", [ValueError("a bug"), SystemExit("a bug")])
def test_first_words_that_fail_are_logged_with_their_traceback_and_counted(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def setup(bridge: Bridge) -> None:
        @bridge.on_link_up
        def hook() -> None:
            raise error

    at = At("sid", setup)
    opening = at.relay.opening([])
    assert opening is not None
    with pytest.raises(LinkError, match=f"on_link_up failed: {type(error).__name__}: a bug"):
        opening.begin(FirstExchange(framing_out("~", 1 << 20), lambda frame: None))
    assert "Traceback" in caplog.text
    assert at.counters["handler_errors"] == 1


def test_a_connection_that_ends_waits_for_its_opening_and_lets_nothing_come_up_later() -> None:
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def up() -> None:
        begun.set()
        go_on.wait(PATIENCE)
        order.append("up")

    def end() -> None:
        exchange.close()
        order.append("over")

    exchange = FirstExchange(framing_out("~", 1 << 20), lambda frame: None)
    comes = threading.Thread(target=lambda: exchange.release(up, lambda frames: None))
    comes.start()
    assert begun.wait(PATIENCE)
    ends = threading.Thread(target=end)
    ends.start()
    go_on.set()
    comes.join(PATIENCE)
    ends.join(PATIENCE)
    assert order == ["up", "over"]
    with pytest.raises(LinkError):
        exchange.release(lambda: order.append("up again"), lambda frames: None)
    assert order == ["up", "over"]


def test_what_is_not_asked_for_goes_on_after_the_link_is_up_and_before_what_is_read_then() -> None:
    order: list[object] = []
    exchange = FirstExchange(framing_out("~", 1 << 20), lambda frame: None)
    assert exchange.take([b"1", b"2"])
    assert exchange.next(PATIENCE) == b"1"
    exchange.release(lambda: order.append("up"), order.append)
    assert order == ["up", [b"2"]]
    assert not exchange.take([b"3"])


def test_what_is_read_before_it_is_asked_for_waits_to_a_limit_then_reading_stops() -> None:
    exchange = FirstExchange(framing_out("~", 1 << 20), lambda frame: None)
    exchange.take([b"x" * (MOST + 1)])
    reads = threading.Thread(target=exchange.take, args=([b"more"],))
    reads.start()
    reads.join(0.2)
    assert reads.is_alive()
    assert len(exchange.next(PATIENCE)) == MOST + 1
    reads.join(PATIENCE)
    assert exchange.next(PATIENCE) == b"more"


def test_a_reader_that_waits_goes_on_when_the_talk_is_over() -> None:
    taken: list[bool] = []
    exchange = FirstExchange(framing_out("~", 1 << 20), lambda frame: None)
    exchange.take([b"x" * (MOST + 1)])
    reads = threading.Thread(target=lambda: taken.append(exchange.take([b"more"])))
    reads.start()
    exchange.close()
    reads.join(PATIENCE)
    assert taken == [False]


class Recorded(OutgoingQueue):
    """`acked`: of each connection that is over, how much of what it was fed from here has arrived."""

    def __init__(self) -> None:
        super().__init__(framing_out("~", 1 << 20), 1 << 20, lambda: None, Counters())
        self.acked: Log[int | None] = Log()

    def over(self, acknowledged: int | None) -> None:
        self.acked.add(acknowledged)
        super().over(acknowledged)


def test_first_words_are_none_of_what_the_queue_is_told_has_arrived() -> None:
    with TcpServer() as server:
        outgoing = Recorded()
        dial, decoder = Dialer("127.0.0.1", server.port).dial, partial(framing_in, "~", 1 << 20)
        opening = FirstWordsOptions(lambda exchange: exchange.send([b"hello"]), framing_out("~", 1 << 20))

        def told(status: LinkStatus) -> None:
            if status.state is LinkState.CONNECTED:
                outgoing.up([b"ann"])

        link = Connection(
            dial, decoder, LinkOptions("the server"), Counters(),
            outgoing=outgoing, on_burst=lambda frames: None, on_state=told, opening=opening,
        )  # fmt: skip
        thread = threading.Thread(target=link.run)
        thread.start()
        peer = server.accept()
        assert peer.frames.wait_count(2) == [b"hello", b"ann"]
        peer.close()
        assert outgoing.acked.wait_count(1)[0] in (len(b"ann~"), len(b"ann~") + 1)  # to close counts as a byte
        link.close()
        thread.join(PATIENCE)
