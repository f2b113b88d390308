"""From polling to WebSocket: what goes well, what fails half-way, and that no message is lost in between."""

from __future__ import annotations

import threading

import pytest

from tests.behaviour.polling import Polling, Reply, request
from tests.behaviour.sites import Site
from tests.behaviour.wire import CLOSE, Wire, frame, message, upgrading
from tests.waiting import PATIENCE


def probe(at: Site, poll: Polling) -> Wire:
    """A WebSocket of this session whose probe has been answered."""
    wire = Wire.open(at, f"transport=websocket&sid={poll.eio_sid}")
    wire.send("2probe")
    assert wire.next() == "3probe"
    return wire


def upgrade(at: Site, poll: Polling) -> Wire:
    """The session's WebSocket. The poll that is under way ends first, as stock clients wait for that."""
    pending = poll.pending()
    wire = probe(at, poll)
    assert pending.result(PATIENCE) == Reply(200, "6")
    wire.send("5")
    return wire


def numbers(heard: list[str]) -> list[int]:
    """Of the events named `number`."""
    return [int(one[len('42["number",') : -1]) for one in heard if one.startswith('42["number",')]


def test_the_probe_ends_the_pending_poll_and_messages_go_on_by_websocket(at: Site) -> None:
    with Polling.session(at) as poll, upgrade(at, poll) as wire:
        wire.send('427["echo",1]')
        assert wire.until("43") == "437[1]"
        at.emit(poll.sid, "news", "x")
        assert wire.next() == '42["news","x"]'


def test_the_handlers_see_the_new_transport_and_the_first_request(at: Site) -> None:
    with Polling.session(at) as poll:
        poll.post('427["who"]')
        before = poll.get().body
        assert '"transport":"polling"' in before
        with upgrade(at, poll) as wire:
            wire.send('427["who"]')
            assert wire.until("43") == before.replace('"transport":"polling"', '"transport":"websocket"')


def test_no_noop_comes_by_websocket_when_no_poll_was_pending(at: Site) -> None:
    with Polling.session(at) as poll, probe(at, poll) as wire:
        wire.send("5", '427["echo"]')
        assert list(iter(wire.next, "437[]")) == at.says("noop for no poll")


def test_a_poll_between_probe_and_upgrade_is_answered_with_noop(at: Site) -> None:
    with Polling.session(at) as poll, probe(at, poll) as wire:
        assert poll.get() == Reply(200, "6")
        wire.send("5", '427["echo",1]')
        assert wire.until("43") == "437[1]"


def test_what_was_emitted_during_the_upgrade_comes_once_and_in_order(at: Site) -> None:
    with Polling.session(at) as poll:
        poll.post('42["stream",1000]')
        heard = poll.get().body.split("\x1e") + poll.get().body.split("\x1e")
        pending = poll.pending()
        with probe(at, poll) as wire:
            heard += pending.result(PATIENCE).body.split("\x1e")
            while heard[-1] != "6" and "6" not in heard:
                heard += poll.get().body.split("\x1e")
            wire.send("5")
            while not numbers(heard) or numbers(heard)[-1] != 999:
                heard.append(wire.until("42"))
        assert numbers(heard) == list(range(1000))


def test_what_was_sent_during_the_upgrade_arrives_once_and_in_order(at: Site) -> None:
    with Polling.session(at) as poll:
        poll.post("\x1e".join(f'42["keep",{n}]' for n in range(10)))
        with probe(at, poll) as wire:
            poll.post('42["keep",10]\x1e42["keep",11]')
            wire.send("5", '42["keep",12]', '42["keep",13]', '427["give"]')
            assert wire.until("43") == f"437[[{','.join(map(str, range(14)))}]]"


def test_an_ack_that_was_asked_by_polling_comes_by_websocket(at: Site) -> None:
    with Polling.session(at) as poll, probe(at, poll) as wire:
        assert poll.post('427["echo",1]').status == 200
        wire.send("5")
        assert wire.until("43") == "437[1]"


def test_binary_that_waited_is_no_longer_base64(at: Site) -> None:
    with Polling.session(at) as poll, probe(at, poll) as wire:
        poll.post('451-["say",{"_placeholder":true,"num":0}]\x1ebAQI=')
        wire.send("5")
        assert wire.until("45") == '451-["said",{"_placeholder":true,"num":0}]'
        assert wire.next() == b"\x01\x02"


@pytest.mark.parametrize("first", ["2", "2prob", "3probe", "5", '42["say"]', "40", "41", "x", "", b"2probe"], ids=repr)
def test_a_wrong_probe_ends_the_websocket_and_not_the_session(at: Site, first: str | bytes) -> None:
    with Polling.session(at) as poll:
        with Wire.open(at, f"transport=websocket&sid={poll.eio_sid}") as wire:
            wire.send(first)
            raw = wire.raw()
            assert b"3probe" not in raw
        goes_on(at, poll, first in ("x", ""))


def without_noop(body: str) -> str:
    return "\x1e".join(one for one in body.split("\x1e") if one != "6")


def goes_on(at: Site, poll: Polling, broken: bool) -> None:
    """A message by polling is answered by polling; `broken`: but over plain, after this."""
    poll.post('42["say",1]')
    expected = at.says("failed probe") if broken else '42["said",1]'
    body = poll.get().body
    if not broken:  # a NOOP that ended no poll is still due, and may come alone
        body = without_noop(body) or without_noop(poll.get().body)
    assert body == expected
    assert not at.gone(poll.eio_sid, 0)


@pytest.mark.parametrize("how", ["FIN", "RST", "close frame", "close packet", "junk", "message", "probe"])
def test_a_websocket_that_ends_after_the_probe_leaves_the_session_polling(at: Site, how: str) -> None:
    with Polling.session(at) as poll:
        wire = probe(at, poll)
        assert poll.get() == Reply(200, "6")
        end(wire, how)
        if how not in ("RST", "FIN") or at.engine == "ours":  # plain may take them for junk or for an end
            goes_on(at, poll, how == "junk")


def end(wire: Wire, how: str) -> None:
    """End a WebSocket that has been probed."""
    words = {"close packet": "1", "junk": "x", "message": '42["say",2]', "probe": "2probe"}
    if how in words:
        wire.send(words[how])
        wire.raw()
    elif how == "close frame":
        wire.write(frame(CLOSE, b"\x03\xe8"))
        wire.raw()
    elif how == "RST":
        wire.reset()
        return
    wire.close()


def test_a_websocket_that_ends_before_the_probe_leaves_the_session_polling(at: Site) -> None:
    with Polling.session(at) as poll:
        wire = Wire.open(at, f"transport=websocket&sid={poll.eio_sid}")
        wire.write(frame(CLOSE, b"\x03\xe8"))
        wire.raw()
        wire.close()
        goes_on(at, poll, False)


def test_a_second_upgrade_succeeds_after_the_first_has_failed(at: Site) -> None:
    with Polling.session(at) as poll:
        with Wire.open(at, f"transport=websocket&sid={poll.eio_sid}") as wire:
            wire.send("2prob")
            wire.raw()
        with probe(at, poll) as wire:
            wire.send("5", '427["echo",1]')
            assert wire.until("43") == "437[1]"


def test_the_polling_session_goes_on_while_its_websocket_says_nothing(at: Site) -> None:
    with Polling.session(at) as poll, Wire.open(at, f"transport=websocket&sid={poll.eio_sid}") as wire:
        poll.post('427["echo",1]')
        assert poll.get().body == at.says("poll beside a mute WebSocket")
        wire.send("2probe", "5")
        assert wire.next() == "3probe"


def test_requests_with_the_id_of_an_upgraded_session_are_refused(at: Site) -> None:
    with Polling.session(at) as poll, upgrade(at, poll) as wire:
        wire.send('427["echo",1]')
        assert wire.until("43") == "437[1]"
        for method, body in (("GET", ""), ("POST", "1"), ("POST", '42["say"]')):
            assert request(at, method, poll.query, body=body).status == 400
        with Wire(at) as second:
            assert second.ask(upgrading(f"transport=websocket&sid={poll.eio_sid}")).status == 400
        assert wire.event('["echo",2]') == ["437[2]"]


def test_requests_with_the_id_of_a_session_that_began_by_websocket_are_refused(at: Site) -> None:
    with Wire.session(at) as wire:
        query = f"?EIO=4&transport=polling&sid={wire.eio_sid}"
        for method, body in (("GET", ""), ("POST", "1")):
            assert request(at, method, query, body=body).status == 400
        with Wire(at) as second:
            assert second.ask(upgrading(f"transport=websocket&sid={wire.eio_sid}")).status == 400
        assert wire.event('["echo",2]') == ["437[2]"]


def test_a_second_websocket_beside_a_probe_does_not_take_the_session(at: Site) -> None:
    with Polling.session(at) as poll, probe(at, poll) as wire, Wire(at) as second:
        second.write(upgrading(f"transport=websocket&sid={poll.eio_sid}"))
        assert second.answer().status == at.says("second WebSocket of a session")
        wire.send("5", '427["echo",1]')
        assert wire.until("43") == "437[1]"
        assert at.gone(poll.eio_sid, 0) is False


def test_an_upgraded_session_ends_with_its_websocket(at: Site) -> None:
    with Polling.session(at) as poll:
        wire = upgrade(at, poll)
        wire.send('427["echo",1]')
        assert wire.until("43") == "437[1]"
        wire.close()
        assert at.reasons(poll.sid) == ["transport close"]
        assert poll.get().status == 400


def test_frames_of_the_upgrade_may_come_in_one_segment_and_byte_by_byte(at: Site) -> None:
    for pieces in (None, 1):
        with Polling.session(at) as poll, Wire.open(at, f"transport=websocket&sid={poll.eio_sid}") as wire:
            wire.write(message("2probe") + message("5") + message('427["echo",1]'), pieces)
            assert wire.next() == "3probe"
            assert wire.until("43") == "437[1]"


def test_many_sessions_may_upgrade_at_once(at: Site) -> None:
    answers: list[str] = []

    def one() -> None:
        with Polling.session(at) as poll, upgrade(at, poll) as wire:
            wire.send('427["echo",1]')
            answers.append(wire.until("43"))

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == ["437[1]"] * 20
