"""What eventlet remembers of names: the name servers that it found at its first look-up, and what they said.

A laptop that changes its network has other name servers afterwards, and that a name does not exist
may be true in one network and not in the next. Must not know who looks up what.

Use: `Dialer(host, port, forget=forget_names)`.
"""

from __future__ import annotations

from eventlet.support import greendns

__all__ = ["forget_names"]


def forget_names() -> None:
    """The next look-up reads /etc/resolv.conf anew, and asks."""
    greendns.resolver._resolver = None
