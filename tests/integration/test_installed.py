"""The bridge from a wheel, in an environment of its own outside this folder: `bridge` and `python -m bridge`."""

from __future__ import annotations

import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import requests

from bridge.version import VERSION
from tests.client import Client
from tests.handlers import written
from tests.process import ROOT, Bridge, environment
from tests.waiting import PATIENCE

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
#: Beside the package in this folder, in it in a wheel.
BESIDE = ("app.py", "templates", "static")


def run(*command: str, cwd: Path) -> str:
    """A command that ends with 0; what it says on stdout."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(), cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install .` would make; the tool that builds it is the one that the tests have."""
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT), cwd=folder)
    return next(folder.glob("bridge-*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin/` of an environment with the wheel. The libraries are those of the tests."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    python = str(folder / "bin" / "python")
    run(*PIP, "--python", python, "install", "--no-index", "--no-deps", str(wheel), cwd=folder)
    paths = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    Path(paths.strip(), "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder / "bin"


def command(programs: Path, name: str) -> tuple[str, ...]:
    """How it is started."""
    return (str(programs / "bridge"),) if name == "bridge" else (str(programs / "python"), "-m", "bridge")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A user's folder, in which files have the same names as the bridge's."""
    (tmp_path / "app.py").write_text("raise SystemExit('the wrong app.py')\n", encoding="utf-8")
    (tmp_path / "templates").mkdir()
    return tmp_path


def files(of: Path) -> set[str]:
    """Every file of the tree that a wheel has to have, as it is named there."""
    beside = [path for name in BESIDE for path in ((of / name).rglob("*") if (of / name).is_dir() else [of / name])]
    own = {f"bridge/{path.relative_to(of)}" for path in beside if path.is_file()}
    package = {str(path.relative_to(of)) for path in (of / "bridge").rglob("*") if path.is_file()}
    return {name for name in own | package if "__pycache__" not in name}


def test_a_wheel_has_the_package_app_py_templates_and_static_files_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == files(ROOT)
    assert f"bridge-{VERSION}-" in wheel.name


def test_the_wheel_needs_what_is_pinned(programs: Path) -> None:
    run(*PIP, "--python", str(programs / "python"), "check", cwd=programs)


@pytest.mark.parametrize("name", ["bridge", "python -m bridge"])
def test_an_installed_bridge_serves_relays_and_stops(programs: Path, elsewhere: Path, name: str) -> None:
    handlers = written(elsewhere, HANDLERS)
    args = ("--demo", "--handlers", str(handlers))
    with Bridge(*args, command=command(programs, name), cwd=elsewhere) as bridge:
        page = requests.get(bridge.url, timeout=PATIENCE).text
        assert "<canvas" in page
        script = requests.get(f"{bridge.url}/static/bridge/emitform.js", timeout=PATIENCE)
        assert script.content == (ROOT / "static" / "bridge" / "emitform.js").read_bytes()
        assert requests.get(f"{bridge.url}/healthz", timeout=PATIENCE).status_code == 200
        bridge.said("= connected")
        with Client(bridge.url) as client:
            assert client.ask("move", {"x": 1})["ok"]
            client.emit("hello", "world")
            assert client.got("own") == "hello world"
        assert bridge.stop(signal.SIGTERM) == 0


HANDLERS = """
from bridge import Bridge, Client, Emit

def setup(bridge: Bridge) -> None:
    @bridge.on_event("hello")
    def hello(client: Client, payload: str) -> None:
        bridge.emit("own", f"hello {payload}", to=client)
    assert Emit is bridge.Emit
"""


@pytest.mark.parametrize("name", ["bridge", "python -m bridge"])
def test_an_installed_bridge_has_help_and_version(programs: Path, elsewhere: Path, name: str) -> None:
    start = command(programs, name)
    assert ".venv/bin/bridge" in run(*start, "--help", cwd=elsewhere)
    assert run(*start, "--version", cwd=elsewhere) == f"bridge {VERSION}\n"


def test_python_m_bridge_runs_the_app_of_a_checkout_too(elsewhere: Path) -> None:
    start = (sys.executable, "-m", "bridge")
    assert run(*start, "--version", cwd=ROOT) == f"bridge {VERSION}\n"
    with Bridge("--demo", command=start, cwd=elsewhere, PYTHONPATH=str(ROOT)) as bridge:
        assert "<canvas" in requests.get(bridge.url, timeout=PATIENCE).text


@pytest.mark.parametrize("name", ["bridge", "python -m bridge"])
def test_an_installed_bridge_without_its_libraries_says_so_in_one_line(wheel: Path, tmp_path: Path, name: str) -> None:
    venv.create(tmp_path, symlinks=True)
    bin = tmp_path / "bin"
    run(*PIP, "--python", str(bin / "python"), "install", "--no-index", "--no-deps", str(wheel), cwd=tmp_path)
    done = subprocess.run(
        [*command(bin, name), "--demo"], capture_output=True, text=True, cwd=tmp_path, env=environment(), check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("bridge: this Python has no flask: ")
    assert done.stderr.count("\n") == 1
