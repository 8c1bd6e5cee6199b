"""The settings of upstreams, and of which of them serve a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, field

from sluiceway.config.kinds import DIALECT_NAMES, Count, DialectName, Name, Seconds, Secret
from sluiceway.config.stream_settings import StreamSettings, default_streams

SelectName = Literal["order", "weighted", "least_in_flight", "fastest"]

RepairName = Literal["model", "nulls", "choices", "obfuscation"]


FailureName = Literal[
    "connect", "timeout", "5xx", "429", "key", "error_event", "empty", "truncated", "invalid"
]


class RoutingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[routing]`: which of a rule's upstreams is asked first; `[[models]]` may say otherwise for their own."""

    select: Annotated[
        SelectName,
        Meta(
            description="Among the upstreams that can take the request: `order`, the first one. `weighted`, by "
            "chance, by their `weight`. `least_in_flight`, the one with the fewest requests for its weight. "
            "`fastest`, mostly the one whose first events came soonest lately. Upstreams that speak the "
            "client's dialect always come before those it has to be translated for."
        ),
    ] = "order"
    affinity: Annotated[
        str,
        Meta(
            description="Keeps a conversation at one upstream and key, where the provider's prompt cache is: "
            "`conversation` goes by the client's key and the first message; `header:NAME` by that header, "
            "as `header:x-session-id`. Empty: none. Goes elsewhere only while that upstream can't take it."
        ),
    ] = ""


class HealthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[health]`: when an upstream is left alone for a while, because it fails. `[upstreams.health]` holds any
    of these keys for one upstream. The last one that a request could go to is never left alone."""

    max_failures: Annotated[
        Count,
        Meta(
            description="Failures in a row after which it is left alone: no connection, timeouts, 5xx, errors "
            "and truncations in its streams. 0: they do not matter."
        ),
    ] = 5
    max_error_rate: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="The part of the requests of the last `window_s` that may fail. 0: the rate does not "
            "matter.",
        ),
    ] = 0.5
    min_requests: Annotated[
        int, Meta(ge=1, description="How many requests the rate needs to mean anything.")
    ] = 20
    window_s: Annotated[float, Meta(ge=1, description="How far back the rate looks.")] = 30.0
    open_s: Annotated[
        Seconds,
        Meta(
            description="How long it is left alone at first; doubled each time that its trial fails. Then a "
            "single request tries it, and one success makes it whole. 0: it never is."
        ),
    ] = 10.0
    max_open_s: Annotated[
        Seconds, Meta(description="The most that `open_s` grows to. 0: it does not grow.")
    ] = 300.0
    check_path: Annotated[
        str,
        Meta(
            description="A path that is asked every `check_interval_s`, as `/models` or `/health`, with the "
            "upstream's own key; below its `base_url`. Any answer below 500, apart from 401 and 403, is "
            "healthy. Empty: only real requests tell."
        ),
    ] = ""
    check_interval_s: Annotated[
        float, Meta(ge=0.1, description="The time between two checks, give or take a tenth.")
    ] = 15.0
    check_timeout_s: Annotated[float, Meta(ge=0.1, description="How long a check may take.")] = 5.0
    cooldown_s: Annotated[
        Seconds,
        Meta(
            description="How long a key of the upstream rests after a 429 without `retry-after`, for the model "
            "that it came for; and, twelve times as long, after 401, 402 or 403, for all. 0: it does not rest."
        ),
    ] = 5.0
    max_cooldown_s: Annotated[
        Seconds, Meta(description="The most that a `retry-after` is believed. 0 is unlimited.")
    ] = 600.0


class UpstreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[[upstreams]]`: one provider of models, and how to talk to it. The first is preferred."""

    name: Annotated[
        Name, Meta(description="What `[[models]]`, logs and records call it. No two upstreams share a name.")
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
            description="The most requests that it may be busy with; more go to another upstream, or wait in "
            "the queue. 0 is unlimited.",
        ),
    ] = 0
    weight: Annotated[
        float,
        Meta(
            ge=0.001,
            description="Its part, against the others', where `select` goes by weight. `[[models]]` may say "
            "otherwise for one model.",
        ),
    ] = 1.0
    failover_on: Annotated[
        tuple[FailureName, ...],
        Meta(
            description="What makes a request go elsewhere, before its first real event was written: "
            "`connect`, no connection; `timeout`, `connect_s` or `first_event_s` ran out; `5xx` and `429`, "
            "its status; `key`, 401, 402 or 403 for a key of its own; `error_event`, an error as the first "
            "event; `empty`, an answer with nothing in it; `truncated`, an end before the first event "
            "or within a JSON answer; `invalid`, an answer that breaks HTTP or its API. Errors that the "
            "client's own request caused never do."
        ),
    ] = get_args(FailureName)
    prefill: Annotated[
        Literal["off", "plain", "prefix", "continue_final_message"],
        Meta(
            description="How it is asked to take up an answer that broke elsewhere, where `continue_on` names "
            "it: the last message is the assistant's, and is just that (`plain`: Anthropic's older models, "
            "OpenRouter), is marked with `prefix: true` (`prefix`: DeepSeek, Mistral), or the request says "
            "`continue_final_message: true` and `add_generation_prompt: false` (vLLM, SGLang)."
        ),
    ] = "off"
    health: Annotated[
        HealthSettings,
        Meta(
            description="Written as a table `[upstreams.health]` below its upstream: any of the keys of "
            "`[health]`, for this upstream alone."
        ),
    ] = HealthSettings()
    stream: Annotated[
        Mapping[str, StreamSettings],
        Meta(
            description="Written as a table `[upstreams.stream]` below its upstream: any of the keys of "
            "`[stream]`, for this upstream alone. They win over `[stream]` and `[stream.DIALECT]`."
        ),
    ] = field(default_factory=default_streams)


class ModelRule(msgspec.Struct, frozen=True, kw_only=True):
    """`[[models]]`: which upstreams serve a model. The first rule that matches wins; with no rules at all,
    every model goes to every upstream in order."""

    name: Annotated[
        Name,
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
    select: Annotated[
        Literal["", "order", "weighted", "least_in_flight", "fastest"],
        Meta(description="As `routing.select`, for this model. Empty: as there."),
    ] = ""
    affinity: Annotated[
        str,
        Meta(description="As `routing.affinity`, for this model; `off` is none. Empty: as there."),
    ] = ""
    weights: Annotated[
        Mapping[str, float],
        Meta(description="Weights by upstream, for this model, as `{ openai = 3, backup = 1 }`."),
    ] = field(default_factory=dict)
    hedge_after_s: Annotated[
        Seconds,
        Meta(
            description="When no real event came for so long, a second upstream is asked too; the first real "
            "event wins, and the other is closed. Both may bill. 0: never."
        ),
    ] = 0.0
    continue_on: Annotated[
        tuple[str, ...],
        Meta(
            description="Upstreams that take up a chat or messages stream that broke after text was sent: "
            "they get the conversation and the partial answer, and the client's stream goes on, marked "
            "by a comment. Only those that support it for this model, as their `prefill` says; never "
            "when a tool call was half sent. Empty: such a stream ends with an error."
        ),
    ] = ()
