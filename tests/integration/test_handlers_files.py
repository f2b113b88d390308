"""Several handlers files at once, and what is found beside them: modules, templates, static files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.handlers import Handled, written
from tests.tcpserver import TcpServer
from tests.waiting import PATIENCE

FIRST = """
from flask import render_template, request

from helper import GREETING

def setup(bridge):
    @bridge.on_event("first")
    def first(client):
        return {"first": GREETING}

    @bridge.app.get("/first")
    def page():
        return render_template("first.html", name=request.args["name"])

    @bridge.app.get("/common")
    def common():
        return render_template("common.html")
"""

SECOND = """
from dataclasses import dataclass

from flask import render_template

@dataclass
class Answer:
    second: bool = True

def setup(bridge):
    @bridge.on_event("second")
    def second(client):
        return vars(Answer())

    @bridge.app.get("/")
    def index():
        return render_template("second.html")

    @bridge.app.template_filter("loud")
    def loud(text):
        return text.upper()
"""


def get(at: Handled, path: str, **params: str) -> requests.Response:
    return requests.get(at.bridge.url + path, params=params, timeout=PATIENCE)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handled]:
    root = tmp_path_factory.mktemp("files")
    one, two, site = root / "one", root / "two", root / "site"
    files = [written(one, FIRST, "game.py"), written(two, SECOND, "game.py")]
    written(one, "GREETING = 'from the file beside it'\n", "helper.py")
    written(one / "templates", "<p title='{{ name }}'>{{ name }}</p>", "first.html")
    written(one / "templates", "common of one", "common.html")
    written(two / "templates", "{{ 'second' | loud }} {{ url_for('static', filename='two.css') }}", "second.html")
    written(two / "templates", "common of two", "common.html")
    written(one / "static", "one", "one.css")
    written(two / "static", "two", "two.css")
    written(site, "the site's index", "index.html")
    written(site, "the site's own", "other.html")
    with TcpServer() as server, Handled(server, files, "--site", str(site)) as at:
        yield at


def test_the_handlers_of_both_files_are_there_though_the_files_have_one_name(at: Handled) -> None:
    with at.client() as ann:
        assert at.frames_of(ann, "first") == [b'{"first":"from the file beside it"}']
        assert at.frames_of(ann, "second") == [b'{"second":true}']


def test_the_templates_of_both_folders_are_found_and_escape_what_they_are_given(at: Handled) -> None:
    page = get(at, "/first", name="<b>'ann'</b>").text
    assert page == "<p title='&lt;b&gt;&#39;ann&#39;&lt;/b&gt;'>&lt;b&gt;&#39;ann&#39;&lt;/b&gt;</p>"
    assert get(at, "/").text == "SECOND /static/two.css"


def test_of_two_templates_with_one_name_the_later_files_is_taken(at: Handled) -> None:
    assert get(at, "/common").text == "common of two"


def test_the_static_files_of_both_folders_and_of_the_bridge_are_served(at: Handled) -> None:
    assert [get(at, f"/static/{name}").text for name in ("one.css", "two.css")] == ["one", "two"]
    assert get(at, "/static/socket.io.js").status_code == 200
    assert get(at, "/static/none.css").status_code == 404
    assert get(at, "/static/%2e%2e/game.py").status_code == 404


def test_a_route_comes_before_the_site_and_the_bridges_own_pages_stay(at: Handled) -> None:
    assert get(at, "/other.html").text == "the site's own"
    assert get(at, "/first", name="ann").status_code == 200
    assert "<title>Bridge" in get(at, "/bridge/").text
    assert get(at, "/bridge/status").json()["link"]["state"] == "connected"
