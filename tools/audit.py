"""Asks what is known against the versions in requirements.lock, by `pip-audit --strict`.

It never looks as if all were well because nobody could be asked. Exit codes: 0, asked, and nothing is known; 1,
something is known; 2, nobody could be asked, or not about everything.

Use: `make audit`; `make audit ARGS="--osv-url http://127.0.0.1:9/v1/query"` asks a mirror.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["SERVICES", "Answer", "conclude", "read"]

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
TOOL = ROOT / "build" / "supply" / "bin" / "pip-audit"

#: Whom pip-audit can ask, each with words for people: the next one if the one before can't be asked.
SERVICES = {"pypi": "the package index", "osv": "the OSV data base"}


@dataclass(frozen=True)
class Answer:
    """What one service has said. `problem`: why it could not be asked, in the tool's words; "" if it answered."""

    asked: int = 0
    known: list[str] = field(default_factory=list)
    problem: str = ""


def read(stdout: str, stderr: str) -> Answer:
    """Read what pip-audit has written: JSON about every package, or why not."""
    try:
        packages = json.loads(stdout)["dependencies"]
        skipped = [f"{each['name']}: {each['skip_reason']}" for each in packages if "skip_reason" in each]
        known = [
            f"{each['name']} {each['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
            for each in packages
            for found in each.get("vulns", ())
        ]
    except (ValueError, KeyError, TypeError):
        last = [line.strip() for line in stderr.splitlines() if line.strip()]
        return Answer(problem=last[-1] if last else "it said nothing")
    return Answer(len(packages) - len(skipped), known, skipped[0] if skipped else "" if packages else "no packages")


def conclude(answers: dict[str, Answer], packages: int) -> tuple[int, list[str]]:
    """Return the exit code and what to say, from the answers of those that were asked, by their names."""
    known = [line for answer in answers.values() for line in answer.known]
    if known:
        return 1, [
            *dict.fromkeys(known),
            f"audit: {len(set(known))} known; make pins ARGS=--upgrade takes new versions",
        ]
    for name, answer in answers.items():
        if not answer.problem and answer.asked == packages:
            return 0, [f"audit: asked {SERVICES[name]} about {packages} packages: nothing is known against them"]
    reasons = [f"  {SERVICES[name]}: {answer.problem or 'left packages out'}" for name, answer in answers.items()]
    return 2, [f"audit: nobody could be asked about all {packages} packages, so nothing was found out:", *reasons]


def ask(service: str, more: list[str]) -> Answer:
    """Have pip-audit ask this service. `more`: further arguments for it."""
    command = [
        str(TOOL),
        "--strict",
        "--vulnerability-service",
        service,
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    command += ["--disable-pip", "--require-hashes", "--requirement", str(LOCK), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - pip-audit
    return read(done.stdout, done.stderr)


def main() -> int:
    """Ask one after the other until one knows."""
    packages = sum("==" in line for line in LOCK.read_text(encoding="utf-8").splitlines())
    answers: dict[str, Answer] = {}
    for service in SERVICES:
        answers[service] = ask(service, sys.argv[1:])
        if answers[service].known or not answers[service].problem:
            break
    code, lines = conclude(answers, packages)
    print("\n".join(lines), file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
