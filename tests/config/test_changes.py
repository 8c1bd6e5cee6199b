"""What changed between two configurations, in words without secrets."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluiceway.config.changes import MAX_NAMES, RESTART_ONLY, changes, needs_restart
from sluiceway.config.fields import fields_of
from sluiceway.config.key_settings import KeySettings, PriceSettings
from sluiceway.config.kinds import Secret
from sluiceway.config.observe_settings import AdminSettings, CaptureSettings, StoreSettings, TracingSettings
from sluiceway.config.server_settings import (
    FailoverSettings,
    QueueSettings,
    ServerSettings,
    StateSettings,
)
from sluiceway.config.settings import Settings
from sluiceway.config.stored_keys import Previous, StoredKey
from sluiceway.config.stream_settings import StreamSettings, resolve_streams
from sluiceway.config.upstream_settings import HealthSettings, ModelRule, RoutingSettings, UpstreamSettings

URL = "http://127.0.0.1:1/v1"


def upstream(name: str = "openai", **given: Any) -> UpstreamSettings:
    return UpstreamSettings(name=name, **{"base_url": URL, **given})


def key(name: str, **given: Any) -> KeySettings:
    return KeySettings(name=name, **{"sha256": name * 8, **given})


def streamed(
    stream: StreamSettings,
    by_dialect: dict[str, dict[str, Any]] | None = None,
    own: dict[str, dict[str, Any]] | None = None,
) -> Settings:
    """Two upstreams, with streams resolved as loading does it."""
    return Settings(
        stream=stream,
        upstreams=tuple(
            upstream(name, stream=resolve_streams(stream, by_dialect or {}, (own or {}).get(name, {})))
            for name in ("a", "b")
        ),
    )


def test_the_same_configuration_has_no_changes() -> None:
    settings = Settings(upstreams=(upstream(),), keys=(key("bob"),))
    assert changes(settings, msgspec.structs.replace(settings)) == []
    assert needs_restart(settings, settings) == []


@pytest.mark.parametrize(
    ("new", "line"),
    [
        (Settings(server=ServerSettings(drain_s=120.5)), "server.drain_s: 30 -> 120.5"),
        (Settings(server=ServerSettings(access_log=True)), "server.access_log: false -> true"),
        (
            Settings(server=ServerSettings(cors_origins=("https://a.example", "*"))),
            "server.cors_origins: none -> https://a.example, *",
        ),
        (Settings(queue=QueueSettings(max_waiting=9)), "queue.max_waiting: 256 -> 9"),
        (Settings(routing=RoutingSettings(affinity="conversation")), 'routing.affinity: "" -> conversation'),
        (Settings(failover=FailoverSettings(max_attempts=1)), "failover.max_attempts: 3 -> 1"),
        (Settings(health=HealthSettings(open_s=1)), "health.open_s: 10 -> 1"),
        (Settings(state=StateSettings(prefix="x")), "state.prefix: sluiceway -> x"),
        (Settings(stream=StreamSettings(idle_s=120)), "stream.idle_s: 300 -> 120"),
    ],
)
def test_a_setting_is_named_by_its_path_with_what_it_was_and_is(new: Settings, line: str) -> None:
    assert changes(Settings(), new) == [line]


def test_upstreams_are_known_by_their_names() -> None:
    old = Settings(upstreams=(upstream("a"), upstream("b", weight=1), upstream("c")))
    new = Settings(upstreams=(upstream("d"), upstream("a"), upstream("b", weight=3)))
    assert changes(old, new) == ["upstreams: +d, -c", "upstreams.b.weight: 1 -> 3"]


def test_the_order_of_upstreams_and_rules_matters_and_that_of_keys_does_not() -> None:
    rules = (ModelRule(name="gpt-*", upstreams=("a",)), ModelRule(name="*", upstreams=("b",)))
    old = Settings(upstreams=(upstream("a"), upstream("b")), models=rules, keys=(key("x"), key("y")))
    new = Settings(upstreams=(upstream("b"), upstream("a")), models=rules[::-1], keys=(key("y"), key("x")))
    assert changes(old, new) == ["upstreams: now in the order b, a", "models: now in the order *, gpt-*"]


def test_two_rules_for_the_same_model_are_told_apart() -> None:
    first, second = ModelRule(name="m", upstreams=("a",)), ModelRule(name="m", upstreams=("b",))
    changed = ModelRule(name="m", upstreams=("b", "c"), rewrite_to="n")
    assert changes(Settings(models=(first, second)), Settings(models=(first, changed))) == [
        "models.m#2.upstreams: b -> b, c",
        'models.m#2.rewrite_to: "" -> n',
    ]


def test_prices_are_known_by_model_and_upstream() -> None:
    old = Settings(prices=(PriceSettings(model="m"), PriceSettings(model="m", upstream="a", input=1)))
    new = Settings(prices=(PriceSettings(model="m"), PriceSettings(model="m", upstream="a", input=2.5)))
    assert changes(old, new) == ["prices.m@a.input: 1 -> 2.5"]


def test_keys_that_came_and_went_are_named_and_their_limits_compared() -> None:
    old = Settings(keys=(key("bob"), key("ann")))
    new = Settings(keys=(key("ann", requests_per_minute=60, models=("gpt-*",)), key("team-a")))
    assert changes(old, new) == [
        "keys: +team-a, -bob",
        "keys.ann.models: none -> gpt-*",
        "keys.ann.requests_per_minute: 0 -> 60",
    ]


def test_keys_of_the_keys_file_are_told_beside_the_others_and_a_revoked_one_is_gone() -> None:
    settings = Settings(keys=(key("x"),))
    old = (StoredKey(key("ann"), 1.0), StoredKey(key("bob"), 1.0))
    new = (
        StoredKey(key("ann", sha256="cc"), 1.0, previous=Previous("aa", 9.0)),
        StoredKey(key("bob"), 1.0, revoked=2.0),
        StoredKey(key("team-a"), 2.0),
    )
    assert changes(settings, settings, old, new) == ["keys: +team-a, -bob", "keys.ann.sha256 changed"]


def test_that_clients_need_a_key_is_told_as_soon_as_the_file_is_there() -> None:
    assert changes(Settings(), Settings(), None, ()) == ["keys: clients now need one"]
    assert changes(Settings(keys=(key("x"),)), Settings()) == ["keys: -x", "keys: clients need none any more"]


def test_many_names_are_not_all_listed() -> None:
    new = Settings(keys=tuple(key(f"k{index}") for index in range(MAX_NAMES + 5)))
    line, _ = changes(Settings(), new)
    assert line.startswith("keys: +k0, +k1, ")
    assert line.endswith(f"+k{MAX_NAMES - 1}, and 5 more")


# ── what is inherited ───────────────────────────────────────────────────────────────────────────────


def test_a_change_for_all_streams_is_told_once_although_every_upstream_has_it() -> None:
    old, new = streamed(StreamSettings()), streamed(StreamSettings(heartbeat_s=3))
    assert changes(old, new) == ["stream.heartbeat_s: 10 -> 3"]


def test_a_change_for_one_dialect_is_told_once() -> None:
    old = streamed(StreamSettings(), {"chat": {"idle_s": 5.0}})
    new = streamed(StreamSettings(), {"chat": {"idle_s": 6.0}, "images": {"total_s": 7.0}})
    assert changes(old, new) == ["stream.chat.idle_s: 5 -> 6", "stream.images.total_s: 0 -> 7"]


def test_a_change_for_one_upstreams_streams_is_told_once_and_named_after_it() -> None:
    old = streamed(StreamSettings(), own={"b": {"idle_s": 5.0}})
    new = streamed(StreamSettings(), own={"a": {"connect_s": 1.0}, "b": {"idle_s": 6.0}})
    assert changes(old, new) == ["upstreams.a.stream.connect_s: 10 -> 1", "upstreams.b.stream.idle_s: 5 -> 6"]


def test_an_upstream_that_stops_overriding_is_told() -> None:
    old = streamed(StreamSettings(idle_s=30), own={"a": {"idle_s": 5.0}})
    new = streamed(StreamSettings(idle_s=40))
    assert changes(old, new) == ["stream.idle_s: 30 -> 40", "upstreams.a.stream.idle_s: 5 -> 40"]


def test_the_health_that_upstreams_inherit_is_told_once() -> None:
    was, now = HealthSettings(), HealthSettings(max_failures=2)
    own = HealthSettings(max_failures=2, open_s=3)
    old = Settings(upstreams=(upstream("a"), upstream("b")))
    new = Settings(health=now, upstreams=(upstream("a", health=now), upstream("b", health=own)))
    assert was != now
    assert changes(old, new) == ["health.max_failures: 5 -> 2", "upstreams.b.health.open_s: 10 -> 3"]


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_secret_has_changed_and_that_is_all_that_is_said() -> None:
    old = Settings(
        state=StateSettings(redis=Secret("redis://:sesame@h")),
        upstreams=(upstream(api_keys=(Secret("sk-old"),), proxy=Secret("http://u:sesame@p")),),
        keys=(key("bob", sha256="aa"),),
    )
    new = Settings(
        upstreams=(upstream(api_keys=(Secret("sk-new"), Secret("sk-2"))),), keys=(key("bob", sha256="bb"),)
    )
    assert changes(old, new) == [
        "state.redis changed",
        "upstreams.openai.api_keys changed",
        "upstreams.openai.proxy changed",
        "keys.bob.sha256 changed",
    ]


def test_headers_are_named_and_their_values_are_not() -> None:
    old = Settings(upstreams=(upstream(headers={"x-a": Secret("1"), "x-b": Secret("2")}),))
    new = Settings(upstreams=(upstream(headers={"x-b": Secret("sesame"), "x-c": Secret("3")}),))
    assert changes(old, new) == ["upstreams.openai.headers: +x-c, -x-a, x-b changed"]


def test_the_password_of_a_url_is_not_shown() -> None:
    old = Settings(upstreams=(upstream(base_url="https://u:sesame@h/v1"),))
    new = Settings(upstreams=(upstream(base_url="https://u:open@h/v2"),))
    assert changes(old, new) == ["upstreams.openai.base_url: https://h/v1 -> https://h/v2"]


# ── restarts ────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_process_began_with_needs_a_restart() -> None:
    new = Settings(
        server=ServerSettings(port=1, workers=2, drain_s=1), state=StateSettings(redis=Secret("redis://h"))
    )
    assert needs_restart(Settings(), new) == ["server.port", "server.workers", "state.redis"]


def test_every_setting_that_needs_a_restart_exists() -> None:
    known = {f"server.{name}" for name in fields_of(ServerSettings)}
    known |= {f"state.{name}" for name in fields_of(StateSettings)}
    known |= {f"store.{name}" for name in fields_of(StoreSettings)}
    known |= {f"capture.{name}" for name in fields_of(CaptureSettings)}
    known |= {f"tracing.{name}" for name in fields_of(TracingSettings)}
    known |= {f"admin.{name}" for name in fields_of(AdminSettings)}
    assert known >= RESTART_ONLY
