"""A live web page for a server that speaks plain TCP.

The way of a message, and the layers; imports go one way, upwards in this list:

    errors names counters messages alarm output  the words that everybody uses
    config                          the settings
    state                           what outlives a restart: the key, who has registered
    link/    framing codec          bytes <-> frames <-> messages
             keyed                  what many frames say under one key
             recogniser hint hints  what the bytes look like, and the flag that would fit
             states delays dial turns sockets silence  what the connection is made of
             progress writer        what writes, and whether it does
             exchange               the first words on a connection
             connection             the TCP connection, made anew for ever
             heartbeat              a frame at regular times
             entries holding        what waits for it, what is held while it is down,
             confirming keeping     what the server has not confirmed, what is kept for the next
             line uplink            who waits for room, and all of it together
    relay/   users waiting          who is there, away or absent, and for how long
             routing undelivered    what goes where, and what reached nobody
             answers checks handlers  what users' files hook into, and what their hooks return
             acks once replies      what clients are told of their events
             calls opening          calling them; what a connection begins with
             presence comings        asking them; who has come and gone, and what the server is told of it
             bursts events relay    the two ways: to the clients, to the server
             anywhere               what handlers may call from any thread
    clients/ frames packets         events <-> Socket.IO packets in WebSocket frames
             offsets tokens         how far a client has come, which session it is
             backlog pressure       what waits for a slow client, whom the link waits for
             outbox                 one client's
             pieces shares fanout   a burst in pieces, for each, to all
             history sessions       what was sent, who may come back and has missed what of it
             audience recovery      who is live and who is catching up; all of recovery together
             keys snapshots         what supersedes what; the last of it, for who comes late
             engine/                sessions, in the place of Engine.IO's; the seams into the libraries
    web/                            pages and status
    demo                            the embedded demo server

decoding, which has how the relay reads what the link brings, wiring, which has what the settings mean for each
part, and app.py alone see more than one side.

A handlers file has its types from here: `from bridge import Bridge, Client, Emit, Frame, Refused`. They are loaded when
they are first used, as every entry has to patch before anything else is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bridge.version import VERSION

if TYPE_CHECKING:
    from bridge.errors import Refused
    from bridge.relay.handlers import Bridge
    from bridge.relay.hook_results import Emit, Frame, ToClients, ToServer
    from bridge.relay.users import Client

__all__ = ["VERSION", "Bridge", "Client", "Emit", "Frame", "Refused", "ToClients", "ToServer"]

_WHERE = {
    "Bridge": "bridge.relay.handlers",
    "Client": "bridge.relay.users",
    "Emit": "bridge.relay.hook_results",
    "Frame": "bridge.relay.hook_results",
    "Refused": "bridge.errors",
    "ToClients": "bridge.relay.hook_results",
    "ToServer": "bridge.relay.hook_results",
}


def __getattr__(name: str) -> object:
    """One of those that are loaded at first use (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
