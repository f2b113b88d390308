"""What a run measured, as JSON.

Use: `save(target, about, runs)`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.outcome import Run

__all__ = ["save"]


def save(target: Path, about: Mapping[str, object], runs: Sequence[Run]) -> None:
    """Everything that was measured, in one file."""
    text = json.dumps({"about": about, "runs": [asdict(run) for run in runs]}, indent=1, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8")
