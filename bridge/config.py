"""The settings: one typed, frozen tree; file < environment < flags.

A setting is one line in its group here: name, type, default, what it does, why the
default is what it is. Flag, variable, key, help and checks follow from that line. This
module imports nothing of the rest of the bridge but its errors; what only another layer
can judge, such as a framing, is given to `load` as a check.

Use: `settings = load(sys.argv[1:], os.environ, checks={"framing_in": check})`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from bridge import config_report
from bridge import config_values as kinds
from bridge.config_fields import Group, Setting, setting, settings_of
from bridge.config_report import problems_block
from bridge.config_sources import Given, Source, read_environment, read_file, read_flags
from bridge.config_values import Address
from bridge.errors import SettingsError

__all__ = [
    "SETTINGS",
    "VERSION",
    "Address",
    "Link",
    "Log",
    "Relay",
    "Settings",
    "Web",
    "describe",
    "load",
    "problems_block",
]

VERSION = "0.1.0"


class Link(Group):
    """The link: towards the server"""

    server: kinds.ServerAddress = setting(
        Address("localhost", 8000), "where the TCP server listens", "where the Scala example listens"
    )
    demo: kinds.Switch = setting(
        False, "start the embedded demo server and connect to it", "it takes the place of one's own server"
    )
    framing_in: kinds.Framing = setting(
        "~", "how frames from the server are separated", "as small Scala servers commonly do it"
    )
    framing_out: kinds.Framing = setting(
        "~", "how frames to the server are separated", "the same as from the server"
    )
    max_frame: kinds.Size = setting(
        1048576, "the largest frame, both ways, without its framing", "1 MiB, about what NATS and Socket.IO allow"
    )
    send_gap: kinds.Pause = setting(
        0.01, "the pause between two messages under framing_out none", "5 ms kept 100 of 100 apart, so twice that"
    )
    link_queue: kinds.Size = setting(
        1048576, "what may wait for the link before events are refused", "1 MiB, Centrifugo's queue of one client"
    )


class Relay(Group):
    """The relay: which message to whom, as what"""

    identity: kinds.Identity = setting(
        "sid", "who a client is to the server: its id, the name it registers, or nobody", "asks nothing of the page"
    )
    payload: kinds.Payload = setting(
        "text", "what a page is given of a message", "passes every message on as the server wrote it"
    )
    event: kinds.EventName = setting(
        "message", "the event that a message arrives as", "what Socket.IO itself calls a plain message"
    )
    event_key: kinds.OptionalName = setting(
        None, "the field of a message that names its event", "few servers name their events"
    )
    user_key: kinds.FieldName = setting(
        "username", "the field that names the user, both ways", "what the Scala example uses"
    )
    action_key: kinds.FieldName = setting(
        "action", "the field that names the event, towards the server", "what the Scala example uses"
    )
    connected: kinds.Name = setting(
        "connected", "the action that tells the server of a new user", "what the Scala example expects"
    )
    disconnected: kinds.Name = setting(
        "disconnected", "the action that tells the server that a user has gone", "what the Scala example expects"
    )
    unhandled: kinds.Unhandled = setting(
        "relay", "what becomes of an event that no handler takes", "works without any handlers"
    )
    handlers: kinds.HandlerFiles = setting(
        (), "a Python file of handlers; several are allowed", "the usual case needs no code"
    )


class Web(Group):
    """The web: towards the browsers"""

    host: kinds.ListenHost = setting(
        "127.0.0.1", "the address to listen on; 0.0.0.0 is all of this machine's", "lets nobody else in unasked"
    )
    port: kinds.ListenPort = setting(
        8080, "the port to listen on; 0 takes a free one", "the usual one that needs no special rights"
    )
    site: kinds.OptionalFolder = setting(
        None, "a folder of one's own pages, served at /", "the bridge's own page works at once"
    )
    allowed_origins: kinds.Origins = setting(
        (), "an origin besides the bridge's own whose pages may connect; several are allowed", "no other page may"
    )
    ping_interval: kinds.Interval = setting(
        25.0, "how often a client is pinged", "Socket.IO's default, under the idle limit of most proxies"
    )
    ping_timeout: kinds.Interval = setting(
        20.0, "how long a client may take to answer a ping", "Socket.IO's default"
    )


class Log(Group):
    """The log"""

    log_level: kinds.LogLevel = setting(
        "info", "the least level that is logged", "debug writes a line for each message"
    )
    log_format: kinds.LogFormat = setting("text", "how a line is written", "most logs are read by people")


class Settings(BaseModel):
    """Everything that can be set. `origins`: setting -> where its value came from, in words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    link: Link = Link()
    relay: Relay = Relay()
    web: Web = Web()
    log: Log = Log()
    check: bool = False
    origins: Annotated[Mapping[str, str], AfterValidator(MappingProxyType)] = MappingProxyType({})


_GROUPS: Mapping[str, type[Group]] = {"link": Link, "relay": Relay, "web": Web, "log": Log}

#: Every setting by its name, in the order of the help.
SETTINGS: Mapping[str, Setting] = {
    item.name: item for group in _GROUPS.values() for item in settings_of(group)
}

#: Two that would be confused with each other if they were the same.
_DIFFERENT = (("user_key", "action_key"), ("connected", "disconnected"))

Checks = Mapping[str, Callable[[str], None]]
_NO_CHECKS: Checks = MappingProxyType({})


def load(argv: Sequence[str], environ: Mapping[str, str], *, checks: Checks = _NO_CHECKS) -> Settings:
    """The settings from flags (without the program's name), variables, and the file that one of them names.

    `checks`: setting name -> raises ValueError, with what would do, for text that the
    setting can't be. Raises SettingsError with every problem of all three at once, also
    of values that a later source overrides; SystemExit(0) after --help and --version.
    """
    flags = read_flags(argv, SETTINGS)
    _answer(flags)
    variables = read_environment(environ, SETTINGS)
    file = read_file((variables.commands | flags.commands).get("config", ""), SETTINGS)
    problems: list[str] = []
    chosen: dict[str, Given] = {}
    for source in (file, variables, flags):
        problems += source.problems
        for given in source.given:
            try:
                chosen[given.name] = replace(given, value=_parsed(given, checks))
            except SettingsError as error:
                problems += error.problems
    problems += chain(_clashes(chosen), _settle_demo(chosen))
    if problems:
        raise SettingsError(problems)
    return _tree(chosen, "check" in flags.commands)


def _answer(flags: Source) -> None:
    """What --help and --version ask for is printed, and that is all."""
    if "help" in flags.commands:
        print(config_report.help_text(SETTINGS))
    elif "version" in flags.commands:
        print(f"bridge {VERSION}")
    else:
        return
    raise SystemExit(0)


def _parsed(given: Given, checks: Checks) -> object:
    """The value as the tree holds it. Raises SettingsError with what is wrong with it."""
    item = SETTINGS[given.name]
    try:
        value = item.parse(given.value, given.base)
        if given.name in checks:
            checks[given.name](str(value))
    except ValidationError as error:
        found = item.problems(error, given.value)
        raise SettingsError([f"{given.written(bad)}: {text}" for bad, text in found]) from None
    except ValueError as error:
        raise SettingsError([f"{given.written(given.value)}: {error}"]) from None
    return value


def _clashes(chosen: Mapping[str, Given]) -> Iterator[str]:
    """Settings that are each right, but not together."""
    for names in _DIFFERENT:
        ours = [chosen[name].written(chosen[name].value) for name in names if name in chosen]
        values = [chosen[name].value if name in chosen else SETTINGS[name].default for name in names]
        if ours and values[0] == values[1]:
            yield f"{' and '.join(ours)}: {names[0]} and {names[1]} must differ"


def _settle_demo(chosen: dict[str, Given]) -> Iterator[str]:
    """Of the demo server and one's own, the later source's counts; from one source it is a problem."""
    demo, server = chosen.get("demo"), chosen.get("server")
    if demo is None or server is None or not demo.value:
        return
    if demo.source == server.source:
        yield f"{demo.written('')} and {server.written(server.value)}: are two servers; choose one"
    elif demo.source == "file" or server.source == "flag":
        chosen["demo"] = replace(server, name="demo", value=False)


def _tree(chosen: Mapping[str, Given], check: bool) -> Settings:
    groups = {
        place: {name: chosen[name].value for name in group.model_fields if name in chosen}
        for place, group in _GROUPS.items()
    }
    origins = {name: chosen[name].origin if name in chosen else "default" for name in SETTINGS}
    return Settings.model_validate({**groups, "check": check, "origins": origins})


def describe(settings: Settings) -> str:
    """What --check prints: every setting, its value, its origin, as a TOML file that gives the same."""
    values = chain.from_iterable(getattr(settings, place) for place in _GROUPS)
    return config_report.describe(SETTINGS, dict(values), settings.origins)
