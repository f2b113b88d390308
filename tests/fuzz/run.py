"""Every target for a while, guided by what of the bridge's code each input reaches; what finds more is kept.

An input that fails is kept too, so that the tests fail until it is mended. Exits with 1 if there was one.

Use: `make fuzz`, `make fuzz FUZZ=600`, or `python -m tests.fuzz.run --seconds 60 frames tokens`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha1
from pathlib import Path

from tests.fuzz.corpus import keep, kept
from tests.fuzz.targets import TARGETS
from tests.process import ROOT

__all__ = ["main"]

LONGEST = 2048  # bytes of an input
AT_ONCE = 2  # processes


def fuzz(target: str, seconds: int) -> bool:
    """Whether all went well."""
    folder = ROOT / "build" / "fuzz" / target
    shutil.rmtree(folder, ignore_errors=True)
    seeds, found, failed, merged = (folder / name for name in ("seeds", "found", "failed", "merged"))
    for path in (seeds, found, failed, merged):
        path.mkdir(parents=True)
    for path in (seeds, merged):
        write(path, kept(target))
    limits = (f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=10", f"-artifact_prefix={failed}/")
    process = start(target, found, seeds, *limits)
    wrong = [path.read_bytes() for path in failed.iterdir()]
    start(target, merged, found, "-merge=1")
    write(merged, wrong)
    more = keep(target, [path.read_bytes() for path in merged.iterdir()])
    *_, last = [line for line in process.stderr.splitlines() if line.startswith(("#", "Done"))] or [""]
    print(f"{target}: {more} inputs more are kept; {last.strip()}", flush=True)
    if wrong or process.returncode:
        print(f"{target}: it failed for {wrong!r:.1000}", process.stderr[-3000:], sep="\n", flush=True)
    return not wrong and not process.returncode


def start(target: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One run of libFuzzer, to its end."""
    command = [sys.executable, "-m", "tests.fuzz.fuzzer", target, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)


def write(folder: Path, inputs: Iterable[bytes]) -> None:
    """Each in a file, as libFuzzer wants them."""
    for each in inputs:
        (folder / sha1(each, usedforsecurity=False).hexdigest()).write_bytes(each)


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="how long each takes (60)")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all")
    given = parser.parse_args()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return 0 if all(list(pool.map(partial(fuzz, seconds=given.seconds), given.targets or TARGETS))) else 1


if __name__ == "__main__":
    sys.exit(main())
