"""The seams into Flask-SocketIO, Engine.IO and eventlet, all in one place.

`packet.py`     how a client's events come out of python-socketio with their ack ids
`manager.py`    when a client is connected, CONNECT sent
`websockets.py` what is no packet, kept from Engine.IO
`sockets.py`    the Engine: clients' packets in and out
`serving.py`    the listening socket and eventlet's WSGI server

What is used of the libraries beyond their documented API is listed in docs/architecture.md.
"""
