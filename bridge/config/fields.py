"""Declare a setting in one line of a group, and read it back as users see it.

`setting(…)` stands after the `=` of a group's line; `settings_of(group)` reads
the lines back: name, flag, variable, default, help, reason. Must not know which
settings there are.

Use: `class Web(Group, frozen=True): port: ListenPort = setting(8080, "the port to listen on", "needs no rights")`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from bridge.config.values import Kind, UnitHint

__all__ = ["PREFIX", "Group", "Setting", "setting", "settings_of"]

#: What the names of all variables start with.
PREFIX = "BRIDGE_"

T = TypeVar("T")


class Group(BaseModel, frozen=True, extra="forbid"):
    """Settings that belong together. Frozen; its docstring's first line is its heading."""


def setting(default: T, help: str, reason: str) -> T:
    """Declare one setting. `help`: what it does; `reason`: why `default` is the default."""
    return Field(default, description=help, json_schema_extra={"reason": reason})


@dataclass(frozen=True)
class Setting:
    """One setting as users see it."""

    name: str
    group: type[Group]
    kind: Kind
    default: object
    help: str
    reason: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def heading(self) -> str:
        return (self.group.__doc__ or "").partition("\n")[0]

    def parse(self, value: object, base: Path) -> object:
        """Return `value` as the tree holds it. Relative paths start at `base`. Raises ValidationError."""
        group = self.group.model_validate({self.name: value}, context=base)
        parsed: object = getattr(group, self.name)
        return parsed

    def problems(self, error: ValidationError, value: object) -> Iterator[tuple[object, str]]:
        """Yield each bad value that `parse` found (of a list the bad items only), with what would do."""
        for found in error.errors(include_url=False):
            item = found["loc"][-1]
            cause = found.get("ctx", {}).get("error")
            bad = value[item] if isinstance(item, int) and isinstance(value, list) else value
            needs = f"needs {self.kind.wants}"
            yield bad, f"{cause}; {needs}" if isinstance(cause, UnitHint) else str(cause or "") or needs


def settings_of(group: type[Group]) -> Iterator[Setting]:
    """Yield the settings that a group declares, in its order."""
    for key, field in group.model_fields.items():
        extra = field.json_schema_extra
        reason = extra.get("reason") if isinstance(extra, dict) else None
        yield Setting(key, group, _kind(field), field.default, field.description or "", str(reason or ""))


def _kind(field: FieldInfo) -> Kind:
    """Return the Kind in the field's type; a choice of words makes its own."""
    words = [str(word) for word in get_args(field.annotation)]
    choice = Kind("|".join(words), f"{', '.join(words[:-1])} or {words[-1]}" if words else "")
    return next((item for item in field.metadata if isinstance(item, Kind)), choice)
