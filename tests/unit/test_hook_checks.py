"""hook_checks.py: what can be no hook is refused with file and line, and says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from bridge.errors import HandlersError
from bridge.relay.handlers import Bridge, Hooks
from bridge.relay.handlers_file import load
from bridge.relay.hook_checks import Arguments, check
from bridge.relay.users import Users
from tests.handlers import written

HEAD = """\
import asyncio
from functools import partial, wraps

async def hook(client): ...
async def frames(client): yield "x"
class Player:
    async def method(self, client): ...
    async def __call__(self, client): ...
    @classmethod
    async def shared(cls, client): ...
    def plain(self, client): ...
def logged(f):
    @wraps(f)
    async def inside(client):
        return await f(client)
    return inside

def setup(bridge):
    """
LINE = HEAD.count("\n") + 1


def refusal(tmp_path: Path, text: str) -> HandlersError:
    with pytest.raises(HandlersError) as caught:
        load(written(tmp_path, HEAD + text + "\n"), Bridge(Flask("test"), Hooks(), Users()))
    return caught.value


@pytest.mark.parametrize(
    "function",
    [
        "hook", "frames", "partial(hook)", "partial(partial(hook))", "Player().method", "Player.shared", "Player()",
        "logged(lambda client: None)", "logged(hook)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("decorator", ["on_event('go')", "on_message", "on_connect", "on_register", "on_disconnect"])
def test_what_is_async_is_refused_whatever_it_is(tmp_path: Path, function: str, decorator: str) -> None:
    error = refusal(tmp_path, f"bridge.{decorator}({function})")
    assert error.line == LINE
    assert "is async" in error.reason
    assert "write def in place of async def" in error.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bridge.on_connect()(hook)", "write @bridge.on_connect without parentheses"),
        ("bridge.on_register()(hook)", "write @bridge.on_register without parentheses"),
        ("bridge.on_disconnect()(hook)", "write @bridge.on_disconnect without parentheses"),
        ("bridge.on_message()(hook)", "write @bridge.on_message without parentheses"),
        ("bridge.on_event(lambda client: None)", 'write @bridge.on_event("name")'),
        ("bridge.on_event()", 'write @bridge.on_event("name")'),
        ("bridge.on_event(thread=True)", 'write @bridge.on_event("name")'),
        ("bridge.on_link_up(lambda a, b: None)", "takes 2 arguments: write def f(): … or def f(ask): …"),
        ("bridge.on_link_down(lambda a, b: None)", "<lambda> takes 2 arguments: write def f(reason): …"),
        ("bridge.on_message(lambda a, b: None)", "<lambda> takes 2 arguments: write def f(message): …"),
        ("bridge.on_link_down(lambda: None)", "<lambda> takes 0 arguments: write def f(reason): …"),
        ("bridge.on_connect('ann')", "on_connect takes a function, not str"),
        ("bridge.on_event('go')('ann')", "on_event('go') takes a function, not str"),
        (
            "bridge.on_event('go')(lambda: None)",
            "<lambda> takes 0 arguments: write def f(client, *args): …, with the event's",
        ),
        ("bridge.on_connect(lambda: None)", "<lambda> takes 0 arguments: write def f(client): …"),
        ("bridge.on_connect(lambda a, b: None)", "takes 2 arguments: write def f(client): …"),
        ("bridge.on_disconnect(lambda a, b, c=1: None)", "takes 2 to 3 arguments: write def f(client): …"),
        ("bridge.on_register(lambda a, b, *c: None)", "takes at least 2 arguments: write def f(client): …"),
        ("bridge.on_message(lambda: None)", "<lambda> takes 0 arguments: write def f(message): …"),
        ("bridge.on_event('go')(lambda client, *, x: None)", "needs x by name, which no hook is given"),
        ("bridge.on_connect(lambda a, b, c: None)", "takes 3 arguments: write def f(client): …"),
        ("bridge.on_disconnect(lambda *, x, y: None)", "needs x, y by name, which no hook is given"),
        ("bridge.on_connect(Player.plain)", "Player.plain takes 2 arguments"),
    ],
)
def test_what_can_not_take_what_it_would_be_given_is_refused(tmp_path: Path, text: str, words: str) -> None:
    error = refusal(tmp_path, text)
    assert error.line == LINE
    assert words in error.reason


def test_one_argument_is_told_as_one() -> None:
    with pytest.raises(TypeError, match=r"takes 1 argument: write def f\(a, b\): …"):
        check("hook", lambda a: None, Arguments("def f(a, b): …", 2, 2))


@pytest.mark.parametrize(
    "text",
    [
        "bridge.on_event('go')(lambda client, *args: None)",
        "bridge.on_event('go')(lambda *args, **more: None)",
        "bridge.on_event('go')(lambda client, a, b=1: None)",
        "bridge.on_event('go')(print)",
        "bridge.on_event('go')(Player().plain)",
        "bridge.on_connect(partial(Player.plain, Player()))",
        "bridge.on_connect(lambda client, more=None: None)",
        "bridge.on_connect(lambda client: (yield 'x'))",
        "bridge.on_connect(lambda client: asyncio.run(hook(client)))",
        "bridge.on_message(dict.copy)",
        "bridge.on_message(function=dict.copy)",
        "bridge.on_event(name='go')(print)",
        "bridge.on_event('go', thread=True)(print)",
        "bridge.on_link_up(lambda: None)",
        "bridge.on_link_up(lambda ask: None)",
        "bridge.on_link_down(lambda reason: None)",
    ],
)
def test_what_can_be_a_hook_is_none_of_that(tmp_path: Path, text: str) -> None:
    hooks = Hooks()
    load(written(tmp_path, HEAD + text + "\n"), Bridge(Flask("test"), hooks, Users()))
    assert hooks.any
