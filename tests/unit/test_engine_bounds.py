"""What is kept for clients and names is bounded: see the tables in docs/limits.md, and tests/unit/green/bounds.py.

In a process of its own, as eventlet is nothing for this one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.process import ROOT

START = """
import warnings
warnings.simplefilter("ignore")
import eventlet
"""


def run(code: str) -> None:
    """Its assertions have to hold."""
    done = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_client_is_sent_at_most_as_much_at_once_as_it_may_be_behind(tmp_path: Path) -> None:
    run(f"""
import app
from bridge.config import load

for outbox, most in (("64k", 24 * 1024), ("1M", 256 * 1024)):
    arguments = ["--demo", "--outbox", outbox, "--state-dir", {str(tmp_path)!r}]
    process = app.Process(load(arguments, {{}}, checks={{}}))
    fanout = process.assembly(("localhost", 1), ("localhost", 2)).fanout
    assert fanout._largest == most, fanout._largest
""")


def test_what_name_servers_said_is_bounded_and_forgotten_when_asked(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n", encoding="utf-8")
    run(f"""
from types import SimpleNamespace
from eventlet.support import greendns
from bridge.hub.name_cache import forget_names

greendns.resolver._filename = {str(tmp_path / "resolv.conf")!r}
cache = greendns.resolver._resolver.cache
assert cache.max_size == 100_000
cache.set_max_size(10)
for n in range(25):
    cache.put(("name", n), SimpleNamespace(expiration=1e12))
    assert len(cache.data) <= 10
assert greendns.resolver._resolver.cache is cache
forget_names()
assert not greendns.resolver._resolver.cache.data
""")
