"""The pid: a signed token of a session and its Socket.IO id, which the client keeps and shows when it comes back.

Signed with HMAC-SHA256 by itsdangerous, so nobody makes one for somebody else's session. It is not
encrypted and not logged. Must not know what sessions are there.

Use: `tokens = TokenSigner(key); tokens.read(tokens.make("s1", "sid1"))` -> Token("s1", "sid1").
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from itsdangerous import BadSignature, Signer

__all__ = ["SessionToken", "TokenSigner"]

_PART = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class SessionToken:
    """Which session, and which Socket.IO id it had."""

    session: str
    sid: str


class TokenSigner:
    """`key`: a secret of 16 bytes or more; the same after a restart, or all pages are new ones."""

    def __init__(self, key: bytes) -> None:
        # What it derives from the key for each signature is always the same, and as dear as the signature.
        derived = Signer(key, salt="bridge.pid", key_derivation="hmac", digest_method=hashlib.sha256).derive_key()
        self._signer = Signer(derived, key_derivation="none", digest_method=hashlib.sha256)

    def make(self, session: str, sid: str) -> str:
        """A pid. No two are the same: a client takes the same one for a recovered connection."""
        return self._signer.sign(f"{session}.{sid}.{secrets.token_urlsafe(6)}").decode()

    def read(self, text: object) -> SessionToken | None:
        """What a client shows; None if it is no pid that was made with this key."""
        if not isinstance(text, str) or len(text) > _LONGEST or not text.isascii():
            return None
        try:
            session, sid, _ = self._signer.unsign(text).decode().split(".")
        except (BadSignature, ValueError):
            return None
        return SessionToken(session, sid) if _PART.fullmatch(session) and _PART.fullmatch(sid) else None
