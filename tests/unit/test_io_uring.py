"""io_uring.py: the same to many sockets at once, and the truth about who took how much. All on real sockets."""

from __future__ import annotations

import ctypes
import os
import random
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest

from bridge.counters import Counters
from bridge.delivery.fanout import AT_ONCE_LITTLE, LITTLE
from bridge.delivery.limits import Limits
from bridge.delivery.outbox import Outbox, put_all, put_at_once
from bridge.delivery.slow_policies import POLICIES
from bridge.engineio import io_uring
from bridge.engineio.io_uring import LARGEST, MOST, NoRing, Ring, open_ring
from bridge.wire.segment import Segment
from bridge.wire.websocket_frames import frame
from tests.unit.outboxes import Wire

BROKEN = "it does not do what it should"


@pytest.fixture
def ring() -> Iterator[Ring]:
    try:
        made = open_ring()
    except NoRing as reason:
        if str(reason) == BROKEN:
            pytest.fail("there is one, which is not used as it should be")
        pytest.skip(f"there is no io_uring here: {reason}")
    yield made
    made.close()


class Ends:
    """Pairs of sockets: what is sent by `here`, with little room, is read from `there`."""

    def __init__(self, number: int) -> None:
        self._stack = ExitStack()
        pairs = [socket.socketpair() for _ in range(number)]
        self.here, self.there = [here for here, _ in pairs], [there for _, there in pairs]
        for here, there in pairs:
            self._stack.enter_context(here).setblocking(False)
            self._stack.enter_context(there).setblocking(False)
            here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    @property
    def fds(self) -> list[int]:
        return [here.fileno() for here in self.here]

    def read(self, which: int, most: int = 1 << 20) -> bytes:
        """What has come to one of them."""
        got = b""
        while len(got) < most:
            try:
                data = self.there[which].recv(most - len(got))
            except BlockingIOError:
                break
            if not data:
                break
            got += data
        return got

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def ends() -> Iterator[Callable[[int], Ends]]:
    with ExitStack() as stack:

        def make(number: int) -> Ends:
            made = Ends(number)
            stack.callback(made.close)
            return made

        yield make


Make = Callable[[int], Ends]


@pytest.mark.parametrize("number", [1, 2, 36, MOST])
@pytest.mark.parametrize("size", [1, 2, 100, LARGEST])
def test_each_gets_all_of_it_however_often(ring: Ring, ends: Make, number: int, size: int) -> None:
    some = ends(number)
    for turn in range(7):
        data = bytes([turn]) * size
        assert list(ring.send(some.fds, data)) == []
        assert [some.read(which) for which in range(number)] == [data] * number


def test_what_is_sent_may_be_part_of_something_larger(ring: Ring, ends: Make) -> None:
    some = ends(2)
    assert list(ring.send(some.fds, memoryview(b"abcdef")[2:4])) == []
    assert some.read(0) == some.read(1) == b"cd"


def test_who_is_full_broken_or_not_there_takes_nothing_and_the_others_all(ring: Ring, ends: Make) -> None:
    some = ends(4)
    while not ring.send([some.fds[1]], bytes(LARGEST)):
        pass
    some.there[3].close()
    assert list(ring.send([*some.fds, -1], b"hi")) == [(1, 0), (3, 0), (4, 0)]
    assert some.read(0) == some.read(2) == b"hi"
    some.read(1)
    assert list(ring.send(some.fds, b"again")) == [(3, 0)]
    assert some.read(1) == b"again"


def test_what_a_socket_took_of_it_is_what_the_ring_says_and_nothing_is_sent_later(ring: Ring) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    said = got = 0
    with here, there:
        here.setblocking(False)
        there.setblocking(False)
        turns = parts = 0
        while turns < 200 or not parts:  # TCP takes parts of what it is given, too
            short = ring.send([here.fileno()] * 3, b"x" * (LARGEST - turns % 7))
            took = dict(short)
            said += sum(took.get(which, LARGEST - turns % 7) for which in range(3))
            parts += any(took.values())
            turns += 1
            assert turns < 100_000
            if short:
                got += _drain(there, random.Random(turns).randrange(1, 60_000))
        assert list(ring.send([-1], b"")) == [(0, 0)]
        here.close()
        there.setblocking(True)
        got += _drain(there, 1 << 40)
    assert got == said


def _drain(there: socket.socket, most: int) -> int:
    got = 0
    while got < most:
        try:
            data = there.recv(min(65536, most - got))
        except BlockingIOError:
            break
        if not data:
            break
        got += len(data)
    return got


class _Client:
    """A client on a socket, as its outbox sees it."""

    def __init__(self, here: socket.socket, limits: Limits) -> None:
        self._here = here
        self.outbox = Outbox(self, limits)
        self.outbox.connect(Wire(here.send, here.fileno()))
        self.waits = False

    def send_parts(self, parts: list[bytes | memoryview]) -> int:
        try:
            return self._here.sendmsg(parts)
        except BlockingIOError:
            return 0

    def blocked(self) -> None:
        self.waits = True

    def too_slow(self) -> None:
        raise AssertionError("nobody is over the limit here")

    def behind(self) -> None:
        raise AssertionError("nobody is over the limit here")

    def stop_reading(self) -> None:
        raise AssertionError("there are no answers here")

    def start_reading(self) -> None:
        raise AssertionError("there are no answers here")


@pytest.mark.parametrize("seed", range(5))
def test_each_client_has_everything_once_and_in_order_however_it_reads(ring: Ring, ends: Make, seed: int) -> None:
    """Whoever is behind has the rest from the outbox, before what comes after it."""
    dice, number = random.Random(seed), 40
    some = ends(number)
    limits = Limits(1 << 30, POLICIES["disconnect"], Counters())
    clients = [_Client(here, limits) for here in some.here]
    outboxes = [client.outbox for client in clients]
    wanted, got = b"", [b""] * number
    for turn in range(300):
        data = frame(b"%06d" % turn + b"x" * dice.randrange(900))
        wanted += data
        first = dice.randrange(number)
        put_at_once(outboxes[:first], Segment(data), ring.send)
        put_all(outboxes[first:], Segment(data))
        for which in dice.sample(range(number), dice.randrange(number // 4)):
            got[which] += some.read(which, dice.randrange(1, 6_000))
            if dice.random() < 0.7:  # the poller may come late
                clients[which].outbox.flush()
    assert any(client.outbox.size for client in clients)
    for which, client in enumerate(clients):
        assert client.waits
        while client.outbox.size or len(got[which]) < len(wanted):
            client.outbox.flush()
            got[which] += some.read(which)
    assert got == [wanted] * number


def test_an_outbox_that_is_closed_or_sealed_is_not_written_to(ring: Ring, ends: Make) -> None:
    some = ends(3)
    clients = [_Client(here, Limits(1 << 20, POLICIES["disconnect"], Counters())) for here in some.here]
    clients[0].outbox.close()
    clients[1].outbox.seal(Segment(b"last"))
    clients[1].outbox.flush()
    put_at_once([client.outbox for client in clients], Segment(b"more"), ring.send)
    assert [some.read(which) for which in range(3)] == [b"", b"last", b"more"]
    assert [client.outbox.size for client in clients] == [0, 0, 0]


def test_what_the_system_does_not_take_up_is_said_to_be_unsent_and_never_sent(ring: Ring, ends: Make) -> None:
    some, enter = ends(5), ring._enter

    def reluctant(call: int, fd: int, number: int, *more: int) -> int:
        return enter(call, fd, number - 3, *more) if number > 3 else -1

    ring._enter = reluctant
    for _ in range(MOST):
        assert list(ring.send(some.fds, b"ab")) == [(2, 0), (3, 0), (4, 0)]
        assert list(ring.send(some.fds[:2], b"cd")) == [(0, 0), (1, 0)]
        assert [some.read(which) for which in range(5)] == [b"ab", b"ab", b"", b"", b""]
    ring._enter = enter
    assert list(ring.send(some.fds, b"ef")) == []
    assert [some.read(which) for which in range(5)] == [b"ef"] * 5


def test_an_answer_that_comes_late_is_waited_for(ring: Ring, ends: Make) -> None:
    some, calls = ends(2), []

    class Late:
        """The place up to which there are answers, as it was before they came, for two looks."""

        def __init__(self, column: memoryview) -> None:
            self.column, self.was, self.looks = column, column[0], 0

        def __getitem__(self, at: int) -> int:
            self.looks += 1
            return self.was if self.looks <= 2 else int(self.column[at])

    enter, column = ring._enter, ring._answered_up_to
    ring._answered_up_to = cast(Any, Late(column))

    def watched(*call: int) -> int:
        calls.append(call[2:5])
        return enter(*call)

    ring._enter = watched
    assert list(ring.send([*some.fds, -1], b"ab")) == [(2, 0)]
    assert calls == [(3, 0, 0), (0, 3, 1)]
    ring._answered_up_to = column


def test_answers_may_come_in_any_order(ring: Ring, ends: Make) -> None:
    some, enter = ends(2), ring._enter

    def turns_round(*call: int) -> int:
        done, first = enter(*call), ring._heard_up_to[0] % len(ring._results)
        found = [(ring._who[first + at], ring._results[first + at]) for at in range(3)]
        for at, (who, result) in enumerate(reversed(found)):
            ring._who[first + at], ring._results[first + at] = who, result
        return done

    ring._enter = turns_round
    assert list(ring.send([*some.fds, -1], b"ab")) == [(2, 0)]
    assert some.read(0) == some.read(1) == b"ab"


@pytest.mark.parametrize("when", ["before it is asked for", "after it was asked for", "while the answers are read"])
def test_what_ends_one_send_leaves_nothing_for_the_next_one(ring: Ring, ends: Make, when: str) -> None:
    """As a handler of signals that raises, or no memory."""
    some, enter = ends(4), ring._enter

    def fails(*call: int) -> int:
        if when == "after it was asked for":
            enter(*call)
        raise MemoryError

    class Unreadable:
        def __getitem__(self, _: object) -> memoryview:
            raise MemoryError

    for _ in range(MOST):
        with pytest.MonkeyPatch.context() as patch:
            if when == "while the answers are read":
                patch.setattr(ring, "_results", cast(Any, Unreadable()))
                patch.setattr(Unreadable, "__len__", lambda self: 128, raising=False)
            else:
                patch.setattr(ring, "_enter", fails)
            with pytest.raises(MemoryError):
                ring.send(some.fds, b"first")
        sent = b"" if when == "before it is asked for" else b"first"
        assert list(ring.send([*some.fds[:3], -1], b"second")) == [(3, 0)]
        assert list(ring.send(some.fds, b"third")) == []
        assert [some.read(which) for which in range(4)] == [*[sent + b"secondthird"] * 3, sent + b"third"]


def test_the_fan_out_asks_for_no_more_than_it_can() -> None:
    assert (AT_ONCE_LITTLE, LITTLE) == (MOST, LARGEST)


def test_too_many_or_too_much_is_an_error_and_sends_nothing(ring: Ring, ends: Make) -> None:
    some = ends(1)
    with pytest.raises(ValueError, match="structure"):
        ring.send(some.fds * (MOST + 1), b"x")
    with pytest.raises(ValueError, match="structure"):
        ring.send(some.fds, bytes(LARGEST + 1))
    assert list(ring.send(some.fds, b"y")) == []
    assert some.read(0) == b"y"


def rings() -> int:
    """How many this process has."""
    found = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:[io_uring]"
        except FileNotFoundError:
            pass  # that which listed them
    return found


def test_a_ring_that_is_closed_leaves_nothing_behind(ends: Make) -> None:
    def use() -> None:
        try:
            ring = open_ring()
        except NoRing:
            return
        ring.close()
        ring.close()

    before = rings()
    for _ in range(5):
        use()
    assert rings() == before


def test_a_system_that_has_none_or_refuses_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: int) -> int:
        ctypes.set_errno(1)
        return -1

    with monkeypatch.context() as patch:
        patch.setattr(io_uring, "_system_call", lambda: refuses)
        with pytest.raises(NoRing, match=r"^operation not permitted$"):
            open_ring()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NoRing, match=r"^darwin has none$"):
        open_ring()


def test_a_ring_that_nothing_can_be_asked_of_is_none(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rings()
    monkeypatch.setattr(Ring, "_submit", lambda self, number: 0)
    with pytest.raises(NoRing, match=BROKEN):
        open_ring()
    assert rings() == before


def test_without_descriptors_there_is_none(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more() -> tuple[socket.socket, socket.socket]:
        raise OSError(24, "Too many open files")

    before = rings()
    monkeypatch.setattr(socket, "socketpair", no_more)
    with pytest.raises(NoRing, match="Too many open files"):
        open_ring()
    assert rings() == before


@pytest.mark.parametrize("lie", [[], [(0, 0), (2, 0)], [(0, 0), (1, 0), (2, 0)], [(0, 0), (1, 5), (2, 0)], [(1, 0)]])
def test_a_system_that_does_not_tell_the_truth_is_not_trusted(
    ring: Ring, lie: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rings()
    monkeypatch.setattr(Ring, "send", lambda self, fds, data: lie)
    with pytest.raises(NoRing, match=BROKEN):
        open_ring()
    assert rings() == before


def system_has_one() -> bool:
    """Whether it makes one for who asks it as io_uring_setup(2) says, with IORING_SETUP_SUBMIT_ALL."""
    parameters = ctypes.create_string_buffer(bytes(8) + b"\x80", 120)
    fd = ctypes.CDLL(None).syscall(425, 8, parameters, 0, 0, 0, 0)
    if fd >= 0:
        os.close(fd)
    return bool(fd >= 0)


def test_where_the_system_has_one_it_is_used(caplog: pytest.LogCaptureFixture) -> None:
    if not system_has_one():
        pytest.skip("there is no io_uring here")
    before = rings()
    ring = open_ring()
    assert rings() > before
    ring.close()
    send: Any = io_uring.send_many()
    assert list(send([-1], b"x")) == [(0, 0)]
    send.__self__.close()
    assert (rings(), caplog.messages) == (before, [])


def test_without_one_nobody_sends_to_many_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with caplog.at_level("INFO", "bridge.clients"):
        assert io_uring.send_many() is None
    assert caplog.messages == ["= each client is sent to by itself, as there is no io_uring: darwin has none"]


@pytest.mark.parametrize("lie", [[(0, 0), (1, 0)], [(0, 0)]])
def test_a_system_that_does_not_tell_the_truth_once_is_not_trusted_either(
    ring: Ring, lie: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    send, lies = Ring.send, [lie]
    monkeypatch.setattr(Ring, "send", lambda self, fds, data: lies.pop() if lies else send(self, fds, data))
    with pytest.raises(NoRing, match=BROKEN):
        open_ring()


def test_the_system_is_asked_for_one_as_its_manual_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def refuses(call: int, entries: int, parameters: int, *more: int) -> int:
        flags = ctypes.cast(parameters, ctypes.POINTER(ctypes.c_uint32))[2]
        asked.append((call, entries, flags, *more))
        return -1

    monkeypatch.setattr(io_uring, "_system_call", lambda: refuses)
    with pytest.raises(NoRing):
        open_ring()
    assert asked == [(425, 64, 1 << 7, 0, 0, 0, 0)]  # IORING_SETUP_SUBMIT_ALL


def test_what_is_sent_is_given_to_the_system_in_one_call(ring: Ring, ends: Make) -> None:
    some, enter = ends(3), ring._enter
    asked: list[tuple[int, ...]] = []

    def watched(*call: int) -> int:
        asked.append(call)
        return enter(*call)

    ring._enter = watched
    assert list(ring.send(some.fds, b"hi")) == []
    assert asked == [(426, ring._fd, 3, 0, 0, 0, 0)]
