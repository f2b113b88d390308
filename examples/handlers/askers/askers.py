"""A queue of askers: a server that answers in the order of the questions, with no id to say which answer is whose.

Who asked is noted as the question leaves, and the next answer is the first one's. So each question that did not reach
the server has to leave the queue again, or everybody behind it would get somebody else's answer: `Frame(…, done=…)`
says which ones those are.

Use: `.venv/bin/python app.py --server localhost:8000 --framing newline --handlers examples/handlers/askers/askers.py
--site examples/handlers/askers/page`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from bridge import Bridge, Client, Emit, Frame, Refused, ToClients

__all__ = ["Askers", "setup"]

LONGEST = 200  # characters of a question
MOST = 1000  # questions that wait for an answer


@dataclass(eq=False)
class Asker:
    """A question, and who asked it. `sent`: the server has it."""

    client: Client
    question: str
    sent: bool = False


class Askers:
    """Those who wait for an answer, in the order of asking. Knows no server."""

    def __init__(self) -> None:
        self._waiting: deque[Asker] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, asker: Asker) -> None:
        """It asks now."""
        self._waiting.append(asker)

    def settled(self, asker: Asker, refused: Refused | None) -> None:
        """Its question was handed to the server, or refused: then no answer will come."""
        asker.sent = refused is None
        if refused is not None and asker in self._waiting:
            self._waiting.remove(asker)

    def answered(self) -> Asker | None:
        """Whose answer this is; None if nobody asked."""
        return self._waiting.popleft() if self._waiting else None

    def lost(self) -> list[Asker]:
        """The connection is over, and with it the answers to what the server had."""
        lost = [asker for asker in self._waiting if asker.sent]
        self._waiting = deque(asker for asker in self._waiting if not asker.sent)
        return lost


def setup(bridge: Bridge) -> None:
    """Called once, at start."""
    askers = Askers()

    @bridge.on_connect
    def came(client: Client) -> None:
        return None  # the server knows questions and no users

    @bridge.on_event("ask")
    def ask(client: Client, question: object = None) -> Frame:
        if not isinstance(question, str) or not 1 <= len(question) <= LONGEST or not question.isprintable():
            raise bridge.Refused("bad-event", f"ask takes a line of 1 to {LONGEST} characters")
        if len(askers) >= MOST:
            raise bridge.Refused("link-busy")
        asker = Asker(client, question)
        askers.add(asker)
        return Frame(question, done=lambda refused: askers.settled(asker, refused))

    @bridge.on_message
    def said(message: str) -> ToClients:
        asker = askers.answered()
        if asker is None:
            return bridge.DEFAULT  # nobody asked: it is for all
        return Emit("answer", {"question": asker.question, "answer": message}, to=asker.client)

    @bridge.on_link_down
    def down(reason: str) -> None:
        for asker in askers.lost():
            bridge.emit("lost", {"question": asker.question, "reason": reason}, to=asker.client)
