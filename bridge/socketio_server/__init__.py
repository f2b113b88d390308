"""Run python-socketio and Flask-SocketIO on our Engine.IO server.

For the bridge:     `server.py`, the SocketIOServer
Put in their place: `install.py`, `packet.py`, `manager.py`, `connect_handler.py`
What may move:      `private_api_check.py`
"""
