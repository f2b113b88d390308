"""Load the settings into one typed, frozen tree; file < environment < flags.

Reads the three sources, validates every value of each, merges them, and reports all
problems at once. `tree.py` declares the settings. Must not know the other packages:
what only they can judge, such as a framing, is given to `load` as a check.

Use: `settings = load(sys.argv[1:], os.environ, checks={"framing_in": check})`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from bridge.config import report
from bridge.config.addresses import Address
from bridge.config.report import problems_block
from bridge.config.sources import Given, Source, read_environment, read_file, read_flags
from bridge.config.tree import (
    BOTH,
    DEMO_SPEAKS,
    DIFFERENT,
    GROUPS,
    NO_REPLY_KEY,
    OWN,
    SETTINGS,
    LinkSettings,
    LogSettings,
    RecoverySettings,
    RelaySettings,
    Settings,
    WebSettings,
)
from bridge.errors import SettingsError
from bridge.output import say
from bridge.version import VERSION

__all__ = [
    "SETTINGS",
    "Address",
    "LinkSettings",
    "LogSettings",
    "RecoverySettings",
    "RelaySettings",
    "Settings",
    "WebSettings",
    "describe",
    "load",
    "problems_block",
]

Checks = Mapping[str, Callable[[str], None]]
_NO_CHECKS: Checks = MappingProxyType({})


@dataclass(frozen=True)
class _Chosen:
    """The value of a setting that was given, as the tree holds it, and its source.

    `problem`: what is wrong with it, unless a later source overrides it.
    """

    value: object
    given: Given
    problem: str = ""

    @property
    def text(self) -> str:
        return self.given.written(self.given.value)


def load(argv: Sequence[str], environ: Mapping[str, str], *, checks: Checks = _NO_CHECKS) -> Settings:
    """Load the settings from flags (without the program's name), variables, and the file that one of them names.

    `checks`: setting name -> function that raises ValueError, with what would do, for a text that the setting can't
    be. Raises SettingsError with the problems of all three sources at once, including those of values that a later
    source overrides; SystemExit(0) after --help and --version; ServeError if these can't be printed.
    """
    flags = read_flags(argv, SETTINGS)
    _answer(flags)
    variables = read_environment(environ, SETTINGS)
    file = read_file((variables.commands | flags.commands).get("config"), SETTINGS)
    chosen: dict[str, _Chosen] = {}
    problems = [*chain.from_iterable(_choose(source, checks, chosen) for source in (file, variables, flags))]
    problems += dict.fromkeys(item.problem for item in chosen.values() if item.problem)
    problems += chain(_clashes(chosen), _settle_demo(chosen), _demo_differs(chosen))
    if problems:
        raise SettingsError(problems)
    return _tree(chosen, "check" in flags.commands, file.path)


def _answer(flags: Source) -> None:
    """Print what --help or --version asks for, then raise SystemExit. Raises ServeError if it can't be printed."""
    if "help" in flags.commands:
        say(report.help_text(SETTINGS))
    elif "version" in flags.commands:
        say(f"bridge {VERSION}")
    else:
        return
    raise SystemExit(0)


def _choose(source: Source, checks: Checks, chosen: dict[str, _Chosen]) -> Iterator[str]:
    """Put a source's values over those of the sources before it, and yield its problems."""
    yield from source.problems
    for given in sorted(source.given, key=lambda given: given.name not in BOTH):
        try:
            value = _parsed(given, checks)
            chosen[given.name] = _Chosen(value, given)
            chosen.update(_both(value, given, checks))
        except SettingsError as error:
            yield from error.problems


def _both(value: object, given: Given, checks: Checks) -> dict[str, _Chosen]:
    """Return the settings that this one sets at once. Raises SettingsError if the value fits none of them."""
    names = BOTH.get(given.name, ())
    wrong = {name: problem for name in names if (problem := _checked(checks, name, value))}
    if names and len(wrong) == len(names):
        raise SettingsError([f"{given.written(given.value)}: {wrong[names[0]]}"])
    return {name: _Chosen(value, given, _one_of_both(given, name, wrong)) for name in names}


def _one_of_both(given: Given, name: str, wrong: Mapping[str, str]) -> str:
    """Say what is wrong with the value for this one of the two, or nothing."""
    if name not in wrong:
        return ""
    return f"{given.written(given.value)}: can't be {SETTINGS[name].flag}, which needs its own: {wrong[name]}"


def _checked(checks: Checks, name: str, value: object) -> str:
    """Say what is wrong with the value for that setting, or nothing."""
    if name in checks:
        try:
            checks[name](str(value))
        except ValueError as error:
            return str(error)
    return ""


def _parsed(given: Given, checks: Checks) -> object:
    """Return the value as the tree holds it. Raises SettingsError with what is wrong with it."""
    item = SETTINGS[given.name]
    try:
        value = item.parse(given.value, given.base)
        if given.name in checks:
            checks[given.name](str(value))
    except ValidationError as error:
        found = item.problems(error, given.value)
        raise SettingsError([f"{given.written(bad)}: {text}" for bad, text in found]) from None
    except ValueError as error:
        raise SettingsError([f"{given.written(given.value)}: {error}"]) from None
    return value


def _clashes(chosen: Mapping[str, _Chosen]) -> Iterator[str]:
    """Yield the problems of settings that are each valid, but not together."""
    for names in DIFFERENT:
        values = [chosen[name].value if name in chosen else SETTINGS[name].default for name in names]
        ours = [chosen[name].text for name in names if name in chosen]
        if ours and values[0] == values[1]:
            yield f"{' and '.join(ours)}: {names[0]} and {names[1]} must differ"
    for name, switch, own in OWN:
        if name in chosen and chosen[name].value == own and switch in chosen and chosen[switch].value:
            yield f"{chosen[name].text} and {chosen[switch].text}: {own} is the bridge's own then"
    yield from _clashes_with_replies(chosen)


def _clashes_with_replies(chosen: Mapping[str, _Chosen]) -> Iterator[str]:
    """Yield the problems of settings that the bridge would take for the field of answers."""
    if "replies" not in chosen or not chosen["replies"].value:
        return
    own = chosen["reply_key"].value if "reply_key" in chosen else SETTINGS["reply_key"].default
    for name in NO_REPLY_KEY:
        if own == (chosen[name].value if name in chosen else SETTINGS[name].default):
            texts = [chosen[one].text for one in (name, "reply_key", "replies") if one in chosen]
            yield f"{' and '.join(texts)}: {own} is the bridge's own then"


def _settle_demo(chosen: dict[str, _Chosen]) -> Iterator[str]:
    """Choose between the demo server and one's own: the later source wins; both from one source is a problem."""
    demo, server = chosen.get("demo"), chosen.get("server")
    if demo is None or server is None or not demo.value:
        return
    if demo.given.source == server.given.source:
        yield f"{demo.text} and {server.text}: these are two servers; choose one"
    elif server.given.source == "flag" or demo.given.source == "file":
        chosen["demo"] = _Chosen(False, server.given)


def _demo_differs(chosen: Mapping[str, _Chosen]) -> Iterator[str]:
    """Yield a problem for each setting that the demo server does not follow: with it, the page would stay empty."""
    if "demo" not in chosen or not chosen["demo"].value:
        return
    others = [name for name in DEMO_SPEAKS if name in chosen and chosen[name].value != SETTINGS[name].default]
    for text in dict.fromkeys(chosen[name].text for name in others):
        yield f"{text}: the demo server speaks the standard wire; leave out this or the demo"


def _tree(chosen: Mapping[str, _Chosen], check: bool, file: Path | None) -> Settings:
    groups = {
        place: {name: chosen[name].value for name in group.model_fields if name in chosen}
        for place, group in GROUPS.items()
    }
    origins = {name: chosen[name].given.origin if name in chosen else "default" for name in SETTINGS}
    return Settings.model_validate({**groups, "check": check, "origins": origins, "file": file})


def describe(settings: Settings) -> str:
    """Write what --check prints: every setting with value and origin, as a TOML file that gives the same settings."""
    values = chain.from_iterable(getattr(settings, place) for place in GROUPS)
    return report.describe(SETTINGS, dict(values), settings.origins)
