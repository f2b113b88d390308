"""Declare the settings of the link, one line each, as tree.py declares the others.

Use: `LinkSettings().server`.
"""

from __future__ import annotations

from bridge.config import link_values as link_kinds
from bridge.config import values as kinds
from bridge.config.addresses import Address
from bridge.config.fields import Group, setting

__all__ = ["LinkSettings"]


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
        "an event that asks for an ack leaves with an id, and what the server answers to that is the ack",
        "the server has to know of it",
    )
    reply_key: kinds.FieldName = setting(
        "reply_to", "the field of that id, both ways", "says what it is; JSON-RPC has id"
    )
    reply_id: link_kinds.ReplyId = setting(
        "text", "whether that id is written as text or as a number; it is read as either", "most servers have texts"
    )
    reply_timeout: kinds.Interval = setting(
        10.0, "how long the server may take for such an answer", "who has clicked has gone on by then"
    )

    retry_max: link_kinds.Retry = setting(
        10.0,
        "the longest wait between two attempts to connect; after a refused one it is 1 s at most, for two minutes and "
        "while events are held",
        "as Node-RED's TCP node; a server that has been away for long need not be called more often",
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
    greeting: link_kinds.Greetings = setting(
        (),
        "a frame that each connection to the server begins with, such as a login; several are allowed",
        "few servers ask who is there",
    )
    heartbeat: link_kinds.OptionalText = setting(
        None, "a frame that the server is sent at regular times", "most servers would not know what it is"
    )
    heartbeat_interval: kinds.Interval = setting(
        10.0, "how often it is sent", "three of them are within the usual limit of half a minute"
    )
