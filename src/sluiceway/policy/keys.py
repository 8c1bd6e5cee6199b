"""Who is calling, and what they may: the gateway's own keys, known only by their hashes.

A key comes as `Authorization: Bearer KEY` (OpenAI's way) or `x-api-key: KEY` (Anthropic's); both are taken
on every path. If both are there, either may be the right one: SDKs fill the second from whatever else
they find in their environment. If both are right, `Authorization` says who it is.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from sluiceway.config.key_settings import KeySettings, StoredKey
from sluiceway.config.values import unix_seconds
from sluiceway.errors import Forbidden, InvalidApiKey, RateLimited
from sluiceway.policy.addresses import Networks
from sluiceway.policy.guessing import Guesses

KEY_PREFIX = "sk-sluice-"
KEY_BYTES = 32  # of randomness; a hash without salt is enough only because nobody can guess these

# Clients choose model names, so what is remembered about them is bounded in number and in length.
REMEMBERED_MODELS = 4096
REMEMBERED_NAME_CHARS = 200
SHOWN_NAME_CHARS = 100

_BEARER = b"bearer "

Headers = Iterable[tuple[bytes, bytes]]


class _Known(msgspec.Struct, frozen=True):
    """What is known of a digest. `until`: Unix seconds; `why_not`: what to say from then on."""

    settings: KeySettings
    until: float
    why_not: str
    networks: Networks


class Authenticator:
    """Knows the keys of one configuration, those of the keys file included."""

    __slots__ = ("_guesses", "_known", "_may_use", "required")

    def __init__(
        self,
        keys: Iterable[KeySettings],
        stored: Iterable[StoredKey] | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        """`stored`: what the keys file holds, None if there is no such file.

        A file without keys asks for keys, too: to revoke the last one must not open the gateway. `guesses`
        outlives this, as it should a reload; with None nobody is slowed.
        """
        # By digest, so that thousands of keys cost what one does. A lookup takes a time that depends on what is
        # there, which tells something about the hash of a key, and so nothing about a key of 256 random bits.
        self._known: dict[bytes, _Known] = {}
        for key in stored or ():
            self._add_stored(key)
        for settings in keys:
            self._add(settings.sha256, _known(settings))
        self.required = bool(self._known) or stored is not None
        self._guesses = guesses
        self._may_use: dict[tuple[tuple[str, ...], str], bool] = {}

    def check(self, headers: Headers, *, address: str, now: float) -> KeySettings | None:
        """The client's key; None only where no key is required.

        `headers`: names in lower case. `address`: the client's. `now`: Unix seconds. Raises `InvalidApiKey`,
        which never repeats what was sent, `Forbidden` if the address is not one of the key's, and
        `RateLimited` if too many wrong keys came from there.
        """
        if not self.required:
            return None
        digests = [hashlib.sha256(key).digest() for key in _credentials(headers)]
        if not digests:
            raise _refusal("no API key given: send Authorization: Bearer KEY, or x-api-key: KEY")
        guesses = self._guesses
        if guesses is not None and (wait_s := guesses.refused_for_s(address, now)):
            digests = [digest for digest in digests if guesses.was_right(address, digest)]
            if not digests:
                raise RateLimited("too many wrong API keys came from this address", retry_after_s=wait_s)
        refusal: InvalidApiKey | Forbidden | None = None
        for digest in digests:
            known = self._known.get(digest)
            if known is None:
                continue
            if now >= known.until:
                refusal = refusal or _refusal(f"this API key {known.why_not}")
            elif known.networks and address not in known.networks:
                refusal = refusal or Forbidden(f"this API key may not be used from {address}")
            else:
                if guesses is not None:
                    guesses.right(address, digest)
                return known.settings
        if refusal is None:
            if guesses is not None:
                guesses.wrong(address, digests, now)
            refusal = _refusal("unknown API key")
        try:
            raise refusal
        finally:
            del refusal  # its traceback refers to this frame, and no circle is to be left to the collector

    def permit(self, key: KeySettings, *, model: str | None, dialect: str | None) -> None:
        """Raise `Forbidden`, which names the model or the API, unless the key may be used for it.

        `dialect`: None on a path that belongs to none. `model`: None if the request names none that can be read;
        a key limited to models is then refused, too, since batches, files and forms name theirs where the
        gateway does not look.
        """
        if key.dialects and dialect not in key.dialects:
            asked = f"the {dialect} API" if dialect else "this path"
            raise Forbidden(f"this API key may not use {asked}, only: {', '.join(key.dialects)}")
        if not key.models:
            return
        if model is None:
            raise Forbidden("this API key may only be used for some models, and this request names none")
        if not self.visible(key, model):
            raise Forbidden(f'this API key may not use the model "{model[:SHOWN_NAME_CHARS]}"', param="model")

    def visible(self, key: KeySettings, model: str) -> bool:
        """Whether the key may use that model. Case counts, as for `[[models]]`."""
        if not key.models:
            return True
        known = self._may_use.get((key.models, model))
        if known is None:
            known = any(fnmatchcase(model, pattern) for pattern in key.models)
            if len(model) <= REMEMBERED_NAME_CHARS:
                if len(self._may_use) >= REMEMBERED_MODELS:
                    self._may_use.clear()
                self._may_use[key.models, model] = known
        return known

    def _add(self, sha256: str, known: _Known) -> None:
        self._known[bytes.fromhex(sha256)] = known

    def _add_stored(self, key: StoredKey) -> None:
        current = _known(key.settings)
        if key.revoked:
            current = msgspec.structs.replace(current, until=-math.inf, why_not="was revoked")
        self._add(key.settings.sha256, current)
        if key.previous is not None:
            before = current
            if key.previous.until < current.until:
                before = msgspec.structs.replace(
                    current, until=key.previous.until, why_not="was replaced by a new one"
                )
            self._add(key.previous.sha256, before)


def new_key() -> tuple[str, str]:
    """A fresh key, and its SHA-256 in hexadecimal, the only form in which it is ever stored."""
    plain = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    return plain, hashlib.sha256(plain.encode()).hexdigest()


def _known(settings: KeySettings) -> _Known:
    until = unix_seconds(settings.expires) if settings.expires else math.inf
    return _Known(settings, until, "has expired", Networks(settings.allowed_ips))


def _refusal(message: str) -> InvalidApiKey:
    error = InvalidApiKey(message)
    error.headers.append((b"www-authenticate", b"Bearer"))  # RFC 9110 section 11.6.1: a 401 has to say how
    return error


def _credentials(headers: Headers) -> list[bytes]:
    """The keys that were sent: of each header the first that holds one, `Authorization` first."""
    bearer = api_key = b""
    for name, value in headers:
        # RFC 9110 section 11.1: the scheme's case does not count.
        if name == b"authorization" and not bearer and value[:7].lower() == _BEARER:
            bearer = value[7:].strip()
        elif name == b"x-api-key" and not api_key:
            api_key = value.strip()
    return [key for key in (bearer, api_key) if key]
