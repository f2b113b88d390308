"""What runs on eventlet of python-socketio's side, each case of tests/unit/green/ as a test of its own."""

from __future__ import annotations

import pytest

from tests.unit.apart import Apart

MODULES = {
    "bridge.socketio_server.client_handshake": Apart("client_handshake"),
    "bridge.socketio_server.connect_handler": Apart("connect_handler"),
    "bridge.socketio_server.install": Apart("install"),
    "bridge.socketio_server.library_logs": Apart("library_logs"),
    "bridge.socketio_server.packet": Apart("packet"),
    "bridge.socketio_server.private_api_check": Apart("private_api_check"),
    "bridge.socketio_server.server": Apart("socketio_server"),
    "bridge.socketio_server.server, its acks": Apart("ack_sender"),
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in MODULES for name in MODULES[module].names])
def test_green(module: str, name: str) -> None:
    failure = MODULES[module].failure(name)
    assert failure is None, failure
