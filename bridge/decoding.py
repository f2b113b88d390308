"""Give the relay the codec's functions, since it must not import the link.

This is not in wiring.py because tests and benchmarks of the relay need the same without eventlet. It starts nothing.

Use: `Routing(options, DECODE, sids, counters, undelivered)`.
"""

from __future__ import annotations

from bridge.link import codec
from bridge.link.json_key_reader import MISSING, JsonKeyReader, all_whole
from bridge.relay.routing_keys import Decode

__all__ = ["DECODE"]

DECODE = Decode(
    keyed=JsonKeyReader, missing=MISSING, all_whole=all_whole,
    to_text=codec.to_text, without_bom=codec.without_bom, bare=codec.bare,
    strict=codec.parse, lenient=codec.parse_lenient, exact=codec.parse_exact, fault=codec.fault,
    not_json=codec.NotJson, too_deep=codec.TooDeep,
)  # fmt: skip
