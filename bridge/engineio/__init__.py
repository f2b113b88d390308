"""Sessions of clients, in the place of python-engineio's, and the seams into Flask-SocketIO and eventlet.

A client's way in:   `door.py` (or `serving.py`, eventlet's WSGI server) -> `server.py`, `request.py` -> `handshake.py`
Its session:         `session.py` with `states.py`: by `websocket.py`, `polling.py` or, between them, `upgrade.py`
What it sends:       `poller.py` -> `websocket.py` -> `intake.py` -> the relay, or `lane.py` -> python-socketio
What it is sent:     by its outbox; a short burst to many by `uring.py`
What is due:         `deadlines.py`
python-socketio:     `takeover.py`, `packet.py`, `manager.py`, `environs.py`
For the bridge:      `sockets.py`, the Engine
What may move:       `seams.py`
"""
