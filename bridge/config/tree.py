"""Every setting there is, one line each, and the frozen tree that holds their values.

A setting is one line in its group: name, type, default, what it does, why the default is
what it is. Flag, variable, key, help and checks follow from that line; the tables in
`docs/configuration.md` and the lines of `bridge.example.toml` are compared to it by
tests. How values are read and merged is not known here.

Use: `Settings().web.port`; `SETTINGS["port"].flag`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BaseModel, PlainSerializer

from bridge.config import link_values as link_kinds
from bridge.config import values as kinds
from bridge.config.fields import Group, Setting, setting, settings_of
from bridge.config.values import Address

__all__ = [
    "DEMO_SPEAKS",
    "DIFFERENT",
    "GROUPS",
    "OWN",
    "SETTINGS",
    "Clients",
    "Link",
    "Log",
    "Relay",
    "Settings",
    "Web",
]


class Link(Group, frozen=True):
    """The link, towards the server"""

    server: kinds.ServerAddress = setting(
        Address("localhost", 8000), "where the TCP server listens", "the Scala example listens there"
    )
    demo: kinds.Switch = setting(
        False, "start the embedded demo server and connect to it", "it takes the place of one's own server"
    )
    framing_in: kinds.Framing = setting(
        "~",
        "where frames from the server end: a delimiter such as ~ or \\n, several with a space between, or json, "
        "length:4be, netstring, varint",
        "the delimiter that the Scala example uses",
    )
    framing_out: kinds.Framing = setting(
        "~",
        "the same for frames to the server: one delimiter, json, length:4be, netstring, varint, or none",
        "the same as from the server",
    )
    max_frame: kinds.Size = setting(
        1048576,
        "the largest frame, in bytes without its framing, both ways",
        "1 MiB, about what NATS and Socket.IO allow",
    )
    send_gap: kinds.Pause = setting(
        0.01,
        "the least pause between two frames when framing_out is none",
        "5 ms kept 100 of 100 apart, so twice that",
    )
    link_queue: kinds.Size = setting(
        1048576,
        "how many bytes may wait for the link before events are refused",
        "1 MiB, Centrifugo's queue of one client",
    )
    when_down: link_kinds.WhenDown = setting(
        "hold",
        "what becomes of an event while the server is not connected: it is held for a while, or refused at once",
        "a server that is started again is back within seconds",
    )
    hold: kinds.Interval = setting(
        10.0,
        "how long an event is held while the server is not connected, then it is refused",
        "what somebody clicked longer ago is not wanted any more",
    )
    hold_size: kinds.Size = setting(
        1048576, "how many bytes of events are held in all", "as many as may wait for the link"
    )
    hold_client: kinds.Size = setting(
        65536, "how many bytes of one client's events are held", "sixteen clients can't take it all from the others"
    )

    confirm: kinds.Switch = setting(
        False,
        "number the frames to the server, which confirms them, and send again what it has not confirmed",
        "the server has to know of it",
    )

    replies: kinds.Switch = setting(
        False,
        "an event that asks for an ack leaves with reply_to, and what the server answers to that is the ack",
        "the server has to know of it",
    )
    reply_timeout: kinds.Interval = setting(
        10.0, "how long the server may take for such an answer", "who has clicked has gone on by then"
    )

    idle_warn: link_kinds.Idle = setting(
        30.0,
        "how long the server may say nothing before that is shown",
        "a game says something every second, and nothing is done about it",
    )
    idle_reconnect: link_kinds.Idle = setting(
        0.0,
        "how long the server may say nothing before it is connected to anew",
        "many servers have nothing to say for hours",
    )
    heartbeat: link_kinds.OptionalText = setting(
        None, "a frame that the server is sent at regular times", "most servers would not know what it is"
    )
    heartbeat_interval: kinds.Interval = setting(
        10.0, "how often it is sent", "three of them are within the usual limit of half a minute"
    )


class Relay(Group, frozen=True):
    """The relay: what goes to whom, and as what"""

    identity: kinds.Identity = setting(
        "sid",
        "who a client is to the server: its id, the name it registers, or nobody",
        "asks nothing of the page",
    )
    payload: kinds.Payload = setting(
        "text",
        "what a page is given of a message: its text, its JSON value, or its bytes",
        "passes every message on as the server wrote it",
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
        "disconnected",
        "the action that tells the server that a user has gone",
        "what the Scala example expects",
    )
    unhandled: kinds.Unhandled = setting(
        "relay", "what becomes of an event that no handler takes", "works without any handlers"
    )
    handlers: kinds.HandlerFiles = setting(
        (), "a Python file of handlers; several are allowed", "the usual case needs no code"
    )


class Web(Group, frozen=True):
    """The web, towards the browsers"""

    host: kinds.ListenHost = setting(
        "127.0.0.1",
        "the address to listen on; 0.0.0.0 is all of this machine's",
        "lets nobody else in unasked",
    )
    port: kinds.ListenPort = setting(
        8080, "the port to listen on; 0 takes a free one", "the usual one that needs no special rights"
    )
    site: kinds.OptionalFolder = setting(
        None, "a folder of one's own pages, served at /", "the bridge's own page works at once"
    )
    allowed_origins: kinds.Origins = setting(
        (),
        "an origin besides the bridge's own whose pages may connect; several are allowed",
        "no other page may",
    )
    ping_interval: kinds.Interval = setting(
        25.0, "how often a client is pinged", "Socket.IO's default, under the idle limit of most proxies"
    )
    ping_timeout: kinds.Interval = setting(20.0, "how long a client may take to answer a ping", "Socket.IO's default")
    connect_timeout: kinds.Interval = setting(
        45.0, "how long a client may take to connect to a namespace after its handshake", "Socket.IO's default"
    )


class Clients(Group, frozen=True):
    """The clients: what waits for one that is slow"""

    outbox: kinds.Size = setting(
        1048576,
        "how many bytes may wait for one client, which an empty outbox takes in any case",
        "1 MiB, Centrifugo's queue of one client",
    )
    slow: kinds.Slow = setting(
        "disconnect",
        "what becomes of a client for which more has to wait: it is disconnected, or what waits is cut, or only "
        "the newest of what supersedes itself is kept",
        "the client comes back by itself and then is up to date, and none has gaps unasked",
    )
    latest_key: kinds.OptionalName = setting(
        None,
        "with slow = latest: the field that tells one state from another; without it a newer message of an event "
        "supersedes the one before",
        "many servers send one kind of state",
    )


class Log(Group, frozen=True):
    """The log"""

    log_level: kinds.LogLevel = setting("info", "the least level that is logged", "at debug each message is a line")
    log_format: kinds.LogFormat = setting("text", "how a line is written", "most logs are read by people")


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Everything that can be set. `origins`: setting -> where its value came from, in words."""

    link: Link = Link()
    relay: Relay = Relay()
    web: Web = Web()
    clients: Clients = Clients()
    log: Log = Log()
    check: bool = False
    origins: Annotated[Mapping[str, str], AfterValidator(MappingProxyType), PlainSerializer(dict)] = MappingProxyType(
        {}
    )


#: The tree's branches, in the order of the help.
GROUPS: Mapping[str, type[Group]] = {"link": Link, "relay": Relay, "web": Web, "clients": Clients, "log": Log}

#: Every setting by its name, in the order of the help.
SETTINGS: Mapping[str, Setting] = {item.name: item for group in GROUPS.values() for item in settings_of(group)}

#: What the demo server takes for granted.
DEMO_SPEAKS = ("framing_in", "framing_out", "confirm", "replies", "user_key", "action_key", "connected", "disconnected")

#: Pairs that would be taken for each other if they were the same.
DIFFERENT = (("user_key", "action_key"), ("connected", "disconnected"))

#: A setting, one that gives a word a meaning of the bridge's own, and the word.
OWN = (
    *((key, "confirm", "seq") for key in ("user_key", "action_key")),
    *((key, "replies", "reply_to") for key in ("user_key", "action_key")),
    *((action, "confirm", "hello") for action in ("connected", "disconnected")),
)
