"""The table of departures itself: each has its document, differs, and is asserted somewhere."""

from __future__ import annotations

import re

import pytest

from tests.behaviour.departures import DEPARTURES
from tests.process import ROOT

DOCUMENTS = re.compile(
    r"(Engine\.IO protocol 4, [A-Z]|Engine\.IO protocol 4, test suite|Socket\.IO protocol 5, |RFC \d+, section )"
)
TESTS = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "behaviour").glob("test_[!d]*.py"))


@pytest.mark.parametrize("name", DEPARTURES)
def test_a_departure_has_its_document_and_differs_and_is_asserted(name: str) -> None:
    departure = DEPARTURES[name]
    assert DOCUMENTS.match(departure.document)
    assert departure.plain != departure.ours
    assert f'says("{name}")' in TESTS


def test_what_is_asserted_as_a_departure_is_in_the_table() -> None:
    assert set(re.findall(r'says\("([^"]+)"\)', TESTS)) == set(DEPARTURES)
