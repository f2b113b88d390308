"""What the relay is given: the settings that decide, what it puts together, and where to.

Use: `Relay(RelayOptions(…), RelayDependencies(…), RelayCallbacks(…), counters)`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.errors import Refused
from bridge.messages import Delivery, Texts
from bridge.relay.acks import OnFate
from bridge.relay.client_request import ClientRequest
from bridge.relay.deduplication import Deduplication
from bridge.relay.event_message import EventMessages
from bridge.relay.handlers import Hooks
from bridge.relay.replies import Replies
from bridge.relay.routing import Routing
from bridge.relay.undelivered import Undelivered
from bridge.relay.users import Sender, Users

__all__ = [
    "CallAcross", "Identity", "Publish", "RelayCallbacks", "RelayDependencies", "RelayOptions", "Send", "Tell",
    "call_directly",
]  # fmt: skip

#: Makes a call, from whatever thread, in the one that may make it; returns and raises what that does.
CallAcross = Callable[..., Any]


def call_directly(function: Callable[..., Any], *args: Any) -> Any:
    """Call it: where every thread may call everything."""
    return function(*args)


class Send(Protocol):
    """OutgoingQueue.send"""

    def __call__(
        self,
        payloads: Sequence[bytes],
        done: OnFate | None = None,
        *,
        has_room: bool = False,
        by: Sender | None = None,
    ) -> None: ...


class Tell(Protocol):
    """OutgoingQueue.tell, and OutgoingQueue.up"""

    def __call__(self, payloads: Sequence[bytes], done: Callable[[Refused | None], None] | None = None) -> None: ...


class Publish(Protocol):
    """Fanout.publish"""

    def __call__(self, deliveries: Sequence[Delivery | Texts], paced: bool = False) -> None: ...


class Identity(enum.Enum):
    """Who a client is to the server."""

    SID = "sid"  # its Socket.IO id
    REGISTER = "register"  # the name that it registers
    NONE = "none"  # nobody


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """The settings that decide here. `presence`: the actions for came and went; `grace`: seconds until a user
    whose connection was cut has gone; `window`: seconds in which its client may come back, 0 if none can."""

    identity: Identity
    user_key: str
    presence: tuple[str, str]
    handler_limit: int  # bytes that one handler's answer may have in all
    drop_unhandled: bool = False  # events that no handler takes, instead of relaying them
    confirm: bool = False  # the server confirms each event, and is greeted with `hello`
    grace: float = 0.0
    window: float = 0.0

    @property
    def reserved_events(self) -> frozenset[str]:
        """Events that no client may emit, besides those that are never a client's."""
        presence = frozenset[str]() if self.identity is Identity.NONE else frozenset(self.presence)
        return presence | {"hello"} if self.confirm else presence


@dataclass(frozen=True, slots=True)
class RelayDependencies:
    """What the relay puts together. `replies` None: the server answers no events; `deduplication` None: each event is
    its own."""

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
class RelayCallbacks:
    """Where to: the queue before the link, and the clients. They are not called before the relay is."""

    send: Send
    wait_for_room: Callable[[float], AbstractContextManager[None]]
    tell: Tell
    announce: Tell
    fits: Callable[[Sequence[bytes]], None]  # raises Refused if one of these can't be sent
    publish: Publish
    publish_notice: Callable[[Delivery], None]  # one of the bridge's own
    catch_up: Callable[[str, str], None]  # a client that is late is told what was last for a user
    link_status: Callable[[], dict[str, object]]
    remember: Callable[[str, str | None], None]  # which user a session is,
    recall: Callable[[str], str | None]  # also after a restart
    close: Callable[[str, str], None]  # ends a client's connection, with a code that it is told
    call_across: CallAcross = call_directly
    visit: Callable[[str], ClientRequest | None] | None = None  # what a client that connects came with
