"""files.py: which files of a folder are opened, and what of the others the log is told."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from bridge.web.files import Private, Served

KEY = "-----BEGIN PRIVATE KEY-----\n"


def read(served: Served, folder: Path, path: str) -> str | None:
    file = served.open(folder, path)
    if file is None:
        return None
    with file:
        return file.read().decode()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a file `a/b.txt`, and a file beside it."""
    (tmp_path / "site" / "a").mkdir(parents=True)
    (tmp_path / "site" / "a" / "b.txt").write_text("b")
    (tmp_path / "outside.txt").write_text("outside")
    return tmp_path / "site"


@pytest.mark.parametrize("path", ["a/b.txt", "a//b.txt", "/a/b.txt"])
def test_a_file_is_opened_by_its_path(site: Path, path: str) -> None:
    found = read(Served(Private()), site, path)
    assert found == (None if path.startswith("/") else "b")


@pytest.mark.parametrize(
    "path",
    ["", "a", "a/", "a/b.txt/", "a/b.txt/c", "c", "../outside.txt", "a/../a/b.txt", "./a", "a/\0", "n" * 256, "\udcff"],
)
def test_what_is_no_file_within_is_none(site: Path, path: str) -> None:
    assert read(Served(Private()), site, path) is None


@pytest.mark.parametrize(("path", "wanted"), [("", True), ("a", True), ("a/", True), ("a/b.txt", False), ("c", False)])
def test_a_folder_is_told_from_a_file(site: Path, path: str, wanted: bool) -> None:
    assert Served(Private()).is_folder(site, path) is wanted


def test_a_pipe_is_no_file_and_nobody_waits_for_it(site: Path) -> None:
    os.mkfifo(site / "pipe")
    assert read(Served(Private()), site, "pipe") is None


def test_a_folder_that_becomes_a_link_after_it_was_looked_at_is_not_followed(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = os.path.realpath

    def look_and_swap(path: str | Path, *, strict: bool = False) -> str:
        real = looked(path, strict=strict)
        if real.endswith("b.txt"):
            (site / "a").rename(site / "c")
            (site / "a").symlink_to("c")
        return real

    monkeypatch.setattr(os.path, "realpath", look_and_swap)
    assert read(Served(Private()), site, "a/b.txt") is None


def test_no_descriptor_stays_open_for_what_is_not_served(site: Path) -> None:
    served = Served(Private((site / "a",)))
    before = len(os.listdir("/proc/self/fd"))
    for path in ("a/b.txt", "a", "", "c", "a/b.txt/c"):
        served.open(site, path)
        served.is_folder(site, path)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("head", ["", "Bag Attributes\n  a: b\n", "x\r\n"])
@pytest.mark.parametrize("kind", ["", "RSA ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_is_told_by_its_first_line(site: Path, head: str, kind: str) -> None:
    (site / "k").write_text(head + KEY.replace("PRIVATE", f"{kind}PRIVATE"))
    assert read(Served(Private()), site, "k") is None
    (site / "k").write_text(head + f'"{KEY}"')
    assert read(Served(Private()), site, "k") is not None


def test_the_log_is_told_why_once_for_each_file_and_of_twenty_at_most(
    site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served(Private())
    for number in range(40):
        (site / f"{number}.pem").touch()
    for number in (*range(40), *range(40)):
        served.open(site, f"{number}.pem")
    served.open(site, ".env")
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(lines) == len(set(lines)) == 20
    assert "'0.pem'" in lines[0]


def test_private_files_are_known_by_what_they_are_and_copies_by_their_names(site: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "key").write_text("key")
    os.link(state / "key", site / "x.txt")
    served = Served(Private((state, tmp_path / "game.py"), names=("bridge.toml",)))
    assert read(served, site, "x.txt") is None
    assert read(served, site, "a/b.txt") == "b"
    (tmp_path / "game.py").touch()
    for name in ("game.py~", "#game.py#", "game.py", "bridge.toml.bak"):
        (site / name).touch()
        assert read(served, site, name) is None
    (site / "game.html").touch()
    assert read(served, site, "game.html") == ""


def test_python_files_are_code_only_beneath_a_folder_of_handlers(site: Path) -> None:
    (site / "a" / "m.py").write_text("m")
    assert read(Served(Private(code=(site,))), site, "a/m.py") is None
    assert read(Served(Private(code=(site.parent,))), site, "a/m.py") == "m"
