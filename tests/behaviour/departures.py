"""Where plain python-engineio departs from the protocol documents: what it does, and what the documents say.

Everywhere else the two engines must do the same. A test asks `at.says(name)` for what the engine that it runs
over does, so each of these is asserted on both sides.

The documents: Engine.IO protocol 4 and Socket.IO protocol 5, each with its test suite, in the folder docs of
github.com/socketio/socket.io; RFC 6455 for WebSockets; RFC 7692 for their compression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CLOSED", "DEPARTURES", "GOES_ON", "Departure"]

#: What becomes of a client.
GOES_ON, CLOSED = "goes on", "closed"


@dataclass(frozen=True, slots=True)
class Departure:
    """`plain`, `ours`: what each does, as the test compares it. `document`: where it is said, and what."""

    plain: Any
    ours: Any
    document: str


DEPARTURES: dict[str, Departure] = {
    "ping interval below a second": Departure(
        0, 300, "Engine.IO protocol 4, Handshake: pingInterval is in milliseconds (plain cuts it to whole seconds)"
    ),
    "no transport in the query": Departure(
        200, 400, "Engine.IO protocol 4, Query parameters: transport is mandatory; if one is missing, HTTP 400"
    ),
    "no version in a later query": Departure(
        200, 400, "Engine.IO protocol 4, Query parameters: EIO is mandatory; if one is missing, HTTP 400"
    ),
    "wrong method of a handshake": Departure(
        405, 400, "Engine.IO protocol 4, Handshake: by GET; test suite, 'fails with an invalid request method': 400"
    ),
    "whether an answer may be stored": Departure(
        None, "no-store", "RFC 9111, section 5.2.2.5: what must not be stored, as it is for one client alone, says so"
    ),
    "length in more bytes than it needs": Departure(
        ["437[1]", "437[1]"], [("close", 1002)],
        "RFC 6455, section 5.2: the minimal number of bytes MUST be used to encode the length",
    ),
    "answer to a POST": Departure(
        "OK", "ok", "Engine.IO protocol 4, Sending data: HTTP 200 with the string `ok` in the body"
    ),
    "type of the answer to a POST": Departure(
        "text/plain", "text/plain; charset=UTF-8", "Socket.IO protocol 5, Sample session, request 2"
    ),
    "packets in a POST": Departure(
        0, 40, "Engine.IO protocol 4, Packet encoding: no limit but maxPayload (plain takes none of more than 16)"
    ),
    "junk in a POST": Departure(
        (200, GOES_ON), (400, CLOSED),
        "Engine.IO protocol 4, test suite, 'closes the session upon invalid packet format': 400, then 400",
    ),
    "wrong packet in a POST": Departure(
        (0, CLOSED), (400, CLOSED),
        "Engine.IO protocol 4, test suite, 'closes the session upon invalid packet format': 400 (plain closes it, "
        "but does not answer before somebody polls)",
    ),
    "too big a POST": Departure(
        (400, 0), (413, 413),
        "Engine.IO protocol 4, Handshake: maxPayload; its reference implementation: 413 (plain does not answer "
        "before somebody polls)",
    ),
    "words of a refusal": Departure(
        str, dict, "Engine.IO protocol 4, Introduction: its reference implementation, which has a code and a message"
    ),
    "script": Departure(
        "___eio[0](", "0{", "Engine.IO protocol 4, Query parameters: there is no `j` (there was in protocol 3)"
    ),
    "end of a WebSocket": Departure(
        (["1"], ["close"]), ([], []),
        "Engine.IO protocol 4, Packet types: `1` is used for closing a transport during an upgrade (plain sends it "
        "whenever it closes, and clients in Python and Rust take it for the wish that they stay away; a close frame "
        "alone leaves Java's waiting)",
    ),
    "end of a polling session": Departure(
        "1", "6", "Engine.IO protocol 4, Packet types: the same; the poll is answered by a NOOP, the next one by 400"
    ),
    "pending poll at a close": Departure(
        "", "6", "Engine.IO protocol 4, test suite, close, 'forcefully closes the session': the poll is answered `6`"
    ),
    "pending poll at a timeout": Departure(
        [(200, "", "ping timeout"), (400, '"Bad Request"', "transport error")],
        [(200, "6", "ping timeout")],
        "Engine.IO protocol 4, Receiving data: the body has packets; nothing is no packet (plain's poll has a clock of "
        "its own, which may ring first)",
    ),
    "a second poll": Departure(
        (200, ["42[\"said\",1]"], GOES_ON), (400, ["1"], CLOSED),
        "Engine.IO protocol 4, Receiving data: more than one active GET: HTTP 400, and the session is closed; "
        "test suite, 'closes the session upon duplicate poll requests': the first is answered `1`",
    ),
    "a second POST": Departure(
        (200, GOES_ON), (400, CLOSED),
        "Engine.IO protocol 4, Sending data: more than one active POST: HTTP 400, and the session is closed",
    ),
    "a cancelled poll": Departure(
        GOES_ON, CLOSED, "Engine.IO protocol 4, test suite, 'closes the session upon cancelled polling request'"
    ),
    "reason of a mute WebSocket": Departure(
        ["transport close", "ping timeout"], ["ping timeout"],
        "Engine.IO protocol 4, Heartbeat (plain's socket has a clock of its own, which may ring first)",
    ),
    "POST after a timeout": Departure(
        [400, 500], [400], "Engine.IO protocol 4, Sending data: HTTP 400 if the session is not known"
    ),
    "pong after a timeout": Departure(
        [400, 500], [200],
        "Engine.IO protocol 4, Sending data: 400 if the session is not known (but ours takes a pong alone, as "
        "python-engineio 4.3 and older stay away for good if it is refused, and nothing is lost with it)",
    ),
    "junk in a WebSocket": Departure(
        ("an HTTP response", False), (CLOSED, True),
        "Engine.IO protocol 4, test suite, 'closes the session upon invalid packet format' (plain answers with an "
        "HTTP 500 inside the WebSocket and keeps the session until its ping is overdue)",
    ),
    "unknown packet in a WebSocket": Departure(
        GOES_ON, CLOSED, "Engine.IO protocol 4, test suite, 'closes the session upon invalid packet format'"
    ),
    "junk in a message": Departure(
        GOES_ON, CLOSED,
        "Socket.IO protocol 5, test suite, 'should close the connection upon invalid format'; Sending and receiving "
        "data: the payload MUST be a non-empty array, else the receiver MUST close the connection",
    ),
    "wrong attachment": Departure(
        GOES_ON, CLOSED, "Socket.IO protocol 5, Packet encoding: attachments follow their packet, as many as it says"
    ),
    "packet before CONNECT": Departure(
        GOES_ON, CLOSED,
        "Socket.IO protocol 5, Connection to a namespace: if the server does not receive a CONNECT packet first, "
        "then it MUST close the connection immediately",
    ),
    "no CONNECT in time": Departure(
        False, True, "Socket.IO protocol 5, test suite, 'should close the connection if no handshake is received'"
    ),
    "unknown namespace": Departure(
        '"Unable to connect"', '{"message":"Invalid namespace"}',
        "Socket.IO protocol 5, test suite, 'should disallow connection to an unknown namespace'; Connection to a "
        "namespace: the data of CONNECT_ERROR is an object with a message",
    ),
    "failed connect handler": Departure(
        "", '44{"message":"',
        "Socket.IO protocol 5, Connection to a namespace: the server MUST respond, with one or the other",
    ),
    "failed probe": Departure(
        "6", "42[\"said\",1]",
        "Engine.IO protocol 4, Upgrade: the transport changes with the upgrade packet, not before (plain answers "
        "every later poll with NOOP and keeps the messages)",
    ),
    "poll beside a mute WebSocket": Departure(
        "6", "437[1]", "Engine.IO protocol 4, Upgrade: it begins with the probe, not with the WebSocket"
    ),
    "second WebSocket of a session": Departure(
        101, 400, "Engine.IO protocol 4, WebSocket: not more than one per session; else it MUST be closed"
    ),
    "noop for no poll": Departure(
        ["6"], [],
        "Engine.IO protocol 4, Upgrade: a noop to a pending GET, if applicable; test suite, 'successfully upgrades': "
        "the first packet after the upgrade is the message",
    ),
    "text that is not UTF-8": Departure(
        1011, 1007, "RFC 6455, section 8.1: the connection MUST fail; section 7.4.1: 1007 for data that is not UTF-8"
    ),
    "reserved bits": Departure(
        1000, 1002,
        "RFC 6455, section 5.2: a bit that no extension has defined MUST fail the connection (plain: only RSV1)",
    ),
    "compression": Departure(
        "permessage-deflate", None, "RFC 7692, section 5: a server may decline (ours does: it costs 90 KB a client)"
    ),
    "no WebSocket version": Departure(
        500, 400, "RFC 6455, section 4.2.1: Sec-WebSocket-Version is required; 4.2.2: an appropriate HTTP error code"
    ),
}  # fmt: skip
