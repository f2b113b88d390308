"""Find the user who is there under another name that looks the same.

As long as all names are ASCII nothing is looked up and nothing is kept. State only. Must not know who the users are.

Use: `looks.add(name, names)` for each name in `names`; then `looks.like(name)` is a list of those that look the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.skeleton import skeleton

__all__ = ["LookAlikes"]


class LookAlikes:
    """The looks of names, from the first on that is not ASCII."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, None]] | None = None  # skeleton -> the names that look so

    def add(self, name: str, there: Iterable[str]) -> None:
        """Note a name; `there`: all names that are there, for the first that is not ASCII."""
        if self._names is not None:
            self._note(self._names, name)
        elif not name.isascii():
            self._names = {}
            for one in there:
                self._note(self._names, one)

    def _note(self, names: dict[str, dict[str, None]], name: str) -> None:
        names.setdefault(skeleton(name), {})[name] = None

    def remove(self, name: str) -> None:
        """Forget a name that is not there any more."""
        if self._names is None:
            return
        look = skeleton(name)
        self._names[look].pop(name)
        if not self._names[look]:
            del self._names[look]

    def like(self, name: str) -> list[str]:
        """Return the other names that look as this one does. Two of ASCII alone are never alike, such as I1 and l1."""
        if self._names is None:
            return []
        alike = self._names.get(skeleton(name), ())
        plain = name.isascii()
        return [other for other in alike if other != name and not (plain and other.isascii())]
