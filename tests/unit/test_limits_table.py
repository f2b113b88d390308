"""The limits that docs/limits.md names of the relay are those in the code."""

from __future__ import annotations

import pytest

from bridge.relay import client_lifecycle, deduplication, replies, undelivered, upstream
from tests.process import ROOT

MIB = 1 << 20

LIMITS = [
    ("deduplication", f"{deduplication.MOST_OF_USER:,} of a user, {deduplication.MOST:,} in all"),
    ("deduplication", f"{deduplication.SIZE_OF_USER / MIB:g} MiB of a user, {deduplication.SIZE / MIB:g} MiB in all"),
    ("deduplication", f"| {deduplication.MOST_WAITING:,} of a user |"),
    ("replies", f"{replies.MOST_OF_CLIENT:,} of a client, {replies.MOST:,} in all"),
    ("upstream", f"| {upstream.MOST_NAMES:,} |"),
    ("upstream", f"| {upstream.MOST_LOGGED} |"),
    ("client_lifecycle", f"| {client_lifecycle.PATIENCE:g} s |"),
    ("expiry_queue", f"| seconds, and {client_lifecycle.MOST_AWAY:,} | `--grace` |"),
    ("undelivered", f"| {undelivered.MOST} rows, with {undelivered.NAMED} names each |"),
]


@pytest.mark.parametrize(("module", "limit"), LIMITS)
def test_a_limit_in_the_table_is_the_one_in_the_code(module: str, limit: str) -> None:
    rows = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if f"`relay/{module}.py`" in row and limit in row]
