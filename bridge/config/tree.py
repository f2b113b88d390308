"""Declare every setting in one line, and the frozen tree that holds their values.

A setting is one line in its group: name, type, default, what it does, why the default is
what it is. Flag, variable, key, help and checks follow from that line; tests compare the
tables in `docs/configuration.md` and the lines of `bridge.example.toml` with it. Must not
know how values are read and merged.

Use: `Settings().web.port`; `SETTINGS["port"].flag`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BaseModel, PlainSerializer

from bridge.config import values as kinds
from bridge.config.addresses import Address
from bridge.config.fields import Group, Setting, setting, settings_of

__all__ = ["BOTH", "DEMO_SPEAKS", "DIFFERENT", "GROUPS", "NO_REPLY_KEY", "OWN", "SETTINGS", "Settings"]


class LinkSettings(Group, frozen=True):
    """The link, towards the server"""

    server: kinds.ServerAddress = setting(
        Address("localhost", 8000), "where the TCP server listens", "the Scala example listens there"
    )
    demo: kinds.Switch = setting(
        False, "start the embedded demo server and connect to it", "it takes the place of one's own server"
    )
    framing: kinds.FramingText = setting(
        "~", "both of the next two, where they are not given themselves", "the delimiter that the Scala example uses"
    )
    framing_in: kinds.FramingText = setting(
        "~",
        "where frames from the server end: a delimiter such as ~ or \\n, several with a space between, or newline, "
        "crlf, nul, tab, json, length:4be, netstring, varint",
        "the delimiter that the Scala example uses",
    )
    framing_out: kinds.FramingText = setting(
        "~",
        "the same for frames to the server: one delimiter, newline, crlf, nul, tab, json, length:4be, netstring, "
        "varint, or none",
        "the same as from the server",
    )
    max_frame: kinds.Size = setting(
        1048576,
        "the largest frame, in bytes without its framing, both ways",
        "1 MiB, about what NATS and Socket.IO allow",
    )
    send_gap: kinds.Pause = setting(
        0.01, "the least pause between two frames when framing_out is none", "5 ms kept 100 of 100 apart, so twice that"
    )
    link_queue: kinds.Size = setting(
        1048576,
        "how many bytes may wait for the link before events are refused",
        "1 MiB, Centrifugo's queue of one client",
    )
    when_down: kinds.WhenDown = setting(
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
        "an event that asks for an ack leaves with an id, and what the server answers to that is the ack",
        "the server has to know of it",
    )
    reply_key: kinds.FieldName = setting(
        "reply_to", "the field of that id, both ways", "says what it is; JSON-RPC has id"
    )
    reply_id: kinds.ReplyId = setting(
        "text", "whether that id is written as text or as a number; it is read as either", "most servers have texts"
    )
    reply_timeout: kinds.Interval = setting(
        10.0, "how long the server may take for such an answer", "who has clicked has gone on by then"
    )
    retry_max: kinds.Retry = setting(
        10.0,
        "the longest wait between two attempts to connect; after a refused one it is 1 s at most, for two minutes and "
        "while events are held",
        "as Node-RED's TCP node; a server that has been away for long need not be called more often",
    )
    idle_warn: kinds.Idle = setting(
        30.0,
        "how long the server may say nothing before that is shown",
        "a game says something every second, and nothing is done about it",
    )
    idle_reconnect: kinds.Idle = setting(
        0.0,
        "how long the server may say nothing before it is connected to anew",
        "many servers have nothing to say for hours",
    )
    greeting: kinds.Greetings = setting(
        (),
        "a frame that each connection to the server begins with, such as a login; several are allowed",
        "few servers ask who is there",
    )
    heartbeat: kinds.OptionalText = setting(
        None, "a frame that the server is sent at regular times", "most servers would not know what it is"
    )
    heartbeat_interval: kinds.Interval = setting(
        10.0, "how often it is sent", "three of them are within the usual limit of half a minute"
    )


class RelaySettings(Group, frozen=True):
    """The relay: what goes to whom, and as what"""

    identity: kinds.Identity = setting(
        "sid", "who a client is to the server: its id, the name it registers, or nobody", "asks nothing of the page"
    )
    payload: kinds.PayloadChoice = setting(
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
        "disconnected", "the action that tells the server that a user has gone", "what the Scala example expects"
    )
    unreadable: kinds.UnreadableChoice = setting(
        "refuse",
        "what becomes of a message that looks like a JSON object and can't be read: it goes to nobody, or to all",
        "it may be for one user alone, whom it does not tell any more",
    )
    once_key: kinds.OptionalName = setting(
        None,
        "the field of an event that tells it from others: of one user's events with the same value there the server "
        "gets one, and the others are acked as it was",
        "only the author of a page knows which of its events may come twice",
    )
    unhandled: kinds.UnhandledChoice = setting(
        "relay", "what becomes of an event that no handler takes", "works without any handlers"
    )
    handlers: kinds.HandlerFiles = setting(
        (), "a Python file of handlers; several are allowed", "the usual case needs no code"
    )


class WebSettings(Group, frozen=True):
    """The web, towards the browsers"""

    host: kinds.ListenHost = setting(
        "127.0.0.1", "the address to listen on; 0.0.0.0 is all of this machine's", "lets nobody else in unasked"
    )
    port: kinds.ListenPort = setting(
        8080, "the port to listen on; 0 takes a free one", "the usual one that needs no special rights"
    )
    site: kinds.OptionalFolder = setting(
        None, "a folder of one's own pages, served at /", "the bridge's own page works at once"
    )
    allowed_origins: kinds.OriginList = setting(
        (), "an origin besides the bridge's own whose pages may connect; several are allowed", "no other page may"
    )
    allowed_hosts: kinds.HostList = setting(
        (),
        "a name besides this machine's own by which the bridge may be asked for; several are allowed",
        "a page of another name may be a stranger's",
    )
    trusted_proxies: kinds.NetworkList = setting(
        (),
        "a proxy that is believed which host, scheme and address the browser has; several are allowed",
        "anybody can write these headers",
    )
    ping_interval: kinds.Interval = setting(
        25.0, "how often a client is pinged", "Socket.IO's default, under the idle limit of most proxies"
    )
    ping_timeout: kinds.Interval = setting(20.0, "how long a client may take to answer a ping", "Socket.IO's default")
    connect_timeout: kinds.Interval = setting(
        20.0,
        "how long a client may take to connect to a namespace after its handshake",
        "a few round trips are enough, on the slowest network too",
    )
    max_clients: kinds.Count = setting(
        15000, "how many clients may be connected", "a process commonly may have 20,000 open files"
    )
    max_clients_per_address: kinds.Count = setting(
        2000,
        "how many of them may have one address, which is 64 bits of IPv6; this machine's own may have any number",
        "a school behind one address has fewer",
    )
    max_body: kinds.Size = setting(
        1048576,
        "the largest body of a request to a page or route, in bytes; a route may set another for itself",
        "1 MiB, nginx's default",
    )
    max_attachments: kinds.Count = setting(
        10, "how many binary values one event of a client may have", "a form with some pictures has fewer"
    )


class ClientSettings(Group, frozen=True):
    """The clients: what waits for one that is slow"""

    outbox: kinds.Size = setting(
        1048576,
        "how many bytes may wait for one client, which an empty outbox takes in any case",
        "1 MiB, Centrifugo's queue of one client",
    )
    slow: kinds.SlowChoice = setting(
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
    io_uring: kinds.OnOff = setting(
        "on",
        "whether a short burst goes to many clients in one system call, where the system lets the bridge do so",
        "a tenth or more of the processor time less",
    )


class RecoverySettings(Group, frozen=True):
    """Recovery: clients that come back after a cut"""

    recovery: kinds.OnOff = setting(
        "on",
        "whether a client that comes back gets what it missed; events then have an offset as their last argument",
        "networks drop, and the stock client needs nothing for it",
    )
    recovery_window: kinds.Interval = setting(
        120.0, "how long a client may have been away and still recover", "Socket.IO's default, 2 minutes"
    )
    session_lifetime: kinds.Lifetime = setting(
        86400.0,
        "how long after its last connection a page that comes back has its id and its user again",
        "a page that is opened again on the next day, and no secret that works for ever",
    )
    recovery_size: kinds.Size = setting(
        16777216,
        "how many bytes of recent messages are kept for that, once for all clients",
        "2 minutes of 1,000 small messages a second",
    )
    recovery_key: kinds.Secret = setting(
        None,
        "the secret that signs who a client was; without it one is made and kept in state_dir",
        "nothing to set up for one bridge",
    )
    state_dir: kinds.StateFolder = setting(
        ".bridge",
        "the folder of what outlives a restart: that secret, and which page is which user",
        "beside whatever the bridge is run with",
    )
    snapshot: kinds.EventNames = setting(
        (),
        "an event whose last value a client is sent when it connects; several are allowed",
        "only the author of a page knows which are state",
    )
    snapshot_key: kinds.OptionalName = setting(
        None,
        "with snapshot: the field that tells one value from another, so that the last of each is sent",
        "many servers send one kind of state",
    )
    snapshot_size: kinds.Size = setting(
        524288, "how many bytes of last values are kept in all", "half of what may wait for one client"
    )
    grace: kinds.Grace = setting(
        5.0,
        "how long a user whose connection was cut is still there for the server; 0 tells it at once",
        "a reload or a lost network takes less",
    )


class LogSettings(Group, frozen=True):
    """The log"""

    log_level: kinds.LogLevel = setting("info", "the least level that is logged", "at debug each message is a line")
    log_format: kinds.LogFormat = setting("text", "how a line is written", "most logs are read by people")


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The values of all settings.

    `check`: --check was given; `file`: the settings' file, if one was read; `origins`: setting -> the source of its
    value, in words.
    """

    link: LinkSettings = LinkSettings()
    relay: RelaySettings = RelaySettings()
    web: WebSettings = WebSettings()
    clients: ClientSettings = ClientSettings()
    recovery: RecoverySettings = RecoverySettings()
    log: LogSettings = LogSettings()
    check: bool = False
    file: Path | None = None
    origins: Annotated[Mapping[str, str], AfterValidator(MappingProxyType), PlainSerializer(dict)] = {}


#: The tree's branches, in the order of the help.
GROUPS: Mapping[str, type[Group]] = {
    "link": LinkSettings,
    "relay": RelaySettings,
    "web": WebSettings,
    "clients": ClientSettings,
    "recovery": RecoverySettings,
    "log": LogSettings,
}

#: Every setting by its name, in the order of the help.
SETTINGS: Mapping[str, Setting] = {item.name: item for group in GROUPS.values() for item in settings_of(group)}

#: Settings that have to be at their defaults for the demo server.
DEMO_SPEAKS = ("framing_in", "framing_out", "confirm", "replies", "user_key", "action_key", "connected", "disconnected")

#: A setting -> those that it sets at once. They win if they are given in the same source or a later one.
BOTH: Mapping[str, tuple[str, ...]] = {"framing": ("framing_in", "framing_out")}

#: Pairs of settings that must differ, because the bridge could not tell the two fields or actions apart.
DIFFERENT = (
    ("user_key", "action_key"), ("connected", "disconnected"), ("once_key", "user_key"), ("once_key", "action_key"),
)  # fmt: skip

#: With --replies, settings that must differ from reply_key.
NO_REPLY_KEY = ("user_key", "action_key", "once_key")

#: (a setting, a switch, a word): while the switch is on, the word is the bridge's own and the setting can't be it.
OWN = (
    *((key, "confirm", "seq") for key in ("user_key", "action_key", "reply_key", "once_key")),
    ("reply_key", "confirm", "confirm"),
    *((action, "confirm", "hello") for action in ("connected", "disconnected")),
)
