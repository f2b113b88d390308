"""replies.py: an event that asks for an ack is answered by the server, once, or told that it was not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from bridge.counters import Counters
from bridge.decoding import DECODE
from bridge.errors import Refused, TooMany
from bridge.relay import replies as module
from bridge.relay.acks import Acks
from bridge.relay.replies import Awaited, Replies, RepliesOptions
from bridge.relay.undelivered import Undelivered
from tests.waiting import Log


class Asking:
    """`answers`: (client, ack id, answer), as they come."""

    def __init__(self, seconds: float = 1000, key: str = "reply_to", number: bool = False) -> None:
        self.counters = Counters()
        self.undelivered = Undelivered(self.counters, lambda most: ())
        options = RepliesOptions(seconds, key, number)
        self.key, self.replies = key, Replies(options, DECODE, Acks(self.counters), self.counters, self.undelivered)
        self.answers: Log[tuple[str, int, Any]] = Log()
        self.others: list[list[bytes]] = []

    def ask(self, sid: str, *numbers: int | None, name: str = "n") -> tuple[Awaited, list[str | None]]:
        """Events with these ack ids, and the ids that they leave with."""
        messages: list[dict[str, object]] = [{} for _ in numbers]

        def answer(ids: Sequence[int], value: object) -> None:
            for number in ids:
                self.answers.add((sid, number, orjson.loads(orjson.dumps(value))))

        awaited = self.replies.expect(sid, [(number, [name]) for number in numbers], messages, answer)
        return awaited, [message.get(self.key) for message in messages]  # type: ignore[misc]

    def hear(self, *values: object) -> None:
        """The server says these in one burst."""
        frames = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
        self.replies.take(frames, lambda rest: self.others.append(list(rest)))

    @property
    def told(self) -> list[tuple[str, int, Any]]:
        return self.answers.entries


def test_only_events_that_ask_for_an_ack_leave_with_an_id_each_with_its_own() -> None:
    at = Asking()
    _, first = at.ask("a", 1, None, 2)
    _, second = at.ask("b", 1)
    assert first[1] is None
    assert len({first[0], first[2], second[0]}) == 3
    assert Asking().ask("a", 1)[1] != first[:1]


def test_the_message_without_its_id_is_the_answer_of_that_one_client() -> None:
    at = Asking()
    done, (key,) = at.ask("a", 7)
    other, _ = at.ask("b", 7)
    done(None)
    other(None)
    assert at.told == []
    at.hear({"reply_to": key, "username": "ann", "x": [1, None]})
    assert at.told == [("a", 7, {"ok": True, "reply": {"username": "ann", "x": [1, None]}})]
    assert at.others == []
    assert at.counters["events_ok"] == 1


def test_an_answer_may_come_before_the_bridge_knows_that_it_has_sent() -> None:
    at = Asking()
    done, (key,) = at.ask("a", 7)
    at.hear({"reply_to": key})
    done(None)
    assert at.told == [("a", 7, {"ok": True, "reply": {}})]
    done, (key,) = at.ask("a", 8)
    at.hear({"reply_to": key})
    done(Refused("link-down"))
    assert at.told[1:] == [("a", 8, {"ok": True, "reply": {}})]


def test_a_second_answer_is_counted_and_dropped_and_what_is_no_id_given_out_here_goes_on() -> None:
    at = Asking()
    done, (key,) = at.ask("a", 7)
    done(None)
    at.hear({"reply_to": key})
    assert key is not None
    others = ["x", None, [1], 5, 5.5, True, "", "1e15", str(int(key) + 1), int(key) - 1, Asking().ask("a", 1)[1][0]]
    at.hear({"reply_to": key}, *({"reply_to": other} for other in others))
    assert len(at.told) == 1
    assert [json.loads(frame)["reply_to"] for frame in at.others[0]] == others
    assert at.counters["replies_unknown"] == 1
    (row,) = at.undelivered.rows()
    assert (row["kind"], row["to"]) == ("late-reply", None)


@pytest.mark.parametrize("number", [False, True])
@pytest.mark.parametrize("key", ["id", "in reply to", "größe", 'a"b'])
def test_an_id_is_text_or_a_number_under_any_key_and_may_come_back_as_either(key: str, number: bool) -> None:
    at = Asking(key=key, number=number)
    for n in range(3):
        done, (given,) = at.ask("a", n)
        assert type(given) is (int if number else str)
        done(None)
        at.hear({key: [str(given), int(given), float(given)][n], "result": n})
        assert at.told[-1] == ("a", n, {"ok": True, "reply": {"result": n}})
    assert at.others == []


def test_a_pages_own_value_passes_unless_it_could_pass_for_an_id_or_is_where_one_goes() -> None:
    at = Asking()
    _, (key,) = at.ask("a", 1)
    assert key is not None
    messages: list[dict[str, object]] = [{"reply_to": value, "x": 1} for value in ("msg-17", 5, key, int(key), "own")]
    events = [(None, ["n"])] * 4 + [(2, ["n"])]
    at.replies.expect("b", events, messages, lambda *_: None)
    assert [message.get("reply_to") for message in messages[:4]] == ["msg-17", 5, None, None]
    assert list(messages[4]) == ["x", "reply_to"]
    assert messages[4]["reply_to"] not in ("own", key)
    assert at.counters["keys_stripped"] == 3


@pytest.mark.parametrize("spoil", ["{text}{{", "x{text}x{{", "{text}\0{text}", "'{text}"])
def test_an_answer_that_can_not_be_read_is_for_nobody(spoil: str) -> None:
    at = Asking()
    done, (key,) = at.ask("a", 1)
    done(None)
    text = json.dumps({"reply_to": key, "pin": 1})
    at.hear(spoil.format(text=text).encode())
    assert at.others == []
    assert at.counters["replies_unknown"] == 1
    at.hear(b'{"reply_to":"msg-17"}{')
    assert at.others == [[b'{"reply_to":"msg-17"}{']]


def test_without_an_answer_in_time_the_client_is_told_so_and_a_late_one_is_dropped() -> None:
    at = Asking(seconds=0.05)
    done, keys = at.ask("a", 1, 2)
    done(None)
    assert at.answers.wait_count(2) == [
        ("a", n, {"ok": False, "error": "no-reply", "message": "the server did not answer within 0.05 s"})
        for n in (1, 2)
    ]
    at.hear({"reply_to": keys[0]})
    assert at.counters["replies_unknown"] == 1
    assert at.counters["refused_no_reply"] == 2


def test_the_time_runs_from_when_the_event_is_with_the_server() -> None:
    at = Asking(seconds=0.05)
    waits, (key,) = at.ask("a", 1)
    done, _ = at.ask("b", 2)
    done(None)
    at.answers.wait_count(1)
    assert [sid for sid, _, _ in at.told] == ["b"]
    at.hear({"reply_to": key})
    assert at.told[1:] == [("a", 1, {"ok": True, "reply": {}})]
    waits(None)


def test_what_was_refused_is_told_so_and_not_waited_for() -> None:
    at = Asking()
    done, keys = at.ask("a", 1, None, 2)
    at.hear({"reply_to": keys[0]})
    done(Refused("link-down", "why"))
    assert at.told == [
        ("a", 1, {"ok": True, "reply": {}}), ("a", 2, {"ok": False, "error": "link-down", "message": "why"}),
    ]  # fmt: skip
    assert at.counters["refused_link_down"] == 2
    at.hear({"reply_to": keys[2]})
    assert at.counters["replies_unknown"] == 1


def test_ids_begin_at_random_where_a_float_has_each_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    for of in (min, max):
        monkeypatch.setattr("secrets.randbelow", lambda spread, of=of: of(0, spread - 1))
        _, keys = Asking().ask("a", 1, 2)
        start = 2**52 + of(0, 2**51 - 1)
        assert keys == [str(start), str(start + 1)]


def test_each_event_has_its_message() -> None:
    with pytest.raises(ValueError, match="zip"):
        Asking().replies.expect("a", [(1, ["n"])], [], lambda *_: None)


@pytest.mark.parametrize("before", ["\\ ", '\\"', "\\/", "\\u0078 "])
def test_an_escape_that_hides_no_key_makes_no_answer_of_what_can_not_be_read(before: str) -> None:
    at = Asking()
    _, (key,) = at.ask("a", 1)
    at.hear(f"{before}{key}".encode())
    assert at.others == [[f"{before}{key}".encode()]]
    assert at.counters["replies_unknown"] == 0


@pytest.mark.parametrize(
    ("key", "written"),
    [("a/b", "a\\/b"), ("a b", "a\\u0020b"), ("a\\", "a\\\\"), ('a"', 'a\\"'), ("🎮", "\\ud83c\\uDFAE")],
)
def test_a_key_is_found_behind_any_escape(key: str, written: str) -> None:
    at = Asking(key=key)
    done, (given,) = at.ask("a", 1)
    done(None)
    at.hear(f'{{"{written}":"{given}"}}'.encode())
    assert at.told == [("a", 1, {"ok": True, "reply": {}})]


def test_what_was_not_sent_at_all_is_forgotten_without_a_word() -> None:
    at = Asking()
    done, (key,) = at.ask("a", 1)
    done.forget()
    at.hear({"reply_to": key})
    assert at.told == []


def test_other_messages_go_on_in_their_order_with_the_answers() -> None:
    at = Asking()
    done, (key,) = at.ask("a", 1)
    done(None)
    seen: list[object] = []
    frames = [b'"one"', b"two", json.dumps({"reply_to": key}).encode(), b"three"]
    at.replies.take(frames, lambda rest: seen.append((len(at.told), list(rest))))
    assert seen == [(0, [b'"one"', b"two"]), (1, [b"three"])]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"a":{"reply_to":"x"}}', b'["reply_to"]', b'"reply_to"', b'{"text":"say \\"reply_to\\""}', b'{"reply_to":"x"',
        b'{"a":"\\u0065"}', b"\xff", b"", b'{"reply_to_all":1}',
    ],
)  # fmt: skip
def test_what_is_no_object_with_that_key_is_a_message_like_any_other(frame: bytes) -> None:
    at = Asking()
    at.hear(b"first", frame)
    assert at.others == [[b"first", frame]]
    assert at.counters["replies_unknown"] == 0


def test_a_burst_without_any_is_passed_on_as_it_is() -> None:
    at = Asking()
    frames = [b"a", b'{"b":1}']
    at.replies.take(frames, at.others.append)  # type: ignore[arg-type]
    assert at.others[0] is frames


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ('{"reply\\u005fto":"KEY","x":1}', {"x": 1}),
        ('{"\\u0072eply_to":"KEY"}', {}),
        ('{"reply_to":"KEY","x":NaN}', {"x": None}),
        ('{"reply_to":"KEY","x":"a\nb"}', {"x": "a\nb"}),
        ('{"reply_to":"KEY","x":"\\ud800"}', {"x": "\ud800"}),
        ('\ufeff{"reply_to":"KEY"}', {}),
        ('{"reply_to":"KEY","x":1e400}', {"x": None}),
        ('{"reply_to":"KEY","x":123456789012345678901234567890}', {"x": 1.2345678901234568e29}),
    ],
)
def test_an_odd_answer_that_can_be_read_is_one(text: str, reply: object) -> None:
    at = Asking()
    answers: list[Any] = []
    message: dict[str, object] = {}
    at.replies.expect("a", [(1, ["n"])], [message], lambda _, value: answers.append(value))(None)
    at.hear(text.replace("KEY", str(message["reply_to"])).encode())
    assert json.loads(orjson.dumps(answers[0])) == {"ok": True, "reply": reply}


def test_an_answer_that_is_nested_too_deeply_goes_to_nobody() -> None:
    at = Asking()
    done, (key,) = at.ask("a", 1)
    done(None)
    at.hear(f'{{"reply_to":"{key}","x":{"[" * 100_000}'.encode())
    at.hear(f'{{"reply_to":"{key}","x":{"[" * 990 + "]" * 990}}}'.encode())
    assert at.others == []
    assert [answer["ok"] for _, _, answer in at.told] in ([], [False], [True])


def test_one_client_can_not_have_any_number_of_events_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_CLIENT", 3)
    monkeypatch.setattr(module, "MOST", 5)
    at = Asking()
    done, keys = at.ask("a", 1, 2)
    with pytest.raises(TooMany, match="3 events of this client wait") as refused:
        at.ask("a", 3, 4)
    assert refused.value.code == "link-busy"
    at.ask("a", 3, None, None)
    at.ask("b", 1, 2)
    with pytest.raises(TooMany, match="5 events wait"):
        at.ask("c", 1)
    done(None)
    at.hear({"reply_to": keys[0]})
    at.ask("c", 1)


def test_events_that_the_server_has_and_those_that_it_has_not_count_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5)
    at = Asking()
    at.ask("a", 1, 2)[0](None)
    at.ask("b", 1, 2, 3)
    with pytest.raises(TooMany, match="5 events wait") as refused:
        at.ask("c", 1)
    assert refused.value.code == "link-busy"


def test_nothing_is_left_of_clients_whose_events_were_answered() -> None:
    at = Asking()
    for n in range(10):
        done, (key, _) = at.ask(str(n), 1, None)
        done(None)
        at.hear({"reply_to": key})
        at.ask(str(n), None)
    assert not at.replies._of_client
    assert not at.replies._asked
    assert not at.replies._begun
