"""`--site`: a folder is served, but nothing hidden in it and nothing of the bridge's own, by whatever name."""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.process import Bridge
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
        asked = [
            f"/{state}/key", f"/{state}", f"/{state}/", f"//{state}/key", f"/./{state}/key", f"/assets/../{state}/key",
            f"/%2e/{state}/key", f"/assets/%2e%2e/{state}/key", f"/{state}%2fkey", f"/{state.replace('.', '%2e')}/key",
            f"/assets/..%2f{state}%2fkey", f"/static/../{state}/key", f"/static/..%2f{state}/key", f"/{state}/key/",
            f"/{state}/sessions.sqlite3", "/.env", "/%2eenv", "/.git/a.txt", "/assets/.hidden/a.txt", "/game.py",
            "/bridge.toml", "/templates/a.txt", "/templates", "/templates/", "/other.py", "/__pycache__/",
            "/static/.env", f"/{state}/../.env", "/.", "/..", "/assets/..", "/..%2f", "/link.txt/", "/a%00b",
            f"/{'n' * 256}", f"/{'n/' * 2100}", "/.bridge%00", *(f"/{name}" for name in links), "/folder/key",
            "/folder/", "/assets/git/a.txt",
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


def test_a_link_to_a_harmless_file_is_served(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "shared.js").write_text("shared")
    (site / "shared.js").symlink_to("../shared.js")
    with Bridge("--demo", "--site", str(site)) as bridge:
        assert get(bridge, "/shared.js") == (200, "shared")


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
