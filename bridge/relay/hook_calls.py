"""Call users' functions, so that whatever they raise affects only the one event or notice they were called for.

Must not know what they are called for, nor what becomes of what they return.

Use: `outcome = HookCalls(encode, limit, counters).call(handler, client, 1)`; `outcome.payloads`;
`outcome.told(counters)(None)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.counters import Counters
from bridge.errors import Refused
from bridge.relay.acks import OnFate
from bridge.relay.hook_results import Default, Done, finished, frames_of, report
from bridge.relay.users import Client

__all__ = ["HookCalls", "HookOutcome"]


def nobody(_: Refused | None) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class HookOutcome:
    """What a hook returned.

    `payloads`: its frames; `dones`: the functions that are told what becomes of them; `usual`: it wants the
    bridge's own notice instead.
    """

    payloads: list[bytes] = field(default_factory=list)
    dones: list[Done] = field(default_factory=list)
    usual: bool = False

    def add(self, other: HookOutcome) -> None:
        """Append what another call returned."""
        self.payloads += other.payloads
        self.dones += other.dones

    def told(self, counters: Counters, last: OnFate = nobody) -> OnFate:
        """Return the function to call when the outcome is known: it tells `dones`, then `last`."""
        if not self.dones:
            return last
        dones = self.dones

        def tell(error: Refused | None) -> None:
            finished(dones, error, counters)
            last(error)

        return tell

    def refused(self, error: Refused, counters: Counters) -> None:
        """Tell `dones` that no frame is sent."""
        finished(self.dones, error, counters)
        self.dones = []


class HookCalls:
    """`encode`: writes a value as JSON; `limit`: bytes that all frames of one call may have."""

    def __init__(self, encode: Callable[[object], bytes], limit: int, counters: Counters) -> None:
        self._encode, self._limit, self._counters = encode, limit, counters

    def call(self, hook: Callable[..., object], client: Client, *args: object, usual: bool = False) -> HookOutcome:
        """Call a hook and read what it returns; `usual`: it may return bridge.DEFAULT. Raises Refused."""
        outcome = HookOutcome()
        visit = client._visit
        token = None if visit is None else visit.enter()
        try:
            result = hook(client, *args)
            if usual and isinstance(result, Default):
                outcome.usual = True
            else:
                self.read(result, outcome)
        except Refused as error:
            outcome.refused(error, self._counters)
            raise
        except BaseException as error:  # SystemExit and eventlet.Timeout are no Exception
            report(hook, self._counters)
            refused = Refused("handler-error", f"the handler failed: {type(error).__name__}")
            outcome.refused(refused, self._counters)
            raise refused from None
        finally:
            if visit is not None:
                visit.leave(token)
        return outcome

    def read(self, result: object, outcome: HookOutcome) -> None:
        """Add what a function returned. Raises TypeError for what can't be sent, and Refused."""
        outcome.payloads += frames_of(result, self._encode, self._limit, outcome.dones)
