"""What others wrote is in the table of docs/supply-chain.md as it is, and nothing of theirs is left out."""

from __future__ import annotations

import hashlib
import re
import subprocess

import pytest

from tests.process import ROOT
from tools.sbom import TABLE, Vendored, component, vendored

#: A licence -> what its text begins with.
LICENCES = {"MIT": "The MIT License", "Unicode-3.0": "UNICODE LICENSE V3"}
THEIRS = re.compile(r"\(c\) \d{4}|copyright|licen[sc]e", re.IGNORECASE)


def test_each_row_of_the_table_is_read() -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if re.match(r"\| `\w+/[^`]+` \|", line)]
    assert len(vendored()) == len(rows) > 0


@pytest.mark.parametrize("file", vendored(), ids=lambda file: file.path)
def test_a_vendored_file_is_what_the_table_says(file: Vendored) -> None:
    content = (ROOT / file.path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file.sha256
    for version in (file.version, file.purl.rpartition("@")[2]):
        assert version.encode() in content[:400]
    assert LICENCES[file.licence] in (ROOT / file.licence_text).read_text(encoding="utf-8")
    assert component(file)["hashes"][0]["content"] == file.sha256


def test_whatever_names_a_licence_in_what_is_installed_is_in_the_table() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "static", "templates", "bridge", "app.py"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout.split()
    named = {path for path in listed if THEIRS.search((ROOT / path).read_text(encoding="utf-8"))}
    rows = vendored()
    assert named == {file.path for file in rows} | {file.licence_text for file in rows}
    static = {path for path in listed if path.startswith("static/")}
    assert {path for path in static if "/bridge/" not in path} == named & static
