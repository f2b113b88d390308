"""Random bytes that are asked for many at a time: each piece is given once, whoever asks."""

from __future__ import annotations

import os
import threading

from bridge.random_bytes import AT_ONCE, RandomBytes


def test_pieces_have_their_size_and_none_comes_twice() -> None:
    twelve = RandomBytes(12)
    pieces = [twelve() for _ in range(3 * AT_ONCE + 1)]
    assert {len(piece) for piece in pieces} == {12}
    assert len(set(pieces)) == len(pieces)


def test_several_threads_get_pieces_of_their_own() -> None:
    nine = RandomBytes(9)
    got: list[list[bytes]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(nine() for _ in range(2000))) for mine in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({piece for mine in got for piece in mine}) == 8000


def test_a_process_that_was_forked_gives_others() -> None:
    twelve = RandomBytes(12)
    twelve()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, twelve())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 12) != twelve()
    os.close(reading)
    os.close(writing)
