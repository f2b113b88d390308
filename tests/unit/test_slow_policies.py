"""Every policy for slow clients keeps the promises of all, has its expectation here, its setting and its row."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import get_args

import pytest

from bridge.config import SETTINGS
from bridge.config.values import SlowChoice
from bridge.counters import COUNTERS
from bridge.delivery.slow_policies import POLICIES
from tests.documents import PROTOCOL, document
from tests.unit.outboxes import ACK, NOTICE, message, numbers, reads, stalled

EVERY = pytest.mark.parametrize("name", POLICIES)
PUT = 400  # messages, of which a hundred or so fit

#: By policy: of so many messages, each with a key of its own, those that are there when so many fit; None: the client
#: is given up.
LEFT: dict[str, Callable[[int, int], list[int] | None]] = {
    "disconnect": lambda put, fit: None,
    "drop-oldest": lambda put, fit: list(range(put - fit, put)),
    "latest": lambda put, fit: list(range(put - fit, put)),
}


@EVERY
def test_a_client_over_its_limit_has_what_its_policy_leaves(name: str) -> None:
    assert name in LEFT, f"tests/unit/test_slow_policies.py, LEFT: what {name} leaves of what waits"
    client, counters = stalled(name)
    for number in range(PUT):
        client.outbox.put(message(number))
    wanted = LEFT[name](PUT, client.limits.waiting // len(message(0).data))
    assert client.slow == (wanted is None)
    if wanted is not None:
        reads(client)
        assert numbers(client.sent) == wanted
        assert sum(counters[each] for each in COUNTERS if each.startswith("dropped_")) == PUT - len(wanted)


@EVERY
def test_answers_and_the_bridges_own_packets_are_not_dropped_and_the_limit_holds(name: str) -> None:
    client, _ = stalled(name)
    client.outbox.put(NOTICE)
    client.outbox.put(ACK)
    for number in range(PUT):
        client.outbox.put(message(number))
        assert client.slow or client.outbox.size - client.outbox.answers <= client.limits.waiting
    reads(client)
    assert client.sent.count(bytes(NOTICE.data)) == client.sent.count(bytes(ACK.data)) == 1
    assert client.behinds == (not client.slow)


@EVERY
def test_a_message_that_is_half_sent_stays_whole(name: str) -> None:
    client, _ = stalled(name, room=50)
    for number in range(PUT):
        client.outbox.put(message(number))
    reads(client)
    assert numbers(client.sent)[0] == 0


@EVERY
def test_its_kernel_has_a_part_of_the_limit_and_it_counts_as_behind_before_it_is_over(name: str) -> None:
    client, _ = stalled(name, 1 << 20)
    limits = client.limits
    assert 0 < limits.unsent == min(limits.size // 4, POLICIES[name].unsent)
    assert 0 < limits.behind < limits.waiting == limits.size - limits.unsent


@EVERY
def test_who_is_behind_is_waited_for_just_when_the_policy_says_so(name: str) -> None:
    client, _ = stalled(name, 1 << 20)
    client.outbox.press()
    client.outbox.put(message(1, client.limits.behind))
    assert client.limits.pressure.high == POLICIES[name].counts_for_backpressure


def test_the_kernel_may_keep_a_segment_for_a_client_and_little_of_what_news_would_replace() -> None:
    unsent = {name: policy.unsent for name, policy in POLICIES.items()}
    assert unsent == {"disconnect": 256 * 1024, "drop-oldest": 256 * 1024, "latest": 16 * 1024}


def test_the_setting_has_every_policy() -> None:
    assert get_args(SlowChoice) == tuple(POLICIES), "bridge/config/values.py, SlowChoice: the names of POLICIES"


@EVERY
def test_its_counter_shows_it_at_work_and_the_protocol_has_its_row(name: str) -> None:
    client, counters = stalled(name)
    for number in range(PUT):
        client.outbox.put(message(number, key="same"))
    counter = POLICIES[name].counter
    assert counters[counter] or client.slow, f"{name} has done its work, and {counter} is 0"  # who ends it counts that
    assert counter in COUNTERS, f"bridge/counters.py: {counter}"
    row = re.search(rf"^\| `{re.escape(name)}`.*\| (.*) \|$", PROTOCOL, re.MULTILINE)
    assert row, f"docs/protocol.md, Limits and back-pressure: a row for {name}"
    assert row[1] == f"`{counter}`"


def said(text: str) -> list[str]:
    """What a sentence says of one policy after the other, in their order."""
    return text.partition(": ")[2].split(", or ")


def test_the_settings_help_says_what_becomes_of_a_client_under_each() -> None:
    where = f"bridge/config/tree.py, the help of slow: what becomes of a client under each of {', '.join(POLICIES)}"
    assert len(said(SETTINGS["slow"].help)) == len(POLICIES), where


def test_the_limits_say_what_each_does_and_how_it_is_seen() -> None:
    row = re.search(
        r"^\| a client's outbox .* \| (by `--slow`: .*) \| (.*) \| `tests/.*$", document("limits"), re.MULTILINE
    )
    assert row
    where = "docs/limits.md, a client's outbox"
    assert len(said(row[1])) == len(POLICIES), f"{where}: what becomes of it under each of {', '.join(POLICIES)}"
    assert set(re.findall(r"`(\w+)`", row[2])) == {policy.counter for policy in POLICIES.values()}, where
