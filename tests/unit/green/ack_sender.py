"""Acks to one client, and what becomes of a long answer to one that does not read."""

from __future__ import annotations

import json

from bridge.socketio_server.server import LONG_ACK, _AckSender
from bridge.wire.segment import AnswerSegment
from bridge.wire.socketio_packets import encode_acks
from tests.unit.green.servers import Log
from tests.unit.green.sessions import Case


def sender(waiting: int) -> tuple[Case, _AckSender]:
    """One of a client for which so many bytes of answers wait."""
    at = Case()
    at.by_polling()
    if waiting:
        at.session.outbox.put(AnswerSegment(b"x" * waiting))
    return at, _AckSender("sid", at.session.outbox, at.limits)


def sent(at: Case, waiting: int) -> bytes:
    return b"".join(at.session.outbox.take(1 << 30))[waiting:]


def test_one_answer_goes_to_all_acks() -> None:
    at, answer = sender(0)
    answer([7, 8], {"ok": True})
    assert sent(at, 0) == encode_acks([7, 8], {"ok": True})
    answer([], {"ok": True})
    assert at.session.outbox.size == 0
    _AckSender("sid", None, at.limits)([7], {"ok": True})
    assert at.session.outbox.answers == 0


def long(more: int) -> dict[str, object]:
    """An answer whose ack is so many bytes over what is long."""
    size = LONG_ACK - len(encode_acks([7], {"r": "x" * LONG_ACK})) + LONG_ACK
    return {"r": "x" * (size + more)}


def test_a_long_answer_to_who_leaves_as_many_unread_as_the_limit_is_thrown_away() -> None:
    assert len(encode_acks([7], long(0))) == LONG_ACK == 4096
    for waiting, ids, answer, kept in (
        (16_001, [7], long(1), False), (16_000, [7], long(1), True), (16_001, [7], long(0), True),
        (16_001, [7, 8], long(1), True),
    ):  # fmt: skip
        at, answers = sender(waiting)
        with Log("bridge") as log:
            answers(ids, answer)
        why = "the answer was thrown away: more than 16000 bytes of answers wait for this client"
        wanted = answer if kept else {"ok": False, "error": "no-reply", "message": why}
        assert sent(at, waiting) == encode_acks(ids, wanted), (waiting, ids)
        assert at.limits.counters["refused_no_reply"] == (not kept)
        assert log.lines == ([] if kept else [f"WARNING ! refused no-reply from client sid: {why!r}"])
    assert json.dumps(wanted)
