"""What only settings of the link may be; see values.py for what a type here says.

Use: `when_down: WhenDown = "hold"` in a pydantic model.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["WhenDown"]

WhenDown = Literal["hold", "refuse"]
