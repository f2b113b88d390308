"""Define what the relay is given: its options, its parts, and the functions it calls.

Use: `Relay(RelayOptions(…), RelayDependencies(…), RelayPorts(…), counters)`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from bridge.client_log import ClientLog
from bridge.errors import Refused
from bridge.messages import Delivery, Texts
from bridge.relay.acks import OnFate
from bridge.relay.deduplication import Deduplication
from bridge.relay.event_message import EventMessages
from bridge.relay.handlers import Hooks, MakeCall, call_directly
from bridge.relay.replies import Replies
from bridge.relay.routing import Routing
from bridge.relay.undelivered import Undelivered
from bridge.relay.users import ClientRequest, Sender, Users

__all__ = ["Identity", "Publish", "RelayDependencies", "RelayOptions", "RelayPorts", "Send", "Tell"]


class Send(Protocol):
    """As OutgoingQueue.send."""

    def __call__(
        self,
        payloads: Sequence[bytes],
        done: OnFate | None = None,
        *,
        has_room: bool = False,
        by: Sender | None = None,
    ) -> None: ...


class Tell(Protocol):
    """As OutgoingQueue.tell and OutgoingQueue.up."""

    def __call__(self, payloads: Sequence[bytes], done: Callable[[Refused | None], None] | None = None) -> None: ...


class Publish(Protocol):
    """As Fanout.publish."""

    def __call__(self, deliveries: Sequence[Delivery | Texts], paced: bool = False) -> None: ...


class Identity(enum.Enum):
    """Who a client is to the server."""

    SID = "sid"  # its Socket.IO id
    REGISTER = "register"  # the name that it registers
    NONE = "none"  # nobody


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """The settings of the relay.

    `presence`: the actions for came and went; `grace`: seconds until a user whose connection was cut has gone;
    `window`: seconds in which its client may come back, 0 if none can.
    """

    identity: Identity
    user_key: str
    presence: tuple[str, str]
    handler_limit: int  # bytes that all frames of one handler's call may have
    drop_unhandled: bool = False  # refuse events that no handler takes
    confirm: bool = False  # the server confirms each event, and is greeted with `hello`
    grace: float = 0.0
    window: float = 0.0

    @property
    def reserved_events(self) -> frozenset[str]:
        """Names that no client may emit because of the settings."""
        presence = frozenset[str]() if self.identity is Identity.NONE else frozenset(self.presence)
        return presence | {"hello"} if self.confirm else presence


@dataclass(frozen=True, slots=True)
class RelayDependencies:
    """The relay's parts. `replies` None: the server answers no events; `deduplication` None: repeated events are not
    recognised."""

    users: Users
    event_messages: EventMessages
    routing: Routing
    hooks: Hooks
    encode: Callable[[object], bytes]
    encode_many: Callable[[Sequence[object]], list[bytes]]
    undelivered: Undelivered
    replies: Replies | None = None
    deduplication: Deduplication | None = None


@dataclass(frozen=True, slots=True)
class RelayPorts:
    """The functions that the relay calls, of the link's queue and the clients. None is called before the relay is."""

    send: Send
    wait_for_room: Callable[[float], AbstractContextManager[None]]
    tell: Tell
    announce: Tell
    fits: Callable[[Sequence[bytes]], None]  # raises Refused if one of these can't be sent
    publish: Publish
    publish_notice: Callable[[Delivery], None]  # an event of the bridge's own
    catch_up: Callable[[str, str], None]  # sends a client that comes late the last values for its user
    tell_link: Callable[[str | None], None]  # tells a client, or all of them, the link's status
    remember: Callable[[str, str | None], None]  # notes the user of a session
    recall: Callable[[str], str | None]  # returns the user of a session, also after a restart
    close: Callable[[str, str], None]  # ends a client's connection; the client is told the code
    charge: Callable[[str], None] = lambda sid: None  # takes one from a client's budget of what is of no use
    call_across: MakeCall = call_directly  # makes a call from any thread in the one that may make it
    visit: Callable[[str], ClientRequest | None] | None = None  # returns the request with which a client came
    client_log: ClientLog = field(default_factory=ClientLog)
