"""`--site`: a folder is served, but nothing hidden in it and nothing of the bridge's own, by whatever name."""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.process import Bridge, run_app
from tests.waiting import PATIENCE

HANDLERS = "PASSWORD = 'secret'\ndef setup(bridge):\n    pass\n"


def get(bridge: Bridge, path: str) -> tuple[int, str]:
    """The answer to this path as it is, with nothing made tidy on the way."""
    connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=PATIENCE)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, body


@contextmanager
def serving(folder: Path, *flags: str, state: str = ".bridge") -> Iterator[Bridge]:
    """What somebody has who starts the bridge where the program is."""
    (folder / "game.py").write_text(HANDLERS)
    (folder / "bridge.toml").write_text('recovery_key = "secret secret secret"\n')
    (folder / ".env").write_text("secret")
    (folder / "index.html").write_text("home")
    for name in ("templates", "static", ".git", "assets/.hidden", "assets/img"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.txt").write_text("secret" if name in ("templates", ".git", "assets/.hidden") else "open")
    flags = ("--demo", "--site", ".", "--handlers", "game.py", *flags)
    with Bridge(*flags, cwd=folder, BRIDGE_STATE_DIR=state, BRIDGE_CONFIG="bridge.toml") as bridge:
        yield bridge


@pytest.mark.parametrize("state", [".bridge", "state"])
def test_secrets_in_the_folder_are_not_served(tmp_path: Path, state: str) -> None:
    with serving(
        tmp_path,
        state=state,
    ) as bridge:
        (tmp_path / state).mkdir(exist_ok=True)
        (tmp_path / state / "key").write_text("secret")
        links = {
            "link.txt": f"{state}/key", "folder": state, "handlers.txt": "game.py", "settings.txt": "bridge.toml",
            "static/link.txt": f"../{state}/key", "env.txt": ".env", "assets/git": "../.git",
        }  # fmt: skip
        for name, to in links.items():
            (tmp_path / name).symlink_to(to)
        os.link(tmp_path / "game.py", tmp_path / "other.py")
        os.link(tmp_path / state / "key", tmp_path / "key.txt")
        os.link(tmp_path / state / "sessions.sqlite3", tmp_path / "static" / "sessions.txt")
        os.link(tmp_path / "templates" / "a.txt", tmp_path / "template.txt")
        asked = [
            f"/{state}/key", f"/{state}", f"/{state}/", f"//{state}/key", f"/./{state}/key", f"/assets/../{state}/key",
            f"/%2e/{state}/key", f"/assets/%2e%2e/{state}/key", f"/{state}%2fkey", f"/{state.replace('.', '%2e')}/key",
            f"/assets/..%2f{state}%2fkey", f"/static/../{state}/key", f"/static/..%2f{state}/key", f"/{state}/key/",
            f"/{state}/sessions.sqlite3", "/.env", "/%2eenv", "/.git/a.txt", "/assets/.hidden/a.txt", "/game.py",
            "/bridge.toml", "/templates/a.txt", "/templates", "/templates/", "/other.py", "/__pycache__/",
            "/static/.env", f"/{state}/../.env", "/.", "/..", "/assets/..", "/..%2f", "/link.txt/", "/a%00b",
            f"/{'n' * 256}", f"/{'n/' * 2100}", "/.bridge%00", *(f"/{name}" for name in links), "/folder/key",
            "/folder/", "/assets/git/a.txt", "/key.txt", "/static/sessions.txt", "/template.txt",
        ]  # fmt: skip
        for path in asked:
            status, body = get(bridge, path)
            assert status in (404, 308), (path, status)  # 308: two slashes are one
            assert "secret" not in body, path
        assert requests.get(f"{bridge.url}//{state}/key", timeout=PATIENCE).status_code == 404
        for path, body in {
            "/": "home",
            "/index.html": "home",
            "/static/a.txt": "open",
            "/assets/img/a.txt": "open",
        }.items():
            assert get(bridge, path) == (200, body)


def test_a_link_is_followed_within_the_site_and_never_out_of_it(tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    (site / "pages").mkdir(parents=True)
    elsewhere.mkdir()
    for folder in (site / "pages", elsewhere, tmp_path):
        (folder / "shared.js").write_text("inside" if folder == site / "pages" else "secret")
    (site / "inside.js").symlink_to("pages/shared.js")
    (site / "also").symlink_to(site / "pages")
    (site / "static").symlink_to(elsewhere)
    (site / "out").symlink_to("../elsewhere")
    (site / "out.js").symlink_to(tmp_path / "shared.js")
    (site / "pages" / "index.html").symlink_to("../../shared.js")
    with Bridge("--demo", "--site", str(site)) as bridge:
        assert [get(bridge, path) for path in ("/inside.js", "/also/shared.js")] == [(200, "inside")] * 2
        for path in ("/static/shared.js", "/out/shared.js", "/out", "/out/", "/out.js", "/pages/", "/pages/index.html"):
            status, body = get(bridge, path)
            assert (path, status) == (path, 404)
            assert "secret" not in body
        assert "outside" in bridge.said("'out.js'")  # the owner of the site can see why
        assert "static" in bridge.said("leads out of")  # at start


def test_the_static_folder_beside_a_handlers_file_serves_nothing_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "static" / "link.txt").symlink_to("../secret.txt")
    (tmp_path / "static" / ".env").write_text("secret")
    (tmp_path / "static" / "open.txt").write_text("open")
    (tmp_path / "game.py").write_text(HANDLERS)
    os.link(tmp_path / "game.py", tmp_path / "static" / "game.txt")
    with Bridge("--demo", "--handlers", str(tmp_path / "game.py")) as bridge:
        assert get(bridge, "/static/open.txt") == (200, "open")
        for name in ("link.txt", ".env", "game.txt", "n" * 256, "n" * 300, "a%00b", "%ff"):
            status, body = get(bridge, f"/static/{name}")
            assert (name, status) == (name, 404)
            assert "secret" not in body


KEY = "-----BEGIN RSA PRIVATE KEY-----\nsecret\n-----END RSA PRIVATE KEY-----\n"


def test_keys_and_certificates_that_lie_in_a_site_are_not_served(tmp_path: Path) -> None:
    names = ("server.key", "cert.pem", "cert.CRT", "store.p12", "store.pfx", "store.jks", "id_rsa", "notes.txt")
    for name in names:
        (tmp_path / name).write_text(KEY if name in ("id_rsa", "notes.txt") else "secret")
    (tmp_path / "both.txt").write_text(f"a secret\r\n{KEY}")
    (tmp_path / "key.html").symlink_to("server.key")
    (tmp_path / "jose.js").write_text("if (!text.startsWith('-----BEGIN PRIVATE KEY-----')) throw open")
    with Bridge("--demo", "--site", str(tmp_path)) as bridge:
        for name in (*names, "both.txt", "key.html"):
            status, body = get(bridge, f"/{name}")
            assert (name, status) == (name, 404)
            assert "secret" not in body
        assert get(bridge, "/jose.js")[0] == 200
        assert "key" in bridge.said("'id_rsa'")


def test_code_that_handlers_may_import_and_copies_of_private_files_are_not_served(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    secret = (
        "helper.py",
        "lib/deep.py",
        "game.py~",
        "game.py.bak",
        "#game.py#",
        "bridge.toml.save",
        "__pycache__/a.pyc",
    )
    with serving(tmp_path) as bridge:
        (tmp_path / "__pycache__").mkdir(exist_ok=True)
        for name in secret:
            (tmp_path / name).write_text("secret")
        for name in secret:
            status, body = get(bridge, "/" + name.replace("#", "%23"))
            assert (name, status) == (name, 404)
            assert "secret" not in body


def test_settings_that_lie_in_a_site_are_not_served_though_they_are_not_in_use(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text("secret")
    (tmp_path / "main.py").write_text("open")  # no handlers are beside it: a page for Python in the browser
    with Bridge("--demo", "--site", str(tmp_path)) as bridge:
        assert get(bridge, "/bridge.toml")[0] == 404
        assert get(bridge, "/main.py") == (200, "open")


@pytest.mark.parametrize("site", [".", "page"])
def test_a_state_folder_in_a_site_is_warned_of_at_start(tmp_path: Path, site: str) -> None:
    (tmp_path / "page").mkdir()
    with serving(tmp_path, "--site", site) as bridge:
        bridge.said("= connected")
        warned = [line for line in bridge.log.entries if "--state-dir" in line]
        assert [str(tmp_path / ".bridge") in line for line in warned] == ([True] if site == "." else [])


def test_a_site_within_the_state_folder_is_refused_at_start(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    done = run_app("--demo", "--site", str(tmp_path / "page"), "--state-dir", str(tmp_path), "--check")
    assert done.returncode == 2
    assert "--state-dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_site_serves_is_kept_by_browsers_and_sent_in_part(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("0123456789")
    with Bridge("--demo", "--site", str(tmp_path)) as bridge:
        url = f"{bridge.url}/a.html"
        whole = requests.get(url, timeout=PATIENCE)
        assert whole.headers["Content-Type"] == "text/html; charset=utf-8"
        assert whole.headers["Content-Length"] == "10"
        for name, value in (
            ("If-None-Match", whole.headers["ETag"]),
            ("If-Modified-Since", whole.headers["Last-Modified"]),
        ):
            again = requests.get(url, headers={name: value}, timeout=PATIENCE)
            assert (again.status_code, again.text) == (304, "")
        part = requests.get(url, headers={"Range": "bytes=2-4"}, timeout=PATIENCE)
        assert (part.status_code, part.text) == (206, "234")
        assert requests.head(url, timeout=PATIENCE).headers["Content-Length"] == "10"


def test_a_site_whose_own_folder_is_hidden_is_served(tmp_path: Path) -> None:
    site = tmp_path / ".local" / "site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("home")
    with Bridge("--demo", "--site", str(site)) as bridge:
        assert [get(bridge, path) for path in ("/", "/index.html")] == [(200, "home")] * 2


def test_a_site_without_index_html_says_so_and_what_to_do(tmp_path: Path) -> None:
    site = tmp_path / "my <game>"
    (site / "images").mkdir(parents=True)
    (site / "game.html").write_text("the game")
    (site / ".secret.html").write_text("secret")
    with Bridge("--demo", "--site", str(site)) as bridge:
        line = bridge.said("has no index.html")
        assert str(site) in line
        assert "game.html" in line
        assert "secret" not in line
        status, body = get(bridge, "/")
        assert status == 404
        assert "my &lt;game&gt;" in body
        assert "index.html" in body
        assert 'href="/bridge/"' in body
        assert str(tmp_path) not in body
        assert "game.html" not in body  # what there is, is not told
        assert "my &lt;game&gt;/images" in get(bridge, "/images/")[1]
        assert get(bridge, "/game.html") == (200, "the game")
        (site / "index.html").write_text("home")
        assert get(bridge, "/") == (200, "home")


def test_a_site_with_index_html_is_no_news(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("home")
    with Bridge("--demo", "--site", str(tmp_path)) as bridge:
        assert get(bridge, "/") == (200, "home")
        assert not [line for line in bridge.log.entries if "index.html" in line]
