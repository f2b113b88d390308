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
from bridge.config.report import complaint
from bridge.config.sources import Given, Source, read_environment, read_file, read_flags
from bridge.config.tree import BOTH, DEMO_SPEAKS, DIFFERENT, GROUPS, NO_REPLY_KEY, OWN, SETTINGS, Settings
from bridge.errors import SettingsError
from bridge.output import say
from bridge.version import VERSION

__all__ = ["GROUPS", "SETTINGS", "Address", "Settings", "complaint", "describe", "load"]

#: Setting -> function that raises ValueError, with what would do, for a text that the setting can't be.
Checks = Mapping[str, Callable[[str], object]]


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


def load(argv: Sequence[str], environ: Mapping[str, str], *, checks: Checks = MappingProxyType({})) -> Settings:
    """Load the settings from flags (without the program's name), variables, and the file that one of them names.

    Raises SettingsError with the problems of all three sources at once, including those of values that a later source
    overrides; SystemExit(0) after --help and --version; ServeError if these can't be printed.
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
    """Print what --help or --version asks for, then raise SystemExit."""
    if flags.commands.keys() & {"help", "version"}:
        say(report.help_text(SETTINGS) if "help" in flags.commands else f"bridge {VERSION}")
        raise SystemExit(0)


def _choose(source: Source, checks: Checks, chosen: dict[str, _Chosen]) -> Iterator[str]:
    """Put a source's values over those of the sources before it, and yield its problems."""
    yield from source.problems
    for given in sorted(source.given, key=lambda given: given.name not in BOTH):
        item = SETTINGS[given.name]
        try:
            value = item.parse(given.value, given.base)
        except ValidationError as error:
            yield from (f"{given.written(bad)}: {text}" for bad, text in item.problems(error, given.value))
            continue
        if problem := _problem(checks, given.name, value):
            yield f"{given.written(given.value)}: {problem}"
            continue
        chosen[given.name] = _Chosen(value, given)
        yield from _choose_both(chosen[given.name], checks, chosen)


def _choose_both(both: _Chosen, checks: Checks, chosen: dict[str, _Chosen]) -> Iterator[str]:
    """Choose the value for the settings that this one sets at once; yield the problem if it fits none of them."""
    names = BOTH.get(both.given.name, ())
    wrong = {name: problem for name in names if (problem := _problem(checks, name, both.value))}
    if names and len(wrong) == len(names):
        yield f"{both.text}: {wrong[names[0]]}"
        return
    for name in names:
        needs = f"{both.text}: can't be {SETTINGS[name].flag}, which needs its own: {wrong.get(name)}"
        chosen[name] = _Chosen(both.value, both.given, needs if name in wrong else "")


def _problem(checks: Checks, name: str, value: object) -> str:
    """Say what is wrong with the value for that setting, or nothing."""
    try:
        if name in checks:
            checks[name](str(value))
    except ValueError as error:
        return str(error)
    return ""


def _value(chosen: Mapping[str, _Chosen], name: str) -> object:
    """Return what a setting is to be: the value that was given, else its default."""
    return chosen[name].value if name in chosen else SETTINGS[name].default


def _clashes(chosen: Mapping[str, _Chosen]) -> Iterator[str]:
    """Yield the problems of settings that are each valid, but not together."""
    for one, other in DIFFERENT:
        ours = _texts(chosen, one, other)
        if ours and _value(chosen, one) == _value(chosen, other):
            yield f"{ours}: {one} and {other} must differ"
    for name, switch, own in OWN:
        if _value(chosen, switch) and _value(chosen, name) == own:
            yield f"{_texts(chosen, name, switch)}: {own} is the bridge's own then"
    reply_key = _value(chosen, "reply_key")
    for name in NO_REPLY_KEY if _value(chosen, "replies") else ():
        if _value(chosen, name) == reply_key:
            yield f"{_texts(chosen, name, 'reply_key', 'replies')}: {reply_key} is the bridge's own then"


def _texts(chosen: Mapping[str, _Chosen], *names: str) -> str:
    """Name those of these settings that were given, as their author wrote them."""
    return " and ".join(chosen[name].text for name in names if name in chosen)


def _settle_demo(chosen: dict[str, _Chosen]) -> Iterator[str]:
    """Choose between the demo server and one's own: the later source wins; both from one source is a problem."""
    demo, server = chosen.get("demo"), chosen.get("server")
    if not (demo and demo.value and server):
        return
    if demo.given.source == server.given.source:
        yield f"{demo.text} and {server.text}: these are two servers; choose one"
    elif server.given.source == "flag" or demo.given.source == "file":
        chosen["demo"] = _Chosen(False, server.given)


def _demo_differs(chosen: Mapping[str, _Chosen]) -> Iterator[str]:
    """Yield a problem for each setting that the demo server does not follow: with it, the page would stay empty."""
    if not _value(chosen, "demo"):
        return
    others = [name for name in DEMO_SPEAKS if _value(chosen, name) != SETTINGS[name].default]
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
