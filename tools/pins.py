"""Makes requirements.txt, exact pins of all that the bridge runs on, from the ranges in pyproject.toml, and
requirements.lock, the same with the checksums of their files.

What is pinned stays as it is while the ranges have it; `--upgrade` takes the newest of everything. pip decides, and
nothing is installed. The checksums are those of every file of each version, for any machine and Python; uv, in the
environment of `make audit`, asks the index for them.

Use: `make pins`, or `make pins ARGS=--upgrade`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

__all__ = ["LOCK", "LOCK_HEAD", "PINS", "canonical", "ranges", "text"]

ROOT = Path(__file__).resolve().parent.parent
PINS, LOCK = ROOT / "requirements.txt", ROOT / "requirements.lock"
UV = ROOT / "build" / "supply" / "bin" / "uv"
OLDEST = "3.11"  # Python that the bridge runs on

HEAD = """\
# Made by `make pins` from the ranges in pyproject.toml, which has the reasons. These are the versions that are tested.
"""

LOCK_HEAD = """\
# Made by `make pins`: requirements.txt with the checksum of each file that the index has of these versions. Of others
# pip installs nothing. `make run` and the container take what is here.
"""


def ranges() -> dict[str, str]:
    """pyproject.toml's dependencies by name, each as it stands there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {re.split(r"[^\w.-]", line)[0]: line for line in project["dependencies"]}


def canonical(name: str) -> str:
    """A name as the index has it: `typing_extensions` is `typing-extensions`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def text(versions: Mapping[str, str]) -> str:
    """The file, from the version of each package by its name: first those of pyproject.toml, then what these need."""
    found = {canonical(name): version for name, version in versions.items()}
    direct = [f"{name}=={found.pop(canonical(name))}\n" for name in ranges()]
    return "".join([HEAD, *direct, "# What these need:\n", *(f"{name}=={found[name]}\n" for name in sorted(found))])


def resolved(upgrade: bool) -> dict[str, str]:
    """What pip would install for these ranges, by name. Raises CalledProcessError; pip has said why."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--dry-run"]
    kept = [] if upgrade else ["--constraint", str(PINS)]
    command = [*pip, "--ignore-installed", "--report", "-", *kept, *ranges().values()]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603 - pip
    return {each["metadata"]["name"]: each["metadata"]["version"] for each in report["install"]}


def locked() -> str:
    """requirements.lock, from requirements.txt as it is. Raises CalledProcessError; uv has said why."""
    command = [str(UV), "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST, "--generate-hashes"]
    command += ["--no-header", "--no-annotate", str(PINS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - uv
    return LOCK_HEAD + done.stdout


def main() -> None:
    """Write both."""
    try:
        versions = resolved(upgrade="--upgrade" in sys.argv[1:])
    except subprocess.CalledProcessError:
        sys.exit("requirements.txt is as it was; if a pin is out of its range, make pins ARGS=--upgrade takes new ones")
    PINS.write_text(text(versions), encoding="utf-8")
    LOCK.write_text(locked(), encoding="utf-8")


if __name__ == "__main__":
    main()
