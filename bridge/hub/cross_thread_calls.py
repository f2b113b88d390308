"""Makes calls for other threads of the system in the thread that the hub runs in.

eventlet's locks, and whoever waits on them, belong to the hub's thread: who waits for one in another thread is never
woken, and who is woken from there never runs. So what another thread asks for is queued, a byte in a pipe wakes
the hub, and the caller waits, on a real lock, for what came of it. Must not know what is called.

Use: `crossing = CrossThreadCalls()` in the hub's thread, `crossing.serve()` in a green thread; then from anywhere
`crossing.call(queue.send, [b"x"])`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import eventlet
from eventlet.hubs import trampoline
from eventlet.patcher import original

__all__ = ["CrossThreadCalls", "Outcome"]

_os: Any = original("os")  # eventlet's own write waits in a hub, which each thread would have one of
_threading: Any = original("threading")

PATIENCE = 5.0  # seconds until the hub has begun with a call: it may be held up by who waits for the caller
MOST = 1_000  # calls that wait at once; each is a thread that waits

_STOPPED = "the bridge is stopping, or has stopped: nothing of it can be called from another thread any more"
_HELD_UP = (
    f"the bridge's own thread has been held up for {PATIENCE:g} s, perhaps by what waits for this very thread: "
    "nothing was done"
)


class Outcome:
    """A call that is made elsewhere than where its outcome is waited for."""

    __slots__ = ("args", "error", "function", "value")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function, self.args = function, args
        self.value: Any = None
        self.error: BaseException | None = None

    def make(self) -> None:
        """Call the function."""
        try:
            self.value = self.function(*self.args)
        except BaseException as error:  # of a user's function, perhaps; it is the caller's
            self.error = error

    def outcome(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self.value


class _Call(Outcome):
    """`waits`: until the hub begins with it; `over`: set when its outcome is there."""

    __slots__ = ("over", "waits")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        super().__init__(function, args)
        self.over = _threading.Event()
        self.waits = True


class CrossThreadCalls:
    """`thread`: the hub's, as sys._current_frames() has it; `turns`: how often the hub has come round to this;
    `turned`: when it did last, by time.monotonic()."""

    def __init__(self) -> None:
        self.thread: int = _threading.get_ident()
        self._lock = _threading.Lock()  # a real one, which is held for moments and never while a green thread waits
        self._waiting: deque[_Call] = deque()
        self._begun: set[_Call] = set()
        self._ends, self._end = _os.pipe()
        for end in (self._ends, self._end):
            _os.set_blocking(end, False)
        self._closed = False
        self.turns, self.turned = 0, time.monotonic()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call `function(*args)` in the hub's thread, and return what it returns. Raises what it raises, and
        RuntimeError if it can't be called."""
        if _threading.get_ident() == self.thread:
            return function(*args)
        call = _Call(function, args)
        self._add(call)
        if not call.over.wait(PATIENCE) and self._given_up(call):
            raise RuntimeError(_HELD_UP)
        call.over.wait()
        return call.outcome()

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """Have it called, and don't wait for that; nothing happens if the bridge has stopped."""
        try:
            self._add(_Call(function, args), limited=False)
        except RuntimeError:
            pass

    def knock(self) -> None:
        """Wake the hub: it comes round and counts that in `turns`."""
        try:
            _os.write(self._end, b"!")
        except OSError:
            pass  # it is full, so the hub will come; or closed

    def serve(self) -> None:
        """Make the calls, for ever; each in a green thread of its own, as one may wait for another."""
        while True:
            trampoline(self._ends, read=True)
            _os.read(self._ends, 4096)
            self.turned = time.monotonic()
            self.turns += 1
            while (call := self._next()) is not None:
                eventlet.spawn_n(self._make, call)

    def close(self) -> None:
        """Call nothing from now on, and tell those who wait. May be called twice."""
        with self._lock:
            self._closed = True
            left = [*self._waiting, *self._begun]
            self._waiting.clear()
            self._begun.clear()
        for call in left:
            if not call.over.is_set():
                call.error = RuntimeError(_STOPPED)
                call.over.set()

    def _add(self, call: _Call, limited: bool = True) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError(_STOPPED)
            if limited and len(self._waiting) + len(self._begun) >= MOST:
                raise RuntimeError(f"{MOST} threads wait for the bridge already")
            self._waiting.append(call)
        self.knock()

    def _next(self) -> _Call | None:
        with self._lock:
            if not self._waiting:
                return None
            call = self._waiting.popleft()
            call.waits = False
            self._begun.add(call)
            return call

    def _make(self, call: _Call) -> None:
        call.make()
        call.over.set()
        with self._lock:
            self._begun.discard(call)

    def _given_up(self, call: _Call) -> bool:
        """Whether it was not begun yet, and now never will be."""
        with self._lock:
            if call.waits and call in self._waiting:
                self._waiting.remove(call)
                return True
            return False
