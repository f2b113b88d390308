"""How fast each framing is decoded, in MB of stream a second of processor time, on one core.

Every figure is the median of several runs over the same stream, with a new decoder each time. The streams are made
here; nothing is read from a socket. README.md beside this file has the figures and says what they mean.

Use: `python -m bench.framing`, or `python bench/framing.py --json figures.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from bridge.link.framing.registry import framing_in, framing_out

__all__ = ["Case", "Figure", "cases", "main", "measure"]

LIMIT = 1 << 20
READ = 1 << 16
LARGE, SMALL = 8 << 20, 1 << 18  # bytes of a stream in large reads, and in single bytes

WORLD = {
    "action": "world",
    "tick": 1234,
    "users": [{"id": f"u{i}", "x": i * 1.5, "y": 3.25, "hp": 9} for i in range(60)],
}
OBJECTS: dict[str, object] = {
    "json, 64 B, flat": {"username": "ann-17", "action": "move", "x": 12, "y": 345, "keys": "wd"},
    "json, 150 B, nested": {
        "username": "player-17",
        "action": "state",
        "room": "lobby",
        "text": 'She said "hello"\n',
        "score": {"wins": 1, "draws": 2},
        "at": 1234567890.123,
        "tags": ["a", "b"],
    },
    "json, 300 B, flat": {f"a longer key {i}": f"with some value {i}" for i in range(8)},
    "json, 2 kB, 60 objects": WORLD,
    "json, 64 kB, one string": {"text": "x" * 65_000},
}


@dataclass(frozen=True)
class Case:
    """What to decode: a framing string, one frame with its framing, bytes a read, and the MB/s it has to reach."""

    name: str
    spec: str
    framed: bytes
    read: int
    floor: float = 0.0


@dataclass(frozen=True)
class Figure:
    """What came out: MB (10^6 bytes) and frames a second of processor time."""

    name: str
    read: int
    frame: int
    mb_s: float
    frames_s: float
    floor: float


def cases() -> Iterable[Case]:
    """All that is measured. The floors are what the project promises."""
    payload = b"x" * 64
    framed = {
        spec: framing_out(spec, LIMIT).frame(payload)
        for spec in ("~", r"\n", r"END\r\n", "length:4", "netstring", "varint")
    }
    framed |= {r"\r\n \n": payload + b"\r\n", "~ |": payload + b"|"}
    for spec, frame in framed.items():
        yield Case(spec, spec, frame, READ, 300.0 if spec in ("~", r"\n", r"END\r\n") else 0.0)
    for name, value in OBJECTS.items():
        yield Case(name, "json", json.dumps(value, separators=(",", ":")).encode() + b"\n", READ, 40.0)
    for spec, frame in framed.items():
        yield Case(spec, spec, frame, 1, 2.0 if spec in ("~", r"\n", r"END\r\n") else 0.0)
    yield Case("json", "json", json.dumps(OBJECTS["json, 64 B, flat"], separators=(",", ":")).encode(), 1)


def measure(case: Case, runs: int) -> Figure:
    """The median of so many runs. Raises RuntimeError if not every frame came out."""
    count = max(1, (SMALL if case.read == 1 else LARGE) // len(case.framed))
    stream = case.framed * count
    reads = [stream[at : at + case.read] for at in range(0, len(stream), case.read)]
    seconds = statistics.median(_run(case, reads, count) for _ in range(runs))
    return Figure(case.name, case.read, len(case.framed), len(stream) / seconds / 1e6, count / seconds, case.floor)


def _run(case: Case, reads: list[bytes], expected: int) -> float:
    decoder = framing_in(case.spec, LIMIT)
    feed, frames = decoder.feed, 0
    started = time.process_time()
    for read in reads:
        frames += len(feed(read))
    seconds = time.process_time() - started
    if frames != expected:
        raise RuntimeError(f"{case.name}: {frames} of {expected} frames came out")
    return seconds


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 if a figure is under its floor."""
    parser = argparse.ArgumentParser(description="Measure how fast each framing is decoded.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="runs of which to take the median (default 7)")
    options = parser.parse_args(arguments)
    machine = f"Python {platform.python_version()}, {platform.machine()}"
    print(f"{machine}, median of {options.runs}, one core\n")
    print(f"{'framing':26}{'bytes a read':>13}{'bytes a frame':>15}{'MB/s':>9}{'frames/s':>13}{'at least':>10}")
    figures = []
    for case in cases():
        figures.append(figure := measure(case, options.runs))
        print(_line(figure), flush=True)
    if options.json:
        text = json.dumps({"machine": machine, "runs": options.runs, "figures": list(map(asdict, figures))}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return int(any(figure.mb_s < figure.floor for figure in figures))


def _line(figure: Figure) -> str:
    floor = f"{figure.floor:.0f}" if figure.floor else ""
    under = "  under!" if figure.mb_s < figure.floor else ""
    speeds = f"{figure.mb_s:9.1f}{figure.frames_s:13,.0f}{floor:>10}{under}"
    return f"{figure.name:26}{figure.read:13,}{figure.frame:15,}{speeds}"


if __name__ == "__main__":
    sys.exit(main())
