"""The settings of one answer: clocks, heartbeats, limits; by dialect and by upstream."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sluiceway.config.kinds import DIALECT_NAMES, OTHER, Bytes, Seconds


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[stream]`: clocks, heartbeats and limits of one answer."""

    heartbeat_s: Annotated[
        Seconds,
        Meta(
            description="The silence toward the client after which a heartbeat is sent on an event stream, "
            "always between two events. 0 sends none. Must be shorter than the shortest idle limit on the "
            "way to the client (nginx and AWS ALB 60 s, Cloudflare about 120 s); shorter costs a few bytes "
            "more."
        ),
    ] = 10.0
    commit_after_s: Annotated[
        Seconds,
        Meta(
            description="The silence of the upstream after which a streaming client gets its status line "
            "(200), so that heartbeats can follow. 0 commits at once, before the upstream has answered. "
            "Until then an error of the upstream keeps its real HTTP status; afterwards it can only come "
            "in-band."
        ),
    ] = 10.0
    json_heartbeat_s: Annotated[
        Seconds,
        Meta(
            description="The silence after which white space is sent ahead of a JSON answer, which JSON "
            "parsers skip. 0 is off. It keeps long non-streaming requests alive through CDNs, at a price: "
            "the status 200 is sent before the outcome is known, so a late error is a JSON error body under "
            "a 200."
        ),
    ] = 0.0
    json_heartbeat_max_s: Annotated[
        Seconds,
        Meta(
            description="How long after the request white space may still be sent ahead of a JSON answer. 0 "
            "is unlimited."
        ),
    ] = 3600.0
    heartbeat_form: Annotated[
        Literal["auto", "block", "line", "ping", "none"],
        Meta(
            description="What a heartbeat on an event stream looks like. `auto` picks by dialect and "
            "client: a comment, or `ping` for `messages`, and the `line` form for clients known to break on "
            "`block`. `block` is a comment and a blank line, `line` a comment alone, `ping` an `event: "
            "ping`. `none` commits early but sends nothing."
        ),
    ] = "auto"
    connect_s: Annotated[
        Seconds,
        Meta(
            description="How long a connection to the upstream may take: name, TCP, proxy and TLS together. "
            "0 leaves it to the operating system, which takes minutes."
        ),
    ] = 10.0
    first_event_s: Annotated[
        Seconds,
        Meta(
            description="From the end of the request to the first real event, or the first byte of a JSON answer. 0 "
            "is unlimited. Reasoning models think for minutes; heartbeats keep the client waiting meanwhile, "
            "and do not count as events."
        ),
    ] = 600.0
    idle_s: Annotated[
        Seconds,
        Meta(
            description="The longest silence between two real events of the upstream; its comments and "
            "pings do not count. 0 is unlimited. Also the longest time that a client may leave its stream "
            "unread."
        ),
    ] = 300.0
    total_s: Annotated[
        Seconds,
        Meta(
            description="The longest that one answer may take altogether, however lively it is. 0 is "
            "unlimited."
        ),
    ] = 0.0
    on_disconnect: Annotated[
        Literal["abort", "drain", "keep"],
        Meta(
            description="What happens to the upstream when the client leaves. `abort` closes it at once, "
            "which stops the generation, and the bill, at most providers. `drain` reads on for the usage "
            "figures, for `drain_after_disconnect_s`. `keep` reads on to the end, bounded only by the "
            "clocks above."
        ),
    ] = "abort"
    drain_after_disconnect_s: Annotated[
        Seconds,
        Meta(
            description='How long `on_disconnect = "drain"` reads on after the client has left. 0 is not at '
            "all, the same as `abort`."
        ),
    ] = 60.0
    max_event_bytes: Annotated[
        Bytes,
        Meta(
            description="The largest single event of an upstream; a larger one ends the stream with an "
            "error. 0 is unlimited. An event is held until it is whole; partial images are events of "
            "several MiB."
        ),
    ] = 67108864
    max_answer_bytes: Annotated[
        Bytes,
        Meta(
            description="The largest answer that is relayed as JSON, or that is aggregated or converted, "
            "which takes holding it whole; a larger one ends with an error. 0 is unlimited. Streams that "
            "stay streams are not counted."
        ),
    ] = 268435456


# What `[stream.DIALECT]` holds if the file does not say otherwise. Image models are silent for minutes, so
# their clients get headers and a first comment before anything else can time out (design.md section 6).
DIALECT_STREAM_DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"images": MappingProxyType({"commit_after_s": 0.0, "idle_s": 900.0})}
)


def resolve_streams(
    stream: StreamSettings,
    by_dialect: Mapping[str, Mapping[str, Any]],
    upstream: Mapping[str, Any],
) -> Mapping[str, StreamSettings]:
    """The stream settings of one upstream, by dialect name and `OTHER`; the most specific table wins.

    `stream`: the plain `[stream]`. `by_dialect`: the keys given in `[stream.DIALECT]`. `upstream`: those
    given in `[upstreams.stream]`. Done once, so that a request only looks up its dialect's name.
    """
    resolved = {OTHER: msgspec.structs.replace(stream, **upstream)}
    for name in DIALECT_NAMES:
        layers = {**DIALECT_STREAM_DEFAULTS.get(name, {}), **by_dialect.get(name, {}), **upstream}
        resolved[name] = msgspec.structs.replace(stream, **layers)
    return MappingProxyType(resolved)


def default_streams() -> Mapping[str, StreamSettings]:
    """Those of an upstream for which the file says nothing."""
    return resolve_streams(StreamSettings(), {}, {})
