"""Every framing of the registry is everywhere that a framing has to be: settings, documents, oracle, fuzzing, hints."""

from __future__ import annotations

import re
from functools import cache
from random import Random

import pytest

from bridge.config import SETTINGS
from bridge.link.framing.interface import Framing
from bridge.link.framing.registry import FRAMINGS, framing_in, framing_of, framing_out
from bridge.link.recogniser.recognise import recognise
from tests.documents import PROTOCOL, README, document, section
from tests.fuzz.corpus import kept
from tests.unit.framings import CHECKS, SPECS
from tests.unit.streams import UNKNOWN, framed

EVERY = pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
READ = {name: framing for name, framing in FRAMINGS.items() if framing.decoder is not None}
EVERY_IN = pytest.mark.parametrize("framing", READ.values(), ids=READ)
MESSAGES = [b'{"tick":%d,"text":"%b"}' % (n, 10 * n * b"x") for n in range(20)]

#: How the protocol calls each kind of streams that are recognised although the bridge has no framing for them.
CALLED = {
    "STX and ETX": "start and end marks",
    "MLLP": "start and end marks",
    "Content-Length": "`Content-Length` headers",
    "Content-Length and Type": "`Content-Length` headers",
    "octet counting": "octet counting",
    "length:3": "lengths of 3 bytes or that count themselves",
    "length:4 that counts itself": "lengths of 3 bytes or that count themselves",
    "length:2le that counts itself": "lengths of 3 bytes or that count themselves",
}


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


@EVERY_IN
def test_the_limits_name_what_holds_the_frame_that_is_being_read(framing: Framing) -> None:
    decoders = {type(framing_in(form)).__module__ for form in framing.forms}
    for module in decoders:
        name = module.removeprefix("bridge.").replace(".", "/")
        assert f"`{name}.py`" in document("limits"), f"docs/limits.md, the frame that is being read: {name}.py"


@EVERY_IN
def test_the_recogniser_offers_it(framing: Framing) -> None:
    one = framing_out(framing.forms[0]).frame if framing.encoder else lambda _: framing.example
    guess = recognise(b"".join(map(one, MESSAGES)))
    offered = guess and guess.framing
    where = f"bridge/link/recogniser/: what {framing.forms[0]} frames looks like"
    assert offered, f"{where}, for which it offers no framing: {guess}"
    assert framing_of(offered).name == framing.name, f"{where}: {guess}"


@cache
def streamed() -> set[str]:
    """The framings of the streams on which the recogniser is tried."""
    found: set[str] = set()
    for seed in range(1000):
        guess = recognise(framed(Random(seed)).data)
        if guess and guess.framing:
            found.add(framing_of(guess.framing).name)
        if found == READ.keys():
            break
    return found


@EVERY_IN
def test_the_recogniser_is_tried_on_streams_of_it(framing: Framing) -> None:
    assert framing.name in streamed(), f"tests/unit/streams.py, framed: streams of {framing.forms[0]}"


@EVERY_IN
def test_the_protocol_counts_it_among_the_recognised(framing: Framing) -> None:
    said = section(PROTOCOL, "Hints").split("Recognised are")[1].partition("because the bridge has no framing")[0]
    assert framing.name.rstrip(":") in said.lower(), f"docs/protocol.md, Hints: Recognised are … {framing.name}"


def test_the_protocol_lists_just_the_streams_that_are_recognised_and_have_no_framing() -> None:
    assert CALLED.keys() == UNKNOWN.keys(), "CALLED here, and UNKNOWN in tests/unit/streams.py"
    sentence = " ".join(section(PROTOCOL, "Hints").split("the bridge has no framing for them:")[1].split())
    assert set(sentence.partition(".")[0].strip().split(", ")) == set(CALLED.values()), "docs/protocol.md, Hints"
