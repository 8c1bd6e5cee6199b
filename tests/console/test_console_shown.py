"""Settings as administrators see them: no secret, wherever one may stand."""

from __future__ import annotations

import msgspec

from sluiceway.config.load import settings_from
from sluiceway.console.shown import HIDDEN, shown

EVERY_SECRET = {
    "upstreams": [
        {
            "name": "one",
            "base_url": "https://one.example/v1",
            "api_keys": ["canary-a", "env:KEY"],
            "headers": {"x-key": "canary-b"},
            "proxy": "http://user:canary-c@proxy.example:1",
        }
    ],
    "state": {"redis": "redis://user:canary-d@redis.example:6379/0"},
    "store": {"url": "postgresql://user:canary-e@db.example/sluiceway"},
    "tracing": {"endpoint": "http://otel.example:4318", "headers": {"authorization": "canary-f"}},
    "admin": {"keys": ["canary-g-of-some-length"]},
    "keys": [{"name": "alice", "sha256": "ca" * 32, "models": ["gpt-*"]}],
}


def test_no_secret_is_shown_wherever_one_may_stand() -> None:
    settings = settings_from(EVERY_SECRET, {"KEY": "canary-h"})
    told = shown(settings)
    text = msgspec.json.encode(told).decode()
    assert "canary" not in text
    assert "ca" * 32 not in text
    assert str(settings.admin.keys[0]) not in text
    (upstream,) = told["upstreams"]
    assert upstream["api_keys"] == [HIDDEN, HIDDEN]
    assert upstream["headers"] == {"x-key": HIDDEN}
    assert upstream["proxy"] == told["state"]["redis"] == told["store"]["url"] == HIDDEN
    assert told["tracing"]["headers"] == {"authorization": HIDDEN}
    assert told["admin"]["keys"] == [HIDDEN]
    assert told["keys"][0]["models"] == ["gpt-*"]


def test_a_secret_that_is_not_set_is_seen_to_be_empty() -> None:
    told = shown(settings_from({"upstreams": EVERY_SECRET["upstreams"]}, {"KEY": "x"}))
    assert told["state"]["redis"] == ""
    assert told["admin"]["keys"] == []


def test_everything_else_is_shown() -> None:
    settings = settings_from(EVERY_SECRET, {"KEY": "canary-h"})
    told = shown(settings)
    assert set(told) == set(settings.__struct_fields__)
    assert told["server"]["drain_s"] == 30.0
    assert told["upstreams"][0]["base_url"] == "https://one.example/v1"
