"""How many sessions may begin, of whom, and which end for others."""

from __future__ import annotations

from typing import Any

from bridge.counters import Counters
from bridge.engineio.session_quota import SessionLimits, SessionQuota, is_loopback, network_of
from bridge.engineio.timeouts import TimeoutQueue

FAR, NEAR = "192.0.2.7", "127.0.0.1"


class Seat:
    """A session. `over`: whether it had to make way."""

    def __init__(self, at: Case, address: str) -> None:
        self.address, self.over, self._at = address, False, at

    def finish(self) -> None:
        self.over = True
        self._at.end(self)


class Case:
    """A quota, and what comes and goes. `limits`: as SessionLimits has them."""

    def __init__(self, **limits: Any) -> None:
        self.counters = Counters()
        self.joins: TimeoutQueue[Seat] = TimeoutQueue(20.0, lambda _: None)
        self.quota = SessionQuota(SessionLimits(**limits), self.joins, self.counters)

    def come(self, address: str = FAR) -> Seat:
        seat = Seat(self, address)
        self.joins.add(seat)
        self.quota.add(seat)
        return seat

    def end(self, seat: Seat) -> None:
        self.joins.discard(seat)
        self.quota.remove(seat)


def test_there_are_no_more_sessions_than_there_may_be() -> None:
    at = Case(clients=2)
    first = at.come()
    for seat in (first, at.come("192.0.2.8")):
        at.quota.joined(seat)
    assert at.quota.refusal(NEAR) == "There are too many clients here."
    at.end(first)
    assert at.quota.refusal(NEAR) == ""
    assert at.counters["clients_refused"] == 1


def test_an_address_has_no_more_than_its_share_but_this_machine_has() -> None:
    at = Case(clients_per_address=2)
    first, second = at.come(), at.come()
    for seat in (first, second):
        at.quota.joined(seat)
    for _ in range(5):
        at.come(NEAR)
    assert at.quota.refusal(FAR) == "There are too many clients at your address."
    assert not at.quota.refusal("192.0.2.8")
    assert not at.quota.refusal(NEAR)
    at.end(first)
    assert not at.quota.refusal(FAR)


def test_half_open_ones_make_way_before_anybody_is_refused() -> None:
    at = Case(clients=3)
    oldest, joined, newer = at.come(NEAR), at.come(), at.come()
    at.quota.joined(joined)
    for gone in (oldest, newer):
        assert at.quota.refusal(NEAR) == ""
        assert gone.over
        at.quota.joined(at.come())
    assert at.quota.refusal(NEAR)
    assert not joined.over
    at = Case(clients_per_address=2)
    elsewhere, joined, ours = at.come("192.0.2.8"), at.come(), at.come()
    at.quota.joined(joined)
    assert at.quota.refusal(FAR) == ""
    assert (elsewhere.over, ours.over) == (False, True)


def test_who_was_let_in_nowhere_is_half_open_again_for_its_full_time() -> None:
    at = Case(half_open_per_address=2)
    first, second = at.come(), at.come()
    at.quota.joined(first)
    assert at.joins.oldest is second
    at.quota.half_open(first)
    assert at.joins.oldest is second
    at.come()
    assert (first.over, second.over) == (False, True)


def test_of_too_many_half_open_ones_the_oldest_make_way() -> None:
    at = Case(half_open=3)
    seats = [at.come(NEAR) for _ in range(2)] + [at.come(f"192.0.2.{n}") for n in range(4)]
    assert [seat.over for seat in seats] == [True, True, True, False, False, False]
    assert at.counters["half_open_ended"] == 3


def test_of_too_many_half_open_ones_of_an_address_its_oldest_make_way() -> None:
    at = Case(half_open_per_address=2)
    other = at.come("192.0.2.8")
    seats = [at.come() for _ in range(4)]
    assert [seat.over for seat in seats] == [True, True, False, False]
    assert not other.over


def test_who_has_joined_is_half_open_no_more_and_stays() -> None:
    at = Case(half_open=2, half_open_per_address=1)
    for _ in range(5):
        seat = at.come()
        at.quota.joined(seat)
        assert not seat.over
    assert not at.joins


def test_this_machine_and_its_proxies_may_have_any_number_half_open() -> None:
    at = Case(proxies=("192.0.2.7/32", "fd00::/8"), half_open_per_address=1)
    assert not any(seat.over for seat in [at.come(NEAR) for _ in range(5)])
    assert not any(seat.over for seat in [at.come(FAR) for _ in range(5)])
    assert not any(seat.over for seat in [at.come("fd00::1") for _ in range(5)])
    assert [seat.over for seat in [at.come("192.0.2.8") for _ in range(2)]] == [True, False]


def test_nothing_is_kept_of_who_has_gone() -> None:
    at = Case()
    seats = [at.come(address) for address in (FAR, FAR, NEAR, "2001:db8::1", "")]
    at.quota.joined(seats[0])
    for seat in seats:
        at.end(seat)
    assert (at.quota._count, at.quota._of_address, at.quota._half_open) == (0, {}, {})


def test_an_address_is_one_of_ipv4_or_a_network_of_ipv6() -> None:
    assert network_of("::ffff:192.0.2.7") == network_of(FAR) == FAR
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1:2") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("nobody") == "nobody"
    assert all(map(is_loopback, (NEAR, "127.8.8.8", "::1", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, (FAR, "::2", "", "localhost")))
