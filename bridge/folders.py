"""Say what the settings mean for files and folders: what is never served, and which folders can't be used as they are.

It sees more than one side, as wiring.py does. Must not read a file.

Use: `folders.check(settings)`; `create_app(root, page, folders.private(settings))`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from bridge.config import GROUPS, Settings
from bridge.errors import SettingsError
from bridge.state_store import check_owners
from bridge.web import Private

__all__ = ["check", "private", "warnings"]


def private(settings: Settings) -> Private:
    """Say what is never served: the state, the settings, every file that a setting names, handlers and what is theirs.

    Templates beside a handlers file may hold more than a page shows.
    """
    site, handlers = settings.web.site, settings.relay.handlers
    beside = [path.resolve().parent / name for path in handlers for name in ("templates", "__pycache__")]
    if site is not None:  # unless such a folder is itself the site
        beside = [folder for folder in beside if not site.resolve().is_relative_to(folder)]
    return Private(
        paths=(_state_folder(settings), *_files(settings), *beside),
        code=tuple(path.resolve().parent for path in handlers),
        names=("bridge.toml",),
    )


def _files(settings: Settings) -> Iterator[Path]:
    """Yield the settings' file, and every one that a setting names: all paths among them but the site."""
    if settings.file is not None:
        yield settings.file
    for name, value in chain.from_iterable(getattr(settings, place) for place in GROUPS):
        paths = value if isinstance(value, tuple) else (value,)
        yield from (path for path in paths if isinstance(path, Path) and name != "site")


def check(settings: Settings) -> None:
    """Raise StateError if the state is not the bridge's own; SettingsError if nothing of the site could be served."""
    site, state = settings.web.site, _state_folder(settings)
    if site is not None and site.resolve().is_relative_to(state.resolve()):
        raise SettingsError([f"--site {site}: lies in the state folder, which is never served; --state-dir is another"])
    if settings.recovery.recovery == "on":
        check_owners(state)


def warnings(settings: Settings) -> Iterator[str]:
    """Yield what is valid and unwise, a line each."""
    site, state = settings.web.site, _state_folder(settings)
    if site is not None and state.resolve().is_relative_to(site.resolve()):
        yield f"the state folder {state} lies in the site; it is not served, but --state-dir can put it elsewhere"


def _state_folder(settings: Settings) -> Path:
    return Path(settings.recovery.state_dir).absolute()
