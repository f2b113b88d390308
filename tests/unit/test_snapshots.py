"""snapshots.py: who comes late is told the last value, and what is kept is bounded."""

from __future__ import annotations

import json
import tracemalloc

from bridge.counters import Counters
from bridge.delivery.conflation_key import ConflationKeys
from bridge.delivery.snapshots import ENTRY, Snapshots
from bridge.messages import SEPARATOR, Delivery, Payload, Texts


def snapshots(*events: str, field: str | None = None, limit: int = 1 << 20) -> tuple[Snapshots, Counters]:
    counters = Counters()
    return Snapshots(events, ConflationKeys(field), limit, counters), counters


def values(kept: Snapshots, user: str | None = None) -> list[tuple[str, object]]:
    return [(event, json.loads(payload.json)) for event, payload in kept.of(user)]


def texts(*items: str) -> Texts:
    return Texts("message", [item.encode() for item in items], SEPARATOR.join(items))


def test_the_last_of_each_event_is_kept_and_of_others_none() -> None:
    kept, _ = snapshots("message", "score")
    kept.note([Delivery("chat", Payload.of("hi")), texts("1", "2"), Delivery("score", Payload.of(1))])
    kept.note([Delivery("chat", Payload.of("you")), texts("3"), Delivery("score", Payload.of(2))])
    assert values(kept) == [("message", "3"), ("score", 2)]


def test_with_a_field_the_last_of_each_value_is_kept() -> None:
    kept, _ = snapshots("message", field="id")
    kept.note([texts('{"id":1,"n":1}', '{"id":2,"n":2}', '{"id":1,"n":3}', "no object")])
    kept.note([Delivery("message", Payload.of({"id": 2, "n": 4}))])
    assert sorted(str(value) for _, value in values(kept)) == sorted(
        ['{"id":1,"n":3}', "no object", str({"id": 2, "n": 4})]
    )


def test_values_are_in_the_order_of_their_news_also_within_a_burst() -> None:
    kept, _ = snapshots("message", field="id")
    kept.note([texts('{"id":1,"n":1}', '{"id":2,"n":2}', '{"id":1,"n":3}')])
    assert [json.loads(str(value))["n"] for _, value in values(kept)] == [2, 3]


def test_what_was_for_a_user_is_for_that_user_alone() -> None:
    kept, _ = snapshots("message")
    kept.note([Delivery("message", Payload.of(1)), Delivery("message", Payload.of(2), ("s1",), ("ann", "bob"))])
    kept.note([Delivery("message", Payload.of(3), (), ("ann",)), Delivery("message", Payload.of(4), ("s1",), ())])
    assert [values(kept, user) for user in (None, "ann", "bob", "eve")] == [
        [("message", 1)], [("message", 3)], [("message", 2)], [],
    ]  # fmt: skip


def test_what_has_been_without_news_for_longest_goes_first() -> None:
    kept, counters = snapshots("message", field="id", limit=3 * (ENTRY + 20))
    for number in (1, 2, 3, 1, 4):
        kept.note([Delivery("message", Payload.of({"id": number}))])
    assert values(kept) == [("message", {"id": 3}), ("message", {"id": 1}), ("message", {"id": 4})]
    assert counters["snapshot_dropped"] == 1
    assert 0 < kept.size <= 3 * (ENTRY + 20)


def test_one_value_over_the_limit_is_not_kept() -> None:
    kept, counters = snapshots("message", limit=500)
    kept.note([texts("x" * 1_000)])
    assert (values(kept), kept.size, counters["snapshot_dropped"]) == ([], 0, 1)


def test_a_value_may_be_as_large_as_the_limit_and_its_attachments_count() -> None:
    payload = Payload.of([b"x" * 100])
    size = ENTRY + len(payload.json) + 100
    for limit in (size, size - 1):
        kept, counters = snapshots("message", limit=limit)
        kept.note([Delivery("message", payload)])
        assert (kept.size, counters["snapshot_dropped"]) == ((size, 0) if limit == size else (0, 1))


def test_a_value_costs_no_more_than_is_counted() -> None:
    kept, _ = snapshots("message", field="id")
    burst = [Delivery("message", Payload.of({"id": number})) for number in range(1_000)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept.note(burst)
        assert tracemalloc.get_traced_memory()[0] - before <= kept.size
    finally:
        tracemalloc.stop()
