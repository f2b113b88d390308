"""The engines, one after the other, each in a process of its own that the tests of one worker share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.behaviour.sites import ENGINES, Site, Sites
from tests.behaviour.stock import Stock


@pytest.fixture(scope="session")
def sites() -> Iterator[Sites]:
    sites = Sites()
    yield sites
    sites.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def at(sites: Sites, engine: str) -> Site:
    """Without a ping that could come in between."""
    return sites.get(engine)


@pytest.fixture
def quick(sites: Sites, engine: str) -> Site:
    """With a ping each 0.3 s, to be answered within 0.8 s."""
    return sites.get(engine, "quick")


@pytest.fixture
def both(sites: Sites) -> tuple[Site, Site]:
    """The two engines, for one script to be run over each."""
    return sites.get("plain"), sites.get("ours")


@pytest.fixture(scope="session")
def stock() -> Iterator[Stock]:
    stock = Stock()
    yield stock
    stock.close()
