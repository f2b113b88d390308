"""Each value that a setting takes or refuses, and what a refusal says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bridge.config import SETTINGS, Address, load
from bridge.config.fields import Setting
from bridge.errors import SettingsError


def value(name: str, text: str) -> object:
    """What `--name=text` is in the tree."""
    settings = load([f"{SETTINGS[name].flag}={text}"], {})
    groups = (settings.link, settings.relay, settings.web, settings.log)
    found: object = next(getattr(group, name) for group in groups if hasattr(group, name))
    return found


def refusal(name: str, text: str) -> str:
    """The one problem with `--name=text`."""
    with pytest.raises(SettingsError) as caught:
        load([f"{SETTINGS[name].flag}={text}"], {})
    (problem,) = caught.value.problems
    return problem


def refusal_in_file(name: str, toml: str, folder: Path) -> str:
    """The one problem with `name = toml` in a file."""
    file = folder / "b.toml"
    file.write_text(f"{name} = {toml}\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(["--config", str(file)], {})
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:8000", "localhost", 8000),
        ("10.0.0.1:1", "10.0.0.1", 1),
        ("[::1]:65535", "::1", 65535),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ("my-host.example:9", "my-host.example", 9),
        ("my_service:9", "my_service", 9),
    ],
)
def test_a_server_is_a_host_and_a_port_and_reads_the_same_when_written(text: str, host: str, port: int) -> None:
    assert value("server", text) == Address(host, port)
    assert str(Address(host, port)) == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("8000", "is a port without its host; localhost:8000 would do"),
        ("localhost", "has no port; localhost:8000 would do"),
        ("localhost:", "needs a port from 1 to 65535; localhost:8000 would do"),
        ("localhost:abc", "needs a port from 1 to 65535; localhost:8000 would do"),
        ("localhost:0", "needs a port from 1 to 65535; localhost:8000 would do"),
        ("localhost:65536", "needs a port from 1 to 65535; localhost:8000 would do"),
        ("localhost:+80", "needs a port from 1 to 65535; localhost:8000 would do"),
        ("localhost:٨٠", "needs a port from 1 to 65535; localhost:8000 would do"),
        ("http://localhost:8000", "needs HOST:PORT without http://, such as localhost:8000"),
        ("tcp://x", "needs HOST:PORT without tcp://, such as localhost:8000"),
        ("::1", "needs the IPv6 address in brackets, then the port, such as [::1]:8000"),
        ("::1:8000", "needs the IPv6 address in brackets, then the port, such as [::1]:8000"),
        ("[::1]", "has no port; [::1]:8000 would do"),
        (":8000", "has no host; localhost:8000 would do"),
        ("", "needs HOST:PORT, such as localhost:8000 or [::1]:8000"),
        ("99999", "needs HOST:PORT, such as localhost:8000 or [::1]:8000"),
        ("a b:80", "needs HOST:PORT, such as localhost:8000 or [::1]:8000"),
        ("a/b:80", "needs HOST:PORT, such as localhost:8000 or [::1]:8000"),
        ("me@host:80", "needs HOST:PORT, such as localhost:8000 or [::1]:8000"),
        ("[localhost]:80", "needs HOST:PORT, such as localhost:8000 or [::1]:8000"),
        ("[::1:80", "needs HOST:PORT, such as localhost:8000 or [::1]:8000"),
        ("a\x00b:80", "needs HOST:PORT, such as localhost:8000 or [::1]:8000"),
    ],
)
def test_what_is_no_server_is_refused_with_what_would_do(text: str, advice: str) -> None:
    problem = refusal("server", text)
    assert problem.startswith("--server ")
    assert problem.endswith(f": {advice}")


@pytest.mark.parametrize("text", ["tls://h:1", "https://h/x", "ssl://h", "wss://h:443", "TLS://h:1"])
def test_tls_is_not_spoken_to_a_server_and_what_does_is_named(text: str) -> None:
    problem = refusal("server", text)
    assert "needs TLS, which the bridge does not speak; put stunnel or socat between" in problem
    assert re.search(r"fork OPENSSL:h:\d+ and --server localhost:8000$", problem)


@pytest.mark.parametrize("text", ["unix:/run/x", "unix:///run/x", "/run/x"])
def test_a_unix_socket_is_not_connected_to_and_what_does_is_named(text: str) -> None:
    problem = refusal("server", text)
    assert "is a unix socket, which the bridge does not connect to; put socat between" in problem
    assert problem.endswith("fork UNIX-CONNECT:/run/x and --server localhost:8000")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("http://localhost:9000", "a server of HTTP is none, as the bridge speaks plain TCP: "
         "needs HOST:PORT without http://, such as localhost:9000"),
        ("tcp://h:1", "needs HOST:PORT without tcp://, such as h:1"),
        ("tcp://h:1/", "needs HOST:PORT without tcp://, such as h:1"),
        ("localhost 8000", "needs a colon between host and port; localhost:8000 would do"),
        ("localhost,8000", "needs a colon between host and port; localhost:8000 would do"),
        ("a:1,b:2", "is more than one address; a bridge has one server, such as localhost:8000"),
        ("localhost:8000/", "ends with a slash; localhost:8000 would do"),
    ],
)  # fmt: skip
def test_what_is_nearly_a_server_is_answered_with_the_one_that_was_meant(text: str, advice: str) -> None:
    assert refusal("server", text) == f"--server {text}: {advice}"


@pytest.mark.parametrize(
    ("name", "text", "seconds"),
    [("hold", "10s", "10"), ("grace", "500ms", "0.5"), ("ping_interval", "1m", "60"), ("idle_warn", "2 hours", "7200"),
     ("send_gap", "5 ms", "0.005"), ("retry_max", "1.5min", "90"), ("recovery_window", "1d", "86400")],
)  # fmt: skip
def test_a_time_with_a_unit_is_refused_with_its_seconds(name: str, text: str, seconds: str) -> None:
    assert refusal(name, text).startswith(f"{SETTINGS[name].flag} {text}: is {seconds} in seconds; needs a number of ")


@pytest.mark.parametrize(
    ("text", "size"), [("1MB", "1048576"), ("1.5M", "1572864"), ("64 kb", "65536"), ("10 bytes", "10"), ("1.5", "2")]
)
def test_a_size_in_another_unit_is_refused_with_its_bytes(text: str, size: str) -> None:
    assert refusal("max_frame", text).startswith(f"--max-frame {text}: is {size} in bytes; needs a number of bytes")


@pytest.mark.parametrize(
    "item", [item for item in SETTINGS.values() if not item.kind.switch], ids=lambda item: item.name
)
@pytest.mark.parametrize("text", ["", "\x01", "no such thing \\"])
def test_every_setting_takes_what_is_odd_or_says_what_it_needs(item: Setting, text: str) -> None:
    try:
        load([f"{item.flag}={text}"], {})
    except SettingsError as error:
        (problem,) = error.problems
        assert re.search(r"needs |would do|is needed|easily guessed", problem)
        assert problem.isprintable()


@pytest.mark.parametrize("text", ["8000", "localhost", "localhost:abc", "[::1]", ":8000", "http://x:1", "::1"])
def test_the_address_that_a_refusal_proposes_is_taken(text: str) -> None:
    words = re.findall(r"\S+:\d+", refusal("server", text).partition(f"{text}: ")[2])
    assert words
    assert isinstance(value("server", words[-1]), Address)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("65536", 65536),
        ("64k", 65536),
        ("64K", 65536),
        ("64KiB", 65536),
        ("64 KiB", 65536),
        ("1M", 1 << 20),
        ("1MiB", 1 << 20),
        ("1mib", 1 << 20),
        ("1g", 1 << 30),
        ("1GiB", 1 << 30),
        ("1073741824", 1 << 30),
    ],
)
def test_a_size_is_bytes_with_suffixes_of_1024(text: str, size: int) -> None:
    assert value("max_frame", text) == size


@pytest.mark.parametrize(
    "text", ["0", "-1", "0k", "1073741825", "2G", "1.5M", "1MB", "1B", "k", "", "1 M iB", "1e6", "٦٤k", "9" * 400]
)
def test_what_is_no_size_up_to_1_gib_is_refused(text: str) -> None:
    assert "needs a number of bytes from 1 to 1 GiB, such as 65536, 64k or 1MiB" in refusal("max_frame", text)


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("8080", 8080), ("65535", 65535)])
def test_a_port_to_listen_on_is_0_to_65535(text: str, port: int) -> None:
    assert value("port", text) == port


@pytest.mark.parametrize("text", ["-1", "65536", "80.0", "8_0", " 80", "", "http", "0x50"])
def test_what_is_no_port_is_refused(text: str) -> None:
    assert refusal("port", text).endswith("needs a whole number from 0 to 65535")


@pytest.mark.parametrize("toml", ["true", "80.0", "[80]", "{ a = 1 }", "1979-05-27", "0x" + "f" * 5000])
def test_a_port_in_a_file_is_a_number_not_what_python_takes_for_one(toml: str, tmp_path: Path) -> None:
    assert refusal_in_file("port", toml, tmp_path).endswith(": needs a whole number from 0 to 65535")


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("0.01", 0.01), ("1e-3", 0.001), ("10", 10.0)])
def test_a_pause_is_0_to_10_seconds(text: str, seconds: float) -> None:
    assert value("send_gap", text) == seconds


@pytest.mark.parametrize("text", ["-0.1", "10.1", "nan", "inf", "1s", "", "1e999"])
def test_what_is_no_pause_is_refused(text: str) -> None:
    assert refusal("send_gap", text).endswith("needs a number of seconds from 0 to 10")


@pytest.mark.parametrize("name", ["ping_interval", "ping_timeout"])
def test_pings_take_more_than_0_seconds_and_at_most_a_day(name: str) -> None:
    assert value(name, "0.001") == 0.001
    assert value(name, "86400") == 86400
    for text in ("0", "-1", "nan", "inf", "86401"):
        assert refusal(name, text).endswith("needs a number of seconds over 0, at most 86400")


@pytest.mark.parametrize("toml", ["true", '"x"', "nan", "inf", "1" + "0" * 400])
def test_seconds_in_a_file_are_a_finite_number(toml: str, tmp_path: Path) -> None:
    assert "needs a number of seconds over 0" in refusal_in_file("ping_timeout", toml, tmp_path)


@pytest.mark.parametrize("text", ["true", "True", "yes", "YES", "1"])
def test_a_switch_is_on_by_true_yes_and_1(text: str) -> None:
    assert value("demo", text) is True


@pytest.mark.parametrize("text", ["false", "no", "0", "No"])
def test_a_switch_is_off_by_false_no_and_0(text: str) -> None:
    assert value("demo", text) is False


@pytest.mark.parametrize("text", ["", "maybe", "2", "on"])
def test_a_switch_is_nothing_else(text: str) -> None:
    assert refusal("demo", text).endswith(": needs true or false")


@pytest.mark.parametrize(("toml", "on"), [("true", True), ("false", False), ("1", True), ("0", False), ('"yes"', True)])
def test_a_switch_in_a_file_is_the_same(toml: str, on: bool, tmp_path: Path) -> None:
    file = tmp_path / "b.toml"
    file.write_text(f"demo = {toml}\n")
    assert load(["--config", str(file)], {}).link.demo is on
    assert refusal_in_file("demo", "1.0", tmp_path).endswith("needs true or false")


@pytest.mark.parametrize("name", ["event", "event_key", "user_key", "action_key", "connected", "disconnected"])
def test_names_have_1_to_128_characters_and_no_control_characters(name: str, tmp_path: Path) -> None:
    assert value(name, "é" * 128) == "é" * 128
    assert value(name, "two words") == "two words"
    for text in ("x" * 129, "a\nb", "a\x00", "\x7f", "\x9f", "bad \udcff"):
        problem = refusal(name, text)
        assert "needs a name of 1 to 128 characters" in problem or problem.endswith("is not UTF-8")
        assert problem.isprintable()
    assert "needs a name of 1 to 128 characters" in refusal_in_file(name, "5", tmp_path)


@pytest.mark.parametrize("name", ["event", "user_key", "action_key", "connected", "disconnected"])
def test_names_are_not_empty(name: str) -> None:
    assert "needs a name of 1 to 128 characters" in refusal(name, "")


def test_a_long_value_is_shortened_in_its_problem() -> None:
    assert refusal("port", "x" * 75) == f"--port {'x' * 75}: needs a whole number from 0 to 65535"
    long = f"--port {'x' * 37}…{'y' * 37}: needs a whole number from 0 to 65535"
    assert refusal("port", "x" * 38 + "y" * 38) == long


@pytest.mark.parametrize(
    "text",
    ["*", "connect", "disconnect", "connect_error", "newListener", "removeListener", "bridge:", "bridge:link"],
)
def test_the_event_of_messages_is_none_of_the_reserved_ones(text: str) -> None:
    assert "reserved event name" in refusal("event", text)
    assert value("connected", text) == text


@pytest.mark.parametrize("name", ["user_key", "action_key"])
@pytest.mark.parametrize("text", ["data", "args"])
def test_the_keys_are_not_where_arguments_go(name: str, text: str) -> None:
    assert "is where an event's arguments go" in refusal(name, text)
    assert value("event_key", text) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [("user_key", "action_key"), ("connected", "disconnected")],
)
def test_two_names_that_would_be_taken_for_each_other_must_differ(one: str, other: str) -> None:
    flags = (SETTINGS[one].flag, SETTINGS[other].flag)
    with pytest.raises(SettingsError) as caught:
        load([f"{flags[0]}=same", f"{flags[1]}=same"], {})
    assert caught.value.problems == (f"{flags[0]} same and {flags[1]} same: {one} and {other} must differ",)
    default = SETTINGS[other].default
    assert refusal(one, str(default)) == f"{flags[0]} {default}: {one} and {other} must differ"
    assert load([f"{flags[0]}={default}", f"{flags[1]}=else"], {})


@pytest.mark.parametrize("text", ["", "0.0.0.0", "::", "::1", "localhost", "my-host.example"])
def test_the_host_to_listen_on_is_an_address_or_a_name(text: str) -> None:
    if text:
        assert value("host", text) == text
    else:
        assert "needs an address or a name" in refusal("host", text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("localhost:8080", "has a port, which --port takes"),
        ("0.0.0.0:80", "has a port, which --port takes"),
        ("[::1]", "needs no brackets here; ::1 would do"),
        ("http://localhost", "needs an address or a name, such as 127.0.0.1, 0.0.0.0 or ::1"),
        ("a b", "needs an address or a name, such as 127.0.0.1, 0.0.0.0 or ::1"),
    ],
)
def test_what_is_no_host_to_listen_on_is_refused(text: str, advice: str) -> None:
    assert refusal("host", text) == f"--host {text}: {advice}"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("*", "*"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("HTTPS://Example.org", "https://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("https://example.org:443", "https://example.org"),
        ("http://example.org:443", "http://example.org:443"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("null", "null"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(text: str, origin: str) -> None:
    assert value("allowed_origins", text) == (origin,)


@pytest.mark.parametrize(
    "text", ["localhost", "localhost:5173", "http://", "http://a:99999", "http://a:0", "http://u@a", "http://[zz]",
             "**", "http://\u212a.example", "http://a b"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(text: str) -> None:
    assert "needs an origin, such as http://localhost:5173, or *" in refusal("allowed_origins", text)


@pytest.mark.parametrize("text", ["http://localhost:5173/", "http://localhost:5173/a/b?c"])
def test_an_origin_with_a_path_is_refused_with_the_one_that_would_do(text: str) -> None:
    problem = refusal("allowed_origins", text)
    assert problem.endswith("has a path; http://localhost:5173 would do")


def test_a_site_is_a_folder_and_comes_out_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "page.html").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("pages", "./pages/", "~/pages", str(tmp_path / "pages")):
        assert value("site", text) == tmp_path / "pages"
    assert refusal("site", "none").endswith("needs a folder that exists, or nothing")
    assert refusal("site", "page.html").endswith(f"is a file; {tmp_path} is its folder")
    assert "needs a folder" in refusal("site", "pages\x00")
    assert "needs a folder" in refusal("site", "x" * 5000)


def test_handlers_are_files_and_come_out_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "my handlers.py").touch()
    monkeypatch.chdir(tmp_path)
    assert value("handlers", "my handlers.py") == (tmp_path / "my handlers.py",)
    assert refusal("handlers", "none.py") == "--handlers none.py: needs a Python file that exists"
    assert refusal("handlers", "folder").endswith("is a folder; a file in it is needed")


@pytest.mark.skipif(os.name != "posix", reason="only there are file names bytes")
def test_a_path_may_be_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    os.mkdir(folder)
    assert value("site", folder) == Path(folder)


def test_framings_stay_as_they_were_written() -> None:
    for text in ("~", r"\n", r"\n \r\n", "\n", " ", "length:4be", "-", "--x", "delim:json", ""):
        assert value("framing_in", text) == text
    assert refusal("framing_in", "\udcff").endswith("is not UTF-8")


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (
            ["--replies", "--reply-key", "username"],
            "--reply-key username and --replies: username is the bridge's own then",
        ),
        (
            ["--replies", "--reply-key", "id", "--once-key", "id"],
            "--once-key id and --reply-key id and --replies: id is the bridge's own then",
        ),
        (["--once-key", "username"], "--once-key username: once_key and user_key must differ"),
        (
            ["--reply-key", "confirm", "--confirm"],
            "--reply-key confirm and --confirm: confirm is the bridge's own then",
        ),
        (["--once-key", "seq", "--confirm"], "--once-key seq and --confirm: seq is the bridge's own then"),
    ],
)
def test_a_key_that_would_be_taken_for_another_is_a_problem(args: list[str], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(args, {})
    assert caught.value.problems == (problem,)
    assert load(["--once-key", "id", "--reply-key", "id"], {}).relay.once_key == "id"


@pytest.mark.parametrize(
    ("name", "switch", "word"),
    [
        ("user_key", "confirm", "seq"),
        ("action_key", "replies", "reply_to"),
        ("connected", "confirm", "hello"),
        ("disconnected", "confirm", "hello"),
    ],
)
def test_a_word_that_another_setting_makes_the_bridges_own_is_a_problem(name: str, switch: str, word: str) -> None:
    flag = SETTINGS[name].flag
    with pytest.raises(SettingsError) as caught:
        load([flag, word, f"--{switch}"], {})
    assert caught.value.problems == (f"{flag} {word} and --{switch}: {word} is the bridge's own then",)
    load([flag, word], {})
    load([flag, word, f"--{switch}=no"], {})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("game.example", "game.example"), ("Game.EXAMPLE.", "game.example"), ("*.example.org", "*.example.org"),
        ("pc_7", "pc_7"), ("192.168.1.1", "192.168.1.1"), ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
    ],
)  # fmt: skip
def test_a_host_is_kept_as_browsers_write_it(text: str, kept: str) -> None:
    assert value("allowed_hosts", text) == (kept,)


@pytest.mark.parametrize(
    ("text", "would_do"),
    [
        ("http://game.example:80/x", "game.example would do"), ("game.example:443", "game.example would do"),
        (".example.org", "*.example.org would do"), ("M\u00fcnchen.de", "xn--mnchen-3ya.de would do"),
        ("*", ""), ("*.*.org", ""), ("a..b", ""), ("a b", ""), ("[::1]", ""), ("a" * 64, ""), ("a." * 127 + "a", ""),
    ],
)  # fmt: skip
def test_what_is_no_host_is_refused_with_the_one_that_would_do(text: str, would_do: str) -> None:
    assert (would_do or "needs a name, such as game.example.org or *.example.org") in refusal("allowed_hosts", text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("127.0.0.1", "127.0.0.1"), ("127.0.0.1/32", "127.0.0.1"), ("10.0.0.0/8", "10.0.0.0/8"), ("0::1", "::1"),
        ("fe80::/10", "fe80::/10"), ("::ffff:10.0.0.1", "10.0.0.1"),
    ],
)  # fmt: skip
def test_a_network_is_kept_in_its_shortest_form(text: str, kept: str) -> None:
    assert value("trusted_proxies", text) == (kept,)


@pytest.mark.parametrize(
    ("text", "would_do"),
    [
        ("localhost", "127.0.0.1 would do"), ("10.1.2.3/8", "10.0.0.0/8 would do"),
        ("10.0.0.1:80", "10.0.0.1 would do"),
        ("[::1]", "::1 would do"), ("proxy", ""), ("10.0.0.0/33", ""),
    ],
)  # fmt: skip
def test_what_is_no_network_is_refused_with_the_one_that_would_do(text: str, would_do: str) -> None:
    assert (would_do or "needs an address or a network, such as 127.0.0.1") in refusal("trusted_proxies", text)
