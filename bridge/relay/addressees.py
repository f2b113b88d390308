"""Read the users that a message names under its user key.

A string is a name, a number the name in its digits, null nobody in particular. Must not know who is there.

Use: `names_in([7, "ann"], exact)` -> ("7", "ann"); `names_in(None, exact)` -> None.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bridge.names import MAX_NAME

__all__ = ["BadKey", "names_in"]

_NAMES = frozenset((str, int, float))  # by type(): True is no number here


class BadKey(Exception):
    """The value under the user key is neither a name nor a list of names."""


def names_in(users: object, exact: Callable[[], object]) -> tuple[str, ...] | None:
    """Return the names in the value of the user key; None if it counts as no key. Raises BadKey.

    `exact()`: returns the same value with Decimals for numbers; needed because a number with a point, or of more than
    64 bits, has become the nearest float.
    """
    if users is None:
        return None
    listed = users if isinstance(users, list) else [users]
    kinds = set(map(type, listed))
    if not kinds <= _NAMES:
        raise BadKey
    if float in kinds:
        again = exact()
        listed = again if isinstance(again, list) else [again]
    return tuple([user if isinstance(user, str) else _digits(user) for user in listed])


def _digits(number: object) -> str:
    """Write a number as a name: 7, 7.0 and 70e-1 are `7`, 1.50 is `1.5`. Raises BadKey for NaN and Infinity."""
    if isinstance(number, int):
        return str(number)
    if not isinstance(number, Decimal) or not number.is_finite():
        raise BadKey
    if not number:
        return "0"
    if abs(number.adjusted()) > MAX_NAME or len(number.as_tuple().digits) > MAX_NAME * 2:
        return str(number)[: MAX_NAME * 2]  # longer than any name, so nobody's; written out it could be megabytes
    text = format(number, "f")
    return text.rstrip("0").removesuffix(".") if "." in text else text
