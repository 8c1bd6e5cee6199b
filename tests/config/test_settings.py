"""The settings themselves: defaults as the contract has them, all explained, secrets kept."""

from __future__ import annotations

import re
from typing import get_args

import msgspec
import pytest

from sluiceway.config.fields import fields_of
from sluiceway.config.key_settings import KeySettings, PriceSettings
from sluiceway.config.kinds import DIALECT_NAMES, OTHER, Secret
from sluiceway.config.server_settings import FailoverSettings, QueueSettings, ServerSettings, StateSettings
from sluiceway.config.settings import Settings
from sluiceway.config.stream_settings import StreamSettings, resolve_streams
from sluiceway.config.upstream_settings import (
    FailureName,
    HealthSettings,
    ModelRule,
    RoutingSettings,
    UpstreamSettings,
)

STRUCTS = [
    Settings,
    ServerSettings,
    StreamSettings,
    QueueSettings,
    RoutingSettings,
    FailoverSettings,
    HealthSettings,
    StateSettings,
    UpstreamSettings,
    ModelRule,
    PriceSettings,
    KeySettings,
]
FIELDS = [(struct, name) for struct in STRUCTS for name in struct.__struct_fields__]


def test_the_servers_defaults_are_those_of_the_contract() -> None:
    assert msgspec.structs.asdict(ServerSettings()) == {
        "host": "127.0.0.1",
        "port": 8787,
        "max_body_bytes": 67108864,
        "cors_origins": (),
        "drain_s": 30.0,
        "allow_anonymous": False,
        "head_timeout_s": 30.0,
        "max_head_bytes": 65536,
        "body_timeout_s": 60.0,
        "max_in_flight": 0,
        "workers": 1,
        "keys_file": "sluiceway-keys.json",
        "trusted_proxies": (),
        "auth_failures_per_minute": 20,
        "watch_config": True,
        "log_level": "info",
        "access_log": False,
    }


def test_the_streams_defaults_are_those_of_the_contract() -> None:
    assert msgspec.structs.asdict(StreamSettings()) == {
        "heartbeat_s": 10.0,
        "commit_after_s": 10.0,
        "json_heartbeat_s": 0.0,
        "json_heartbeat_max_s": 3600.0,
        "heartbeat_form": "auto",
        "connect_s": 10.0,
        "first_event_s": 600.0,
        "idle_s": 300.0,
        "total_s": 0.0,
        "on_disconnect": "abort",
        "drain_after_disconnect_s": 60.0,
        "max_event_bytes": 67108864,
        "max_answer_bytes": 268435456,
    }


def test_an_upstreams_defaults_are_those_of_the_contract() -> None:
    upstream = UpstreamSettings(name="a", base_url="http://a/v1")
    assert upstream.dialects == ("chat", "responses", "messages", "images")
    assert (upstream.api_keys, upstream.proxy, upstream.headers, upstream.max_in_flight) == ((), "", {}, 0)
    assert (upstream.force_stream, upstream.include_usage) == (False, True)
    assert (upstream.weight, upstream.prefill, upstream.health) == (1.0, "off", HealthSettings())
    assert upstream.failover_on == get_args(FailureName)
    rule = ModelRule(name="m", upstreams=("a",))
    assert (rule.rewrite_to, rule.select, rule.affinity) == ("", "", "")
    assert (rule.weights, rule.hedge_after_s, rule.continue_on) == ({}, 0.0, ())


def test_images_commit_at_once_and_may_be_silent_for_longer() -> None:
    upstream = UpstreamSettings(name="a", base_url="http://a/v1")
    images = Settings().stream_for("images", upstream)
    assert images == StreamSettings(commit_after_s=0.0, idle_s=900.0)
    for name in ("chat", "responses", "messages", OTHER):
        assert Settings().stream_for(name, upstream) == StreamSettings()


def test_the_most_specific_stream_table_wins_key_by_key() -> None:
    resolved = resolve_streams(
        StreamSettings(heartbeat_s=1.0, idle_s=1.0, total_s=1.0),
        {"chat": {"idle_s": 2.0, "total_s": 2.0}, "images": {"idle_s": 5.0}},
        {"total_s": 3.0},
    )

    def clocks(name: str) -> tuple[float, float, float, float]:
        stream = resolved[name]
        return stream.heartbeat_s, stream.idle_s, stream.total_s, stream.commit_after_s

    assert clocks("chat") == (1.0, 2.0, 3.0, 10.0)
    assert clocks("messages") == (1.0, 1.0, 3.0, 10.0)
    assert clocks("images") == (1.0, 5.0, 3.0, 0.0)
    assert clocks(OTHER) == (1.0, 1.0, 3.0, 10.0)
    assert set(resolved) == {*DIALECT_NAMES, OTHER}


def test_looking_up_stream_settings_makes_nothing_new() -> None:
    upstream = UpstreamSettings(name="a", base_url="http://a/v1")
    assert Settings().stream_for("chat", upstream) is Settings().stream_for("chat", upstream)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        StreamSettings().idle_s = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(("struct", "name"), FIELDS)
def test_every_setting_explains_itself(struct: type[msgspec.Struct], name: str) -> None:
    description = fields_of(struct)[name].description
    assert description.endswith(".")


@pytest.mark.parametrize(
    ("struct", "name"), [field for field in FIELDS if field[1].endswith(("_s", "_bytes"))]
)
def test_every_duration_and_size_says_what_zero_means_or_cannot_be_zero(
    struct: type[msgspec.Struct], name: str
) -> None:
    field = fields_of(struct)[name]
    if field.kind.endswith(", 0 or more"):
        assert re.search(r"\b0[ :]", field.description)
    else:
        assert re.search(r", (0\.1|1\.0|1) or more$", field.kind)


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("sk-live")
    upstream = UpstreamSettings(
        name="a", base_url="http://a", api_keys=(secret,), proxy=secret, headers={"x-a": secret}
    )
    assert "sk-live" not in repr(Settings(upstreams=(upstream,)))
    assert repr(upstream).count("Secret('…')") == 3
    assert str(secret) == "sk-live"


def test_a_secret_cannot_be_encoded_by_accident() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret("sk-live"))
