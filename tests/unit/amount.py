"""How much of what could go on for ever a test does: all of it in `make test`, a part in `make check`, the inner loop.

Use: `@settings(max_examples=some(500))`; `1 << (11 if QUICK else 13)`.
"""

from __future__ import annotations

import os

__all__ = ["QUICK", "some"]

QUICK = os.environ.get("BRIDGE_TEST_PROFILE") == "quick"


def some(examples: int) -> int:
    """So many examples; for `make check` a tenth, at least ten."""
    return max(10, examples // 10) if QUICK else examples
