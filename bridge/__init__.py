"""A live web page for a server that speaks plain TCP.

The way of a message, and the layers; imports go one way, upwards in this list:

    errors names tally messages alarm  the words that everybody uses
    config                          the settings
    state                           what outlives a restart: the key, who has registered
    link/    framing codec          bytes <-> frames <-> messages
             keyed                  what many frames say under one key
             states delays dial turns sockets silence  what the connection is made of
             connection             the TCP connection, made anew for ever
             heartbeat              a frame at regular times
             entries holding        what waits for it, what is held while it is down,
             confirming keeping     what the server has not confirmed, what is kept for the next
             line uplink            who waits for room, and all of it together
    relay/   users waiting          who is there, away or absent, and for how long
             routing handlers       what goes where, what users' files do
             acks replies           what clients are told of their events
             bursts events relay    the two ways: to the clients, to the server
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

wiring, which has what the settings mean for each part, and app.py alone see more than one side.
"""

from bridge.version import VERSION

__all__ = ["VERSION"]
