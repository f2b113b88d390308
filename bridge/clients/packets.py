"""Events as Socket.IO packets, and packets as events. Sans-IO.

Socket.IO protocol 5: `2["name",arg]` is an event, `51-["name",{"_placeholder":true,"num":0}]`
one with an attachment, `43[…]` the ack of the event with id 3. Must not know who gets them.

Use: `encode_event("message", Payload.text("hi"))` -> ['2["message","hi"]'].
"""

from __future__ import annotations

import orjson

from bridge.messages import Payload

__all__ = ["encode_ack", "encode_event"]


def encode_event(event: str, payload: Payload) -> list[str | bytes]:
    """The packets of one event with one argument: the packet itself, then its attachments."""
    data = b"[" + orjson.dumps(event) + b"," + payload.json + b"]"
    if not payload.attachments:
        return ["2" + data.decode()]
    return [f"5{len(payload.attachments)}-" + data.decode(), *payload.attachments]


def encode_ack(ack_id: int, answer: dict[str, object]) -> str:
    """The packet that answers the event with this ack id, with one argument."""
    return f"3{ack_id}" + orjson.dumps([answer]).decode()
