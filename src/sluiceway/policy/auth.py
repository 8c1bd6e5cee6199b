"""Who is calling: the gateway's own keys, known only by their hashes.

A key comes as `Authorization: Bearer KEY` (OpenAI's way) or `x-api-key: KEY` (Anthropic's); both are taken
on every path. If both are there, either may be the right one: SDKs fill the second from whatever else
they find in their environment. If both are right, `Authorization` says who it is.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable

from sluiceway.config.settings import KeySettings
from sluiceway.errors import InvalidApiKey

KEY_PREFIX = "sk-sluice-"
KEY_BYTES = 32  # of randomness; a hash without salt is enough only because nobody can guess these

_BEARER = b"bearer "


class Authenticator:
    """Checks keys in a time that depends on how many there are, never on which one is right."""

    __slots__ = ("_keys", "required")

    def __init__(self, keys: Iterable[KeySettings]) -> None:
        self._keys = [(key.name, bytes.fromhex(key.sha256)) for key in keys]
        self.required = bool(self._keys)

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The name of the client's key; None where no key is required.

        `headers`: names in lower case. Raises `InvalidApiKey`, which never repeats what was sent.
        """
        if not self.required:
            return None
        given = _credentials(headers)
        if not given:
            raise _refusal("no API key given: send Authorization: Bearer KEY, or x-api-key: KEY")
        found: str | None = None
        for key in given:
            digest = hashlib.sha256(key).digest()
            for name, expected in self._keys:  # all of them, always: a hit must not be quicker than a miss
                if hmac.compare_digest(digest, expected):
                    found = name
        if found is None:
            raise _refusal("unknown API key")
        return found


def new_key() -> tuple[str, str]:
    """A fresh key, and its SHA-256 in hexadecimal, the only form in which it is ever stored."""
    plain = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    return plain, hashlib.sha256(plain.encode()).hexdigest()


def _refusal(message: str) -> InvalidApiKey:
    error = InvalidApiKey(message)
    error.headers.append((b"www-authenticate", b"Bearer"))  # RFC 9110 section 11.6.1: a 401 has to say how
    return error


def _credentials(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """The keys that were sent: of each header the first that holds one, `Authorization` last."""
    bearer = api_key = b""
    for name, value in headers:
        # RFC 9110 section 11.1: the scheme's case does not count.
        if name == b"authorization" and not bearer and value[:7].lower() == _BEARER:
            bearer = value[7:].strip()
        elif name == b"x-api-key" and not api_key:
            api_key = value.strip()
    return [key for key in (api_key, bearer) if key]
