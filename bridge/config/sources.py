"""Read settings from a TOML file, BRIDGE_… variables and flags.

Each reader returns a `Source`: the raw values, each with the words to show it to its
author, and every unknown name with the nearest right one. Must not know what a value
may be. A reader never stops at the first problem, which is why argparse does not read
the flags.

Use: `read_flags(sys.argv[1:], SETTINGS).given`.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bridge.config.fields import PREFIX, Setting
from bridge.config.values import Kind

__all__ = ["COMMANDS", "Given", "Source", "printable", "read_environment", "read_file", "read_flags", "shown"]

#: Flags that are no settings -> (the word for their value, "" if they take none; what they do).
COMMANDS: Mapping[str, tuple[str, str]] = {
    "config": ("FILE", "read settings from this TOML file; none is read unless named"),
    "check": ("", "validate the settings, print them with their origin, and exit"),
    "version": ("", "print the version and exit"),
    "help": ("", "print this and exit"),
}

_LONGEST = 75
_EMPTY = "''"  # an empty value, as it is typed in a shell


def printable(text: str) -> str:
    """Put a text on one line: unprintable characters become escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: object) -> str:
    """Put a value on one line, cut in its middle to 75 characters: the end of a path says most."""
    text, half = str(value), _LONGEST // 2
    return printable(text if len(text) <= _LONGEST else f"{text[:half]}…{text[-half:]}")


@dataclass(frozen=True)
class Given:
    """One value from one source.

    `written(value)`: the value as its author wrote it; `base`: the folder at which its relative paths start.
    """

    name: str
    value: object
    origin: str
    written: Callable[[object], str]
    base: Path = Path()

    @property
    def source(self) -> str:
        """The kind of source: `file`, `environment` or `flag`."""
        return self.origin.partition(" ")[0]


@dataclass
class Source:
    """The values of one source, in its order, and its problems. `path`: the file, if the source is one."""

    given: list[Given] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    commands: dict[str, Given] = field(default_factory=dict)
    path: Path | None = None


def read_file(asked: Given | None, settings: Mapping[str, Setting]) -> Source:
    """Read the TOML file that was asked for. If it can't be read, that is one problem. "" is no file."""
    source = Source()
    if asked is None or not asked.value:
        return source
    file = str(asked.value)
    source.path = _path(file).absolute()
    try:
        content = _toml(source.path.read_bytes())
    except OSError as error:
        source.problems.append(f"{asked.written(file)}: can't be read: {error.strerror}")
    except ValueError as error:
        source.problems.append(f"{printable(file)}: {error}")
    else:
        for key, value in content.items():
            _take_key(source, file, key, value, settings)
    return source


def _path(file: str) -> Path:
    return Path(os.path.expanduser(file))


def _toml(content: bytes) -> dict[str, object]:
    """Parse TOML. Raises ValueError with line and reason. A byte order mark is skipped."""
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
        origin, written = f"file {file}", lambda part: f"{name} = {_as_toml(part)} in {printable(file)}"
        source.given.append(Given(key, value, origin, written, base))
    elif isinstance(value, dict):
        advice = "settings are written without tables, such as port = 8080"
        source.problems.append(f"[{name}] in {printable(file)}: {advice}")
    else:
        source.problems.append(f"{name} in {printable(file)}: {_no_setting(key, settings)}")


def _as_toml(value: object) -> str:
    """Write a value roughly as it stood in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 64:
        return "a number of over 64 bits"  # Python refuses to write very long ones
    return f'"{shown(value)}"' if isinstance(value, str) else shown(value)


def read_environment(environ: Mapping[str, str], settings: Mapping[str, Setting]) -> Source:
    """Read the BRIDGE_… variables. Commas separate the items of a list."""
    source = Source()
    variables = {setting.variable: setting for setting in settings.values()}
    for variable, text in sorted(environ.items()):
        if variable == PREFIX + "CONFIG":
            source.commands["config"] = _from_variable("config", variable, text)
        elif variable in variables:
            setting = variables[variable]
            value = _items(text.split(",")) if setting.kind.many else text
            source.given.append(_from_variable(setting.name, variable, value))
        elif variable.startswith(PREFIX):
            source.problems.append(f"{shown(variable)}: {_no_setting(variable, variables)}")
    return source


def _from_variable(name: str, variable: str, value: object) -> Given:
    return Given(name, value, f"environment {variable}", lambda part: f"{variable}={shown(part)}")


def _items(texts: Iterable[str]) -> list[str]:
    """Return the items of a list without empty ones, so that an empty value empties the list."""
    return [text.strip() for text in texts if text.strip()]


def read_flags(argv: Sequence[str], settings: Mapping[str, Setting]) -> Source:
    """Read the flags, `--name value` or `--name=value`. The later of two counts; lists add up."""
    source = Source()
    values: dict[str, list[object]] = {}
    flags = {item.flag: (item.name, item.kind) for item in settings.values()}
    flags |= {f"--{name}": (name, Kind(word, "a file", switch=not word)) for name, (word, _) in COMMANDS.items()}
    words = deque("--help" if word == "-h" else word for word in argv)
    while words:
        try:
            name, value = _take_flag(words, flags)
        except ValueError as error:
            source.problems.append(str(error))
        else:
            values.setdefault(name, []).append(value)
    for name, given in values.items():
        _take_values(source, name, given, name in settings and settings[name].kind.many)
    return source


def _take_flag(words: deque[str], flags: Mapping[str, tuple[str, Kind]]) -> tuple[str, object]:
    """Take the next flag and its value; True for a switch without one. Raises ValueError with the problem."""
    word = words.popleft()
    flag, equals, text = word.partition("=")
    if flag not in flags:
        raise ValueError(_unknown_flag(word, words, flags))
    name, kind = flags[flag]
    if equals and kind.switch and name in COMMANDS:
        raise ValueError(f"{shown(word)}: takes no value")
    if equals or kind.switch:
        return name, text if equals else True
    if not _value_follows(words):
        raise ValueError(f"{flag}: has no value; needs {kind.wants}")
    return name, words.popleft()


def _unknown_flag(word: str, words: deque[str], flags: Iterable[str]) -> str:
    """Say what is wrong with a word that is no flag. The value of a misspelt flag is dropped with it."""
    if not word.startswith("-"):
        return f"{shown(word)}: is no flag, and belongs to none; --help shows them all"
    flag, equals, _ = word.partition("=")
    if not equals and _value_follows(words):
        words.popleft()
    return f"{shown(flag)}: there is no such setting; {_nearest(flag, flags)}"


def _value_follows(words: deque[str]) -> bool:
    """Tell whether the next word is a value. It may start with `-`: `--framing-in -`, `--port -1`."""
    return bool(words) and not re.match(r"--[A-Za-z]", words[0])


def _take_values(source: Source, name: str, values: list[object], many: bool) -> None:
    """Add one Given for all flags of a list, else one for each flag, so that every value is checked."""
    flag = "--" + name.replace("_", "-")
    whole = [[value for value in values if value]] if many else values
    for value in whole:
        given = Given(
            name, value, f"flag {flag}", lambda part: flag if part is True else f"{flag} {shown(part) or _EMPTY}"
        )
        if name in COMMANDS:
            source.commands[name] = given
        else:
            source.given.append(given)


def _nearest(wrong: str, names: Iterable[str]) -> str:
    """Suggest the name that starts with the wrong one, or is most like it."""
    plain = {_plain(name): name for name in names}
    wanted = _plain(wrong[:_LONGEST])
    longer = [name for name in plain if wanted and name.startswith(wanted)]
    near = difflib.get_close_matches(wanted, longer or plain, n=1, cutoff=0.0 if longer else 0.6)
    return f"did you mean {plain[near[0]]}?" if near else "--help shows them all"


def _plain(name: str) -> str:
    """Reduce a name to the form that all sources share, so that `--framing_in` is near `--framing-in`."""
    return name.strip("-").replace("-", "_").lower().removeprefix(PREFIX.lower())


def _no_setting(name: str, names: Iterable[str]) -> str:
    """Say what is wrong with an unknown name in a file or a variable."""
    if _plain(name) in COMMANDS:
        return f"this is no setting but a flag, --{_plain(name)}"
    return f"there is no such setting; {_nearest(name, names)}"
