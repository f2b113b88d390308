"""Every framing of the registry is everywhere that a framing has to be: settings, documents, oracle, fuzzing."""

from __future__ import annotations

import re

import pytest

from bridge.config import SETTINGS
from bridge.link.framing.interface import Framing
from bridge.link.framing.registry import FRAMINGS, framing_in, framing_of, framing_out
from tests.documents import PROTOCOL, README, section
from tests.fuzz.corpus import kept
from tests.unit.framings import CHECKS, SPECS

EVERY = pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)


def rows(text: str) -> list[list[str]]:
    """The cells of a table's rows."""
    return [re.split(r"\s*(?<!\\)\|\s*", line.strip("| ")) for line in text.splitlines() if line.startswith("| `")]


def named(framing: Framing, text: str) -> bool:
    """Whether one of its framing strings is among these, which stand in backquotes."""
    return not set(framing.forms).isdisjoint(re.findall(r"`([^`]+)`", text))


@EVERY
def test_it_is_what_its_framing_strings_choose(framing: Framing) -> None:
    assert framing.forms, "no framing string is given for it"
    assert {framing_of(form).name for form in framing.forms} == {framing.name}


@EVERY
def test_its_example_is_what_it_sends_and_reads(framing: Framing) -> None:
    assert framing.decoder or framing.encoder
    if framing.encoder is not None:
        assert framing_out(framing.forms[0]).frame(b'"hello"') == framing.example
    if framing.decoder is not None:
        assert framing_in(framing.forms[0]).feed(framing.example) == [b'"hello"']


@EVERY
@pytest.mark.parametrize("way", ["in", "out"])
def test_the_settings_name_it_in_its_directions(framing: Framing, way: str) -> None:
    words = re.split(r",? ", SETTINGS[f"framing_{way}"].help)
    named = any(word.startswith(framing.name.rstrip(":")) for word in words)
    wanted = (framing.decoder if way == "in" else framing.encoder) is not None
    where = f"bridge/config/tree.py, the help of framing_{way}"
    assert named == wanted, f"{where} {'has to name' if wanted else 'names'} {framing.forms[0]}"


@EVERY
def test_the_protocol_has_its_row(framing: Framing) -> None:
    ways = ["yes" if way is not None else "no" for way in (framing.decoder, framing.encoder)]
    found = [row[1:] for row in rows(section(PROTOCOL, "Framing")) if named(framing, row[0])]
    row = f"| `{framing.forms[0]}` | {framing.help} | {' | '.join(ways)} |"
    assert found, f"docs/protocol.md needs this row:\n{row}"
    assert [found[0][0], *(cell[:3].rstrip(",") for cell in found[0][1:])] == [framing.help, *ways], row


@EVERY
def test_the_readme_names_it(framing: Framing) -> None:
    table = rows(section(README, "Your own server in ten lines"))
    assert any(named(framing, row[0]) for row in table), f"README.md, the table of framings: {framing.forms[0]}"


@EVERY
def test_it_has_an_oracle_just_when_it_has_a_decoder(framing: Framing) -> None:
    assert (framing.name in CHECKS) == (framing.decoder is not None), (
        f"CHECKS in tests/unit/framings.py: {framing.name}"
    )


@EVERY
def test_fuzzing_has_kept_streams_of_it(framing: Framing) -> None:
    inputs = {SPECS[data[0] % len(SPECS)] for data in kept("framing")}
    missing = [(SPECS.index(form), form) for form in framing.forms if form in SPECS and form not in inputs]
    some = [bytes((at, 5)) + bytes(6) + 3 * framing.example for at, _ in missing]
    where = "tests/fuzz/corpus/framing.txt"
    assert not missing, f"{where} has none for {missing}; add lines such as {some}, or `make fuzz`"
