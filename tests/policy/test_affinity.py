"""Turns of one conversation are seen as one, and others as others."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.base import DialectRequest
from sluiceway.policy.affinity import PART_BYTES, READ_BYTES, ROLES_LOOKED_AT, Affinity

CONVERSATION = Affinity("conversation")
SYSTEM = {"role": "system", "content": "be brief"}


def request(**fields: Any) -> DialectRequest:
    body = json.dumps({"model": "m", **fields}).encode()
    return DialectRequest(
        body=body, fields=msgspec.json.decode(body, type=dict[str, msgspec.Raw]), model="m", stream=False
    )


def conversation(client: str | None = "alice", /, **fields: Any) -> int | None:
    return CONVERSATION.of([], client, request(**fields))


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


# ── headers ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_header_names_the_conversation() -> None:
    tested = Affinity("header:X-Session-Id")
    one = tested.of([(b"host", b"h"), (b"x-session-id", b"1")], None, None)
    assert one is not None
    assert 0 <= one < 2**64
    assert tested.of([(b"x-session-id", b"1")], None, request()) == one
    assert tested.of([(b"x-session-id", b"2")], None, None) != one
    assert tested.of([(b"x-session-id", b"1")], "alice", None) != one
    assert tested.of([(b"x-session-id", b"")], None, None) is None
    assert tested.of([(b"other", b"1")], None, request(messages=[user("hi")])) is None


@pytest.mark.parametrize("setting", ["", "off"])
def test_off_is_off(setting: str) -> None:
    assert Affinity(setting).of([(b"x", b"1")], "alice", request(messages=[user("hi")])) is None


def test_the_value_is_the_same_in_every_process() -> None:
    assert Affinity("header:s").of([(b"s", b"1")], "alice", None) == 13925670838291021540
    assert conversation(messages=[user("hi")]) == 17415588179255401997


# ── conversations ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["messages", "input"])
def test_all_turns_of_a_conversation_are_one_and_other_conversations_are_not(name: str) -> None:
    turns: list[Any] = [SYSTEM, user("hi"), said("hello"), user("how are you?"), said("fine")]
    values = {conversation(**{name: turns[:count]}) for count in (2, 4, 5)}
    assert len(values) == 1
    assert None not in values
    assert conversation(**{name: [SYSTEM, user("ho"), said("hello")]}) not in values
    assert conversation("bob", **{name: turns}) not in values
    assert conversation(None, **{name: turns}) not in values


def test_equal_system_prompts_do_not_make_conversations_equal_however_long_they_are() -> None:
    system = {"role": "system", "content": "rules " * 9000}
    assert PART_BYTES < len(json.dumps(system)) < READ_BYTES
    assert conversation(messages=[system, user("a")]) != conversation(messages=[system, user("b")])
    assert conversation(messages=[system, user("a")]) == conversation(
        messages=[system, user("a"), said("b"), user("c")]
    )


def test_a_first_message_is_found_whatever_stands_in_it_and_before_it() -> None:
    first: dict[str, Any] = {
        "content": [{"type": "text", "text": 'say "role":"user" ]}] \\'}, {"type": "x", "y": [[], {}]}],
        "role": "user",
    }
    turned = dict(reversed(first.items()))
    for message in (first, turned):
        turns = [SYSTEM, {"role": "developer", "content": "user"}, message, said("ok"), user("more")]
        values = {conversation(messages=turns[:count]) for count in (3, 4, 5)}
        assert len(values) == 1


def test_a_string_input_is_a_first_message_too() -> None:
    assert conversation(input="hi") == conversation(input="hi") != conversation(input="ho")


def test_a_picture_is_known_by_its_beginning() -> None:
    def turns(picture: str) -> list[Any]:
        return [user([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + picture}}])]

    big = "A" * 3_000_000
    assert conversation(messages=turns(big)) == conversation(
        messages=[*turns(big), said("a cat"), user("and?")]
    )
    assert conversation(messages=turns("B" + big)) != conversation(messages=turns(big))


def test_the_client_may_say_itself_what_belongs_together() -> None:
    key = conversation(prompt_cache_key="s1", input="a")
    assert key == conversation(prompt_cache_key="s1", input="b", previous_response_id="r")
    assert key != conversation(prompt_cache_key="s2", input="a")
    for nothing in (None, ""):
        assert conversation(prompt_cache_key=nothing, input="a") == conversation(input="a")
    assert conversation(conversation="c1", input="a") == conversation(conversation="c1", input="b")
    assert conversation(conversation={"id": "c1"}, input="a") != conversation(
        conversation={"id": "c2"}, input="a"
    )


def test_who_speaks_does_not_matter() -> None:
    turns = [user("hi")]
    for who in ({"user": "u"}, {"safety_identifier": "u"}, {"metadata": {"user_id": "u"}}):
        assert conversation(messages=turns, **who) == conversation(messages=turns)


def test_where_there_is_nothing_to_go_by_there_is_no_affinity() -> None:
    assert CONVERSATION.of([], "alice", None) is None
    assert conversation(prompt="a picture of a cat") is None
    assert conversation(input="go on", previous_response_id="resp_1") is None
    assert conversation(messages=None) is None


def test_what_is_no_conversation_is_itself() -> None:
    assert conversation(messages=[]) == conversation(messages=[])
    assert conversation(messages=[1, "user", None]) is not None
    odd = ["user"] * (2 * ROLES_LOOKED_AT)
    assert conversation(messages=[*odd, user("a")]) is not None


# ── properties ──────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(max_size=60) | st.sampled_from(['"role":"user"', '\\"', "}]", "{[", "\\", '"'])
CONTENTS = TEXTS | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}), max_size=3)
BEFORE = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "developer"]), "content": CONTENTS}), max_size=3
)
AFTER = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["assistant", "user", "tool"]), "content": CONTENTS}),
    max_size=4,
)


@given(before=BEFORE, first=CONTENTS, after=AFTER, role_first=st.booleans(), grown=st.integers(0, 3))
def test_what_follows_the_first_message_never_matters(
    before: list[Any], first: Any, after: list[Any], role_first: bool, grown: int
) -> None:
    message = {"role": "user", "content": first} if role_first else {"content": first, "role": "user"}
    begin = [*before, message]
    filler = {"role": "assistant", "content": "x" * (grown * 2 * PART_BYTES)}
    value = conversation(messages=begin)
    assert value is not None
    assert conversation(messages=[*begin, *after]) == value
    assert conversation(messages=[*begin, filler, *after]) == value


@given(size=st.integers(0, 3 * PART_BYTES), first=TEXTS, other=TEXTS)
def test_first_messages_that_differ_early_are_told_apart(size: int, first: str, other: str) -> None:
    system = {"role": "system", "content": "s" * size}
    same = conversation(messages=[system, user(first)]) == conversation(messages=[system, user(other)])
    assert same == (first == other)


@given(raw=st.binary(max_size=300))
def test_no_bytes_are_too_odd(raw: bytes) -> None:
    for text in (raw, b'["role":"user"' + raw, b'[{"role":"user",' + raw):
        odd = DialectRequest(body=b"", fields={"messages": msgspec.Raw(text)}, model="m", stream=False)
        CONVERSATION.of([], None, odd)
