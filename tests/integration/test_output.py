"""What is printed for somebody who does not read it, or can't be written: no traceback, and a bridge that serves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from tests.process import ROOT, environment
from tests.viewer import until
from tests.waiting import PATIENCE, Log

APP = f"{sys.executable} {ROOT / 'app.py'}"


def shell(command: str, **env: str) -> tuple[int, str]:
    """The exit code of the first program in a pipe, and all of stdout and stderr."""
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, env=environment(**env), check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("flag", "reader"),
    [
        ("--help", "| head -1 | wc -l"),
        ("--check", "| head -1 | wc -l"),
        ("--version", "| true"),
        ("--check", ">&- 2>&-"),
    ],
)
def test_what_nobody_reads_to_its_end_is_quiet_and_no_failure(flag: str, reader: str) -> None:
    code, said = shell(f"{APP} {flag} {reader}")
    assert code == 0
    assert said.strip() in ("", "1")


@pytest.mark.parametrize("flag", ["--help", "--check"])
def test_what_can_not_be_written_is_said_in_a_line(flag: str) -> None:
    assert shell(f"{APP} {flag} > /dev/full") == (
        1, "bridge: what was asked for can't be written: No space left on device\n",
    )  # fmt: skip


@pytest.mark.parametrize("reader", ["2>&1 | true", "2> /dev/full"])
def test_problems_with_the_settings_end_with_2_whoever_reads_them(reader: str) -> None:
    code, said = shell(f"{APP} --bogus {reader}")
    assert code == 2
    assert "Traceback" not in said


def test_what_a_terminal_can_not_show_is_escaped() -> None:
    code, said = shell(f"{APP} --check --event é", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert code == 0
    assert '"\\xe9"' in said


@pytest.mark.parametrize("stdout", ["a closed pipe", "> /dev/full", ">&-"])
def test_a_bridge_serves_though_the_address_that_it_prints_can_not_be_written(stdout: str) -> None:
    read, write = os.pipe()
    os.close(read)
    where = stdout if stdout != "a closed pipe" else ""
    program = subprocess.Popen(
        ["bash", "-c", f"exec {APP} --port 0 --demo {where}"],
        stdout=write, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    os.close(write)
    assert program.stderr is not None
    lines: Log[str] = Log()
    threading.Thread(target=lines.add_all, args=(program.stderr,), daemon=True).start()
    try:
        lines.wait(lambda line: "connected to 127.0.0.1" in line, timeout=60)
        until(lambda: any(serves(port) for port in listening(program.pid)))
        program.terminate()
        assert program.wait(PATIENCE) == 0
        assert not [line for line in lines.entries if "Traceback" in line]
    finally:
        program.kill()
        program.wait(PATIENCE)
        program.stderr.close()


def listening(pid: int) -> list[int]:
    """The ports on which a process listens."""
    inodes = set(re.findall(r"socket:\[(\d+)\]", subprocess.run(
        ["ls", "-l", f"/proc/{pid}/fd"], capture_output=True, text=True, check=True
    ).stdout))  # fmt: skip
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in inodes]


def serves(port: int) -> bool:
    """Whether it speaks HTTP: the demo server listens, too."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok
    except requests.RequestException:
        return False
