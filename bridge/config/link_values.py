"""Define the types that only settings of the link have; values.py explains what a type says.

Use: `when_down: WhenDown = "hold"` in a pydantic model.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.config.values import Kind, _empty_is_none, _encodable, _number

__all__ = ["Greetings", "Idle", "OptionalText", "ReplyId", "Retry", "WhenDown"]

ReplyId = Literal["text", "number"]
WhenDown = Literal["hold", "refuse"]
Idle = Annotated[
    float,
    BeforeValidator(_number),
    Field(ge=0, le=86400, allow_inf_nan=False),
    Kind("SECONDS", "a number of seconds from 0 to 86400; 0 is never"),
]
Retry = Annotated[
    float,
    BeforeValidator(_number),
    Field(ge=0.2, le=3600, allow_inf_nan=False),
    Kind("SECONDS", "a number of seconds from 0.2 to 3600"),
]
Greetings = Annotated[
    tuple[Annotated[str, AfterValidator(_encodable)], ...],
    Kind("TEXT", "text, with \\n \\r \\t \\0 \\xHH \\\\ as in a delimiter", many=True),
]
OptionalText = Annotated[
    Annotated[str, AfterValidator(_encodable)] | None, BeforeValidator(_empty_is_none), Kind("TEXT", "text, or nothing")
]
