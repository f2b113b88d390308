"""pages.py: the bridge's page, static files, templates, a user's own folder, and nothing outside of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient

from bridge.web import PageSettings, add_folder, add_index, create_app
from tests.process import ROOT

PAGE = PageSettings(
    identity="sid", payload="text", event="message", server="</script><b>&'\"", demo=False, confirm=False,
    holds=True, handlers=False, version="1.2.3", actionKey="action", userKey="username",
)  # fmt: skip


def written(folder: Path, **files: str) -> Path:
    """A folder with these files; `__` in a name is `/`, `_` before its end is `.`."""
    for name, text in files.items():
        path = folder / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def app_of(root: Path = ROOT) -> Flask:
    app = create_app(root, PAGE)
    app.testing = True
    return app


def text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    body = answer.get_data(as_text=True)
    answer.close()
    return body


def code(client: FlaskClient, path: str) -> int:
    with client.get(path, follow_redirects=True) as answer:
        return answer.status_code


def test_the_page_is_at_bridge_and_without_a_site_at_the_root() -> None:
    app = app_of()
    add_index(app, None)
    client = app.test_client()
    page = text(client, "/bridge/")
    assert "<html" in page
    assert text(client, "/") == page
    assert client.get("/bridge", follow_redirects=True).request.path == "/bridge/"


def test_the_page_is_told_the_settings_and_what_is_in_them_is_escaped() -> None:
    app = app_of()
    add_index(app, None)
    page = text(app.test_client(), "/")
    assert "1.2.3" in page
    assert "</script><b>" not in page
    assert "<b>&'" not in page


def test_the_page_may_load_nothing_from_elsewhere_and_nothing_inline() -> None:
    app = app_of()
    add_index(app, None)
    client = app.test_client()
    for path in ("/", "/bridge/"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        page = text(client, path)
        assert "http://" not in page.replace("http://www.w3.org", "")
        assert "https://" not in page


@pytest.mark.parametrize("path", ["socket.io.js", "socket.io.min.js"])
def test_the_socket_io_client_is_served_locally(path: str) -> None:
    assert "io" in text(app_of().test_client(), f"/static/{path}")


@pytest.mark.parametrize(
    "path",
    ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "bridge/../../app.py", "/etc/passwd", "not-there.js", "bridge", ""],
)
def test_nothing_outside_the_static_folder_is_served(path: str) -> None:
    assert code(app_of().test_client(), f"/static/{path}") == 404


def test_static_files_and_templates_beside_a_handlers_file_come_first(tmp_path: Path) -> None:
    written(tmp_path, static__own_js="mine", static__socket_io="x", templates__own_html="<p>{{ name }}")
    app = app_of()
    add_folder(app, tmp_path)
    app.add_url_rule("/own", "own", lambda: render_template("own.html", name="<i>"))
    add_index(app, None)
    client = app.test_client()
    assert text(client, "/static/own.js") == "mine"
    assert "io" in text(client, "/static/socket.io.js")
    assert text(client, "/own") == "<p>&lt;i&gt;"
    assert "<html" in text(client, "/bridge/")


def test_of_two_folders_the_later_comes_first_and_a_folder_twice_is_one(tmp_path: Path) -> None:
    one = written(tmp_path / "one", static__a_js="one", static__b_js="one", templates__t_html="one")
    two = written(tmp_path / "two", static__a_js="two", templates__t_html="two")
    app = app_of()
    for folder in (one, two, one):
        add_folder(app, folder)
    app.add_url_rule("/t", "t", lambda: render_template("t.html"))
    client = app.test_client()
    assert (text(client, "/static/a.js"), text(client, "/static/b.js")) == ("two", "one")
    assert text(client, "/t") in ("one", "two")


def test_a_folder_without_either_is_no_error(tmp_path: Path) -> None:
    app = app_of()
    add_folder(app, tmp_path)
    assert "<html" in text(app.test_client(), "/bridge/")


def test_a_route_of_a_handlers_file_at_the_root_stays(tmp_path: Path) -> None:
    for site in (None, written(tmp_path, index_html="the site")):
        app = app_of()
        app.add_url_rule("/", "mine", lambda: "mine")
        add_index(app, site)
        assert text(app.test_client(), "/") == "mine"


def test_a_site_is_served_with_its_index_at_the_root_and_the_page_stays_at_bridge(tmp_path: Path) -> None:
    site = written(tmp_path, index_html="home", style_css="css", game__index_html="game", game__a_js="a")
    app = app_of()
    add_index(app, site)
    client = app.test_client()
    assert text(client, "/") == "home"
    assert text(client, "/index.html") == "home"
    assert text(client, "/style.css") == "css"
    assert text(client, "/game/") == "game"
    assert text(client, "/game/a.js") == "a"
    assert "<html" in text(client, "/bridge/")
    assert client.get("/bridge", follow_redirects=True).request.path == "/bridge/"
    assert code(client, "/not-there") == 404


def test_a_folder_of_a_site_is_asked_for_with_a_slash_so_that_its_links_work(tmp_path: Path) -> None:
    app = app_of()
    add_index(app, written(tmp_path, game__index_html="game"))
    (tmp_path / "elsewhere.example").mkdir()
    client = app.test_client()
    answer = client.get("/game?level=2")
    assert (answer.status_code, answer.location) == (302, "/game/?level=2")
    for path in ("/elsewhere.example", "/%2Felsewhere.example", "/%5Celsewhere.example"):
        to = client.get(path).location or ""
        assert not to.startswith(("//", "/\\", "http://elsewhere"))


def test_the_static_folder_of_a_site_is_served_beside_the_bridges_own(tmp_path: Path) -> None:
    app = app_of()
    add_index(app, written(tmp_path, index_html="home", static__game_js="mine"))
    client = app.test_client()
    assert text(client, "/static/game.js") == "mine"
    assert "io" in text(client, "/static/socket.io.js")
    assert code(client, "/static/bridge/page.css") == 200


@pytest.mark.parametrize("path", ["../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "a/../../secret.txt", "/"])
def test_nothing_outside_the_site_is_served(tmp_path: Path, path: str) -> None:
    written(tmp_path, secret_txt="secret", site__a__b_txt="b")
    app = app_of()
    add_index(app, tmp_path / "site")
    client = app.test_client()
    assert code(client, f"/{path}") == 404
    assert code(client, f"/static/{path}") == 404


def test_a_site_does_not_hide_what_the_bridge_answers(tmp_path: Path) -> None:
    app = app_of()
    app.add_url_rule("/healthz", "healthz", lambda: json.dumps("ok"))
    add_index(app, written(tmp_path, healthz_="mine", index_html="home"))
    assert text(app.test_client(), "/healthz") == '"ok"'


def test_a_site_given_as_a_relative_path_is_the_one_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, site__index_html="home", site__a_js="a")
    monkeypatch.chdir(tmp_path)
    app = app_of()
    add_index(app, Path("site"))
    client = app.test_client()
    assert (text(client, "/"), text(client, "/a.js")) == ("home", "a")
