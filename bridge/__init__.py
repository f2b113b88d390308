"""A live web page for a server that speaks plain TCP.

The way of a message, and the layers; imports go one way, upwards in this list:

    errors names tally messages     the words that everybody uses
    config                          the settings
    link/    framing codec          bytes <-> frames <-> messages
             states delays dial     what the connection is made of
             connection             the TCP connection, made anew for ever
             uplink                 what waits for it
    relay/   users routing handlers who is there, what goes where, what users' files do
             bursts relay           the two ways: to the clients, to the server
    clients/ packets fanout         events <-> Socket.IO packets, one encoding for all
             engine/                the seams into Flask-SocketIO, Engine.IO and eventlet
    web/                            pages and status
    demo                            the embedded demo server

app.py alone sees more than one side.
"""

from bridge.version import VERSION

__all__ = ["VERSION"]
