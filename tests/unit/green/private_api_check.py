"""What is used of the libraries beyond their documented API is there; what moves is named with what to install."""

from __future__ import annotations

import warnings
from importlib.metadata import version

warnings.simplefilter("ignore")  # eventlet's, about itself

import pytest  # noqa: E402

from bridge.errors import ServeError  # noqa: E402
from bridge.socketio_server import private_api_check as module  # noqa: E402
from bridge.socketio_server.private_api_check import SEAMS, TESTED, check_seams  # noqa: E402
from tests.process import ROOT  # noqa: E402


def test_all_that_is_listed_is_there() -> None:
    check_seams()


def test_the_versions_that_it_was_tested_with_are_those_that_are_pinned() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    assert {package: pins.get(package) for package in TESTED} == TESTED
    assert {package for package, _, _ in SEAMS} == TESTED.keys()


def test_each_is_found_to_be_missing_when_it_is() -> None:
    seams = dict(SEAMS)
    try:
        for (package, where, name), why in seams.items():
            for module_name, wanted in ((where, f"{name}_moved"), (f"{where}_moved", name)):
                SEAMS.clear()
                SEAMS[package, module_name, wanted] = why
                with pytest.raises(ServeError) as caught:
                    check_seams()
                assert str(caught.value) == (
                    f"{package} {version(package)} has no {module_name}.{wanted}, which {why}; the bridge was tested "
                    f"with {package} {TESTED[package]}: pip install {package}=={TESTED[package]}"
                )
    finally:
        SEAMS.clear()
        SEAMS.update(seams)


class Maker:
    """In the place of a module that makes something."""

    @staticmethod
    def make() -> object:
        return Maker


def test_what_ends_with_parentheses_is_called() -> None:
    assert module._found(Maker, "make()") is Maker
    assert module._found(Maker, "make") is Maker.make
