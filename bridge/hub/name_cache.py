"""Forgets what eventlet remembers of names: the name servers of its first look-up, and what they said.

A laptop that changes its network has other name servers afterwards, and that a name does not exist
may be true in one network and not in the next. Must not know who looks up what.

Use: `Dialer(host, port, forget=forget_names)`.
"""

from __future__ import annotations

from eventlet.support import greendns

__all__ = ["forget_names"]


def forget_names() -> None:
    """Have the next look-up read /etc/resolv.conf anew, and ask."""
    greendns.resolver._resolver = None
