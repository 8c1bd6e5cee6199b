"""Every setting of the gateway: its name, type, bounds, default and meaning. Values only, no loading.

The structs mirror the tables of `sluiceway.toml`. Each field's description is its documentation:
docs/reference/configuration.md is made from here, and a test fails on a field without one. Durations are
seconds (`*_s`), sizes bytes (`*_bytes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, field

DialectName = Literal["chat", "responses", "messages", "images"]
DIALECT_NAMES: tuple[DialectName, ...] = get_args(DialectName)

RepairName = Literal["model", "nulls", "choices", "obfuscation"]

# The name under which `Settings.stream_for` knows paths that belong to no dialect.
OTHER = "other"

_Seconds = Annotated[float, Meta(ge=0)]
_Bytes = Annotated[int, Meta(ge=0)]
_Name = Annotated[str, Meta(min_length=1)]


class Secret(str):
    """A string that `repr()` does not show, so that no log, traceback or error can. `str()` gives it away."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')" if self else "Secret('')"


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[server]`: where the gateway listens, and what it takes from clients."""

    host: Annotated[
        str,
        Meta(
            description="The address to listen on; `0.0.0.0` or `::` is every interface. Anything but "
            "loopback (`127.0.0.0/8`, `::1`, `localhost`) needs `[[keys]]` or `allow_anonymous = true`, "
            "since whoever reaches the gateway spends your upstreams' money."
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(ge=0, le=65535, description="The port to listen on. 0 takes a free one, which `serve` prints."),
    ] = 8787
    max_body_bytes: Annotated[
        _Bytes,
        Meta(
            description="The largest request body; more is answered with 413. 0 is unlimited. Bodies of the "
            "known dialects are held in memory, so this bounds what one client can make the gateway hold; "
            "requests with many images need tens of MiB."
        ),
    ] = 67108864
    cors_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="The web origins whose pages may call the gateway, as `https://app.example.com`, or "
            "`*` for any. Empty: none. Only browsers obey it; it is no access control for other programs."
        ),
    ] = ()
    drain_s: Annotated[
        _Seconds,
        Meta(
            description="On SIGTERM no connection is accepted any more, and running answers may take this "
            "long to finish; what is left then ends with an in-band error. 0 ends them at once. Keep it "
            "below the time your service manager waits before it kills."
        ),
    ] = 30.0
    allow_anonymous: Annotated[
        bool,
        Meta(
            description="Listen beyond loopback although there are no `[[keys]]`. Only for networks where "
            "everyone may use your upstreams, or behind a proxy that checks its users. Has no effect where "
            "`[[keys]]` exist: then every client needs one."
        ),
    ] = False
    head_timeout_s: Annotated[
        _Seconds,
        Meta(
            description="How long a client may take to send the head of a request, from its first byte, or "
            "from the moment it connects. 0 is unlimited. Slow heads are a cheap way to use up connections."
        ),
    ] = 30.0
    max_head_bytes: Annotated[
        _Bytes, Meta(description="The largest request head; more is answered with 431. 0 is unlimited.")
    ] = 65536
    body_timeout_s: Annotated[
        _Seconds,
        Meta(
            description="The longest silence between two pieces of a request body before it is answered "
            "with 408. 0 is unlimited. A slow but steady upload is never cut."
        ),
    ] = 60.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least serious log line that reaches stderr."),
    ] = "info"
    access_log: Annotated[
        bool,
        Meta(
            description="Write one JSON line per request to stdout: who, which model and upstream, how it "
            "ended, how long it took, tokens. Never a prompt, an answer or a key. Costs some microseconds "
            "per request."
        ),
    ] = False


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[stream]`: clocks, heartbeats and limits of one answer."""

    heartbeat_s: Annotated[
        _Seconds,
        Meta(
            description="The silence toward the client after which a heartbeat is sent on an event stream, "
            "always between two events. 0 sends none. Must be shorter than the shortest idle limit on the "
            "way to the client (nginx and AWS ALB 60 s, Cloudflare about 120 s); shorter costs a few bytes "
            "more."
        ),
    ] = 10.0
    commit_after_s: Annotated[
        _Seconds,
        Meta(
            description="The silence of the upstream after which a streaming client gets its status line "
            "(200), so that heartbeats can follow. 0 commits at once, before the upstream has answered. "
            "Until then an error of the upstream keeps its real HTTP status; afterwards it can only come "
            "in-band."
        ),
    ] = 10.0
    json_heartbeat_s: Annotated[
        _Seconds,
        Meta(
            description="The silence after which white space is sent ahead of a JSON answer, which JSON "
            "parsers skip. 0 is off. It keeps long non-streaming requests alive through CDNs, at a price: "
            "the status 200 is sent before the outcome is known, so a late error is a JSON error body under "
            "a 200."
        ),
    ] = 0.0
    json_heartbeat_max_s: Annotated[
        _Seconds,
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
        _Seconds,
        Meta(
            description="How long a connection to the upstream may take: name, TCP, proxy and TLS together. "
            "0 leaves it to the operating system, which takes minutes."
        ),
    ] = 10.0
    first_event_s: Annotated[
        _Seconds,
        Meta(
            description="From the request to the first real event, or the first byte of a JSON answer. 0 is "
            "unlimited. Reasoning models think for minutes; heartbeats keep the client waiting meanwhile, "
            "and do not count as events."
        ),
    ] = 600.0
    idle_s: Annotated[
        _Seconds,
        Meta(
            description="The longest silence between two real events of the upstream; its comments and "
            "pings do not count. 0 is unlimited. Also the longest time that a client may leave its stream "
            "unread."
        ),
    ] = 300.0
    total_s: Annotated[
        _Seconds,
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
        _Seconds,
        Meta(
            description='How long `on_disconnect = "drain"` reads on after the client has left. 0 is not at '
            "all, the same as `abort`."
        ),
    ] = 60.0
    max_event_bytes: Annotated[
        _Bytes,
        Meta(
            description="The largest single event of an upstream; a larger one ends the stream with an "
            "error. 0 is unlimited. An event is held until it is whole; partial images are events of "
            "several MiB."
        ),
    ] = 67108864
    max_answer_bytes: Annotated[
        _Bytes,
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


def _default_streams() -> Mapping[str, StreamSettings]:
    return resolve_streams(StreamSettings(), {}, {})


class UpstreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[[upstreams]]`: one provider of models, and how to talk to it. The first is preferred."""

    name: Annotated[
        _Name, Meta(description="What `[[models]]`, logs and records call it. No two upstreams share a name.")
    ]
    base_url: Annotated[
        str,
        Meta(
            description="Where its API is, with its version: `https://api.openai.com/v1`. A client's path "
            "is appended without its own `/v1`. An upstream whose only dialect is `messages` follows the "
            "custom of Anthropic's SDKs, whose base URL has no version: there `/v1` is added if it is "
            "missing."
        ),
    ]
    api_keys: Annotated[
        tuple[Secret, ...],
        Meta(
            description='Its keys, best as `"env:NAME"`; several are used in turn. Empty: the client\'s own '
            "credentials are passed on, unless `[[keys]]` exist, since then they are the gateway's."
        ),
    ] = ()
    dialects: Annotated[
        tuple[DialectName, ...],
        Meta(
            min_length=1,
            description="The APIs that it speaks. A request in another one goes to the next upstream that "
            "speaks it; if none does, `chat`, `responses` and `messages` are translated into one another, "
            "and anything else is answered with 404.",
        ),
    ] = DIALECT_NAMES
    force_stream: Annotated[
        bool,
        Meta(
            description="Ask it to stream even when the client did not, and make JSON of the stream. For "
            "upstreams that only stream, or that are cut off while they think in silence."
        ),
    ] = False
    include_usage: Annotated[
        bool,
        Meta(
            description="Ask it for token usage on chat streams; clients that did not ask never see it. "
            "Turn it off for upstreams that refuse `stream_options`; their streams are then recorded "
            "without tokens."
        ),
    ] = True
    on_untranslatable: Annotated[
        Literal["refuse", "drop"],
        Meta(
            description="What happens to a request that has to be translated for it and holds a field that "
            "its API has no words for. `refuse`: answered with 400 that names the field. `drop`: sent "
            "without the field, which the log line counts; the answer may then not be what was asked for."
        ),
    ] = "refuse"
    repairs: Annotated[
        tuple[RepairName, ...],
        Meta(
            description="What to mend in its answers, event by event. `model`: give the model's name back "
            'as the client sent it. `nulls`: leave out `"role": null`, and make `"finish_reason": ""` '
            "null. `choices`: supply a missing `choices`, `index` of a choice, or of a single tool call. "
            "`obfuscation`: leave that padding out. Only events that change are written anew; each rule "
            "costs microseconds per event that it looks at."
        ),
    ] = ()
    drop_fields: Annotated[
        tuple[str, ...],
        Meta(
            description='Members to leave out of its answers, as paths: `"provider"`, `"usage.cost"`, '
            '`"choices[].delta.reasoning_details"`, where `[]` stands for every item of a list.'
        ),
    ] = ()
    proxy: Annotated[
        Secret,
        Meta(
            description="The proxy toward it: `http://`, `https://` or `socks5://HOST:PORT`, with "
            '`USER:PASSWORD@` if it asks for them, best as `"env:NAME"`. Empty: as `HTTPS_PROXY` and '
            "`NO_PROXY` say."
        ),
    ] = Secret("")
    headers: Annotated[
        Mapping[str, Secret],
        Meta(
            description="Sent to it with every request, instead of the client's headers of the same name. A "
            'value may be `"env:NAME"`. Headers that belong to the connection can\'t be set.'
        ),
    ] = field(default_factory=dict)
    max_in_flight: Annotated[
        int,
        Meta(
            ge=0,
            description="The most requests that it may be busy with; one more is answered with 503 and "
            "`retry-after`. 0 is unlimited.",
        ),
    ] = 0
    stream: Annotated[
        Mapping[str, StreamSettings],
        Meta(
            description="Written as a table `[upstreams.stream]` below its upstream: any of the keys of "
            "`[stream]`, for this upstream alone. They win over `[stream]` and `[stream.DIALECT]`."
        ),
    ] = field(default_factory=_default_streams)


class ModelRule(msgspec.Struct, frozen=True, kw_only=True):
    """`[[models]]`: which upstreams serve a model. The first rule that matches wins; with no rules at all,
    every model goes to every upstream in order."""

    name: Annotated[
        _Name,
        Meta(
            description="The model's name as clients send it, or a glob: `*` is any text, `?` any "
            "character, `[ab]` one of these. Case counts."
        ),
    ]
    upstreams: Annotated[
        tuple[str, ...], Meta(min_length=1, description="Names of upstreams, in order of preference.")
    ]
    rewrite_to: Annotated[
        str, Meta(description="What these upstreams call the model. Empty leaves the name as it is.")
    ] = ""


class KeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[[keys]]`: a client that may use the gateway. With none, no key is needed."""

    name: Annotated[
        _Name, Meta(description="Who holds the key; shown in logs and records. No two keys share a name.")
    ]
    sha256: Annotated[
        str,
        Meta(
            description="The SHA-256 of the key, in hexadecimal. The key itself is in no file: `sluiceway "
            "keys new NAME` makes one and prints it once, with the table to paste here."
        ),
    ]


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
    upstreams: Annotated[tuple[UpstreamSettings, ...], Meta(description="Where models are.")] = ()
    models: Annotated[tuple[ModelRule, ...], Meta(description="Which upstreams serve which model.")] = ()
    keys: Annotated[tuple[KeySettings, ...], Meta(description="Who may use the gateway.")] = ()

    def stream_for(self, dialect_name: str, upstream: UpstreamSettings) -> StreamSettings:
        """The resolved stream settings of an answer; `OTHER` for paths without a dialect. One dict lookup."""
        return upstream.stream[dialect_name]
