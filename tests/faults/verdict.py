"""Whether what clients and server say that they got can be, if nothing is lost, doubled or reordered but where it may.

What the bridge had of each connection of the server is what its witness, who is never cut off, got of it; that has to
be a beginning of what was sent. Every client has to have the same, without a gap, except where it came back and was
told that it did not recover.

Use: `violations = list(judge(server, members))`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from tests.faults.counting import CountingServer, Sending
from tests.faults.crowd import Member, Runs

__all__ = ["delivered", "events", "judge", "messages"]


class Line:
    """Numbers that there were, in order, so that it can be asked which one comes after which."""

    def __init__(self, runs: Iterable[tuple[int, int]]) -> None:
        """`runs`: (first, last), in order."""
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._places: list[int] = []
        place = 0
        for first, last in runs:
            self._firsts.append(first)
            self._lasts.append(last)
            self._places.append(place)
            place += last - first + 1
        self.count = place

    def place(self, number: int) -> int:
        """Which one it is; -1 if it was never there."""
        at = bisect_right(self._firsts, number) - 1
        if at < 0 or number > self._lasts[at]:
            return -1
        return self._places[at] + number - self._firsts[at]


def delivered(sendings: Sequence[Sending], witnessed: Runs) -> tuple[list[tuple[int, int]], list[str]]:
    """What the bridge had of each connection, as (first, end) by connection, and what can't be."""
    found, wrong = [], []
    line, seen = Line(witnessed), 0
    for sending in sendings:
        end = sending.first
        while end < sending.end and line.place(end) >= 0:
            run = next(last for first, last in witnessed if first <= end <= last)
            end = min(run + 1, sending.end)
        found.append((sending.first, end))
        seen += end - sending.first
    if any(b[0] <= a[1] for a, b in pairwise(witnessed)):
        wrong.append(f"the witness got numbers twice or out of order: {witnessed!r:.300}")
    elif seen != line.count:
        wrong.append("the witness got a message after one of the same connection that it did not get")
    return found, wrong


def messages(server: CountingServer, members: Sequence[Member], whole: bool = False) -> Iterator[str]:
    """What is wrong with the messages that one group's members got.

    `whole`: the link never broke, so the bridge had everything that was sent, and the witness is a client like others.
    """
    [witness] = [member for member in members if member.witness]
    if whole:
        had = [(sending.first, sending.end) for sending in server.sendings]
    elif len(witness.connections) == 1:
        had, wrong = delivered(server.sendings, witness.connections[0].all)
        yield from wrong
    else:
        yield f"the witness was cut off: {dict(witness.reasons)}"
        return
    everything = Line((first, end - 1) for first, end in had if end > first)
    for member in members:
        yield from (f"{member.name}: {fault}" for fault in member.faults)
        at = -1
        for number, connection in enumerate(member.connections):
            known = number > 0 and connection.recovered
            at, wrong = _follow(everything, connection.all, at, known)
            yield from (f"{member.name}, connection {number} ({_told(connection.recovered)}): {text}" for text in wrong)
        if at != everything.count - 1:
            yield f"{member.name} got nothing after the {at + 1}th of {everything.count} messages"
        yield from _own(server.sendings, had, member)


def _told(recovered: bool) -> str:
    return "recovered" if recovered else "not recovered"


def _follow(line: Line, runs: Runs, at: int, known: bool) -> tuple[int, list[str]]:
    """The place of the last one, and what is wrong: with `known`, the first of them follows the place `at`."""
    wrong = []
    for first, last in runs:
        place, end = line.place(first), line.place(last)
        if place < 0 or end - place != last - first:
            wrong.append(f"{first} to {last} is not what there was")
            continue
        if place <= at:
            wrong.append(f"{first} came twice or out of order")
        elif known and place != at + 1:
            wrong.append(f"{place - at - 1} messages are missing before {first}")
        at, known = end, True
    return at, wrong


def _own(sendings: Sequence[Sending], had: Sequence[tuple[int, int]], member: Member) -> Iterator[str]:
    """What is wrong with the messages for this member alone."""
    for user, group in groupby(enumerate(member.connections), lambda each: each[1].user):
        if user is None:
            continue
        connections = list(group)
        got = {number for _, each in connections for a, b in each.own for number in range(a, b + 1)}
        line = Line((number, number) for number in _certain(sendings, had, user, got))
        at = -1
        for number, connection in connections:
            known = number > connections[0][0] and connection.recovered
            at, wrong = _follow(line, connection.own, at, known)
            yield from (f"{member.name}, connection {number}, alone for {user}: {text}" for text in wrong)
        last = connections[-1][1]
        if last is member.connections[-1] and (last.recovered or last.own) and at != line.count - 1:
            yield f"{member.name} got nothing of its own after the {at + 1}th of {line.count}"


def _certain(sendings: Sequence[Sending], had: Sequence[tuple[int, int]], user: str, got: set[int]) -> Iterator[int]:
    """The numbers for this user that the bridge had: those with a later number for all, and what came of the rest."""
    for sending, (_, end) in zip(sendings, had, strict=True):
        for number, after in sending.own.get(user, []):
            if max(after + 1, sending.first) < end or number in got:
                yield number


def events(server: CountingServer, members: Sequence[Member], confirm: bool) -> Iterator[str]:
    """What is wrong with the log of events: each once at most, in order; with `confirm` each that was acked ok."""
    yield from (f"the server got {text}" for text in server.strange)
    if server.absent and not confirm:
        yield f"{server.absent} events were of users who had not been announced"
    times = Counter(server.log)
    for (name, number), count in times.items():
        if count > 1:
            yield f"event {number} of {name} is in the log {count} times"
    last: dict[str, int] = {}
    for name, number in server.log:
        if number < last.get(name, -1):
            yield f"event {number} of {name} came after {last[name]}"
        last[name] = number
    for member in members:
        lost = sorted(number for number in member.ok if (member.name, number) not in times)
        if confirm and lost:
            yield f"{member.name}: {len(lost)} events were acked ok and are not in the log: {lost[:20]}"
        answered = len(member.ok) + len(member.unknown) + sum(map(len, member.refused.values()))
        if answered != member.emitted:
            yield f"{member.name}: {member.emitted - answered} events were never answered"


def judge(
    server: CountingServer, members: Sequence[Member], confirm: bool = False, whole: bool = False
) -> Iterator[str]:
    """Everything that is wrong, when all has come to rest."""
    yield from messages(server, members, whole)
    yield from events(server, members, confirm)
    there = {member.user for member in members if member.connected}
    if server.present != there:
        yield f"in the server there are {server.present - there} who have left, and {there - server.present} are not"
