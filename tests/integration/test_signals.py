"""A signal at any time ends the process in order, also as process 1 of a container, to which the kernel gives none
that it does not handle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.handlers import written
from tests.process import ROOT, environment
from tests.waiting import PATIENCE, Log

#: Python says of each module that it has imported it. The first are those that app.py begins with.
IMPORTS = ("-X", "importtime")
#: How it is started.
APP, MODULE = (str(ROOT / "app.py"),), ("-m", "bridge")
AS_FIRST = ("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--pid", "--fork")


@contextmanager
def starting(
    folder: Path, *args: str, first: bool, entry: tuple[str, ...] = APP
) -> Iterator[tuple[subprocess.Popen[str], Log[str]]]:
    """A bridge that starts, and what it has said so far."""
    command = [*(AS_FIRST if first else ()), sys.executable, *IMPORTS, *entry, "--port", "0", "--demo"]
    process = subprocess.Popen(
        [*command, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        env=environment(BRIDGE_STATE_DIR=str(folder / "state")),
    )  # fmt: skip
    log: Log[str] = Log()
    assert process.stdout is not None
    reader = threading.Thread(target=log.add_all, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        yield process, log
    finally:
        process.kill()
        process.wait(PATIENCE)
        reader.join(PATIENCE)
        process.stdout.close()


def python(process: subprocess.Popen[str], first: bool) -> int:
    """The process of Python's."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return int(children.read_text(encoding="ascii").split()[0]) if first else process.pid


@pytest.mark.parametrize("first", [False, True], ids=["", "as process 1"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("module", ["greenlet._greenlet", "flask.globals", "bridge.relay.handlers"])
def test_a_signal_while_it_imports_ends_it_with_0_and_without_a_word(
    tmp_path: Path, module: str, number: int, first: bool
) -> None:
    with starting(tmp_path, first=first) as (process, log):
        log.wait(lambda line: line.rstrip().endswith(f" {module}"))
        os.kill(python(process, first), number)
        assert process.wait(PATIENCE) == 0
        assert not [line for line in log.entries if not line.startswith("import time:")]


@pytest.mark.parametrize("module", ["greenlet._greenlet", "bridge.relay.handlers"])
def test_a_signal_while_python_m_bridge_imports_ends_it_with_0_too(tmp_path: Path, module: str) -> None:
    with starting(tmp_path, first=True, entry=MODULE) as (process, log):
        log.wait(lambda line: line.rstrip().endswith(f" {module}"))
        os.kill(python(process, True), signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert not [line for line in log.entries if not line.startswith("import time:")]


SLOW = """
import time
{where}

def setup(bridge):
    print("setup begins", flush=True)
    {there}
    print("setup ends", flush=True)
"""


@pytest.mark.parametrize("first", [False, True], ids=["", "as process 1"])
@pytest.mark.parametrize(
    ("where", "there", "when"),
    [
        ("print('the file begins', flush=True); time.sleep(600)", "", "the file begins"),
        ("", "time.sleep(600)", "setup begins"),
        ("", "while True: pass", "setup begins"),
        ("", "", "setup ends"),
    ],
    ids=["the handlers file waits", "setup waits", "setup never ends", "it is about to listen"],
)
def test_a_signal_while_handlers_are_loaded_or_it_begins_to_listen_ends_it_with_0(
    tmp_path: Path, where: str, there: str, when: str, first: bool
) -> None:
    path = written(tmp_path, SLOW.format(where=where, there=there or "pass"))
    with starting(tmp_path, "--handlers", str(path), first=first) as (process, log):
        log.wait(lambda line: when in line)
        os.kill(python(process, first), signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert "Traceback" not in "".join(log.entries)
