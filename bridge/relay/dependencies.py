"""What the relay is given: the settings that decide, what it puts together, and where to.

Use: `Relay(RelayRules(…), RelayParts(…), counters).run(RelayCallbacks(…), bridge)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from bridge.messages import Delivery
from bridge.relay.client_request import ClientRequest
from bridge.relay.deduplication import Deduplication
from bridge.relay.downstream import Publish
from bridge.relay.event_message import EventMessages
from bridge.relay.handlers import Hooks
from bridge.relay.presence_notices import Tell
from bridge.relay.replies import Replies
from bridge.relay.routing import Routing
from bridge.relay.undelivered import Undelivered
from bridge.relay.upstream import Send
from bridge.relay.users import Users

__all__ = ["Across", "RelayCallbacks", "RelayParts", "RelayRules", "directly"]

#: Makes a call, from whatever thread, in the one that may make it; returns and raises what that does.
Across = Callable[..., Any]


def directly(function: Callable[..., Any], *args: Any) -> Any:
    """Call it: where every thread may call everything."""
    return function(*args)


@dataclass(frozen=True, slots=True)
class RelayRules:
    """The settings that decide here. `presence`: the actions for came and went; `grace`: seconds until a user
    whose connection was cut has gone; `window`: seconds in which its client may come back, 0 if none can."""

    identity: str
    user_key: str
    presence: tuple[str, str]
    unhandled: str
    handler_limit: int  # bytes that one handler's answer may have in all
    confirm: bool = False  # the server confirms each event, and is greeted with `hello`
    grace: float = 0.0
    window: float = 0.0


@dataclass(frozen=True, slots=True)
class RelayParts:
    """What the relay puts together. `replies` None: the server answers no events; `once` None: each is its own."""

    users: Users
    inbound: EventMessages
    outbound: Routing
    hooks: Hooks
    encode: Callable[[object], bytes]
    encode_many: Callable[[Sequence[object]], list[bytes]]
    undelivered: Undelivered
    replies: Replies | None = None
    once: Deduplication | None = None


@dataclass(frozen=True, slots=True)
class RelayCallbacks:
    """Where to: the queue before the link, and the clients. `own`: for the bridge's own events; `catch_up`: for
    a client that is late, what was last for a user; `remember` and
    `recall`: which user a session is, also after a restart; `fits`: raises Refused if one of these can't be sent;
    `close`: ends a client's connection, with a code that it is told; `across`: makes a call, from whatever thread, in
    the one that may make it; `visit`: what a client that is connecting came with, None if nobody asks."""

    send: Send
    room: Callable[[float], AbstractContextManager[None]]
    tell: Tell
    announce: Tell
    fits: Callable[[Sequence[bytes]], None]
    publish: Publish
    own: Callable[[Delivery], None]
    catch_up: Callable[[str, str], None]
    link: Callable[[], dict[str, object]]
    remember: Callable[[str, str | None], None]
    recall: Callable[[str], str | None]
    close: Callable[[str, str], None]
    across: Across = directly
    visit: Callable[[str], ClientRequest | None] | None = None
