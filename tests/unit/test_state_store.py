"""The key and who is who outlive the process, are nobody else's, and a disk that is full ends nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bridge import state_store as module
from bridge.errors import StateError
from bridge.state_store import StateStore


def opened(folder: Path) -> StateStore:
    state = StateStore(folder)
    state.open()
    return state


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    key = StateStore(folder).key()
    assert len(key) >= 32
    assert StateStore(folder).key() == key
    assert StateStore(tmp_path / "other").key() != key
    assert (mode(folder), mode(folder / "key")) == (0o700, 0o600)
    assert [path.name for path in folder.iterdir()] == ["key"]


def test_a_folder_and_a_key_that_others_may_read_are_closed_to_them(tmp_path: Path) -> None:
    state = StateStore(tmp_path)
    state.key()
    os.chmod(tmp_path, 0o755)
    os.chmod(tmp_path / "key", 0o644)
    state.key()
    assert (mode(tmp_path), mode(tmp_path / "key")) == (0o700, 0o600)


def test_who_registered_is_known_after_a_restart(tmp_path: Path) -> None:
    before = opened(tmp_path)
    before.remember("s1", "ann")
    before.remember("s2", "böb")
    before.remember("s1", "eve")
    before.remember("s3", "carl")
    before.remember("s3", None)
    assert {path.name: mode(path) for path in tmp_path.iterdir()} == {
        f"sessions.sqlite3{end}": 0o600 for end in ("", "-wal", "-shm")
    }
    before.close()
    before.close()
    after = opened(tmp_path)
    assert [after.recall(session) for session in ("s1", "s2", "s3", "s4")] == ["eve", "böb", None, None]
    assert mode(tmp_path / "sessions.sqlite3") == 0o600
    after.close()


def test_two_bridges_may_share_a_folder(tmp_path: Path) -> None:
    one, two = opened(tmp_path), opened(tmp_path)
    one.remember("s1", "ann")
    two.remember("s2", "bob")
    assert (one.recall("s2"), two.recall("s1")) == ("bob", "ann")
    one.close()
    two.close()


def test_sessions_are_bounded_and_those_heard_of_last_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 100)
    state = opened(tmp_path)
    for number in range(2048):
        state.remember(f"s{number}", "ann")
    assert state.recall("s2047") == "ann"
    assert state.recall("s1500") is None
    state.close()


def test_old_sessions_are_forgotten_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = opened(tmp_path)
    state.remember("s1", "ann")
    state.close()
    monkeypatch.setattr(module, "KEPT", -1)
    state = opened(tmp_path)
    assert state.recall("s1") is None
    state.close()


@pytest.mark.parametrize("bad", [b"", b"short"])
def test_a_key_file_without_a_key_is_said_and_not_used(
    bad: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key").write_bytes(bad)
    assert len(StateStore(tmp_path).key()) >= 32
    assert f"{tmp_path / 'key'} has no key in it" in caplog.text
    assert (tmp_path / "key").read_bytes() == bad


def test_a_full_disk_is_one_line_and_the_bridge_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "key"))

    monkeypatch.setattr(os, "link", full)
    state = StateStore(tmp_path)
    assert state.key() != state.key()
    assert f"No space left on device: {tmp_path / 'key'}" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_t_be_made_is_said_and_sessions_live_as_long_as_the_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    state = opened(tmp_path / "file" / "state")
    assert len(state.key()) >= 32
    state.remember("s1", "ann")
    assert state.recall("s1") == "ann"
    assert caplog.text.count("after a restart of the bridge") == 2
    state.close()


def test_a_store_that_is_no_database_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "sessions.sqlite3").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    state = opened(tmp_path)
    state.remember("s1", "ann")
    assert state.recall("s1") == "ann"
    assert "sessions.sqlite3" in caplog.text
    state.close()


def test_on_a_full_disk_who_registers_anew_is_not_who_it_was_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = opened(tmp_path)
    state.remember("s1", "ann")
    state.remember("s3", "eve")
    assert state._users is not None
    pages = state._users.execute("PRAGMA page_count").fetchone()[0]
    state._users.execute(f"PRAGMA max_page_count = {pages}")
    state.remember("s1", "b" * 100_000)
    state.remember("s2", "c" * 100_000)
    assert state.recall("s1") == "b" * 100_000
    assert state.recall("s2") == "c" * 100_000
    assert state.recall("s3") == "eve"
    state.remember("s2", None)
    assert state.recall("s2") is None
    assert caplog.text.count("may not be known after a restart") == 1
    state.remember("s1", "ann")
    assert state.recall("s1") == "ann"
    state.close()


def test_what_can_not_be_written_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    state = opened(tmp_path)
    assert state._users is not None
    state._users.execute("PRAGMA query_only = ON")
    for number in range(50):
        state.remember(f"s{number}", "ann")
    assert [state.recall(f"s{number}") for number in (39, 40, 49)] == [None, "ann", "ann"]
    assert len(state._unsaved) == 10
    state.close()


def test_without_a_store_nobody_is_known() -> None:
    state = StateStore(Path("nowhere"))
    state.remember("s1", "ann")
    assert state.recall("s1") is None
    assert not Path("nowhere").exists()


def test_a_folder_or_file_of_somebody_else_is_refused_and_one_that_is_not_there_is_not(tmp_path: Path) -> None:
    me = tmp_path.stat().st_uid
    module.check_owners(tmp_path / "none", trusted={me + 1})
    module.check_owners(tmp_path, trusted={me})
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for name in ("folder", "link"):
        with pytest.raises(StateError, match=f"{name} belongs to user {me}"):
            module.check_owners(tmp_path / name, trusted={me + 1})


def test_the_store_looks_again_when_it_opens_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise StateError(str(folder), 1)

    monkeypatch.setattr(module, "check_owners", refuse)
    for use in (StateStore(tmp_path).key, StateStore(tmp_path).open):
        with pytest.raises(StateError):
            use()
    assert list(tmp_path.iterdir()) == []
