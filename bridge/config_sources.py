"""Where settings come from: a TOML file, BRIDGE_… variables, flags.

Each reader returns a `Source`: what was given, still raw, in words that can be shown to
whoever wrote it, and every name that is none, with the nearest right one. What a value
may be is not looked at here. A reader never stops at the first problem, which is why the
flags are not argparse's.

Use: `read_flags(sys.argv[1:], SETTINGS).given`.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.config_fields import PREFIX, Setting

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["COMMANDS", "Given", "Source", "read_environment", "read_file", "read_flags", "shown"]

#: Flags that are no settings -> what stands for their value ("" for none) and what they do.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "config": ("FILE", "read settings from this TOML file; none is read unless named"),
    "check": ("", "validate the settings, print them with their origin, and exit"),
    "version": ("", "print the version and exit"),
    "help": ("", "print this and exit"),
}

_LONGEST = 75


def shown(value: object) -> str:
    """A value on one line: characters that don't print as escapes, shortened to 75."""
    text = str(value)
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)


@dataclass(frozen=True)
class Given:
    """One value from one source. `written(value)`: as its author wrote it; `base`: where its paths start."""

    name: str
    value: object
    origin: str
    written: Callable[[object], str]
    base: Path = Path()

    @property
    def source(self) -> str:
        """Which kind of source: `file`, `environment` or `flag`."""
        return self.origin.partition(" ")[0]


@dataclass
class Source:
    """What one source gave, in its order, and what in it was no setting."""

    given: list[Given] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)


def read_file(file: str, settings: Mapping[str, Setting]) -> Source:
    """The settings in a TOML file, and one problem if it can't be read. "" is no file."""
    source = Source()
    try:
        content = _toml(_path(file).read_bytes()) if file else {}
    except OSError as error:
        source.problems.append(f"{shown(file)}: this settings file can't be read: {error.strerror}")
    except ValueError as error:
        source.problems.append(f"{shown(file)}: {error}")
    else:
        for key, value in content.items():
            _take_key(source, file, key, value, settings)
    return source


def _path(file: str) -> Path:
    return Path(os.path.expanduser(file))


def _toml(content: bytes) -> dict[str, object]:
    """TOML text as a dict. Raises ValueError with line and reason. A byte order mark does no harm."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: this is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        found = re.match(r"line (\d+)", place)
        line = int(found[1]) if found else content.count(b"\n") + 1
        raise ValueError(f"line {line}: this is not TOML: {reason or error}") from None
    except RecursionError:
        raise ValueError("this is nested too deeply; settings are plain lines such as port = 8080") from None


def _take_key(source: Source, file: str, key: str, value: object, settings: Mapping[str, Setting]) -> None:
    name = shown(key)
    if key in settings:
        items = [value] if value else []
        value = items if settings[key].kind.many and isinstance(value, str) else value
        base = _path(file).parent.absolute()
        origin, written = f"file {file}", lambda part: f"{name} = {_as_toml(part)} in {shown(file)}"
        source.given.append(Given(key, value, origin, written, base))
    elif isinstance(value, dict):
        advice = "settings are written without tables, such as port = 8080"
        source.problems.append(f"[{name}] in {shown(file)}: {advice}")
    else:
        near = _nearest(key, settings, lambda name: name)
        source.problems.append(f"{name} in {shown(file)}: there is no such setting; {near}")


def _as_toml(value: object) -> str:
    """A value about as it stood in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 64:
        return "a number of over 64 bits"  # Python refuses to write very long ones
    return f'"{shown(value)}"' if isinstance(value, str) else shown(value)


def read_environment(environ: Mapping[str, str], settings: Mapping[str, Setting]) -> Source:
    """The settings in BRIDGE_… variables. A list's items are separated by commas."""
    source = Source()
    variables = {setting.variable: setting for setting in settings.values()}
    for variable, text in sorted(environ.items()):
        if variable == PREFIX + "CONFIG":
            source.commands["config"] = text
        elif variable in variables:
            source.given.append(_from_variable(variables[variable], text))
        elif variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX)
            near = _nearest(name, settings, lambda name: PREFIX + name.upper())
            source.problems.append(f"{shown(variable)}: there is no such setting; {near}")
    return source


def _from_variable(setting: Setting, text: str) -> Given:
    items = [item.strip() for item in text.split(",") if item.strip()]
    value = items if setting.kind.many else text
    origin, written = f"environment {setting.variable}", lambda part: f"{setting.variable}={shown(part)}"
    return Given(setting.name, value, origin, written)


def read_flags(argv: Sequence[str], settings: Mapping[str, Setting]) -> Source:
    """The settings in flags, `--name value` or `--name=value`. Of two the later counts; lists add up."""
    source = Source()
    texts: dict[str, list[str]] = {}
    for name, text in _scan(argv, settings, source.problems):
        texts.setdefault(name, []).append(text)
    for name, values in texts.items():
        if name in COMMANDS:
            source.commands[name] = values[-1]
        else:
            source.given.extend(_from_flags(settings[name], values))
    return source


def _from_flags(setting: Setting, texts: list[str]) -> Iterator[Given]:
    """One Given for a list's flags together, else one each, so that none goes unread."""

    def written(part: object) -> str:
        return setting.flag if setting.kind.switch and part == "true" else f"{setting.flag}={shown(part)}"

    for value in [[text for text in texts if text]] if setting.kind.many else texts:
        yield Given(setting.name, value, f"flag {setting.flag}", written)


def _scan(argv: Sequence[str], settings: Mapping[str, Setting], problems: list[str]) -> Iterator[tuple[str, str]]:
    """Each flag's name with its text; what is no flag, or lacks its value, goes to `problems`."""
    flags = {setting.flag: setting.name for setting in settings.values()}
    flags |= {f"--{name}": name for name in COMMANDS}
    words = deque("--help" if word == "-h" else word for word in argv)
    while words:
        flag, equals, text = words.popleft().partition("=")
        name = flags.get(flag)
        if name is None:
            problems.append(_unknown_flag(flag, settings))
            if flag.startswith("-") and not equals and _value_follows(words):
                words.popleft()
        elif equals:
            yield name, text
        elif settings[name].kind.switch if name in settings else not COMMANDS[name][0]:
            yield name, "true"
        elif _value_follows(words):
            yield name, words.popleft()
        else:
            wants = settings[name].kind.wants if name in settings else "a file"
            problems.append(f"{flag}: has no value; needs {wants}")


def _value_follows(words: deque[str]) -> bool:
    """Whether the next word is a value. One that starts with `-` can be: `--framing-in -`, `--port -1`."""
    return bool(words) and not re.match(r"--[A-Za-z]", words[0])


def _unknown_flag(flag: str, settings: Mapping[str, Setting]) -> str:
    if not flag.startswith("-"):
        return f"{shown(flag)}: is no flag, and belongs to none; --help shows them all"
    near = _nearest(flag, settings, lambda name: "--" + name.replace("_", "-"))
    return f"{shown(flag)}: there is no such setting; {near}"


def _nearest(wrong: str, settings: Mapping[str, Setting], spell: Callable[[str], str]) -> str:
    """`did you mean …?` for a wrong name, spelled as its source spells names."""
    wanted = wrong[:_LONGEST].strip("-").replace("-", "_").lower()
    if wanted in COMMANDS and not wrong.startswith("-"):
        return f"it is no setting but a flag, --{wanted}"
    names = [*settings, *COMMANDS] if wrong.startswith("-") else [*settings]
    longer = [name for name in names if wanted and name.startswith(wanted)]
    near = difflib.get_close_matches(wanted, longer or names, n=1, cutoff=0.0 if longer else 0.6)
    return f"did you mean {spell(near[0])}?" if near else "--help shows them all"
