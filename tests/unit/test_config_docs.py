"""What is written about the settings elsewhere agrees with the settings: docs, example, help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.config import SETTINGS, load
from bridge.config.fields import Setting
from bridge.config.report import help_text, toml
from bridge.config.sources import COMMANDS
from tests.process import ROOT

PAGE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / "bridge.example.toml"
PROSE = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
HEAD = "| Flag | Variable | Key | Value | Default | Meaning | Why this default |"
EVERY = pytest.mark.parametrize("item", SETTINGS.values(), ids=SETTINGS)


def row(item: Setting) -> str:
    """The line that docs/configuration.md has to have for a setting."""
    value = f"{item.kind.wants}; repeatable" if item.kind.many else item.kind.wants
    default = f"`{toml(item.default)}`"
    names = [f"`{name}`" for name in (item.flag, item.variable, item.name)]
    return f"| {' | '.join([*names, value, default, item.help, item.reason])} |"


def rows_of_the_page() -> list[str]:
    """The settings' tables on the page, without their heads."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("| `--") and line.count(" | ") == HEAD.count(" | ")]


def uncommented() -> dict[str, str]:
    """Key -> value of the example's commented settings."""
    return dict(re.findall(r"^#(\w+) = (.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))


@EVERY
def test_the_page_has_a_row_for_the_setting_that_says_what_the_code_says(item: Setting) -> None:
    assert row(item) in rows_of_the_page(), f"docs/configuration.md needs this row:\n{row(item)}"


def test_the_page_has_no_other_rows_and_keeps_the_order_of_the_help() -> None:
    assert rows_of_the_page() == [row(item) for item in SETTINGS.values()], "docs/configuration.md"


def said_of(kind: str) -> set[str]:
    """The settings that the page names in the sentence on this kind of values."""
    found = re.search(rf"^- \*\*{kind}\*\*.*?(?=: the flag|\.\n)", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found, kind
    return set(re.findall(r"`(\w+)`", found[0]))


def test_the_page_names_the_lists_and_what_may_be_nothing() -> None:
    many = {item.name for item in SETTINGS.values() if item.kind.many}
    assert said_of("Lists") == many, "docs/configuration.md, Values: Lists"
    nothing = {item.name for item in SETTINGS.values() if item.default is None}
    assert said_of("Nothing") == nothing, "docs/configuration.md, Values: Nothing"


def said_defaults(document: Path) -> list[tuple[Setting, str]]:
    """Each "`--flag` (value …)", also with its unit between the two, and each "`--flag` | … | `value` (default)"."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(r"`--([\w-]+)`(?:\s+(?:bytes|seconds))?\s+\(`?([^`);:]+)", text)
    for flag, rows in re.findall(r"^\| `--([\w-]+)` \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M):
        found += [(flag, word) for word in re.findall(r"^\| `([^`]+)` \(default\)", rows, re.M)]
    return [(SETTINGS[flag.replace("-", "_")], value) for flag, value in found]


@pytest.mark.parametrize("document", PROSE, ids=lambda path: path.name)
def test_a_default_that_is_named_in_prose_is_that_of_the_setting(document: Path) -> None:
    for item, value in said_defaults(document):
        said = re.sub(r" (?:s$|for all.*)|^never$", lambda gone: "0" if gone[0] == "never" else "", value)
        assert item.parse(said, Path()) == item.parse(item.default, Path()), f"{document.name}: {item.flag} ({value})"


def test_defaults_are_named_in_prose() -> None:
    named = [item.name for document in PROSE for item, _ in said_defaults(document)]
    assert {"snapshot_size", "outbox", "hold", "idle_reconnect", "when_down", "slow", "payload"} <= set(named)
    assert len(named) > 20


def test_every_group_has_its_heading_on_the_page() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert {f"## {item.heading}" for item in SETTINGS.values()} <= set(lines)


def test_the_page_lists_the_flags_that_are_no_settings() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, (metavar, meaning) in COMMANDS.items():
        assert re.search(rf"^\| `--{name}{' ' * bool(metavar)}{metavar}` \|.*\| {re.escape(meaning)} \|$", text, re.M)


@EVERY
def test_the_help_says_the_settings_meaning_default_and_variable(item: Setting) -> None:
    text = " ".join(help_text(SETTINGS).split())
    head = item.flag if item.kind.switch else f"{item.flag} {item.kind.metavar}"
    default = "none" if item.default in (None, ()) else toml(item.default).strip('"')
    assert f" {head} {item.help} [{item.variable}, default {default}]" in text


def test_the_help_is_in_the_settings_order_and_fits_a_terminal() -> None:
    lines = help_text(SETTINGS).splitlines()
    flags = [line.split()[0] for line in lines if line.startswith("  --")]
    assert flags == [item.flag for item in SETTINGS.values()] + [f"--{name}" for name in COMMANDS]
    assert max(map(len, lines)) <= 92


def test_the_help_has_flag_and_meaning_side_by_side_and_a_long_flag_on_a_line_of_its_own() -> None:
    lines = help_text(SETTINGS).splitlines()
    (short,) = (line for line in lines if line.startswith("  --port "))
    (long,) = (line for line in lines if line.startswith("  --log-level "))
    assert short.index(SETTINGS["port"].help) == 31
    assert long.endswith(SETTINGS["log_level"].kind.metavar)
    assert lines[lines.index(long) + 1] == " " * 31 + SETTINGS["log_level"].help


def test_the_example_has_every_setting_once_in_order_and_nothing_else() -> None:
    assert list(uncommented()) == list(SETTINGS), "bridge.example.toml"


@EVERY
def test_the_example_has_the_settings_default_and_meaning(item: Setting) -> None:
    line = f"#{item.name} = {toml(item.default)}"
    assert uncommented().get(item.name) == toml(item.default), f"bridge.example.toml needs the line {line}"
    prose = " ".join(EXAMPLE.read_text(encoding="utf-8").replace("\n# ", " ").split())
    meaning = f"{item.help[:1].upper()}{item.help[1:]}."
    assert f"{meaning} #{item.name} = " in prose, f"bridge.example.toml needs {meaning!r} before {line}"


def test_the_example_is_a_file_of_comments_that_changes_nothing() -> None:
    assert load(["--config", str(EXAMPLE)], {}).link == load([], {}).link


def test_the_example_uncommented_gives_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text("\n".join(f"{key} = {value}" for key, value in uncommented().items()), encoding="utf-8")
    settings, defaults = load(["--config", str(file)], {}), load([], {})
    assert settings.model_dump(exclude={"file", "origins"}) == defaults.model_dump(exclude={"file", "origins"})
    assert set(settings.origins.values()) == {f"file {file}"}
