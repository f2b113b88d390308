"""A relay with everything real around it but the sockets, for the tests of relay.py.

Use: `at = At("sid"); at.up(); at.come("a"); at.ask("a", "move", 1)` -> the ack; `at.said()` -> what S got.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bridge.counters import Counters
from bridge.decoding import DECODE
from bridge.link import codec
from bridge.link.framing.registry import framing_out
from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.message import fits
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.link.outgoing.queue import OutgoingQueue
from bridge.messages import Delivery, Payload, PayloadMode, Texts
from bridge.relay.acks import Acks
from bridge.relay.deduplication import Deduplication
from bridge.relay.event_message import EventMessages
from bridge.relay.handlers import Bridge, Hooks
from bridge.relay.relay import Identity, Relay, RelayDependencies, RelayOptions, RelayPorts
from bridge.relay.replies import Replies, RepliesOptions
from bridge.relay.routing import Routing, RoutingOptions
from bridge.relay.undelivered import Undelivered
from bridge.relay.users import Users

__all__ = ["At", "notice", "singly"]

Setup = Callable[[Bridge], object]


def notice(user: str, action: str) -> dict[str, object]:
    """What S is told of a user."""
    return {"username": user, "action": action}


def singly(delivery: Delivery | Texts) -> list[Delivery]:
    """Texts as the deliveries that they are short for."""
    if isinstance(delivery, Delivery):
        return [delivery]
    to = delivery.to or [None] * len(delivery.frames)
    return [
        Delivery(delivery.event, Payload.text(frame.decode()), whom)
        for frame, whom in zip(delivery.frames, to, strict=True)
        if whom != ()
    ]


class At:
    """`batches`: what was published so far, call by call; `paced`: whether it may wait for slow clients. `acks`: one
    list an event, of its answers. `away`: the grace time and the window, which hardly end before a test does."""

    def __init__(
        self,
        identity: str = "sid",
        setup: Setup | None = None,
        *,
        payload: str = "text",
        unhandled: str = "relay",
        framing: str = "~",
        limit: int = 1 << 20,
        presence: tuple[str, str] = ("connected", "disconnected"),
        away: tuple[float, float] = (3600.0, 3600.0),
        holding: OfflineBuffer | None = None,
        confirming: DeliveryTracker | None = None,
        reply_timeout: float | None = None,
        once: Deduplication | None = None,
    ) -> None:
        self.counters, self.users, self.hooks = Counters(), Users(), Hooks()
        self.late: list[tuple[str, str]] = []
        self.closed: list[tuple[str, str]] = []
        self.remembered: dict[str, str] = {}
        self.batches: list[list[Delivery]] = []
        self.paced: list[bool] = []
        self.acks: list[list[dict[str, object]]] = []
        self.threads: list[threading.Thread] = []
        self.on_publish: Callable[[list[Delivery]], None] = lambda _: None
        self.link: dict[str, object] = {"state": "connecting"}
        self.read_link: Callable[[], dict[str, object]] = lambda: self.link
        encoder = framing_out(framing, 1 << 20)
        self.fits = partial(fits, encoder)
        self.uplink = OutgoingQueue(encoder, limit, lambda: None, self.counters, holding=holding, confirming=confirming)
        self.bridge = Bridge(None, self.hooks, self.users)
        if setup is not None:
            setup(self.bridge)
        self.undelivered, self.once = Undelivered(self.counters, self.users.some), once
        replies = None if reply_timeout is None else self._replies(RepliesOptions(reply_timeout))
        dependencies = self._dependencies(identity, payload, codec.JsonEncoder(encoder.escapes), replies)
        drop, confirm = unhandled == "drop", confirming is not None
        options = RelayOptions(Identity(identity), "username", presence, limit, drop, confirm, *away)
        self.relay = Relay(options, dependencies, self.ports(), self.counters)
        self.bridge.run(send=self.relay.send, emit=self.relay.emit)

    def _replies(self, options: RepliesOptions) -> Replies:
        return Replies(options, DECODE, Acks(self.counters), self.counters, self.undelivered)

    def _dependencies(
        self, identity: str, payload: str, json_encoder: codec.JsonEncoder, replies: Replies | None
    ) -> RelayDependencies:
        user_key = None if identity == "none" else "username"
        options = RoutingOptions(PayloadMode(payload), "message", None, user_key)
        return RelayDependencies(
            users=self.users,
            event_messages=EventMessages(user_key, "action", {"username", "action", "seq"}, self.counters),
            routing=Routing(options, DECODE, self.users.sids, self.counters, self.undelivered),
            hooks=self.hooks,
            encode=json_encoder.encode,
            encode_many=json_encoder.encode_many,
            undelivered=self.undelivered,
            replies=replies,
            deduplication=self.once,
        )

    def ports(self) -> RelayPorts:
        """What the relay is given."""
        up = self.uplink
        return RelayPorts(
            up.send, up.room, up.tell, up.up, self.fits, self.publish, self.own, self.catch_up, self.tell_link,
            self.remember, self.remembered.get, self.close,
        )  # fmt: skip

    def status(self) -> dict[str, object]:
        """What the link says of itself."""
        return self.read_link()

    def tell_link(self, sid: str | None) -> None:
        """A client, or all of them, is told the link's status."""
        self.own(Delivery("bridge:link", Payload.own(self.status()), None if sid is None else (sid,)))

    def remember(self, session: str, user: str | None) -> None:
        """Which user a session is, or that it is over."""
        self.remembered.pop(session, None)
        if user is not None:
            self.remembered[session] = user

    def close(self, sid: str, code: str) -> None:
        """A client's connection is ended, with this code."""
        self.closed.append((sid, code))

    def catch_up(self, sid: str, user: str) -> None:
        """Which client is to be told what was last for whom."""
        self.late.append((sid, user))

    def own(self, delivery: Delivery) -> None:
        """What the clients' side is given of the bridge's own."""
        self.publish([delivery])

    def publish(self, deliveries: Sequence[Delivery | Texts], paced: bool = False) -> None:
        """What the clients' side is given."""
        self.batches.append([one for delivery in deliveries for one in singly(delivery)])
        self.paced.append(paced)
        self.on_publish(self.batches[-1])

    @property
    def published(self) -> list[Delivery]:
        """Every delivery so far."""
        return [delivery for batch in self.batches for delivery in batch]

    def up(self) -> None:
        """The link comes up, which everybody is told of."""
        self.link = {"state": "connected"}
        self.relay.link_up()
        self.relay.link_changed()

    def down(self) -> None:
        """The link breaks."""
        self.link = {"state": "waiting"}
        self.uplink.down(in_flight=False)
        self.relay.link_changed()

    def come(self, *sids: str) -> None:
        """Clients connect."""
        for sid in sids:
            self.relay.connected(sid, "127.0.0.1")

    def go(self, *sids: str) -> None:
        """Clients disconnect."""
        for sid in sids:
            self.relay.disconnected(sid)

    def emit(self, sid: str, name: object, *args: object) -> list[dict[str, object]]:
        """An event of a client; the list that its ack will be in."""
        answers: list[dict[str, object]] = []
        self.acks.append(answers)
        assert self.relay.events(sid, [(0, [name, *args])], lambda _, answer: answers.append(answer), True) == 1
        return answers

    def ask(self, sid: str, name: object, *args: object) -> dict[str, object]:
        """An event of a client and its ack, after everything that waits was sent."""
        answers = self.emit(sid, name, *args)
        self.raw()
        (answer,) = answers
        return answer

    def raw(self) -> list[bytes]:
        """What waited for the link, frame by frame, which is now sent."""
        if self.uplink.drained(0):
            return []
        data = b"".join(self.uplink.take(1 << 30))
        self.uplink.sent()
        return data.split(b"~")[:-1]

    def said(self) -> list[Any]:
        """`raw`, parsed."""
        return [json.loads(frame) for frame in self.raw()]

    def told(self, sid: str | None, event: str) -> list[Any]:
        """What a client (None: everybody) was sent as this event, so far."""
        to = None if sid is None else (sid,)
        return [json.loads(d.payload.json) for d in self.published if d.event == event and d.to == to]
