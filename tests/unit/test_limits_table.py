"""The limits that docs/limits.md names of the relay are those in the code."""

from __future__ import annotations

import pytest

from bridge.relay.client_lifecycle import MOST_AWAY, PATIENCE
from bridge.relay.deduplication import MOST, MOST_OF_USER, MOST_WAITING, SIZE, SIZE_OF_USER
from bridge.relay.replies import MOST as MOST_ASKED
from bridge.relay.replies import MOST_OF_CLIENT
from bridge.relay.undelivered import MOST as MOST_ROWS
from bridge.relay.undelivered import NAMED
from bridge.relay.upstream import MOST_LOGGED, MOST_NAMES
from tests.process import ROOT

MIB = 1 << 20

LIMITS = [
    ("deduplication", f"{MOST_OF_USER:,} of a user, {MOST:,} in all"),
    ("deduplication", f"{SIZE_OF_USER / MIB:g} MiB of a user, {SIZE / MIB:g} MiB in all"),
    ("deduplication", f"| {MOST_WAITING:,} of a user |"),
    ("replies", f"{MOST_OF_CLIENT:,} of a client, {MOST_ASKED:,} in all"),
    ("upstream", f"| {MOST_NAMES:,} |"),
    ("upstream", f"| {MOST_LOGGED} |"),
    ("client_lifecycle", f"| {PATIENCE:g} s |"),
    ("expiry_queue", f"| seconds, and {MOST_AWAY:,} | `--grace` |"),
    ("undelivered", f"| {MOST_ROWS} rows, with {NAMED} names each |"),
]


@pytest.mark.parametrize(("module", "limit"), LIMITS)
def test_a_limit_in_the_table_is_the_one_in_the_code(module: str, limit: str) -> None:
    rows = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if f"`relay/{module}.py`" in row and limit in row]
