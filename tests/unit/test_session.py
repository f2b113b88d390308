"""What runs on eventlet, each case of tests/unit/green/ as a test of its own."""

from __future__ import annotations

import pytest

from tests.unit.apart import Apart

MODULES = {
    "bounds": Apart("bounds"),
    "bridge.engineio.acceptor": Apart("acceptor"),
    "bridge.engineio.flow_control": Apart("flow_control"),
    "bridge.engineio.http_protocol": Apart("http_protocol"),
    "bridge.engineio.http_server": Apart("http_server"),
    "bridge.engineio.poller": Apart("poller"),
    "bridge.engineio.polling": Apart("polling"),
    "bridge.engineio.post_body": Apart("post_body"),
    "bridge.engineio.request_body": Apart("request_body"),
    "bridge.engineio.server": Apart("server"),
    "bridge.engineio.server, origins": Apart("server_origins"),
    "bridge.engineio.session": Apart("session"),
    "bridge.engineio.session, its input": Apart("session_input"),
    "bridge.engineio.session_quota": Apart("session_quota"),
    "bridge.engineio.timeouts": Apart("timeouts"),
    "bridge.engineio.turns": Apart("turns"),
    "bridge.engineio.unfinished_input": Apart("unfinished_input"),
    "bridge.engineio.upgrade": Apart("upgrade"),
    "bridge.engineio.websocket": Apart("websocket"),
    "bridge.engineio.websocket_handshake": Apart("websocket_handshake"),
    "bridge.hub.steady_wait": Apart("steady_wait"),
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in MODULES for name in MODULES[module].names])
def test_green(module: str, name: str) -> None:
    failure = MODULES[module].failure(name)
    assert failure is None, failure
