"""Names of users and events that look like others, can't be seen, or are the bridge's own.

Use: `NAME_KINDS` -> the kinds.
"""

from __future__ import annotations

from random import Random

from tests.hostile.attempts import Attempt, Kind, Sender, acked
from tests.hostile.packet_kinds import event, said

__all__ = ["NAME_KINDS"]

#: Characters that nobody sees, or that change how others are seen.
UNSEEN = (
    "\0\x07\n\x1b\x7f\x85\u200b\u200d\u200e\u202e\u2066\u2060\ufeff\u3164\u115f\u2800\u00ad\U000e0041\ue000\U000f0000"
)
ALIKE = {"h": "һ", "o": "о", "n": "ո", "e": "е", "s": "ѕ"}  # of other alphabets
RESERVED = (
    "connect",
    "disconnect",
    "connect_error",
    "newListener",
    "removeListener",
    "*",
    "bridge:link",
    "bridge:x",
    "connected",
    "disconnected",
)


def _with_unseen(random: Random, word: str) -> str:
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(1, len(word))
        word = word[:place] + random.choice(UNSEEN) + word[place:]
    return word


def unseen_user(random: Random, marker: str) -> Attempt:
    return said(random, Sender.STRANGER, event(7, "register", _with_unseen(random, marker)), acked(7, "bad-user"))


def look_alike(random: Random, _: str) -> Attempt:
    """The name of an honest client, written with letters of other alphabets, wide ones, or marks."""
    plain = "honest-0"
    wide = "".join(chr(ord(char) + 0xFEE0) if random.random() < 0.5 else char for char in plain[:-1])
    swapped = "".join(ALIKE.get(char, char) if random.random() < 0.6 else char for char in plain)
    name = random.choice([wide + "\uff10", swapped.replace("o", "о"), "𝓱" + plain[1:], "ｈ" + plain[1:]])
    return said(random, Sender.STRANGER, event(7, "register", name), acked(7, "bad-user"))


def no_name(random: Random, marker: str) -> Attempt:
    names: list[object] = [
        "",
        " ",
        marker * 50,
        1,
        True,
        None,
        [],
        [marker],
        {},
        {"username": 1},
        {"name": marker},
        "\u0301" * 4,
        marker + "\u0301" * 5,
    ]
    return said(random, Sender.STRANGER, event(7, "register", random.choice(names)), acked(7, "bad-user"))


def unseen_event(random: Random, marker: str) -> Attempt:
    name = random.choice(
        [_with_unseen(random, marker), f" {marker}", f"{marker} ", f"\t{marker}", f"\u00a0{marker}", marker * 50, ""]
    )
    return said(random, Sender.CLIENT, event(7, name, marker), acked(7, "bad-event"))


def reserved_event(random: Random, marker: str) -> Attempt:
    return said(random, Sender.CLIENT, event(7, random.choice(RESERVED), marker), acked(7, "bad-event"))


def unregistered(random: Random, marker: str) -> Attempt:
    name = random.choice(["move", "say", marker])
    return said(random, Sender.STRANGER, event(7, name, marker), acked(7, "not-registered"))


def words_for_the_log(random: Random, marker: str) -> Attempt:
    """A name that a terminal would obey, and an event that nobody has registered for with one."""
    odd = "".join(random.choice(["\x1b[2J", "\x07", "\u202e", "\n", "\r", "\x9b31m", "\u2066"]) for _ in range(3))
    name = {"username": f"{marker}{odd}{marker}"}
    return said(random, Sender.STRANGER, event(7, "register", name), acked(7, "bad-user"))


NAME_KINDS = (
    Kind("a name that a terminal would obey", words_for_the_log),
    Kind("a user's name that can't be seen", unseen_user),
    Kind("a user's name like another's", look_alike),
    Kind("a user's name that is none", no_name),
    Kind("an event's name that can't be seen", unseen_event),
    Kind("an event's name that is the bridge's", reserved_event),
    Kind("an event of nobody", unregistered),
)
