"""first_exchange.py: what is said before a connection counts, what it waits for, and who gets the rest."""

from __future__ import annotations

import time

import pytest

from bridge.errors import LinkError, Refused
from bridge.link.first_exchange import FirstExchange, FirstWords, FirstWordsOptions
from bridge.link.framing.registry import framing_out

TILDE = framing_out("~", 100)


class Said:
    """One link's first words. `frames`: what was sent; `order`: what was told, and which bursts went on."""

    def __init__(self, *asks: bytes) -> None:
        self.frames: list[bytes] = []
        self.order: list[object] = []
        self.answers: list[bytes] = []
        self.asks = asks
        self.words = FirstWords(FirstWordsOptions(self.opens, TILDE), self.order.append)

    def opens(self, exchange: FirstExchange) -> None:
        for ask in self.asks:
            exchange.send([ask])
            self.answers.append(exchange.next(0.0))

    def up(self) -> None:
        self.order.append("up" if self.words.talking else "up too late")


def test_without_an_opening_nothing_is_said_and_all_goes_on() -> None:
    bursts: list[list[bytes]] = []
    words = FirstWords(None, bursts.append)
    assert not words.needed
    words.begin(lambda frame: None, lambda: bursts.append([b"up"]))()
    words.take([b"a"])
    assert bursts == [[b"a"]]  # who connects says itself that it is up
    assert (words.talking, words.size) == (False, 0)
    words.close()


def test_what_comes_waits_to_be_asked_for_and_the_rest_goes_on_once_the_link_is_up() -> None:
    said = Said(b"one", b"two")
    assert said.words.needed
    assert not said.words.talking
    say = said.words.begin(said.frames.append, said.up)
    assert said.words.talking
    said.words.take([b"1", b"2"])
    said.words.take([b"3"])
    assert said.order == []
    say()
    assert (said.frames, said.answers) == ([b"one~", b"two~"], [b"1", b"2"])
    assert said.order == ["up", [b"3"]]
    assert said.words.size == len(b"one~two~")
    assert not said.words.talking
    said.words.take([b"4"])
    assert said.order == ["up", [b"3"], [b"4"]]


def test_with_nothing_left_over_there_is_no_empty_burst() -> None:
    said = Said()
    said.words.begin(said.frames.append, said.up)()
    assert said.order == ["up"]


def test_a_connection_that_ends_meanwhile_never_counts_and_the_next_one_begins_anew() -> None:
    said = Said(b"one")
    say = said.words.begin(said.frames.append, said.up)
    said.words.take([b"1"])
    said.words.close()
    said.words.close()
    with pytest.raises(LinkError, match="ended before its first words had been said"):
        say()
    assert said.order == []
    said.words.take([b"read last"])
    assert said.order == [[b"read last"]]
    say = said.words.begin(said.frames.append, said.up)
    assert said.words.size == 0
    said.words.take([b"1"])
    say()
    assert said.order == [[b"read last"], "up"]


def test_an_answer_that_does_not_come_in_time_is_an_error_and_so_is_the_end() -> None:
    exchange = FirstExchange(TILDE, lambda frame: None)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"has not answered within 0\.02 s"):
        exchange.next(0.02)
    assert time.monotonic() - began >= 0.02
    exchange.close()
    with pytest.raises(LinkError, match="ended before the server had answered"):
        exchange.next(60.0)


def test_what_can_not_be_framed_is_refused_and_not_counted() -> None:
    frames: list[bytes] = []
    exchange = FirstExchange(TILDE, frames.append)
    with pytest.raises(Refused):
        exchange.send([b"a", b"~", b"b"])
    assert (frames, exchange.size) == ([b"a~"], 2)
