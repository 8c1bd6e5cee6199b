"""Keys of the gateway's clients: who gets in, for what, and what those hear who do not."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.load import settings_from
from sluiceway.config.stored_keys import StoredKey, StoredKeys, add, revoke, rotate
from sluiceway.errors import Forbidden, InvalidApiKey, RateLimited
from sluiceway.policy import keys as keys_module
from sluiceway.policy.guessing import Guesses
from sluiceway.policy.keys import Authenticator, new_key

Headers = list[tuple[bytes, bytes]]

HOME = "192.0.2.1"
JANUARY_2027 = 1798761600.0


def sha256(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def key(name: str, plain: str, **more: Any) -> KeySettings:
    return KeySettings(name=name, sha256=sha256(plain), **more)


def bearer(plain: str) -> Headers:
    return [(b"authorization", b"Bearer " + plain.encode())]


def who(gate: Authenticator, headers: Headers, *, address: str = HOME, now: float = 0.0) -> str | None:
    found = gate.check(headers, address=address, now=now)
    return None if found is None else found.name


ALICE, BOB = key("alice", "sk-a"), key("bob", "sk-b")
GATE = Authenticator([ALICE, BOB])


# ── which key ───────────────────────────────────────────────────────────────────────────────────────


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
    assert GATE.check(headers, address=HOME, now=0.0) is BOB


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_right_keys_authorization_says_who_it_is(reverse: bool) -> None:
    headers = [(b"authorization", b"Bearer sk-a"), (b"x-api-key", b"sk-b")]
    assert who(GATE, headers[::-1] if reverse else headers) == "alice"


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
        who(GATE, headers)
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
        who(GATE, [(header, value)])
    assert caught.value.message == "unknown API key"
    assert caught.value.headers == [(b"www-authenticate", b"Bearer")]


def test_without_configured_keys_nobody_is_asked() -> None:
    gate = Authenticator([])
    assert not gate.required
    assert who(gate, bearer("anything")) is None
    assert GATE.required


def test_a_keys_file_without_keys_still_asks_for_one() -> None:
    gate = Authenticator([], ())
    assert gate.required
    with pytest.raises(InvalidApiKey, match="unknown API key"):
        who(gate, bearer("anything"))


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
    assert who(Authenticator(settings_from(config, {}).keys), bearer(plain)) == "eve"


# ── how long, and from where ────────────────────────────────────────────────────────────────────────


def test_a_key_works_until_the_moment_it_expires() -> None:
    gate = Authenticator([key("alice", "sk-a", expires="2027-01-01")])
    assert who(gate, bearer("sk-a"), now=JANUARY_2027 - 0.1) == "alice"
    with pytest.raises(InvalidApiKey, match=r"^this API key has expired$"):
        who(gate, bearer("sk-a"), now=JANUARY_2027)


def test_a_key_that_is_good_counts_although_the_other_header_holds_one_that_is_not() -> None:
    gate = Authenticator([key("old", "sk-old", expires="2027-01-01"), BOB])
    headers = [*bearer("sk-old"), (b"x-api-key", b"sk-b")]
    assert who(gate, headers, now=JANUARY_2027) == "bob"


def test_of_two_keys_that_are_no_good_the_known_one_is_spoken_of() -> None:
    gate = Authenticator([key("old", "sk-old", expires="2027-01-01")])
    headers = [*bearer("wrong"), (b"x-api-key", b"sk-old")]
    with pytest.raises(InvalidApiKey, match="has expired"):
        who(gate, headers, now=JANUARY_2027)


def test_keys_of_the_file_work_beside_those_of_the_configuration() -> None:
    gate = Authenticator([ALICE], [StoredKey(BOB, 0.0)])
    assert (who(gate, bearer("sk-a")), who(gate, bearer("sk-b"))) == ("alice", "bob")


def test_a_revoked_key_hears_that_it_was_and_its_name_can_be_used_again() -> None:
    stored = add(revoke((StoredKey(BOB, 0.0),), "bob", 5.0), key("bob", "sk-b2"), 6.0)
    gate = Authenticator([], stored)
    with pytest.raises(InvalidApiKey, match=r"^this API key was revoked$"):
        who(gate, bearer("sk-b"), now=0.0)
    assert who(gate, bearer("sk-b2")) == "bob"


def rotated() -> StoredKeys:
    return rotate((StoredKey(BOB, 0.0),), "bob", sha256("sk-b2"), now=100.0, grace_s=50.0)


def test_after_a_rotation_both_keys_work_and_then_only_the_new_one() -> None:
    gate = Authenticator([], rotated())
    for plain in ("sk-b", "sk-b2"):
        assert who(gate, bearer(plain), now=149.9) == "bob"
    assert who(gate, bearer("sk-b2"), now=150.0) == "bob"
    with pytest.raises(InvalidApiKey, match=r"^this API key was replaced by a new one$"):
        who(gate, bearer("sk-b"), now=150.0)


def test_to_revoke_a_key_revokes_the_one_that_it_replaced() -> None:
    gate = Authenticator([], revoke(rotated(), "bob", 120.0))
    for plain in ("sk-b", "sk-b2"):
        with pytest.raises(InvalidApiKey, match="was revoked"):
            who(gate, bearer(plain), now=130.0)


def test_the_grace_of_a_rotation_does_not_outlast_the_keys_own_end() -> None:
    mortal = StoredKey(key("bob", "sk-b", expires="1970-01-01T00:02:00"), 0.0)
    gate = Authenticator([], rotate((mortal,), "bob", sha256("sk-b2"), now=100.0, grace_s=50.0))
    assert who(gate, bearer("sk-b"), now=119.0) == "bob"
    with pytest.raises(InvalidApiKey, match="has expired"):
        who(gate, bearer("sk-b"), now=120.0)


def test_a_key_may_only_be_used_from_its_networks() -> None:
    gate = Authenticator([key("alice", "sk-a", allowed_ips=("10.0.0.0/8", "2001:db8::/32"))])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5"):
        assert who(gate, bearer("sk-a"), address=address) == "alice"
    for address in ("11.0.0.1", "2001:db9::5", "", "no-address"):
        with pytest.raises(Forbidden) as caught:
            who(gate, bearer("sk-a"), address=address)
        assert caught.value.message == f"this API key may not be used from {address}"
        assert (caught.value.status, caught.value.code) == (403, "forbidden")


# ── for what ────────────────────────────────────────────────────────────────────────────────────────


def may(settings: KeySettings, *, model: str | None = None, dialect: str | None = None) -> str:
    """Empty if it may, else why not."""
    try:
        Authenticator([settings]).permit(settings, model=model, dialect=dialect)
    except Forbidden as error:
        return error.message
    return ""


def test_a_key_without_limits_may_use_everything() -> None:
    assert may(ALICE) == may(ALICE, model="m", dialect="chat") == ""


def test_a_key_may_be_limited_to_models_by_name_or_glob() -> None:
    limited = key("alice", "sk-a", models=("gpt-*", "o3"))
    assert may(limited, model="gpt-5", dialect="chat") == may(limited, model="o3") == ""
    assert may(limited, model="o33") == 'this API key may not use the model "o33"'
    assert may(limited, model="GPT-5") == 'this API key may not use the model "GPT-5"'
    assert may(limited, model="x" * 500) == f'this API key may not use the model "{"x" * 100}"'


def test_a_refused_model_is_the_fault_of_that_field() -> None:
    with pytest.raises(Forbidden) as caught:
        GATE.permit(key("alice", "sk-a", models=("o3",)), model="m", dialect="chat")
    assert caught.value.param == "model"


def test_a_key_limited_to_models_may_not_ask_without_one_that_can_be_read() -> None:
    assert may(key("alice", "sk-a", models=("*",))) == (
        "this API key may only be used for some models, and this request names none"
    )


def test_a_key_may_be_limited_to_apis_and_then_may_not_use_paths_that_belong_to_none() -> None:
    limited = key("alice", "sk-a", dialects=("chat", "images"))
    assert may(limited, dialect="chat") == may(limited, dialect="images", model="m") == ""
    assert may(limited, dialect="messages") == "this API key may not use the messages API, only: chat, images"
    assert may(limited) == "this API key may not use this path, only: chat, images"


def test_what_is_remembered_about_models_is_bounded_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keys_module, "REMEMBERED_MODELS", 3)
    limited = key("alice", "sk-a", models=("m1", "m5", "y*"))
    other = key("bob", "sk-b", models=("m2",))
    for _ in range(2):
        for name in ("m1", "m2", "m3", "m4", "m5", "y" * 1000):
            assert GATE.visible(limited, name) is (name not in ("m2", "m3", "m4"))
            assert GATE.visible(other, name) is (name == "m2")
            assert GATE.visible(ALICE, name)


# ── guessing ────────────────────────────────────────────────────────────────────────────────────────


def fumble(gate: Authenticator, count: int, *, now: float = 0.0, start: int = 0) -> None:
    """That many different wrong keys."""
    for number in range(start, start + count):
        with pytest.raises(InvalidApiKey, match="unknown"):
            who(gate, bearer(f"wrong-{number}"), now=now)


def test_after_too_many_wrong_keys_none_is_looked_at_for_a_minute() -> None:
    gate = Authenticator([ALICE], guesses=Guesses(3))
    fumble(gate, 3)
    for plain in ("wrong-9", "sk-a"):
        with pytest.raises(RateLimited) as caught:
            who(gate, bearer(plain), now=10.0)
        assert (caught.value.status, caught.value.retry_after_s) == (429, 50.0)
        assert (b"retry-after", b"50") in caught.value.headers
        assert plain not in caught.value.message
    assert who(gate, bearer("sk-a"), now=60.0) == "alice"


def test_a_key_that_was_right_from_there_before_still_is() -> None:
    gate = Authenticator([ALICE, BOB], guesses=Guesses(3))
    assert who(gate, bearer("sk-a")) == "alice"
    fumble(gate, 3)
    assert who(gate, bearer("sk-a")) == "alice"
    assert who(gate, [*bearer("sk-b"), (b"x-api-key", b"sk-a")]) == "alice"  # the other one is not looked at
    with pytest.raises(RateLimited):
        who(gate, bearer("sk-b"))


def test_other_addresses_are_not_refused() -> None:
    gate = Authenticator([ALICE], guesses=Guesses(3))
    fumble(gate, 3)
    assert who(gate, bearer("sk-a"), address="192.0.2.2") == "alice"


def test_no_key_and_a_known_key_that_is_no_good_are_no_guesses() -> None:
    old = key("old", "sk-old", expires="1970-01-01")
    gate = Authenticator([ALICE, old, key("far", "sk-far", allowed_ips=("10.0.0.0/8",))], guesses=Guesses(1))
    for headers in ([], bearer("sk-old"), bearer("sk-far")):
        with pytest.raises((InvalidApiKey, Forbidden)):
            who(gate, headers)
    assert who(gate, bearer("sk-a")) == "alice"


def test_what_was_tried_is_known_after_a_reload() -> None:
    guesses = Guesses(3)
    fumble(Authenticator([ALICE], guesses=guesses), 3)
    with pytest.raises(RateLimited):
        who(Authenticator([ALICE, BOB], guesses=guesses), bearer("sk-b"))
