"""Entries of the keys file: what they hold, how they change, and what is said of a wrong one."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.problems import BadValue, ConfigError
from sluiceway.config.stored_keys import (
    Previous,
    StoredKey,
    StoredKeys,
    add,
    decode,
    encode,
    not_default,
    revoke,
    rotate,
)

HASH = "ab" * 32
FIELDS = st.sampled_from([*KeySettings.__struct_fields__, "created", "revoked", "previous", "until", "zzz"])


def key(name: str, number: int, **more: Any) -> KeySettings:
    return KeySettings(name=name, sha256=f"{number:064x}", **more)


ALICE, BOB = StoredKey(key("alice", 1), 5.0), StoredKey(key("bob", 2), 6.0)


def refusal(change: Any) -> str:
    with pytest.raises(BadValue) as caught:
        change()
    return f"{caught.value.message} | {caught.value.hint}"


# ── changes ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_added_at_the_end() -> None:
    assert add((ALICE,), key("bob", 2), 6.0) == (ALICE, BOB)


@pytest.mark.parametrize("name", ["alice", "Alice"])
def test_a_name_is_given_once(name: str) -> None:
    assert refusal(lambda: add((ALICE,), key(name, 3), 6.0)) == (
        f'there is a key called "{name}" already | '
        "choose another name, or give it a new key: sluiceway keys rotate NAME"
    )


def test_a_revoked_key_stays_and_its_name_is_free() -> None:
    revoked = revoke((ALICE, BOB), "alice", 7.0)
    assert revoked == (StoredKey(ALICE.settings, 5.0, revoked=7.0), BOB)
    again = add(revoked, key("alice", 3), 8.0)
    assert again[2] == StoredKey(key("alice", 3), 8.0)
    assert [entry.revoked for entry in revoke(again, "alice", 9.0)] == [7.0, 0.0, 9.0]


def test_a_rotated_key_keeps_everything_but_its_hash() -> None:
    limited = StoredKey(key("alice", 1, models=("m",), max_in_flight=2), 5.0)
    (rotated,) = rotate((limited,), "Alice", HASH, now=10.0, grace_s=60.0)
    assert rotated.settings == KeySettings(name="alice", sha256=HASH, models=("m",), max_in_flight=2)
    assert (rotated.created, rotated.previous) == (5.0, Previous(limited.settings.sha256, 70.0))
    (again,) = rotate((rotated,), "alice", "cd" * 32, now=20.0, grace_s=60.0)
    assert again.previous == Previous(HASH, 80.0)


def test_a_rotation_without_grace_leaves_nothing_of_the_old_key() -> None:
    (rotated,) = rotate((ALICE,), "alice", HASH, now=10.0, grace_s=0.0)
    assert rotated.previous is None


def test_what_is_not_there_or_was_revoked_cannot_be_changed() -> None:
    keys: StoredKeys = revoke((ALICE, BOB), "bob", 7.0)
    assert refusal(lambda: revoke(keys, "alcie", 8.0)) == (
        'there is no key called "alcie" | did you mean "alice"?'
    )
    assert refusal(lambda: revoke((), "alice", 8.0)) == 'there is no key called "alice" | '
    for change in (lambda: revoke(keys, "bob", 8.0), lambda: rotate(keys, "bob", HASH, 8.0, 0.0)):
        assert refusal(change) == (
            'the key "bob" was revoked already | make a new one: sluiceway keys new NAME'
        )


# ── the file's text ─────────────────────────────────────────────────────────────────────────────────


def test_only_what_is_not_the_default_is_written() -> None:
    assert json.loads(encode((ALICE,))) == {
        "version": 1,
        "keys": [{"name": "alice", "sha256": f"{1:064x}", "created": 5.0}],
    }
    assert not_default(key("a", 1, priority=2)) == {"name": "a", "sha256": f"{1:064x}", "priority": 2}


def test_whatever_was_written_is_read_again() -> None:
    everything = KeySettings(
        name='Ann "the key" O\\Neill ☃',
        sha256=HASH,
        owner="team",
        expires="2027-01-31",
        models=("gpt-*",),
        dialects=("chat", "images"),
        allowed_ips=("10.0.0.0/8",),
        priority=4,
        max_in_flight=1,
        requests_per_minute=2,
        tokens_per_minute=3,
        tokens_per_day=4,
        tokens_per_month=5,
        cost_per_day=0.5,
        cost_per_month=1.5,
    )
    keys = (
        StoredKey(everything, 5.0, previous=Previous("cd" * 32, 7.5)),
        StoredKey(key("bob", 2), 6.0, revoked=8.0),
        ALICE,
    )
    assert decode(encode(keys), "keys.json") == keys
    assert decode(encode(()), "keys.json") == ()


def test_keys_and_names_may_not_be_those_of_the_configuration() -> None:
    text = encode((ALICE, BOB))
    assert problems(text, [key("Bob", 3)]) == [
        "keys[1].name: is the same as one in the configuration's [[keys]]"
    ]
    assert problems(text, [key("eve", 1)]) == [
        "keys[0].sha256: is the same as one in the configuration's [[keys]]"
    ]


def problems(document: object, configured: list[KeySettings] | None = None) -> list[str]:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(ConfigError) as caught:
        decode(text, "keys.json", configured or ())
    assert caught.value.source == "keys.json"
    return [str(problem).partition("\n")[0] for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "is not valid JSON: "),
        (b'{"version": 1, "keys": [', "is not valid JSON: "),
        (b"\xff", "is not valid JSON: "),
        (b"[" * 100_000, "is not valid JSON: "),
        (b"[]", "is not an object with version and keys"),
        (b'"x"', "is not an object with version and keys"),
        (b'{"version": 2, "keys": []}', "version: is not 1, the only one that is known here"),
        (b'{"keys": []}', "version: is not 1, the only one that is known here"),
        (b'{"version": 1}', "keys: expected a list of tables, got something else"),
        (b'{"version": 1, "keys": {}}', "keys: expected a list of tables, got a table"),
        (b'{"version": 1, "keys": [], "key": 1}', "key: unknown key"),
    ],
)
def test_what_is_no_keys_file_is_refused(text: bytes, why: str) -> None:
    (found,) = problems(text)
    assert found.startswith(why)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sha256": "sk-secret"}, "keys[1].sha256: is not a SHA-256"),
        ({"name": ""}, "keys[1].name: expected a string that is not empty, got an empty one"),
        ({"name": None}, "keys[1].name: expected a string that is not empty, got something else"),
        ({"modles": ["m"]}, "keys[1].modles: unknown key"),
        ({"models": "m"}, "keys[1].models: expected a list of strings, got a string"),
        ({"dialects": ["cat"]}, "keys[1].dialects[0]: expected one of"),
        ({"expires": "soon"}, "keys[1].expires: is no date and no time"),
        ({"allowed_ips": ["10.0.0.1/8"]}, "keys[1].allowed_ips[0]: is an address within a network"),
        ({"priority": 0}, "keys[1].priority: expected a whole number, 1 to 100, got 0"),
        ({"created": "now"}, "keys[1].created: expected a number, 0 or more, got a string"),
        ({"revoked": True}, "keys[1].revoked: expected a number, 0 or more, got true"),
        ({"previous": HASH}, "keys[1].previous: expected a table, got a string"),
        ({"previous": {"sha256": "cd" * 32}}, "keys[1].previous.until: is missing"),
        ({"previous": {"sha256": "x", "until": 1}}, "keys[1].previous.sha256: is not a SHA-256"),
        (
            {"previous": {"sha256": HASH, "until": 1}},
            "keys[1].previous.sha256: is the same as keys[1].sha256",
        ),
        ({"sha256": f"{1:064X}"}, "keys[1].sha256: is the same as keys[0].sha256"),
        ({"name": "ALICE"}, "keys[1].name: is the same as keys[0].name"),
    ],
)
def test_a_wrong_entry_is_told_by_its_number_and_field(change: dict[str, Any], problem: str) -> None:
    first = {"name": "alice", "sha256": f"{1:064x}", "created": 5}
    second = {"name": "bob", "sha256": HASH, "created": 5, **change}
    (found,) = problems({"version": 1, "keys": [first, second]})
    assert found.startswith(problem)
    assert "sk-secret" not in found


def test_an_entry_without_what_it_needs_is_told_all_of_it() -> None:
    assert problems({"version": 1, "keys": [{}, 7]}) == [
        "keys[0].name: is missing",
        "keys[0].sha256: is missing",
        "keys[1]: expected a table, got 7",
    ]
    assert problems({"version": 1, "keys": [{"name": "a", "sha256": HASH}]}) == [
        "keys[0].created: is missing"
    ]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(HASH),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=16,
)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(st.lists(st.dictionaries(FIELDS, junk, max_size=6) | junk, max_size=3))
def test_whatever_entries_hold_they_are_read_or_refused(entries: list[object]) -> None:
    with contextlib.suppress(ConfigError):
        keys = decode(msgspec.json.encode({"version": 1, "keys": entries}), "keys.json")
        assert decode(encode(keys), "keys.json") == keys
