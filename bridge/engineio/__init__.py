"""An Engine.IO server that could stand alone, in the place of python-engineio's.

A client's way in:  `acceptor.py` (or `http_server.py`, eventlet's WSGI server) -> `server.py`, `request.py` ->
                    `handshake.py`
Its session:        `session.py` with `states.py`: by `websocket.py`, `polling.py` or, between them, `upgrade.py`
What it sends:      `poller.py` -> `websocket.py` -> `intake.py` -> the relay, or
                    `client_task_queue.py` -> python-socketio
What it is sent:    by its outbox (`delivery/outbox.py`); a short burst to many by `io_uring.py`
What is due:        `timeouts.py`
"""
