"""Begin a connection to the server: send the greetings, and run `on_link_up`.

This comes before presence and everything else, and before the link counts as up. Must not know sockets, nor what is
sent later.

Use: `opening = LinkOpening(greetings, hooks, calls, message, announcing, counters)`; `opening.begin(exchange)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from bridge.counters import Counters
from bridge.errors import LinkError, Refused
from bridge.relay.handlers import Ask, Hooks
from bridge.relay.hook_calls import HookCalls, HookOutcome
from bridge.relay.hook_results import ToServer, report

__all__ = ["LinkOpening", "ServerExchange"]

PATIENCE = 5.0  # seconds for an answer, if the hook gives none


class ServerExchange(Protocol):
    """The exchange of link/first_exchange.py."""

    def send(self, payloads: Sequence[bytes]) -> None: ...

    def next(self, seconds: float) -> bytes: ...


class LinkOpening:
    """Makes the first exchange of each connection.

    `message`: decodes a frame for a handler, None if it is refused; `announcing`: redirects what the hook sends
    otherwise to a function.
    """

    def __init__(
        self,
        greetings: Sequence[bytes],
        hooks: Hooks,
        calls: HookCalls,
        message: Callable[[bytes], tuple[Any, ...] | None],
        announcing: Callable[[Callable[[HookOutcome], None]], AbstractContextManager[None]],
        *,
        counters: Counters,
    ) -> None:
        self._greetings, self._hooks, self._calls = greetings, hooks, calls
        self._message, self._announcing, self._counters = message, announcing, counters

    def begin(self, exchange: ServerExchange) -> None:
        """Make the exchange. Raises LinkError if it fails, which ends the connection."""
        exchange.send(self._greetings)
        hook = self._hooks.link_up
        if hook is None:
            return
        try:
            with self._announcing(lambda outcome: _send(exchange, outcome, self._counters)):
                self._say(exchange, hook(self._asking(exchange)) if _takes_ask(hook) else hook())
        except LinkError:
            raise
        except (TimeoutError, Refused) as error:  # what the server did, or the hook wanted
            words = error.message if isinstance(error, Refused) else error
            raise LinkError("opening", f"on_link_up: {words}") from None
        except BaseException as error:  # SystemExit is no Exception
            report(hook, self._counters)
            raise LinkError("opening", f"on_link_up failed: {type(error).__name__}: {error}") from None

    def _asking(self, exchange: ServerExchange) -> Ask:
        def ask(frame: ToServer, seconds: float = PATIENCE) -> Any:
            self._say(exchange, frame)
            while True:
                found = self._message(exchange.next(seconds))
                if found is not None:
                    return found[0]

        return ask

    def _say(self, exchange: ServerExchange, result: object) -> None:
        """Send what a hook returned, item by item as it is made, so that a later question comes after it."""
        for item in result if isinstance(result, Iterator) else (result,):
            outcome = HookOutcome()
            try:
                self._calls.read(item, outcome)
            except BaseException as error:
                refused = error if isinstance(error, Refused) else Refused("handler-error", str(error))
                outcome.refused(refused, self._counters)
                raise
            _send(exchange, outcome, self._counters)


def _send(exchange: ServerExchange, outcome: HookOutcome, counters: Counters) -> None:
    try:
        exchange.send(outcome.payloads)
    except LinkError:
        outcome.refused(Refused("link-down"), counters)
        raise
    except Refused as error:
        outcome.refused(error, counters)
        raise
    outcome.told(counters)(None)


def _takes_ask(hook: Callable[..., object]) -> bool:
    try:
        return bool(inspect.signature(hook).parameters)
    except (TypeError, ValueError):
        return False
