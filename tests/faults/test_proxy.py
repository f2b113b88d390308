"""proxy.py and storm.py themselves: what each fault is, seen from both ends, and that no byte is ever changed."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from random import Random

import pytest

from tests.faults.ends import Delimited
from tests.faults.proxy import BLACK_HOLE, DOWN, UP, Condition, Line, Proxy
from tests.faults.storm import KINDS, Storm, script
from tests.viewer import until
from tests.waiting import PATIENCE

TILDE = partial(Delimited, b"~")


class End:
    """One end of a connection, which reads all the time. `error`: of its reader, or of its writer."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.got, self.error, self.ended = sock, bytearray(), 0, threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError as error:
            self.error = error.errno or 0

    def close(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(PATIENCE)
        self.sock.close()

    def has(self, data: bytes) -> None:
        until(lambda: self.got == data)

    def _read(self) -> None:
        try:
            while data := self.sock.recv(65536):
                self.got += data
        except OSError as error:
            self.error = error.errno or 0
        self.ended.set()


class Pair:
    """A proxy with one connection through it: `near`, who has connected, `far`, its target, and `line` between."""

    def __init__(self, proxy: Proxy, listener: socket.socket) -> None:
        self.proxy, self._listener = proxy, listener
        self.near = End(socket.create_connection(("127.0.0.1", proxy.port), PATIENCE))
        self.near.sock.settimeout(None)

    def joined(self) -> Pair:
        """Once it has come through."""
        self.far = End(self._listener.accept()[0])
        self.line: Line = self.proxy.lines[-1]
        return self

    def close(self) -> None:
        self.near.close()
        if hasattr(self, "far"):
            self.far.close()


Make = Callable[[], Pair]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes connections through one proxy."""
    pairs: list[Pair] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        with Proxy(listener.getsockname()[1], TILDE) as proxy:

            def made() -> Pair:
                pairs.append(Pair(proxy, listener))
                return pairs[-1]

            yield made
            for pair in pairs:
                pair.close()


@pytest.fixture
def pair(make: Make) -> Pair:
    return make().joined()


def test_bytes_pass_both_ways_and_an_end_of_one_way_is_no_end_of_the_other(pair: Pair) -> None:
    data = Random(1).randbytes(1_000_000)
    pair.near.send(data)
    pair.far.has(data)
    pair.near.sock.shutdown(socket.SHUT_WR)
    assert pair.far.ended.wait(PATIENCE)
    pair.far.send(data)
    pair.near.has(data)
    pair.far.sock.shutdown(socket.SHUT_WR)
    assert pair.near.ended.wait(PATIENCE)
    assert pair.near.error == pair.far.error == 0
    until(lambda: not pair.proxy.lines)


@pytest.mark.parametrize("end", [Line.reset, Line.hang_up])
def test_frames_that_came_are_counted_also_those_that_went_no_further(make: Make, end: Callable[[Line], None]) -> None:
    pair = make().joined()
    pair.near.send(b"a~b~c")
    pair.far.has(b"a~b~c")
    assert pair.proxy.frames_up == 2
    pair.line.set(BLACK_HOLE)
    pair.near.send(b"~d~")  # read, and waits
    until(lambda: pair.proxy.frames_up == 4)
    pair.near.send(b"e~f~g")  # not even read
    end(pair.line)
    assert pair.line.ended.wait(PATIENCE)
    assert pair.proxy.frames_up == 6
    assert pair.far.got == b"a~b~c"


def test_a_delay_holds_bytes_for_so_long_in_their_order(pair: Pair) -> None:
    pair.line.set(Condition(delay=2), UP)
    began = time.monotonic()
    pair.near.send(b"a~")
    pair.near.send(b"b~")
    pair.far.send(b"at once")
    pair.near.has(b"at once")
    assert time.monotonic() - began < 2
    pair.far.has(b"a~b~")
    assert time.monotonic() - began >= 2


def test_a_throttle_lets_a_kilobyte_a_second_through_and_all_at_once_when_it_is_over(pair: Pair) -> None:
    pair.line.set(Condition(rate=1000))
    data = Random(2).randbytes(10_000)
    began = time.monotonic()
    pair.near.send(data)
    until(lambda: len(pair.far.got) >= 500)
    assert 0.4 <= time.monotonic() - began < 5
    pair.proxy.heal()
    pair.far.has(data)
    assert time.monotonic() - began < 5


def test_single_bytes_are_each_sent_alone(pair: Pair) -> None:
    pair.line.set(Condition(single=True), UP)
    data = Random(3).randbytes(2_000)
    pair.near.send(data)
    pair.far.has(data)
    until(lambda: pair.line.up.sends == len(data))


def test_a_black_hole_passes_nothing_not_even_an_end_and_everything_once_when_it_is_over(pair: Pair) -> None:
    pair.near.send(b"before~")
    pair.far.has(b"before~")
    pair.proxy.set(BLACK_HOLE)
    pair.near.send(b"inside~")
    pair.far.send(b"inside~")
    pair.near.sock.shutdown(socket.SHUT_WR)
    assert not pair.far.ended.wait(0.3)
    assert bytes(pair.far.got + pair.near.got) == b"before~"
    pair.proxy.heal()
    assert pair.far.ended.wait(PATIENCE)
    pair.far.has(b"before~inside~")
    pair.near.has(b"inside~")


def test_a_black_hole_in_one_direction_leaves_the_other_as_it_is(pair: Pair) -> None:
    pair.line.set(BLACK_HOLE, UP)
    pair.near.send(b"lost")
    pair.far.send(b"heard")
    pair.near.has(b"heard")
    assert not pair.far.got


def test_a_reset_does_not_pass_a_black_hole_either(pair: Pair) -> None:
    pair.line.set(BLACK_HOLE)
    pair.near.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    pair.near.close()
    assert not pair.far.ended.wait(0.3)
    pair.proxy.heal()
    assert pair.far.ended.wait(PATIENCE)


def test_a_new_connection_into_a_black_hole_is_accepted_and_goes_nowhere(make: Make) -> None:
    first = make().joined()
    first.proxy.set(BLACK_HOLE)
    second = make()
    second.near.send(b"hello?")
    until(lambda: len(first.proxy.lines) == 2)
    assert not second.near.ended.wait(0.2)
    first.proxy.heal()
    second.joined().far.has(b"hello?")


def test_a_reset_is_one_on_both_sides(pair: Pair) -> None:
    pair.near.send(b"before~")
    pair.far.has(b"before~")
    pair.line.reset()
    assert pair.near.ended.wait(PATIENCE)
    assert pair.far.ended.wait(PATIENCE)
    assert pair.near.error == pair.far.error == errno.ECONNRESET


def test_a_reset_ends_also_a_connection_that_is_full(pair: Pair) -> None:
    pair.line.set(BLACK_HOLE, DOWN)
    filling = threading.Thread(target=pair.far.send, args=(b"x" * 30_000_000,), daemon=True)
    filling.start()
    pair.line.reset()
    filling.join(PATIENCE)
    assert not filling.is_alive()
    assert pair.near.ended.wait(PATIENCE)


@pytest.mark.parametrize("way", [UP, DOWN])
def test_a_cut_is_inside_a_frame_and_both_sides_see_the_end(pair: Pair, way: str) -> None:
    sender, receiver = (pair.near, pair.far) if way == UP else (pair.far, pair.near)
    sender.send(b"whole~")
    receiver.has(b"whole~")
    pair.line.cut(way)
    data = b"a~bc~def~ghij~"
    sender.send(data)
    assert receiver.ended.wait(PATIENCE)
    assert sender.ended.wait(PATIENCE)
    rest = bytes(receiver.got).removeprefix(b"whole~")
    assert data.startswith(rest)
    assert not rest.endswith(b"~")


def test_who_is_refused_finds_nothing_that_listens_until_it_does_again(make: Make) -> None:
    pair = make().joined()
    pair.proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        make()
    pair.near.send(b"still here")
    pair.far.has(b"still here")
    pair.proxy.listen()
    make().joined()


def test_a_target_that_is_not_there_resets_who_has_connected(make: Make) -> None:
    pair = make().joined()
    with socket.create_server(("127.0.0.1", 0)) as free:
        pair.proxy.target = free.getsockname()[1]
    try:
        assert make().near.ended.wait(PATIENCE)
    except ConnectionResetError:
        pass  # sooner than it had begun to read


def test_a_script_is_the_same_for_the_same_seed_and_has_every_kind() -> None:
    faults = list(islice(script(7, 1.0), 300))
    assert faults == list(islice(script(7, 1.0), 300))
    assert faults != list(islice(script(8, 1.0), 300))
    assert {fault.kind for fault in faults} == set(KINDS)
    assert 0.8 < sum(fault.wait for fault in faults) / 300 < 1.2


@pytest.mark.parametrize("seed", range(4))
def test_whatever_strikes_what_arrives_is_a_beginning_of_what_was_sent(make: Make, seed: int) -> None:
    pairs = [make().joined() for _ in range(6)]
    random = Random(seed)
    sent = {end: random.randbytes(30_000) for pair in pairs for end in (pair.near, pair.far)}

    def send(end: End) -> None:
        for at in range(0, 30_000, 100):
            end.send(sent[end][at : at + 100])

    with Storm(pairs[0].proxy, seed, 0.02, longest=0.3) as storm:
        senders = [threading.Thread(target=send, args=(end,), daemon=True) for end in sent]
        for sender in senders:
            sender.start()
        storm.wait_for(15)
    for sender in senders:
        sender.join(PATIENCE)
    for pair in pairs:
        for got, data in ((pair.far.got, sent[pair.near]), (pair.near.got, sent[pair.far])):
            if not pair.line.ended.is_set() and not (pair.line.up.cutting or pair.line.down.cutting):
                until(lambda got=got, data=data: got == data)  # type: ignore[misc]
            assert data.startswith(got)
