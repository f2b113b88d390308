"""The libraries' log lines: which are the bridge's, which are counted, and which are not seen."""

from __future__ import annotations

import logging

from bridge.counters import Counters
from bridge.socketio_server.library_logs import quiet_logger
from tests.unit.green.servers import Log


def logged(name: str) -> tuple[logging.Logger, Counters]:
    counters = Counters()
    return quiet_logger(name, counters), counters


def test_a_library_s_logger_is_one_of_the_bridge_s() -> None:
    logger, _ = logged("one")
    assert logger.name == "bridge.clients.one"
    assert logger.level == logging.WARNING


def test_a_packet_that_can_t_be_read_is_counted_and_a_short_line() -> None:
    logger, counters = logged("two")
    for extra, who in (({"client": "client x"}, "client x"), ({}, "a client")):
        with Log("bridge.clients") as debug, Log("bridge") as log:
            try:
                raise ValueError("x" * 300)
            except ValueError:
                logger.error("message handler error", exc_info=True, extra=extra)
        text = repr("ValueError: " + "x" * 300)[:199] + "…"
        wanted = f"WARNING ! a packet of {who} could not be read: {text}"
        assert log.lines == ([wanted] if extra else [])  # the second one comes too soon
        assert debug.lines == ["DEBUG ! message handler error"]
        assert debug.records[0].exc_info
    assert counters["bad_packets"] == 2


def test_a_warning_is_counted_and_others_are_told_as_warnings() -> None:
    logger, counters = logged("three")
    with Log("bridge") as log:
        logger.warning("out of %s", "place " * 100)
        assert counters["bad_packets"] == 1
        logger.error("something is wrong with %s", "it")
        logger.critical("and more")
        logger.info("nothing")
        logger.setLevel(logging.DEBUG)
        logger.info("a word")
    first, *others = log.lines
    assert first.startswith("WARNING ! 'out of place ")
    assert len(first) == len("WARNING ! ") + 200
    assert others == ["WARNING ! something is wrong with it", "WARNING ! and more", "INFO a word"]
    assert counters["bad_packets"] == 1
    assert log.records[1].levelno == logging.WARNING
