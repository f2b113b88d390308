"""By which names the bridge may be asked for."""

from __future__ import annotations

import pytest

from bridge.admission.hosts import LONGEST, REMEMBERED, Hosts, host_name, is_loopback_name, own_names
from bridge.admission.proxies import Ignored
from bridge.counters import Counters

FILE = """
127.0.0.1  localhost
127.0.1.1  pc7.cs.example.edu pc7 Printer # the same machine
::1        localhost ip6-localhost
0.0.0.0    ads.example  # pc7
10.0.0.5   other.example
junk
"""


def hosts(*allowed: str, own: tuple[str, ...] = ()) -> Hosts:
    return Hosts(allowed, own, Counters())


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8080", "localhost.", "localhost.:80", "a.localhost", "localhost.localdomain",
     "ip6-localhost", "ip6-loopback", "127.0.0.1", "127.0.0.1:", "10.9.8.7:65535", "0.0.0.0", "[::1]", "[FE80::a]:1",
     "[::ffff:1.2.3.4]"],
)  # fmt: skip
def test_loopback_names_and_addresses_are_let_in(host: str) -> None:
    assert hosts().allows(host)


@pytest.mark.parametrize(
    "host",
    ["", ":80", "evil.example", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example", "127.1",
     "0x7f000001", "2130706433", "1.2.3.4.5", "127.0.0.256", "127.0.0.1:80:80", "127.0.0.1:x", "[::1", "::1",
     "[evil]", "[1.2.3.4]", "a@localhost", "localhost/x", "localhost,evil", "local host", "localhost..", ".localhost:x",
     "\uff4cocalhost", "\u212alocalhost", "localhost\n", "a" * 254 + ".localhost"],
)  # fmt: skip
def test_anything_else_is_not(host: str) -> None:
    assert not hosts().allows(host)


def test_allowed_names_match_exactly_or_by_their_end() -> None:
    some = hosts("game.example", "*.school.example", own=("pc7", ""))
    for host in ("game.example", "GAME.example.:1", "a.school.example", "b.a.school.example:1", "pc7:80"):
        assert some.allows(host), host
    for host in ("www.game.example", "school.example", "evilschool.example", "pc7.local", "", "*.school.example"):
        assert not some.allows(host), host


def test_no_more_than_a_limit_is_remembered_and_nothing_that_is_too_long() -> None:
    some = hosts("*.example")
    longest = "a" * (LONGEST - len(".example")) + ".example"
    assert some.allows(longest)
    assert not some.allows("a" + longest)
    for n in range(2 * REMEMBERED):
        some.allows(f"{n}.example")
        some.allows("a" * LONGEST + str(n))
    assert some._remembered.cache_info().currsize == REMEMBERED


def test_a_machine_s_names_are_its_own_and_those_in_its_line_of_the_file() -> None:
    assert own_names("PC7", FILE) == {"pc7", "pc7.local", "pc7.cs.example.edu", "printer", "printer.local"}
    assert own_names("pc7.cs.example.edu", FILE) == own_names("pc7", FILE)
    assert own_names("pc9.example", "") == {"pc9.example", "pc9", "pc9.local"}
    assert own_names("", FILE) == set()


def test_a_machine_called_localhost_has_no_names_of_the_lines_of_that() -> None:
    assert "ads.example" not in own_names("localhost", "127.0.0.1 localhost ads.example")


@pytest.mark.parametrize(
    ("host", "ignored", "advice"),
    [
        ("game.example:80", None, "--allowed-hosts game.example"),
        ("a@b", None, ""),
        ("a" * 400, None, ""),
        ("inside", Ignored("10.0.0.1", "localhost", ""), "--trusted-proxies 10.0.0.1"),
        ("inside", Ignored("10.0.0.1", "Game:1", ""), "--allowed-hosts game --trusted-proxies 10.0.0.1"),
        ("game:2", Ignored("10.0.0.1", "Game:1", ""), "--allowed-hosts game"),
        ("game", Ignored("10.0.0.1", "", "https"), "--allowed-hosts game"),
        ("game", Ignored("10.0.0.1", "a b;rm", ""), ""),
    ],
)
def test_the_advice_is_what_would_let_the_request_in(host: str, ignored: Ignored | None, advice: str) -> None:
    assert hosts().refuse(host, ignored) == advice


def test_it_is_counted_and_the_log_names_those_that_are_allowed_already(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    some = Hosts(("friend.example",), (), counters)
    assert some.refuse("game.example", None) == "--allowed-hosts game.example"
    some.refuse("a\x1b[31m", None)
    assert counters["hosts_refused"] == 2
    [line] = caplog.messages
    assert line.endswith("--allowed-hosts friend.example --allowed-hosts game.example")
    caplog.clear()
    Hosts((), (), Counters()).refuse("a\x1b[31m", None)
    assert caplog.messages == ["! a request for the host 'a\\x1b[31m' was refused, as this bridge has no such name"]


@pytest.mark.parametrize(
    ("host", "name"), [("A.b:1", "a.b"), ("[::1]:8", "[::1]"), ("a.", "a"), ("a b", ""), ("", ""), ("a:123456", "")]
)
def test_the_name_in_a_host_header_is_in_lower_case_without_its_port(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize("name", ["localhost", "a.localhost", "ip6-loopback", "127.9.9.9", "[::1]"])
def test_a_loopback_name_is_this_machine_s_for_itself_alone(name: str) -> None:
    assert is_loopback_name(name)


@pytest.mark.parametrize("name", ["", "10.0.0.1", "[fe80::1]", "pc7", "localhost.evil", "0.0.0.0"])
def test_others_are_not(name: str) -> None:
    assert not is_loopback_name(name)
