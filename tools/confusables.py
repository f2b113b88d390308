"""Write bridge/confusables.txt, the table of Unicode's that says what looks like what, for bridge/skeleton.py.

The table is taken out of the Rust project's crate unicode-security, which is made from Unicode's own confusables.txt.

Use: `cargo add unicode-security@0.1.3 && cargo fetch` in an empty crate; then
`python -m tools.confusables FOLDER LICENCE`, with the folder in which cargo put the crate's source, and Unicode's
licence, which is in the crate unicode-ident.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TABLE = Path(__file__).parents[1] / "bridge" / "confusables.txt"
CRATE = "unicode-security 0.1.3, checksum 4a23f3d0a5f302dbfdc8c5303c943c325e67cb478611bf1f44fb4c1520c64eb7"
HEAD = f"""\
Which characters look like which, by Unicode Technical Standard 39: a character, and what it looks like, in hexadecimal.
Unicode version: {{version}}
Source: Unicode's security/confusables.txt, as in the crate {CRATE}.
Changed: taken out of src/tables.rs by tools/confusables.py. Not to be edited by hand.
Licence, of the data in this file alone:

"""


def _codes(text: str) -> list[int]:
    return [int(code, 16) for code in re.findall(r"\\u\{([0-9a-f]+)\}", text)]


def table(source: str) -> dict[int, list[int]]:
    """Return the table in src/tables.rs: a code point, and those that it looks like."""
    body = source.split("const CONFUSABLES:", 1)[1].split("];", 1)[0]
    entries = re.findall(r"\('(\\u\{[0-9a-f]+\})',\s*&\[(.*?)\]\)", body, re.DOTALL)
    return {_codes(one)[0]: _codes(others) for one, others in entries}


def text(source: str, licence: str) -> str:
    """Return the file: its head, which is comments, and a line for each character."""
    found = re.search(r"UNICODE_VERSION: .* = \((\d+), (\d+), (\d+)\);", source)
    assert found, "this is no src/tables.rs of the crate"
    head = HEAD.format(version=".".join(found.groups())) + licence.strip()
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    lines += [f"{one:04X};{' '.join(f'{code:04X}' for code in others)}" for one, others in table(source).items()]
    return "\n".join(lines) + "\n"


def main(folder: Path, licence: Path) -> None:
    """Write the file. `licence`: Unicode's licence, version 3."""
    source = (folder / "src" / "tables.rs").read_text(encoding="utf-8")
    TABLE.write_text(text(source, licence.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
