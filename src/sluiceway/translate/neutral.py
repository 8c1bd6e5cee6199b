"""The neutral form: what a request, an answer and a stream mean, whichever of the three APIs says it.

Each of `chat`, `responses` and `messages` beside this module reads its API into these values and writes
these values as its API; nothing knows two APIs. Two rules hold everywhere:

- Nothing is lost in silence. A request field that can't be carried goes into `Conversation.lost`, which
  refuses the request, or, where losing it changes neither the meaning nor the cost of the answer, into
  `Conversation.dropped`, which is counted.
- Nothing is invented. What an API demands and the other side did not say (Anthropic's `max_tokens`) is a
  named constant at the place that needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from sluiceway.dialects.base import Usage
from sluiceway.errors import GatewayError
from sluiceway.wire.sse import SseEvent

# ── what messages are made of ───────────────────────────────────────────────────────────────────────


class Text(msgspec.Struct, frozen=True):
    """Text. Citations and annotations are not carried over: each API ties them to tools of its own."""

    text: str


class Image(msgspec.Struct, frozen=True):
    """A picture: `url` (http or https), or `data` (base64) with `media_type` ("image/png")."""

    url: str = ""
    media_type: str = ""
    data: str = ""
    detail: str = ""  # "low", "high", "auto"; OpenAI's hint, dropped elsewhere


class File(msgspec.Struct, frozen=True):
    """A document: `url`, or `data` (base64) with `media_type` ("application/pdf")."""

    url: str = ""
    media_type: str = ""
    data: str = ""
    name: str = ""


class Thinking(msgspec.Struct, frozen=True):
    """Reasoning. `text`: readable, or a summary. `signature`: proves Anthropic's thinking to Anthropic.

    `sealed`: unreadable reasoning (Anthropic's `redacted_thinking.data`, OpenAI's `encrypted_content`),
    with `sealed_by`, the dialect that can open it. A writer of another dialect leaves sealed thoughts out.
    """

    text: str = ""
    signature: str = ""
    sealed: str = ""
    sealed_by: str = ""
    id: str = ""  # the reasoning item's id in the responses dialect


class Refusal(msgspec.Struct, frozen=True):
    """The model declines, in its own words."""

    text: str


class Call(msgspec.Struct, frozen=True):
    """A tool call. `arguments`: JSON text exactly as the model wrote it, `""` for none."""

    id: str
    name: str
    arguments: str


class CallResult(msgspec.Struct, frozen=True):
    """What a tool gave back for the call `id`."""

    id: str
    parts: tuple[Text | Image | File, ...]
    failed: bool = False


Part = Text | Image | File | Thinking | Refusal | Call | CallResult


class Message(msgspec.Struct, frozen=True):
    """One turn. `system` holds text only; results of tools are parts of a `user` message."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]


# ── a request ───────────────────────────────────────────────────────────────────────────────────────


class Tool(msgspec.Struct, frozen=True):
    """A function the model may call. `parameters`: JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class JsonFormat(msgspec.Struct, frozen=True):
    """The answer must be JSON; by `schema`, where one is given."""

    name: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str = ""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A request. None, and empty, mean that the client did not say.

    `tool_choice`: "auto", "none", "required", or `Tool.name` in `tool_name` with "tool".
    `effort`: OpenAI's reasoning effort ("none", "minimal", "low", "medium", "high", "xhigh");
    `thinking_tokens`: Anthropic's budget, 0 where thinking is switched off. A reader fills the one its
    API has; a writer derives its own from the other.
    `show_thinking`: the client asked to see thoughts or their summary.
    `user`: who the end user is, opaque.
    `dropped`, `lost`: paths of request fields ("seed", "tools[2].type"), see the module.
    """

    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    include_usage: bool = True  # read: the client wants usage on its stream; written: ask for it
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "none", "required", "tool"] | None = None
    tool_name: str = ""
    parallel_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    json_format: JsonFormat | None = None
    effort: str | None = None
    thinking_tokens: int | None = None
    show_thinking: bool = False
    user: str = ""
    dropped: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


# ── an answer ───────────────────────────────────────────────────────────────────────────────────────

Stop = Literal["end", "length", "calls", "filter", "stop_sequence", "refusal", "pause"]
"""Why it ended. `end`: by itself; `stop_sequence`: one of `Conversation.stop` came; `filter`: cut by a
content filter; `refusal`: the model declined; `pause`: the provider paused a long turn (Anthropic)."""


class Tokens(msgspec.Struct, frozen=True):
    """Usage. `input` includes cached and cache-writing tokens, as OpenAI counts; Anthropic's reader adds
    them up and its writer takes them out again. None: not said. Never estimated."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_written: int | None = None
    reasoning: int | None = None

    def usage(self) -> Usage:
        """The same for the record."""
        both = self.input is not None and self.output is not None
        return Usage(
            input_tokens=self.input,
            output_tokens=self.output,
            total_tokens=(self.input or 0) + (self.output or 0) if both else None,
            cached_tokens=self.cached,
            reasoning_tokens=self.reasoning,
        )


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. `id`: as the upstream named it, without regard to its dialect's prefix.

    `created`: seconds since 1970, 0 where the upstream did not say. `stop_sequence`: the one that came.
    """

    id: str
    model: str
    parts: tuple[Text | Thinking | Refusal | Call | Image, ...]
    stop: Stop | None
    created: int = 0
    stop_sequence: str | None = None
    tokens: Tokens | None = None


# ── a stream ────────────────────────────────────────────────────────────────────────────────────────

PartKind = Literal["text", "thinking", "sealed", "refusal", "call"]


class Begin(msgspec.Struct, frozen=True):
    """The answer begins: always first, exactly once."""

    id: str
    model: str
    created: int = 0
    tokens: Tokens | None = None


class PartBegin(msgspec.Struct, frozen=True):
    """Part number `index` begins: 0, 1, 2 … in order, without gaps. `id`, `name`: of a call."""

    index: int
    kind: PartKind
    id: str = ""
    name: str = ""


class PartDelta(msgspec.Struct, frozen=True):
    """More of an open part: text, thought, words of refusal, sealed thought, or arguments (JSON text)."""

    index: int
    text: str


class PartSignature(msgspec.Struct, frozen=True):
    """The signature of an open thinking part, whole."""

    index: int
    signature: str


class PartEnd(msgspec.Struct, frozen=True):
    """An open part is complete. Text, thinking, sealed and refusal parts are never open beside another
    part; calls may be open side by side where an upstream interleaves them."""

    index: int


class End(msgspec.Struct, frozen=True):
    """The answer is complete: always last, after every part has ended; nothing follows.

    Comes only where the upstream's dialect says that its answer is whole, and never for a broken stream.
    """

    stop: Stop | None
    stop_sequence: str | None = None
    tokens: Tokens | None = None


Delta = Begin | PartBegin | PartDelta | PartSignature | PartEnd | End


class StreamReader(Protocol):
    """One upstream stream as deltas, event by event. Comments and pings give none.

    Errors and truncation are not its business: the upstream dialect's own `Follower` sees the same
    events first and reports them. Fields of the wrong type are skipped, not raised.
    """

    def feed(self, event: SseEvent) -> list[Delta]:
        """The deltas that one event stands for, mostly one or none. Raises `UpstreamInvalid` for an event
        that is not JSON, since nothing can be written for it."""
        ...

    def finish(self) -> list[Delta]:
        """The upstream's answer ended as its dialect demands: the ends that were not said yet."""
        ...


class StreamWriter(Protocol):
    """Deltas as one dialect's events."""

    def feed(self, delta: Delta) -> bytes:
        """Whole events, terminated; `b""` where the dialect says nothing at this point. `End` gives all
        that closes the stream, terminal marker included."""
        ...

    def error_event(self, error: GatewayError) -> bytes:
        """The in-band error that ends a broken stream: the dialect's, fit for what was written so far."""
        ...


class Translator(msgspec.Struct, frozen=True, kw_only=True):
    """One API, to and from the neutral form.

    name: the dialect's. path: of its endpoint below the base URL, "/chat/completions".
    read_request: a request's members. Raises `InvalidRequest`, with the path of the field at fault as
        `param`, for what is malformed.
    write_request: the request for an upstream of this dialect. Raises `InvalidRequest` for what it can't say.
        `lost` has been dealt with before; `stream` is set as the upstream is to be asked.
    read_answer: a JSON answer of this dialect. Raises `UpstreamInvalid` if it is none.
    write_answer: the JSON answer of this dialect.
    read_stream: a reader for one upstream stream.
    writer: a writer for one client's stream, given whether usage is wanted, where the dialect leaves a choice.
    """

    name: str
    path: str
    read_request: Callable[[dict[str, Any]], Conversation]
    write_request: Callable[[Conversation], dict[str, Any]]
    read_answer: Callable[[dict[str, Any]], Answer]
    write_answer: Callable[[Answer], dict[str, Any]]
    read_stream: Callable[[], StreamReader]
    writer: Callable[[bool], StreamWriter]

    def write_stream(self, *, include_usage: bool) -> StreamWriter:
        """A writer for one client's stream."""
        return self.writer(include_usage)
