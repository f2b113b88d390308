"""Our Engine.IO server under python-socketio: what each CONNECT is answered, and what else is as it was."""

from __future__ import annotations

import json

import pytest
import socketio
from socketio.exceptions import ConnectionRefusedError as Refused

from bridge.delivery.slow_policies import POLICIES
from bridge.engineio.environ_store import EnvironStore
from bridge.engineio.session_context import UnreadablePacket
from bridge.engineio.session_quota import SessionLimits
from bridge.engineio.states import SessionState
from tests.unit.green.servers import Log
from tests.unit.green.sessions import Case
from tests.unit.green.socketios import Sio


def sid_in(packet: str, namespace: str = "") -> str:
    """Of the answer to CONNECT."""
    assert packet.startswith(f"40{namespace}{{"), packet
    data = json.loads(packet[len(f"40{namespace}") :])
    assert list(data) == ["sid"]
    return str(data["sid"])


def test_what_is_put_in_the_place_of_what() -> None:
    at = Sio(take={})
    assert at.sio.eio is at.server
    assert isinstance(at.sio.environ, EnvironStore)
    with pytest.raises(UnreadablePacket):
        at.sio.packet_class(encoded_packet="1{}")
    limits = at.server.shared.limits
    assert (limits.size, limits.policy) == (1 << 20, POLICIES["disconnect"])
    assert at.server.shared.queues.joins.interval == 20.0
    assert at.server.quota.limits.clients == 15_000
    assert at.client("40").session.joined
    other = Case().limits
    at = Sio(take={"limits": other, "connect_timeout": 3.0, "sessions": SessionLimits(clients=1)})
    assert at.server.shared.limits is other
    assert at.server.shared.queues.joins.interval == 3.0
    assert at.client("40").session.joined
    assert at.ask().status == "503 Service Unavailable"


def test_connect_is_answered_inside_of_what_prepares_it() -> None:
    at = Sio()
    client = at.client()
    assert not client.session.joined
    (answer,) = client.say('40{"a":1}')
    sid = client.session.sid
    assert at.sio.manager.sid_from_eio_sid(sid, "/") == sid_in(answer)
    assert at.told == [("arrives", sid, '0{"a":1}'), ("connected", sid), ("arrived", sid)]
    assert client.session.joined
    assert at.sio.environ[sid]["REMOTE_ADDR"] == "10.0.0.9"


def test_elsewhere_it_is_answered_without_that() -> None:
    at = Sio()
    at.on("connect", lambda sid, environ, auth: None, "/x")
    for text in ("40/x,", "40/x", '40/x,{"a":1}', "40/x?a=b,", "40/x?a=b"):
        client = at.client()
        (answer,) = client.say(text)
        sid_in(answer, "/x,")
        assert client.session.joined, text
    assert at.told == []


def test_a_namespace_that_nobody_serves_is_said_to_be_invalid() -> None:
    at = Sio()
    client = at.client()
    assert client.say("40/y,") == ['44/y,{"message":"Invalid namespace"}']
    assert client.say("40/y?a=b,{}") == ['44/y,{"message":"Invalid namespace"}']
    assert not client.session.joined
    assert at.told == []
    at = Sio(namespaces=["/z"])
    assert at.client().say("40") == ['44{"message":"Invalid namespace"}']
    assert at.client().say("40/z,")[0].startswith("40/z,{")
    at = Sio(namespaces="*")
    assert at.client().say("40/any,")[0].startswith("40/any,{")

    at = Sio(namespaces=["/z"])
    at.sio.register_namespace(socketio.Namespace("/n"))
    assert at.client().say("40/n,")[0].startswith("40/n,{")


def test_who_is_refused_by_a_handler_has_not_joined() -> None:
    for says, answer in ((lambda sid, environ: False, {"message": "Connection rejected by server"}),
                         (lambda sid, environ: refuse(), {"message": "no", "data": {"error": "x"}})):  # fmt: skip
        at = Sio()
        at.on("connect", says)
        client = at.client()
        (got,) = client.say("40")
        assert json.loads(got.removeprefix("44")) == answer
        assert not client.session.joined
        assert [one[0] for one in at.told] == ["arrives", "arrived"]


def refuse() -> None:
    raise Refused("no", {"error": "x"})


def test_a_handler_that_fails_has_its_client_refused_and_the_error_told() -> None:
    def fails(sid: str, environ: object) -> None:
        raise ValueError("a bug")

    for namespace, text, answer in (("/", "40", "44{"), ("/x", "40/x,", "44/x,{")):
        at = Sio()
        at.on("connect", fails, namespace)
        client = at.client()
        with Log("tests.socketio") as log:
            (got,) = client.say(text)
        assert got == answer + '"message":"Connection refused by server"}'
        assert not client.session.joined
        assert at.sio.manager.sid_from_eio_sid(client.session.sid, namespace) is None
        errors = [record for record in log.records if record.levelname == "ERROR"]
        assert [str(record.exc_info[1]) for record in errors if record.exc_info] == ["a bug"]
        assert client.session.state is SessionState.POLLING


def test_what_is_no_packet_ends_the_session_and_is_not_answered() -> None:
    for text in ("40[]", '40{"a"', "41{}"):
        at = Sio()
        client = at.client("40/y,")
        with Log("tests.socketio") as log:
            at.ask(at.of(client.session), "POST", text.encode())
            assert client.got == []
        assert client.session.state is SessionState.CLOSED, text
        assert any("is disconnected: " in line for line in log.lines)


def test_events_and_acks_go_on_as_they_were() -> None:
    at = Sio()
    got: list[tuple[object, ...]] = []

    def move(sid: str, *args: object) -> object:
        got.append((sid, *args))
        return "done"

    at.on("move", move)
    at.on("disconnect", lambda sid, reason: got.append((sid, reason)))
    client = at.client("40")
    sid = sid_in(at.first[0])
    assert client.say('421["move",{"x":1}]') == ['431["done"]']
    assert got == [(sid, {"x": 1})]
    assert at.ask(at.of(client.session), "POST", b'451-2["move",{"_placeholder":true,"num":0}]\x1ebAAE=').body == b"ok"
    assert client.got == ['432["done"]']
    assert got[1:] == [(sid, b"\0\1")]
    client.say("41")
    assert got[2:] == [(sid, "client disconnect")]
    assert client.session.joined


def test_a_second_connect_is_refused_and_changes_nothing() -> None:
    at = Sio()
    client = at.client("40")
    assert client.say("40") == ['44{"message":"Unable to connect"}'] or client.session.joined
    assert client.session.joined


def test_an_environ_that_a_handler_has_asked_for_is_small_again() -> None:
    at = Sio()
    at.on("connect", lambda sid, environ: environ["REMOTE_ADDR"] and None)
    client = at.client("40")
    assert at.sio.environ._asked_for == {}
    assert client.session.joined


def test_a_session_that_has_gone_meanwhile_is_no_error() -> None:
    at = Sio()
    at.on("connect", lambda sid, environ: at.newest.finish())
    client = at.client()
    with Log("tests.socketio") as log:
        at.ask(at.of(client.session), "POST", b"40")
        assert client.got == []
    assert not client.session.joined
    assert [line for line in log.lines if line.startswith("ERROR")] == []
