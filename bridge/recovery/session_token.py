"""Make and read pids: signed tokens of a session and its Socket.IO id, which a client shows when it comes back.

They are signed with HMAC-SHA256 by itsdangerous, so nobody can make one for somebody else's session. They are not
encrypted and never logged. Must not know which sessions there are.

Use: `tokens = TokenSigner(key); tokens.read(tokens.make(SessionToken("s1", "sid1", "m1")))` gives that token again.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from itsdangerous import Signer

__all__ = ["SessionToken", "TokenSigner"]

_PART = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARTS = 3
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class SessionToken:
    """The session's name, the Socket.IO id that it had, and what makes each of its pids another.

    Each is 1 to 64 letters, digits, `-` or `_`.
    """

    session: str
    sid: str
    mark: str


class TokenSigner:
    """Signs pids. `key`: a secret of 16 bytes or more; if it changes with a restart, all pages are new ones."""

    def __init__(self, key: bytes) -> None:
        # itsdangerous would derive the same key again for each signature, which costs as much as the signature.
        derived = Signer(key, salt="bridge.pid", key_derivation="hmac", digest_method=hashlib.sha256).derive_key()
        self._signer = Signer(derived, key_derivation="none", digest_method=hashlib.sha256)

    def make(self, token: SessionToken) -> str:
        """Make a pid."""
        return self._signer.sign(f"{token.session}.{token.sid}.{token.mark}").decode()

    def read(self, text: object) -> SessionToken | None:
        """Read what a client shows as its pid; None unless it was signed with this key."""
        if not isinstance(text, str) or len(text) > _LONGEST or not text.isascii():
            return None
        signed, _, signature = text.rpartition(".")
        # As texts: `unsign` compares bytes, which base64 can write in several ways: a pid would have many spellings.
        if not secrets.compare_digest(self._signer.get_signature(signed), signature.encode()):
            return None
        parts = signed.split(".")
        return SessionToken(*parts) if len(parts) == _PARTS and all(map(_PART.fullmatch, parts)) else None
