"""Keys of the gateway's clients: who gets in, and what those hear who do not."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from sluiceway.config.load import settings_from
from sluiceway.config.settings import KeySettings
from sluiceway.errors import InvalidApiKey
from sluiceway.policy.auth import Authenticator, new_key

Headers = list[tuple[bytes, bytes]]


def key(name: str, plain: str) -> KeySettings:
    return KeySettings(name=name, sha256=hashlib.sha256(plain.encode()).hexdigest())


GATE = Authenticator([key("alice", "sk-a"), key("bob", "sk-b")])


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer sk-b")],
        [(b"authorization", b"bearer sk-b")],
        [(b"authorization", b"BEARER   sk-b ")],
        [(b"x-api-key", b"sk-b")],
        [(b"x-api-key", b" sk-b ")],
        [(b"host", b"x"), (b"x-api-key", b"sk-b"), (b"accept", b"*/*")],
        [(b"authorization", b"Bearer wrong"), (b"x-api-key", b"sk-b")],
        [(b"authorization", b"Bearer sk-b"), (b"x-api-key", b"wrong")],
        [(b"authorization", b"Basic c2s6"), (b"x-api-key", b"sk-b")],
        [(b"authorization", b"Basic c2s6"), (b"authorization", b"Bearer sk-b")],
    ],
)
def test_a_right_key_in_either_header_tells_whose_it_is(headers: Headers) -> None:
    assert GATE.check(headers) == "bob"


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_right_keys_authorization_says_who_it_is(reverse: bool) -> None:
    headers = [(b"authorization", b"Bearer sk-a"), (b"x-api-key", b"sk-b")]
    assert GATE.check(headers[::-1] if reverse else headers) == "alice"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer  ")],
        [(b"authorization", b"sk-a")],
        [(b"authorization", b"Basic sk-a")],
        [(b"x-api-key", b"")],
        [(b"api-key", b"sk-a")],
    ],
)
def test_without_a_key_the_error_says_where_to_put_one(headers: Headers) -> None:
    with pytest.raises(InvalidApiKey, match="no API key given: send Authorization: Bearer") as caught:
        GATE.check(headers)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert caught.value.headers == [(b"www-authenticate", b"Bearer")]


@pytest.mark.parametrize(
    "sent",
    [b"sk-c", b"sk-", b"sk-a\xff", b"SK-A", hashlib.sha256(b"sk-a").hexdigest().encode(), b"x" * 60000],
)
@pytest.mark.parametrize("header", [b"authorization", b"x-api-key"])
def test_a_wrong_key_is_refused_and_never_repeated(sent: bytes, header: bytes) -> None:
    value = b"Bearer " + sent if header == b"authorization" else sent
    with pytest.raises(InvalidApiKey) as caught:
        GATE.check([(header, value)])
    assert caught.value.message == "unknown API key"
    assert caught.value.headers == [(b"www-authenticate", b"Bearer")]


def test_without_configured_keys_nobody_is_asked() -> None:
    gate = Authenticator([])
    assert not gate.required
    assert gate.check([(b"authorization", b"Bearer anything")]) is None
    assert GATE.required


@pytest.mark.parametrize("sent", [b"sk-a", b"sk-b", b"wrong"])
def test_every_key_is_compared_whichever_is_right(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(given: bytes, expected: bytes) -> bool:
        compared.append(expected)
        return given == expected

    monkeypatch.setattr("sluiceway.policy.auth.hmac.compare_digest", compare)
    try:
        GATE.check([(b"x-api-key", sent)])
    except InvalidApiKey:
        assert sent == b"wrong"
    assert compared == [hashlib.sha256(plain).digest() for plain in (b"sk-a", b"sk-b")]


def test_a_new_key_is_long_unique_and_fits_its_hash() -> None:
    plain, digest = new_key()
    assert plain.startswith("sk-sluice-")
    assert len(plain) == len("sk-sluice-") + 43
    assert hmac.compare_digest(hashlib.sha256(plain.encode()).hexdigest(), digest)
    assert new_key()[0] != plain


def test_a_new_key_opens_the_gate_that_was_configured_with_its_hash() -> None:
    plain, digest = new_key()
    config = {
        "upstreams": [{"name": "a", "base_url": "http://a"}],
        "keys": [{"name": "eve", "sha256": digest}],
    }
    gate = Authenticator(settings_from(config, {}).keys)
    assert gate.check([(b"authorization", b"Bearer " + plain.encode())]) == "eve"
