"""On what it was measured: date, machine, versions.

Use: `about("full", ["ours", "node"])`.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench.build import BUILT, go_program
from bridge.version import VERSION
from tools.pins import ranges

__all__ = ["about"]


def about(plan: str, contestants: list[str]) -> dict[str, object]:
    """What belongs beside every figure."""
    return {
        "plan": plan,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": _machine(),
        "load": round(os.getloadavg()[0], 2),
        "versions": _versions(contestants),
    }


def _machine() -> str:
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    size = int(memory[1]) / 2**20 if memory else 0
    name = model[1] if model else platform.machine()
    return f"{name}, {len(os.sched_getaffinity(0))} cores, {size:.0f} GiB, Linux {platform.release().partition('-')[0]}"


def _versions(contestants: list[str]) -> dict[str, str]:
    found = {"bridge": VERSION, "Python": platform.python_version()} | {name: version(name) for name in ranges()}
    if any(name.startswith("node") for name in contestants):
        package = BUILT / "node" / "node_modules" / "socket.io" / "package.json"
        found |= {"Node": _said("node", "--version"), "socket.io": json.loads(package.read_text())["version"]}
    if any(name.startswith("go") for name in contestants):
        found["Go"] = _said(go_program(), "version").split()[2].removeprefix("go")
    return found | {"gcc": _said("gcc", "-dumpfullversion")}


def _said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip().removeprefix("v")
