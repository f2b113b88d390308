"""tools/audit.py: it never looks as if all were well when nobody was asked."""

from __future__ import annotations

import json

import pytest

from tools.audit import Answer, conclude, read

GOOD = {"name": "flask", "version": "3.1.3", "vulns": []}
BAD = {"name": "h11", "version": "0.15.0", "vulns": [{"id": "CVE-2025-43859", "fix_versions": ["0.16.0"]}]}


def answer(*packages: object) -> Answer:
    return read(json.dumps({"dependencies": packages, "fixes": []}), "")


def test_all_asked_and_nothing_known_is_well() -> None:
    code, lines = conclude({"pypi": answer(GOOD, GOOD)}, 2)
    assert code == 0
    assert "about 2 packages" in lines[0]


def test_what_is_known_is_told_with_what_mends_it_though_others_were_not_asked() -> None:
    code, lines = conclude({"pypi": Answer(problem="no way"), "osv": answer(GOOD, BAD)}, 2)
    assert code == 1
    assert lines[0] == "h11 0.15.0: CVE-2025-43859, mended in 0.16.0"


@pytest.mark.parametrize(
    ("stdout", "stderr"),
    [
        ("", "ERROR: flask: Dependency not found on PyPI and could not be audited"),
        ("", ""),
        ("<html>", "Traceback\nConnectionError: no way"),
        ("[]", ""),
        ('{"dependencies": []}', ""),
        (json.dumps({"dependencies": [GOOD, {"name": "h11", "skip_reason": "not found"}]}), ""),
        (json.dumps({"dependencies": [GOOD]}), ""),
    ],
)
def test_whoever_was_not_asked_about_everything_has_found_nothing_out(stdout: str, stderr: str) -> None:
    code, lines = conclude({"pypi": read(stdout, stderr), "osv": Answer(problem="no way")}, 2)
    assert code == 2
    assert "nobody could be asked" in lines[0]
    assert "no way" in lines[-1]
    assert "nothing is known" not in "".join(lines)
