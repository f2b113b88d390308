"""An Engine.IO server that could stand alone, in the place of python-engineio's.

A client's way in:  `acceptor.py` (or `http_server.py`, eventlet's WSGI server) -> `server.py`, `http_exchange.py`
                    -> `websocket_handshake.py`
What it sends:      `poller.py` -> `websocket.py` -> `session.py` -> the relay, or, as a task of `flow_control.py`
                    -> python-socketio; `polling.py` has what a client that polls has posted
What it is sent:    by its outbox (`delivery/outbox.py`); a short burst to many by `io_uring.py`
How fast it is read: `flow_control.py`
How it goes on:     `states.py`; from polling to a WebSocket by `upgrade.py`
What is due:        `timeouts.py`
"""
