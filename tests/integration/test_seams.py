"""What the Socket.IO server uses of its libraries is there, in the versions it was tested on, or else named."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.process import ROOT, environment

#: Run in a process of its own, as eventlet has no place in pytest's.
_START = "import warnings; warnings.simplefilter('ignore'); from bridge.socketio_server import private_api_check\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _START + code],
        capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment(), check=False,
    )  # fmt: skip


def test_the_seams_are_there_and_were_tested_on_the_versions_that_are_pinned() -> None:
    done = run("private_api_check.check_seams(); print(sorted(private_api_check.TESTED.items()))")
    assert done.returncode == 0, done.stderr
    pinned = dict(re.findall(r"^([\w-]+)==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    tested = dict(re.findall(r"\('([\w-]+)', '([\d.]+)'\)", done.stdout))
    assert len(tested) == 6
    assert tested.items() <= pinned.items()


@pytest.mark.parametrize(
    ("package", "change"),
    [
        ("python-engineio", "import engineio; del engineio.base_server.BaseServer.generate_id"),
        ("python-socketio", "import socketio; del socketio.packet.Packet.add_attachment"),
        ("eventlet", "import eventlet.wsgi; del eventlet.wsgi.WSGI_LOCAL"),
        ("eventlet", "import eventlet.hubs; del eventlet.hubs.get_hub().next_timers"),
        ("eventlet", "from eventlet.support import greendns; del greendns.ResolverProxy._resolver"),
    ],
)  # fmt: skip
def test_a_library_that_has_moved_one_is_named_with_the_version_that_would_do(package: str, change: str) -> None:
    gone = change.rpartition(".")[2]
    done = run(
        f"{change}\nfrom bridge.errors import ServeError\ntry: private_api_check.check_seams()\n"
        "except ServeError as e: print(e)"
    )
    assert f"{package} " in done.stdout, done.stderr
    assert gone in done.stdout
    assert "was tested with" in done.stdout
