"""Whether what clients and server say that they got can be, if nothing is lost, doubled or reordered but where it may.

What the bridge had of each connection of the server is what its witness, who is never cut off, got of it; that has to
be a beginning of what was sent. Every client has to have the same, without a gap, except where it came back and was
told that it did not recover.

What clients sent is in the server's log once and in order. What was acked ok may be missing only where a connection
broke, its end and no more than may be lost; with `confirm` not at all, nor may the ack come before the confirmation.
What was refused is not in the log, but where the text says that this is not known.

Use: `violations = list(judge(server, members))`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from tests.faults.counting import CountingServer, Sending
from tests.faults.crowd import Connection, Member, Runs

__all__ = ["UNKNOWN", "delivered", "events", "judge", "messages"]

#: In the text of a refusal: the event may be in the log, see docs/protocol.md.
UNKNOWN = "may or may not have arrived"


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
        for number, connection, known in _continued(enumerate(member.connections), lambda each: each.all):
            at, wrong = _follow(everything, connection.all, at, known)
            yield from (f"{member.name}, connection {number} ({_told(connection.recovered)}): {text}" for text in wrong)
        if at != everything.count - 1:
            yield f"{member.name} got nothing after the {at + 1}th of {everything.count} messages"
        yield from _own(server.sendings, had, member)


def _told(recovered: bool) -> str:
    return "recovered" if recovered else "not recovered"


def _continued(
    connections: Iterable[tuple[int, Connection]], got: Callable[[Connection], Runs]
) -> Iterator[tuple[int, Connection, bool]]:
    """Each connection, and whether its first number follows the last one before: not where it did not recover, nor
    after one that did not and got nothing, since it recovers what came after that one began."""
    follows = False
    for at, (number, connection) in enumerate(connections):
        follows = connection.recovered and (follows or at == 1)
        yield number, connection, follows
        follows = follows or bool(got(connection))


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
        for number, connection, known in _continued(connections, lambda each: each.own):
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


def events(server: CountingServer, members: Sequence[Member], confirm: bool, lost: int) -> Iterator[str]:
    """What is wrong with the log of events, and with what was said of them. `lost`: how many frames may be lost."""
    yield from (f"the server got {text}" for text in server.strange)
    if server.absent:
        yield f"{server.absent} events were of users who had not been announced"
    yield from _log(server)
    places = {event: place for place, event in enumerate(server.log)}
    missing = 0
    for member in members:
        answered = len(member.ok) + len(member.unknown) + len(member.refused)
        if answered != member.emitted:
            yield f"{member.name}: {member.emitted - answered} events were never answered"
        gaps = sorted(number for number in member.ok if (member.name, number) not in places)
        if gaps and (confirm or server.links == 1):
            yield f"{member.name}: {len(gaps)} events were acked ok and are not in the log: {gaps[:20]}"
        elif inside := _inside(server, member, gaps):
            yield f"{member.name}: events were acked ok and are not in the log, but those after them are: {inside[:20]}"
        missing += len(gaps)
        yield from _refused(member, places)
        yield from _early(server, member) if confirm else ()
    if not confirm and server.links > 1 and missing > lost:
        yield f"{missing} events were acked ok and are not in the log, but only {lost} frames may be lost"


def _log(server: CountingServer) -> Iterator[str]:
    """Each event once at most, those of one client in order."""
    for (name, number), count in Counter(server.log).items():
        if count > 1:
            yield f"event {number} of {name} is in the log {count} times"
    last: dict[str, int] = {}
    for name, number in server.log:
        if number < last.get(name, -1):
            yield f"event {number} of {name} came after {last[name]}"
        last[name] = number


def _inside(server: CountingServer, member: Member, gaps: Sequence[int]) -> list[int]:
    """Those of the missing events that were not the last ones of a connection: one that breaks loses its end alone."""
    there = sorted((number, place) for place, (name, number) in enumerate(server.log) if name == member.name)
    found = []
    for gap in gaps:
        at = bisect_right(there, (gap, -1))
        before = there[at - 1][1] if at else -1
        after = there[at][1] if at < len(there) else len(server.log)
        if not any(before < begun <= after for begun in server.begun[1:]):
            found.append(gap)
    return found


def _refused(member: Member, places: Mapping[tuple[str, int], int]) -> Iterator[str]:
    """What is refused was not sent, but where the text says that this is not known."""
    for refusal in member.refused:
        if (member.name, refusal.number) in places and UNKNOWN not in refusal.text:
            yield f"{member.name}: event {refusal.number} is in the log and was refused: {refusal.code}, {refusal.text}"


def _early(server: CountingServer, member: Member) -> Iterator[str]:
    """What was acked ok before the server had confirmed it."""
    when = {number: server.confirmed.get((member.name, number)) for number in member.ok}
    early = sorted(number for number, at in member.ok.items() if (known := when[number]) is None or at < known)
    if early:
        yield f"{member.name}: {len(early)} events were acked ok before they were confirmed: {early[:20]}"


def judge(
    server: CountingServer, members: Sequence[Member], confirm: bool = False, whole: bool = False, lost: int = 0
) -> Iterator[str]:
    """Everything that is wrong, when all has come to rest. `lost`: how many frames to the server may be lost, if the
    link broke."""
    yield from messages(server, members, whole)
    yield from events(server, members, confirm, lost)
    there = {member.user for member in members if member.connected}
    if server.present != there:
        yield f"in the server there are {server.present - there} who have left, and {there - server.present} are not"
