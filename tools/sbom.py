"""Writes what the bridge is made of as a CycloneDX bill of materials, build/sbom.json.

cyclonedx-py writes the Python packages, with their checksums, from requirements.lock; what is vendored comes on top,
from the table in docs/supply-chain.md.

Use: `make sbom`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.version import VERSION

__all__ = ["TABLE", "Vendored", "vendored"]

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "build" / "supply" / "bin" / "cyclonedx-py"
OUT = ROOT / "build" / "sbom.json"
TABLE = ROOT / "docs" / "supply-chain.md"

_ROW = re.compile(
    r"^\| `([^`]+)` \| (\S+) (\S+) \| `(pkg:[^`]+)`, `([^`]+)`([^|]*) \| ([\w.-]+), `([^`]+)` \| `([0-9a-f]{64})` \|$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Vendored:
    """A file that others wrote. `purl` and `inside`: the package it is from, and its path there; `change`: in words."""

    path: str
    name: str
    version: str
    purl: str
    inside: str
    change: str
    licence: str
    licence_text: str
    sha256: str


def vendored() -> list[Vendored]:
    """The rows of the table."""
    return [Vendored(*match.groups()) for match in _ROW.finditer(TABLE.read_text(encoding="utf-8"))]


def component(file: Vendored) -> dict[str, Any]:
    """One of them as CycloneDX has it."""
    return {
        "bom-ref": file.path,
        "type": "file",
        "name": file.path,
        "version": file.version,
        "purl": f"{file.purl}#{file.inside}",
        "licenses": [{"license": {"id": file.licence}}],
        "hashes": [{"alg": "SHA-256", "content": file.sha256}],
    }


def main() -> None:
    """Write it."""
    command = [str(TOOL), "requirements", str(ROOT / "requirements.lock"), "--pyproject", str(ROOT / "pyproject.toml")]
    command += ["--output-format", "JSON", "--output-reproducible", "--no-validate"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - cyclonedx-py
    bill = json.loads(done.stdout)
    bill["metadata"]["component"]["version"] = VERSION
    bill["components"] += [component(file) for file in vendored()]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    print(f"{OUT.relative_to(ROOT)}: {len(bill['components'])} components")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError:
        sys.exit("sbom: nothing was written")
