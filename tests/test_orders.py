"""What supervisor and worker say to each other arrives as it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.load import load, settings_from
from sluiceway.config.settings import Settings
from sluiceway.config.stored_keys import Previous, StoredKey
from sluiceway.orders import (
    Answer,
    Apply,
    Drain,
    Message,
    Obeyed,
    Ready,
    Reload,
    Reloaded,
    SetDrained,
    Start,
    Stop,
    encode,
    messages,
)
from sluiceway.reload import Result

EXAMPLE = Path(__file__).parent.parent / "sluiceway.example.toml"


def rich() -> Settings:
    upstream = {
        "name": "u",
        "base_url": "https://h/v1",
        "api_keys": ["sk-1"],
        "proxy": "http://user:pw@p:1",
        "headers": {"x-a": "1"},
        "stream": {"idle_s": 3},
        "health": {"max_failures": 2},
    }
    config = {
        "stream": {"images": {"total_s": 4}},
        "state": {"redis": "redis://:pw@h:1/0"},
        "upstreams": [upstream],
        "models": [{"name": "m", "upstreams": ["u"], "weights": {"u": 2.0}}],
        "prices": [{"model": "m", "input": 1.5}],
        "keys": [{"name": "k", "sha256": "ab" * 32, "models": ["m"]}],
    }
    return settings_from(config, {})


def received(data: bytes) -> list[Message]:
    async def main() -> list[Message]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return [message async for message in messages(reader)]

    return asyncio.run(main())


STORED = (StoredKey(KeySettings(name="s", sha256="cd" * 32), 1.0, 2.0, Previous("ef" * 32, 3.0)),)
RESULT = Result(1.5, "SIGHUP", ok=True, changes=("a: 1 -> 2",), needs_restart=("b",), problems=())


@pytest.mark.parametrize(
    "message",
    [
        Start(rich(), STORED, 1, 2, listener=7, shared="x", drained=("u",), files=("f",), last_reload=RESULT),
        Start(load(EXAMPLE, {"OPENAI_API_KEY": "sk", "ANTHROPIC_API_KEY": "sk"}), None, 0, 1, 3, ""),
        Apply(rich(), None),
        Apply(rich(), ()),
        Drain(("u", "v")),
        Reloaded(RESULT, ("a.toml", "keys.json")),
        Answer(3, RESULT),
        Answer(4),
        Stop(at_once=True),
        Ready(),
        Obeyed(),
        Reload(3, "asked for"),
        SetDrained(4, "u", True),
    ],
)
def test_a_message_arrives_as_it_was_sent(message: Message) -> None:
    assert received(encode(message)) == [message]


def test_secrets_arrive_as_secrets() -> None:
    (message,) = received(encode(Apply(rich(), None)))
    assert isinstance(message, Apply)
    assert "sk-1" not in repr(message)
    assert str(message.settings.upstreams[0].api_keys[0]) == "sk-1"


def test_messages_arrive_one_by_one_and_half_a_last_one_is_none() -> None:
    data = encode(Stop()) + encode(Ready()) + encode(Stop(at_once=True))
    for cut in range(len(data) - len(encode(Stop(at_once=True))), len(data)):
        assert received(data[:cut]) == [Stop(), Ready()]
