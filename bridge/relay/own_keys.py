"""Tell which keys of clients' objects a server might take for the bridge's own.

A server may ignore case, white space or what is behind a NUL, or convert names to one form. Keys of clients repeat, so
those that were found free are remembered. Must not know messages.

Use: `own = OwnKeys({"username"}); own.meant_by("UserName")` is "username"; `own.are_free`, of an object, is quick.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.names import MAX_NAME
from bridge.skeleton import skeleton
from bridge.visible import without_unseen

__all__ = ["OwnKeys"]

MOST_FREE = 1024  # keys that are remembered as free, of MAX_NAME characters at most
MOST_LOOKS = 4096  # characters


class OwnKeys:
    """The bridge's own keys. `shared`: others of its own, which clients may use too, but in no other form."""

    def __init__(self, own: Iterable[str], shared: Iterable[str] = ()) -> None:
        self._own = frozenset(own)
        self._plain = {_plain(key): key for key in self._own}
        self._shared = frozenset(key for key in shared if _plain(key) not in self._plain)
        self._plain |= {_plain(key): key for key in self._shared}
        self._look = _Looks()
        self._looks = {plain.translate(self._look): key for plain, key in self._plain.items()}
        self._free: set[str] = set()
        #: Whether all keys of an object have been found free; False for those that were not looked at yet.
        self.are_free = self._free.issuperset

    def meant_by(self, key: str) -> str | None:
        """Return the bridge's own key for which a server might take this one; None if there is none."""
        if key in self._free:
            return None
        if key in self._own:
            return key
        meant = None
        if key not in self._shared:
            meant = self._meant(key) or ("\0" in key and self._meant(key.partition("\0")[0])) or None
        if meant is None and len(key) <= MAX_NAME:
            self._remember(key)
        return meant

    def _meant(self, key: str) -> str | None:
        if len(key) > MAX_NAME:
            return None  # no server has such a name for it, and to look at it would take long
        plain = _plain(key)
        return self._plain.get(plain) or (None if plain.isascii() else self._looks.get(plain.translate(self._look)))

    def _remember(self, key: str) -> None:
        if len(self._free) >= MOST_FREE:
            self._free.clear()
        self._free.add(key)


class _Looks(dict[int, str]):
    """What each character looks like, whatever its case, for `str.translate`: a text is looked at in linear time."""

    def __missing__(self, code: int) -> str:
        if len(self) >= MOST_LOOKS:
            self.clear()
        self[code] = look = skeleton(chr(code)).casefold()
        return look


def _plain(key: str) -> str:
    """Return the key as a server would read it that ignores case, white space, and characters that nobody sees."""
    return (key if key.isascii() and key.isprintable() else without_unseen(key)).casefold().strip()
