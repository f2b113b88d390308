"""Keep what outlives a restart: the key that signs pids, and the user of each session.

They are two files in a folder (the data directory) that only its owner may read. If they can't be written, the log
says so once, and both live as long as the process. Must not know what a session is for.

Use: `state = StateStore(Path(".bridge")); state.key(); state.remember("session", "ann"); state.recall("session")`.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from bridge.errors import StateError

__all__ = ["StateStore", "check_owners"]

log = logging.getLogger("bridge")

KEY = 32  # bytes
TRIMMED = 1024  # writes after which there may be too many
MOST = 100_000  # sessions that are kept, the newest ones; 10 MB
KEPT = 86_400.0  # seconds since a session last registered, or was last seen

_SEEN = "INSERT INTO sessions VALUES (?, NULL, ?) ON CONFLICT (session) DO UPDATE SET heard = excluded.heard"


def check_owners(folder: Path, trusted: Collection[int] | None = None) -> None:
    """Raise StateError if the folder, a file in it, or a link in their place is somebody's who could forge sessions.

    `trusted`: ids of users, those of root and of this process if none are given.
    """
    trusted = {0, os.geteuid()} if trusted is None else trusted
    for path in (folder, *_files(folder)):
        for found in (path.lstat, path.stat):
            try:
                owner = found().st_uid
            except OSError:  # it is not there, or can't be read: whoever needs it says so
                break
            if owner not in trusted:
                raise StateError(str(path), owner)


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


class StateStore:
    """Keeps a key and sessions in `folder`, which is made when needed. Methods may be called from any thread."""

    def __init__(self, folder: Path, lifetime: float | None = None) -> None:
        """`lifetime`: for how many seconds after its last connection a session is kept; None for a day."""
        self._folder, self._lifetime = folder, KEPT if lifetime is None else lifetime
        self._lock = threading.Lock()
        self._users: sqlite3.Connection | None = None
        self._writes = 0
        self._said = False
        self._unsaved: dict[str, str | None] = {}  # what could not be written; it holds as long as the process

    def key(self) -> bytes:
        """Return the key in the folder; make one if there is none. If it can't be kept, it is only this process's."""
        file = self._folder / "key"
        try:
            self._make_folder()
            if not file.exists():
                _write_new(file, secrets.token_hex(KEY).encode())
            os.chmod(file, 0o600)
            key = file.read_bytes().strip()
            if len(key) >= KEY:
                return key
            reason = f"{file} has no key in it: delete it, and a new one is made"
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or file}"
        log.warning("! pages are not known after a restart of the bridge: %s (--state-dir is another folder)", reason)
        return secrets.token_hex(KEY).encode()

    def open(self) -> None:
        """Open the sessions of earlier processes; start with none if they can't be read."""
        file = self._folder / "sessions.sqlite3"
        try:
            self._make_folder()
            file.touch(mode=0o600)  # while it is empty: SQLite gives the files beside it the same mode
            os.chmod(file, 0o600)
            self._users = self._opened(str(file))
        except (OSError, sqlite3.Error) as error:
            log.warning("! who has registered is not known after a restart of the bridge: %s: %s", error, file)
            self._users = self._opened(":memory:")

    def remember(self, session: str, user: str | None) -> None:
        """Note the session's user; None forgets the session."""
        with self._lock:
            if self._users is None:
                return
            try:
                self._write(self._users, session, user)
            except sqlite3.Error as error:  # a full disk
                self._failed(error)
                self._unsaved[session] = user
                if len(self._unsaved) > MOST:
                    del self._unsaved[next(iter(self._unsaved))]
            else:
                self._unsaved.pop(session, None)

    def _write(self, users: sqlite3.Connection, session: str, user: str | None) -> None:
        if user is None:
            users.execute("DELETE FROM sessions WHERE session = ?", (session,))
            return
        users.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)", (session, user, time.time()))
        self._count(1)

    def _count(self, writes: int) -> None:
        before, self._writes = self._writes // TRIMMED, self._writes + writes
        if self._writes // TRIMMED > before:
            self._trim()

    def recall(self, session: str) -> str | None:
        """Return the session's user, or None."""
        with self._lock:
            if session in self._unsaved:
                return self._unsaved[session]
            user, heard = self._row(session)
        return user if heard >= time.time() - self._lifetime else None

    def seen(self, sessions: Sequence[str]) -> None:
        """Note that these sessions have, or had until now, a connection."""
        now = time.time()
        with self._lock:
            if self._users is None:
                return
            try:
                self._users.execute("BEGIN")
                self._users.executemany(_SEEN, [(session, now) for session in sessions])
                self._users.execute("COMMIT")
            except sqlite3.Error as error:
                self._failed(error)
                if self._users.in_transaction:
                    self._users.execute("ROLLBACK")
            self._count(len(sessions))

    def last_seen(self, session: str) -> float | None:
        """Return when the session was last noted, by time.time(), or None."""
        with self._lock:
            return self._row(session)[1] or None

    def _row(self, session: str) -> tuple[str | None, float]:
        row = None
        try:
            if self._users is not None:
                row = self._users.execute("SELECT user, heard FROM sessions WHERE session = ?", (session,)).fetchone()
        except sqlite3.Error as error:
            self._failed(error)
        return row or (None, 0.0)

    def close(self) -> None:
        """May be called twice."""
        with self._lock:
            users, self._users = self._users, None
            if users is not None:
                users.close()

    def _failed(self, error: sqlite3.Error) -> None:
        if not self._said:
            self._said = True
            log.warning("! who has registered may not be known after a restart of the bridge: %s", error)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_owners(self._folder)  # once more: somebody else may have made it just now
        os.chmod(self._folder, 0o700)

    def _opened(self, file: str) -> sqlite3.Connection:
        users = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=1.0)
        users.execute("PRAGMA journal_mode = WAL")
        # Safe when the process ends; a power cut may lose the last few, which is not worth a wait at each.
        users.execute("PRAGMA synchronous = OFF")
        users.execute("CREATE TABLE IF NOT EXISTS sessions (session TEXT PRIMARY KEY, user TEXT, heard REAL)")
        users.execute("CREATE INDEX IF NOT EXISTS by_heard ON sessions (heard)")
        users.execute("DELETE FROM sessions WHERE heard < ?", (time.time() - self._lifetime,))
        return users

    def _trim(self) -> None:
        assert self._users is not None
        self._users.execute("DELETE FROM sessions WHERE heard < ?", (time.time() - self._lifetime,))
        self._users.execute(
            "DELETE FROM sessions WHERE session IN"
            " (SELECT session FROM sessions ORDER BY heard DESC LIMIT -1 OFFSET ?)",
            (MOST,),
        )


def _write_new(file: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all: another bridge may start at the same moment."""
    half = file.with_name(f"key.{os.getpid()}")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(data)
        os.link(half, file)  # unlike a rename, this never replaces a file that another bridge has just made
    except FileExistsError:
        pass
    finally:
        half.unlink(missing_ok=True)
