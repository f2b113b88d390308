"""Write what is printed about settings: the help, the output of --check, why a bridge does not start.

Everything is made from the settings' own lines and values. Must not know a setting by
name, except the pair of the demo and the server.

Use: `say(complaint(error), sys.stderr)`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from itertools import groupby

from bridge.config.fields import Setting
from bridge.config.sources import COMMANDS, printable
from bridge.errors import SettingsError, StartError

__all__ = ["complaint", "describe", "help_text", "toml"]

_INTRODUCTION = """\
usage: .venv/bin/python app.py [--flag VALUE ...]
       .venv/bin/bridge [--flag VALUE ...]          where pip has installed it

Every setting is a flag, a BRIDGE_ variable and a key of a TOML file: --log-level,
BRIDGE_LOG_LEVEL and log_level. Flags win over variables, variables over the file."""

_INDENT = 31


def toml(value: object) -> str:
    """Write a setting's value as TOML. None, which TOML lacks, becomes an empty text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(toml(item) for item in value)}]"
    if isinstance(value, int | float):
        return str(value).removesuffix(".0")
    return f'"{_escaped("" if value is None else str(value))}"'


def _escaped(text: str) -> str:
    """Escape the inside of a TOML basic string. Surrogates, from paths that are not UTF-8, stay visible as escapes."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _plain(value: object) -> str:
    """Write a default as the help shows it."""
    if value is None or value == ():
        return "none"
    return toml(value).strip('"')


def help_text(settings: Mapping[str, Setting]) -> str:
    """Write what --help prints: every flag in its group, with its default and its variable."""
    blocks = [_INTRODUCTION]
    for heading, group in groupby(settings.values(), key=lambda item: item.heading):
        blocks.append("\n".join([f"{heading}:", *(_help_entry(item) for item in group)]))
    commands = (_entry(f"--{name} {metavar}", help) for name, (metavar, help) in COMMANDS.items())
    blocks.append("\n".join(["Besides:", *commands]))
    return "\n\n".join(blocks)


def _help_entry(item: Setting) -> str:
    flag = item.flag if item.kind.switch else f"{item.flag} {item.kind.metavar}"
    return f"{_entry(flag, item.help)}\n{' ' * _INDENT}[{item.variable}, default {_plain(item.default)}]"


def _entry(flag: str, text: str) -> str:
    """Write a flag and what it does side by side, or one below the other if the flag is long."""
    lines = textwrap.wrap(text, 90 - _INDENT, break_on_hyphens=False)
    head = f"  {flag}".ljust(_INDENT - 1)
    first = f"{head} {lines.pop(0)}" if len(head) < _INDENT else head
    return "\n".join([first, *(" " * _INDENT + line for line in lines)])


def describe(settings: Mapping[str, Setting], values: Mapping[str, object], origins: Mapping[str, str]) -> str:
    """Write every setting with its value and origin, aligned. The whole is a TOML file that gives the same settings."""
    lines = {name: f"{name:<{_widest(settings)}} = {toml(values[name])}" for name in settings}
    for item in settings.values():
        if item.kind.secret and values[item.name] is not None:
            lines[item.name] = f"# {item.name} is set, and not shown"
    if values.get("demo"):
        lines["server"] = f"# {lines['server']}, not used: the demo server is"
    width = min(60, _widest(lines.values()))
    return "\n\n".join(
        "\n".join([f"# {heading}", *(f"{lines[i.name]:<{width}}  # {printable(origins[i.name])}" for i in group)])
        for heading, group in groupby(settings.values(), key=lambda item: item.heading)
    )


def _widest(texts: Iterable[str]) -> int:
    return max(len(text) for text in texts)


def complaint(error: StartError) -> str:
    """Write why the bridge does not start: of settings all problems, as one block."""
    if not isinstance(error, SettingsError):
        return f"bridge: {error}"
    count = "1 problem" if len(error.problems) == 1 else f"{len(error.problems)} problems"
    lines = [f"bridge: {count} in the settings:", *(f"  {problem}" for problem in error.problems)]
    return "\n".join([*lines, "See --help."])
