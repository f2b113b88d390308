"""The examples of handlers, against a scripted server and against their own ones."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.client import Client
from tests.handlers import EXAMPLES, Handled, OwnServer
from tests.process import Bridge, check_all
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

KEYS = EXAMPLES / "keys" / "keys.py"
CLICKER = EXAMPLES / "clicker" / "clicker.py"
LOBBY = EXAMPLES / "lobby" / "lobby.py"
ASKERS = EXAMPLES / "askers" / "askers.py"
LINES = ("--framing", "newline")
CLICKER_FLAGS = ("--identity", "register", "--payload", "json", "--event-key", "action")
NO_DELIMITER = ("--framing-in", "json", "--framing-out", "none")


@pytest.fixture
def server() -> Iterator[TcpServer]:
    with TcpServer() as server:
        yield server


def until(client: Client, event: str, wanted: Callable[[Any], object]) -> Any:
    """The argument of the first event of this name that is as wanted."""
    return client.events.wait(lambda e: e[0] == event and bool(wanted(e[1])))[1]


def action_of(client: Client, action: str, **more: object) -> dict[str, object]:
    return {"username": client.sid, "action": action, **more}


# --- keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pressed", "x", "y"),
    [
        ({"left": True}, -1.0, 0.0),
        ({"left": True, "right": False, "up": False, "down": True}, -0.707, 0.707),
        ({"right": True, "up": True, "down": True}, 1.0, 0.0),
        ({"up": True, "left": 1, "right": "true", "sideways": True}, 0.0, -1.0),
    ],
)
def test_keys_pressed_keys_become_a_velocity(keys: Handled, pressed: dict[str, object], x: float, y: float) -> None:
    with keys.client() as ann:
        [frame] = keys.frames_of(ann, "keys", pressed)
        assert json.loads(frame) == action_of(ann, "move", x=x, y=y)


@pytest.fixture(scope="module")
def keys() -> Iterator[Handled]:
    with TcpServer() as server, Handled(server, [KEYS]) as at:
        yield at


def test_keys_the_server_hears_a_velocity_only_when_it_changes(keys: Handled) -> None:
    with keys.client() as ann:
        assert keys.frames_of(ann, "keys", {"left": False}) == []
        assert len(keys.frames_of(ann, "keys", {"left": True})) == 1
        assert keys.frames_of(ann, "keys", {"left": True, "up": False}) == []
        [frame] = keys.frames_of(ann, "stop")
        assert json.loads(frame) == action_of(ann, "move", x=0.0, y=0.0)
        assert keys.frames_of(ann, "stop") == []


def test_keys_each_client_has_its_own_velocity_and_fires_for_itself(keys: Handled) -> None:
    with keys.client() as ann, keys.client() as bob:
        assert len(keys.frames_of(ann, "keys", {"up": True})) == 1
        assert len(keys.frames_of(bob, "keys", {"up": True})) == 1
        [frame] = keys.frames_of(bob, "fire")
        assert json.loads(frame) == action_of(bob, "fire")


def test_keys_what_is_no_object_is_refused_in_words(keys: Handled) -> None:
    with keys.client() as ann:
        for bad in (["left"], "left", 1, None):
            answer = ann.ask("keys", bad)
            assert (answer["error"], answer["message"][:20]) == ("bad-event", "keys takes an object")
        assert ann.ask("keys")["error"] == "bad-event"


def test_keys_the_servers_state_reaches_everybody_unchanged(keys: Handled) -> None:
    with keys.client() as ann, keys.client() as bob:
        keys.peer.send(b'{"action": "state",  "ships": []}~')
        for client in (ann, bob):
            assert client.got("message") == '{"action": "state",  "ships": []}'


def test_keys_a_server_that_was_restarted_is_told_what_is_still_held(server: TcpServer) -> None:
    with Handled(server, [KEYS]) as at, at.client() as ann, at.client() as bob:
        assert ann.ask("keys", {"down": True})["ok"]
        assert bob.ask("keys", {"down": True})["ok"]
        assert bob.ask("stop")["ok"]
        at.peer.reset()
        peer = server.accept()
        peer.frames.wait_count(3)
        move = action_of(ann, "move", x=0.0, y=1.0)
        assert peer.messages == [action_of(ann, "connected"), move, action_of(bob, "connected")]


def test_keys_with_its_own_server_a_ship_moves_and_a_shot_flies() -> None:
    with (
        OwnServer("keys") as own,
        Bridge("--server", own.address, "--handlers", str(KEYS)) as bridge,
        Client(bridge.url) as ann,
        Client(bridge.url) as bob,
    ):

        def ship(text: str, of: Client = ann) -> Any:
            return next((ship for ship in json.loads(text)["ships"] if ship["name"] == of.sid), None)

        for client in (ann, bob):
            client.linked()
        until(bob, "message", lambda text: ship(text) and ship(text, bob) and ship(text)["x"] == 320)
        assert ann.ask("keys", {"right": True})["ok"]
        until(bob, "message", lambda text: ship(text) and ship(text)["x"] > 340)
        assert ann.ask("fire")["ok"]
        until(bob, "message", lambda text: [s for s in json.loads(text)["shots"] if s["by"] == ann.sid])
        ann.close()
        until(bob, "message", lambda text: not ship(text))


# --- clicker ----------------------------------------------------------------------------------------


def post(bridge: Bridge, name: str) -> requests.Response:
    return requests.post(f"{bridge.url}/join", data={"name": name}, timeout=PATIENCE)


def test_clicker_the_form_answers_with_a_page_for_the_escaped_name(server: TcpServer) -> None:
    with Handled(server, [CLICKER], *CLICKER_FLAGS) as at:
        assert 'action="/join"' in requests.get(at.bridge.url, timeout=PATIENCE).text
        page = post(at.bridge, '  <b a="\'">ann  ')
        assert page.status_code == 200
        assert 'data-name="&lt;b a=&#34;&#39;&#34;&gt;ann"' in page.text
        assert "<b a" not in page.text
        for bad in ("", "  ", "x" * 31):
            again = post(at.bridge, bad)
            assert again.status_code == 400
            assert "A name has 1 to 30 characters." in again.text
        for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
            assert requests.get(at.bridge.url + path, timeout=PATIENCE).status_code == 200


def test_clicker_speaks_the_wire_of_the_scala_example(server: TcpServer) -> None:
    with Handled(server, [CLICKER], *CLICKER_FLAGS) as at, at.client() as ann:
        assert ann.ask("click")["error"] == "not-registered"
        assert ann.ask("register", "ann") == {"ok": True, "user": "ann"}
        assert ann.ask("click") == {"ok": True}
        assert ann.ask("buy", "shovel") == {"ok": True}
        assert ann.got("clicks") == 1
        for bad in (None, 5, "", "x" * 31, {"id": "shovel"}):
            assert ann.ask("buy", bad)["error"] == "bad-event"
        ann.close()
        at.peer.message(action="disconnected")
        assert at.peer.frames.entries == [
            b'{"username":"ann","action":"connected"}',
            b'{"username":"ann","action":"clickGold"}',
            b'{"username":"ann","action":"buy","data":"shovel"}',
            b'{"username":"ann","action":"disconnected"}',
        ]


def test_clicker_clicks_are_counted_for_each_tab_and_the_state_is_kept_for_the_user(server: TcpServer) -> None:
    with Handled(server, [CLICKER], *CLICKER_FLAGS) as at, at.client() as tab, at.client() as other:
        for client in (tab, other):
            assert client.ask("register", "ann")["ok"]
        assert tab.ask("look") == {"ok": True}
        for _ in range(2):
            assert tab.ask("click")["ok"]
        assert other.ask("click")["ok"]
        assert tab.got("clicks", 2)
        assert other.all("clicks") == [1]
        state = {"username": "ann", "action": "gameState", "gold": 3}
        at.peer.send_json(state, {"username": "eve", "action": "gameState", "gold": 9}, {"action": "players"})
        for client in (tab, other):
            client.got("players")
            assert client.all("gameState") == [state]
        with at.client() as late:
            assert late.ask("register", "ann")["ok"]
            assert late.ask("look")["ok"]
            assert late.got("gameState") == state


def test_clicker_a_user_who_has_gone_is_forgotten(server: TcpServer) -> None:
    with Handled(server, [CLICKER], *CLICKER_FLAGS) as at, at.client() as ann, at.client() as bob:
        assert ann.ask("register", "ann")["ok"]
        assert bob.ask("register", "bob")["ok"]
        at.peer.send_json({"username": ["ann"], "action": "gameState"})
        at.peer.send_json({"username": "ann", "action": "gameState", "gold": 1})
        ann.got("gameState", {"username": "ann", "action": "gameState", "gold": 1})
        ann.close()
        at.peer.message(username="ann", action="disconnected")
        with at.client() as again:
            assert again.ask("register", "ann")["ok"]
            assert again.ask("look") == {"ok": True}
            at.peer.send_json({"action": "players"})
            again.got("players")
            assert again.all("gameState") == []


def test_clicker_with_its_own_server_which_knows_no_delimiter_gold_is_dug_and_spent() -> None:
    flags = (*CLICKER_FLAGS, *NO_DELIMITER, "--handlers", str(CLICKER))
    with (
        OwnServer("clicker") as own,
        Bridge("--server", own.address, *flags) as bridge,
        Client(bridge.url) as ann,
        Client(bridge.url) as bob,
    ):
        for client, name in ((ann, "ann"), (bob, "bob")):
            client.linked()
            assert client.ask("register", name)["ok"]
            # A server that has no turn for a while would find two messages in what it takes for one.
            until(client, "gameState", lambda state, name=name: state["username"] == name)  # type: ignore[misc]
        assert ann.ask("buy", "shovel")["ok"]
        assert ann.got("refused")["reason"] == "Shovel costs 10 gold, you have 0"
        for gold in range(1, 11):
            assert ann.ask("click")["ok"]
            until(ann, "gameState", lambda state, gold=gold: state["gold"] == gold)  # type: ignore[misc]
        assert ann.ask("buy", "shovel")["ok"]
        state = until(ann, "gameState", lambda state: state["goldPerClick"] == 2)
        assert (state["gold"], state["equipment"]["shovel"]["count"]) == (0, 1)
        until(bob, "players", lambda said: {"name": "ann", "gold": 10} in said["players"])
        assert {state["username"] for state in bob.all("gameState")} == {"bob"}
        ann.close()
        until(bob, "players", lambda said: said["players"] == [{"name": "bob", "gold": 0}])


# --- lobby ------------------------------------------------------------------------------------------


@pytest.fixture
def lobby(server: TcpServer) -> Iterator[Handled]:
    with Handled(server, [LOBBY], "--payload", "json") as at:
        yield at


def view(*players: tuple[str, bool], playing: bool = False) -> dict[str, object]:
    return {"playing": playing, "players": [{"name": name, "ready": ready} for name, ready in players]}


def test_lobby_visitors_see_who_is_there_and_the_server_hears_of_players_only(lobby: Handled) -> None:
    with lobby.client() as ann, lobby.client() as visitor:
        assert visitor.got("lobby") == view()
        assert ann.ask("login", " ann ") == {"ok": True}
        assert visitor.got("lobby", view(("ann", False)))
        for event, args in (("chat", ("hi",)), ("ready", ()), ("swap", ())):
            answer = visitor.ask(event, *args)
            assert (answer["error"], answer["message"]) == ("not-registered", "log in first")
        assert visitor.ask("login", "")["error"] == "bad-user"
        ann.close()
        lobby.peer.message(type="leave")
    assert lobby.peer.messages == [{"type": "join", "player": "ann"}, {"type": "leave", "player": "ann"}]


def test_lobby_another_name_is_another_player_and_two_tabs_are_one(lobby: Handled) -> None:
    with lobby.client() as tab, lobby.client() as other:
        assert tab.ask("login", "ann")["ok"]
        assert other.ask("login", "ann")["ok"]
        assert tab.ask("login", "bob")["ok"]
        assert other.ask("login", "cat")["ok"]
        tab.got("lobby", view(("bob", False), ("cat", False)))
    lobby.peer.frames.wait_count(6)
    said = [(message["type"], message["player"]) for message in lobby.peer.messages[:4]]
    assert said == [("join", "ann"), ("join", "bob"), ("leave", "ann"), ("join", "cat")]


def test_lobby_chat_stays_in_the_bridge_and_its_last_fifty_lines_are_kept(lobby: Handled) -> None:
    with lobby.client() as ann, lobby.client() as late:
        assert ann.ask("login", "ann")["ok"]
        for n in range(60):
            assert ann.ask("chat", f"<i>{n}~</i>") == {"ok": True}
        for bad in ("", "x" * 501, None, 5, ["hi"]):
            assert ann.ask("chat", bad)["error"] == "bad-event"
        assert late.got("chat") == {"from": "ann", "text": "<i>0~</i>"}
        assert late.ask("login", "late")["ok"]
        lines = late.got("history")
        assert [line["text"] for line in lines] == [f"<i>{n}~</i>" for n in range(10, 60)]
        assert [message["type"] for message in lobby.peer.first(2)] == ["join", "join"]


def test_lobby_when_all_are_ready_the_server_hears_of_a_game_in_several_frames(lobby: Handled) -> None:
    with lobby.client() as ann, lobby.client() as bob:
        assert ann.ask("login", "ann")["ok"]
        assert ann.ask("ready")["ok"]  # alone is not enough
        assert bob.ask("login", "bob")["ok"]
        assert bob.ask("ready", True)["ok"]
        lobby.peer.message(type="start")
        assert lobby.peer.first(6)[2:] == [
            {"type": "open", "players": 2},
            {"type": "seat", "seat": 0, "player": "ann"},
            {"type": "seat", "seat": 1, "player": "bob"},
            {"type": "start"},
        ]
        assert ann.ask("swap")["ok"]
        assert lobby.peer.message(type="swap") == {"type": "swap", "player": "ann"}


def test_lobby_a_tick_is_a_hand_for_each_player_and_a_summary_without_them_for_all(lobby: Handled) -> None:
    with lobby.client() as ann, lobby.client() as bob, lobby.client() as visitor:
        assert ann.ask("login", "ann")["ok"]
        assert bob.ask("login", "bob")["ok"]
        tick = {"type": "tick", "round": 1, "left": 6, "scores": {"ann": 0, "bob": 0}}
        lobby.peer.send_json({"type": "trace", "text": "dealt"}, {**tick, "hands": {"ann": 7, "bob": 13, "eve": 1}})
        lobby.peer.send_json({"type": "motd", "text": "welcome"}, "a word", {"type": "over", "winner": "bob"})
        for client in (ann, bob, visitor):
            client.got("over", {"winner": "bob"})
            public = {key: tick[key] for key in ("round", "left", "scores")}
            assert client.all("state") == [{**public, "hands": 3}]
            assert client.all("message") == [{"type": "motd", "text": "welcome"}, "a word"]
        assert [client.all("hand") for client in (ann, bob, visitor)] == [[{"card": 7}], [{"card": 13}], []]


def test_lobby_while_a_game_is_on_no_other_begins_and_after_it_all_are_asked_again(lobby: Handled) -> None:
    with lobby.client() as ann, lobby.client() as bob:
        assert ann.ask("login", "ann")["ok"]
        assert bob.ask("login", "bob")["ok"]
        lobby.peer.send_json({"type": "tick", "hands": {}, "scores": {}})
        ann.got("state")
        for client in (ann, bob):
            assert client.ask("ready")["ok"]
        assert [message["type"] for message in lobby.peer.first(2)] == ["join", "join"]
        lobby.peer.send_json({"type": "over", "winner": None})
        ann.got("over")
        ann.got("lobby", view(("ann", False), ("bob", False)))


def test_lobby_a_server_that_was_restarted_gets_its_players_and_the_game_is_off(
    lobby: Handled, server: TcpServer
) -> None:
    with lobby.client() as ann, lobby.client() as visitor:
        assert ann.ask("login", "ann")["ok"]
        lobby.peer.send_json({"type": "tick", "hands": {"ann": 1}, "scores": {}})
        ann.got("state")
        assert ann.ask("ready")["ok"]
        ann.got("lobby", view(("ann", True), playing=True))
        start = len(visitor.events.entries)
        lobby.peer.reset()
        peer = server.accept()
        peer.message(type="join", player="ann")
        visitor.events.wait(lambda e: e == ("lobby", view(("ann", False))), start=start)
        assert peer.messages == [{"type": "join", "player": "ann"}]


def test_lobby_with_its_own_server_a_game_is_dealt() -> None:
    flags = ("--payload", "json", "--handlers", str(LOBBY), "--site", str(EXAMPLES / "lobby" / "page"))
    with OwnServer("lobby") as own, Bridge("--server", own.address, *flags) as bridge:
        assert "<h1>Lobby</h1>" in requests.get(bridge.url, timeout=PATIENCE).text
        with Client(bridge.url) as ann, Client(bridge.url) as bob:
            for client, name in ((ann, "ann"), (bob, "bob")):
                client.linked()
                assert client.ask("login", name)["ok"]
                assert client.ask("ready")["ok"]
            for client in (ann, bob):
                assert client.got("hand")["card"] in range(1, 14)
                assert client.got("state")["scores"] == {"ann": 0, "bob": 0}
                until(client, "state", lambda state: state["left"] < 6)
                assert client.all("message") == []


# --- askers -----------------------------------------------------------------------------------------


def test_askers_an_answer_is_for_who_asked_first_also_after_a_question_was_refused() -> None:
    with TcpServer(delimiter=b"\n") as server:
        at = Handled(server, [ASKERS], *LINES, "--hold", "1")
        with at, at.client() as ann, at.client() as bob:
            server.refuse()
            at.peer.reset()
            ann.linked("waiting")
            refused = ann.ask("ask", "of ann, too late")
            assert refused["error"] == "link-down"
            with TcpServer(server.port, delimiter=b"\n") as again:
                peer = again.accept()
                bob.events.wait(lambda e: e[0] == "bridge:link" and e[1]["state"] == "connected", start=2)
                assert bob.ask("ask", "of bob")["ok"]
                assert ann.ask("ask", "of ann")["ok"]
                peer.frames.wait_count(2)
                assert peer.frames.entries == [b"of bob", b"of ann"]
                peer.send(b"1\n2\nnews\n")
                assert bob.got("answer") == {"question": "of bob", "answer": "1"}
                assert ann.got("answer") == {"question": "of ann", "answer": "2"}
                assert ann.got("message") == "news"
                assert bob.ask("ask", "never answered")["ok"]
                peer.reset()
                assert bob.got("lost")["question"] == "never answered"
                for bad in (None, "", "x" * 201, "two\nlines", 5):
                    assert ann.ask("ask", bad)["error"] == "bad-event"


def test_askers_with_its_own_server_each_gets_its_own_answer() -> None:
    flags = (*LINES, "--handlers", str(ASKERS), "--site", str(EXAMPLES / "askers" / "page"))
    with OwnServer("askers") as own, Bridge("--server", own.address, *flags) as bridge:
        assert "<h1>Askers</h1>" in requests.get(bridge.url, timeout=PATIENCE).text
        with Client(bridge.url) as ann, Client(bridge.url) as bob:
            for client in (ann, bob):
                client.linked()
            assert ann.ask("ask", "2 + 3 * 4")["ok"]
            assert bob.ask("ask", "1 / 0")["ok"]
            assert ann.ask("ask", "-(1.5 - 2)")["ok"]
            assert ann.got("answer", {"question": "2 + 3 * 4", "answer": "14"})
            assert bob.got("answer", {"question": "1 / 0", "answer": "that is no sum"})
            assert ann.got("answer", {"question": "-(1.5 - 2)", "answer": "0.5"})


# --- pages ------------------------------------------------------------------------------------------


def test_the_minimal_page_is_served_at_the_root() -> None:
    site = EXAMPLES.parent / "pages" / "minimal"
    with Bridge("--demo", "--site", str(site)) as bridge:
        assert requests.get(bridge.url, timeout=PATIENCE).text == (site / "index.html").read_text()


@pytest.mark.parametrize("path", sorted(EXAMPLES.parent.glob("*/**/*.html")), ids=lambda path: str(path.name))
def test_no_page_fetches_anything_from_elsewhere(path: Path) -> None:
    for file in (path, *path.parent.glob("*.js"), *path.parent.glob("*.css")):
        assert not re.findall(r"(?:https?:)?//[\w.-]+\.\w", file.read_text(encoding="utf-8"))


def commands() -> list[str]:
    """Every command with app.py that the READMEs of the examples give."""
    found = []
    for readme in sorted([*EXAMPLES.glob("*/README.md"), EXAMPLES.parent / "pages" / "README.md"]):
        text = readme.read_text(encoding="utf-8").replace("\\\n", " ")
        found += re.findall(r"^    \.venv/bin/python app\.py (.*)$", text, re.MULTILINE)
    return found


def test_every_command_of_the_readmes_has_settings_that_hold() -> None:
    found = commands()
    assert len(found) >= 5
    assert dict(zip(found, check_all([shlex.split(command) for command in found]), strict=True)) == dict.fromkeys(
        found, (0, "")
    )
