"""The whole of a configuration: every table of `sluiceway.toml`, checked and resolved. Values only, no loading.

The structs mirror the tables. Each field's description is its documentation: docs/reference/configuration.md
is made from them, and a test fails on a field without one. Durations are seconds (`*_s`), sizes bytes
(`*_bytes`).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from sluiceway.config.key_settings import KeySettings, PriceSettings
from sluiceway.config.observe_settings import (
    AdminSettings,
    CaptureSettings,
    InspectorSettings,
    MetricsSettings,
    StoreSettings,
    TracingSettings,
)
from sluiceway.config.server_settings import FailoverSettings, QueueSettings, ServerSettings, StateSettings
from sluiceway.config.stream_settings import StreamSettings
from sluiceway.config.upstream_settings import HealthSettings, ModelRule, RoutingSettings, UpstreamSettings


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a configuration, checked and resolved. Made by `config.load`."""

    server: Annotated[ServerSettings, Meta(description="The gateway's own side.")] = ServerSettings()
    stream: Annotated[
        StreamSettings,
        Meta(
            description="Defaults for every answer. `[stream.chat]`, `[stream.responses]`, "
            "`[stream.messages]` and `[stream.images]` override them for one dialect, `[upstreams.stream]` "
            "for one upstream."
        ),
    ] = StreamSettings()
    queue: Annotated[QueueSettings, Meta(description="Where requests wait for room.")] = QueueSettings()
    routing: Annotated[RoutingSettings, Meta(description="Which of several upstreams is asked first.")] = (
        RoutingSettings()
    )
    failover: Annotated[FailoverSettings, Meta(description="When another upstream is asked.")] = (
        FailoverSettings()
    )
    health: Annotated[
        HealthSettings, Meta(description="When an upstream is left alone; `[upstreams.health]` overrides it.")
    ] = HealthSettings()
    state: Annotated[StateSettings, Meta(description="What several processes share.")] = StateSettings()
    store: Annotated[StoreSettings, Meta(description="Where records of requests are kept.")] = StoreSettings()
    capture: Annotated[CaptureSettings, Meta(description="Keeping what was asked and answered.")] = (
        CaptureSettings()
    )
    inspector: Annotated[InspectorSettings, Meta(description="Timelines of streams.")] = InspectorSettings()
    metrics: Annotated[MetricsSettings, Meta(description="Figures for Prometheus.")] = MetricsSettings()
    tracing: Annotated[TracingSettings, Meta(description="Traces for OpenTelemetry.")] = TracingSettings()
    admin: Annotated[AdminSettings, Meta(description="The console and its API.")] = AdminSettings()
    upstreams: Annotated[tuple[UpstreamSettings, ...], Meta(description="Where models are.")] = ()
    models: Annotated[tuple[ModelRule, ...], Meta(description="Which upstreams serve which model.")] = ()
    prices: Annotated[tuple[PriceSettings, ...], Meta(description="What models cost.")] = ()
    keys: Annotated[tuple[KeySettings, ...], Meta(description="Who may use the gateway.")] = ()

    def stream_for(self, dialect_name: str, upstream: UpstreamSettings) -> StreamSettings:
        """The resolved stream settings of an answer; `OTHER` for paths without a dialect. One dict lookup."""
        return upstream.stream[dialect_name]
