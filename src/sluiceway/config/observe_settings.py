"""The settings of what is kept and told about requests: records, bodies, timelines, metrics, traces, the console."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sluiceway.config.kinds import Bytes, Count, Name, Seconds, Secret

Days = Annotated[float, Meta(ge=0)]


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[store]`: the database in which a record of each request is kept. Never a prompt, an answer or a key:
    those only where `[capture]` says so."""

    url: Annotated[
        Secret,
        Meta(
            description="`sqlite:///FILE`, where a path that is not absolute begins at the configuration file, or "
            '`postgresql://USER:PASSWORD@HOST/DATABASE` (needs `pip install "sluiceway[postgres]"`), or '
            '`"env:NAME"`. Empty: nothing is kept. SQLite serves one machine, however many workers.'
        ),
    ] = Secret("sqlite:///sluiceway.db")
    flush_s: Annotated[
        float,
        Meta(
            gt=0,
            le=60,
            description="How long records wait for company before they are written. What a crash can lose.",
        ),
    ] = 1.0
    max_waiting: Annotated[
        int,
        Meta(ge=1, description="Records that may wait in memory; more are counted and dropped."),
    ] = 20_000
    spill_bytes: Annotated[
        Bytes,
        Meta(
            description="While the database is away, records go to files, up to this size, and into the database "
            "once it is back. Beyond it they are counted and dropped. 0: no files."
        ),
    ] = 67_108_864
    spill_folder: Annotated[
        str,
        Meta(
            description="Where those files are; made when it is needed. A path that is not absolute begins at the "
            "configuration file."
        ),
    ] = "sluiceway-spill"
    keep_days: Annotated[
        Days,
        Meta(description="How long records are kept. 0: for ever. Sums per day are kept for `usage_days`."),
    ] = 30.0
    max_records: Annotated[
        Count, Meta(description="The most records that are kept; the oldest go first. 0 is unlimited.")
    ] = 2_000_000
    usage_days: Annotated[
        Days, Meta(description="How long the sums per day, key, model and upstream are kept. 0: for ever.")
    ] = 400.0
    estimate_tokens: Annotated[
        bool,
        Meta(
            description="Where an upstream counts no tokens, estimate them: four bytes of the request, one event of "
            "the answer a token. Such records are marked, and no budget or price is charged for them."
        ),
    ] = False


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[capture]`: keeping what was asked and answered, for those who have to see it. Off unless you say so.

    Credentials are never kept. Whoever can read the database can read what is captured."""

    mode: Annotated[
        Literal["off", "asked", "all"],
        Meta(
            description="`asked`: requests of keys with `capture = true`, and requests with the header "
            "`x-sluiceway-capture: on`; `all`: every request, but for those with `x-sluiceway-capture: off`."
        ),
    ] = "off"
    max_bytes: Annotated[
        Bytes,
        Meta(
            description="The most that is kept of a request's body, and of an answer's; the rest is cut and marked."
        ),
    ] = 1_048_576
    images: Annotated[
        bool,
        Meta(description="Keep the data of images too; else their place is taken by their size and hash."),
    ] = False
    redact: Annotated[
        tuple[Name, ...],
        Meta(
            description="Regular expressions; what they match in bodies is replaced before it is kept, besides what "
            "looks like an API key, which always is."
        ),
    ] = ()
    keep_days: Annotated[Days, Meta(description="How long bodies are kept. 0: as long as their record.")] = (
        7.0
    )
    keep_bytes: Annotated[
        Bytes,
        Meta(description="The most that all bodies together may take; the oldest go first. 0 is unlimited."),
    ] = 1_073_741_824


class InspectorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[inspector]`: the timelines of running and recent streams, in memory, for the console."""

    streams: Annotated[
        Count,
        Meta(
            description="How many ended streams are remembered. 0: none, nor the timelines of running ones."
        ),
    ] = 200
    events: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="The last events of each stream that are remembered, each with its time, size and type. "
            "Fewer while very many streams run.",
        ),
    ] = 512
    show_content: Annotated[
        bool,
        Meta(
            description="Whether the console may show what events say. Without it, only when they came, how large "
            "they were and of what type."
        ),
    ] = False


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[metrics]`: figures for Prometheus at `/metrics`."""

    enabled: Annotated[bool, Meta(description="Whether there is `/metrics`.")] = True
    public: Annotated[
        bool,
        Meta(
            description="Whoever reaches the gateway may read it. Else as `/api`: an admin key, or loopback."
        ),
    ] = False
    max_models: Annotated[
        Count,
        Meta(
            description="How many names of models become labels; further ones count as `other`, so that clients "
            "can't make the metrics grow. The same bound holds for keys."
        ),
    ] = 100


class TracingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[tracing]`: traces and metrics by OpenTelemetry's conventions for generative AI; needs
    `pip install "sluiceway[otel]"`."""

    endpoint: Annotated[
        str,
        Meta(description="An OTLP/HTTP collector, as `http://localhost:4318`. Empty: nothing is exported."),
    ] = ""
    headers: Annotated[
        dict[str, Secret],
        Meta(
            description='Sent with each export, for collectors that want a key; values may be `"env:NAME"`.'
        ),
    ] = {}
    sample: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="The share of requests that is traced, where the client did not decide it by `traceparent`.",
        ),
    ] = 1.0
    service_name: Annotated[Name, Meta(description="What the traces call this gateway.")] = "sluiceway"
    metrics: Annotated[bool, Meta(description="Export metrics, too.")] = True


class AdminSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[admin]`: the console, its API under `/api`, and who may use them."""

    enabled: Annotated[bool, Meta(description="Whether there is a console, and `/api`.")] = True
    keys: Annotated[
        tuple[Secret, ...],
        Meta(
            description='Keys of administrators, as `"env:NAME"`, or their SHA-256 as `"sha256:…"`; sent as '
            "`Authorization: Bearer`. They are no keys for models."
        ),
    ] = ()
    loopback: Annotated[
        bool,
        Meta(
            description="From the machine itself no key is needed: the connection comes from loopback, names a "
            "loopback host, and no proxy has forwarded it."
        ),
    ] = True
    frame_ancestors: Annotated[
        tuple[str, ...],
        Meta(
            description="Web origins whose pages may show the console in a frame. Such a site can have its visitors "
            "press buttons unseen: name only your own."
        ),
    ] = ()
    live_s: Annotated[Seconds, Meta(description="How often live views are told what is new.")] = 0.25
