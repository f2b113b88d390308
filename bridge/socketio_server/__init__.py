"""Run python-socketio and Flask-SocketIO on our Engine.IO server.

For the bridge:     `engine.py`, the Engine
Put in their place: `install.py`, `packet.py`, `manager.py`, `connect_handler.py`, `ack_sender.py`
What may move:      `private_api_check.py`
"""
