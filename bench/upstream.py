"""The fake upstream: an OpenAI-shaped chat API that costs as little as Python allows.

`python -m bench.upstream PORT MODEL...`; the models are those of `GET /v1/models`, for gateways that route
by it. The model's name is the order:

- `bench-NxM`, streamed: N events, one every M milliseconds (0: back to back), then an event with a finish
  reason, one with usage if `include_usage` asked for it, and `[DONE]`;
- `bench-idle`, streamed: one event, then silence until the other side leaves;
- any model, not streamed: a completion of about 600 bytes.

The content of each event is `t` and the monotonic clock in nanoseconds, 19 digits, at which it was
written: a driver on the same machine reads the delay from it. `GET /bench/aborts` gives, once, the
streams cut off since the last call: `[[tag, clock in nanoseconds], ...]`, the tag being the N of a
`tag-N` anywhere in the request's body.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
import time
from collections.abc import Sequence

import httptools
import uvloop

from bench.wheel import TICK_NS, Wheel

MODEL = re.compile(rb'"model"\s*:\s*"([^"]*)"')
STREAM = re.compile(rb'"stream"\s*:\s*true')
USAGE = re.compile(rb'"include_usage"\s*:\s*true')
TAG = re.compile(rb"tag-(\d+)")
SHAPE = re.compile(r"bench-(\d+)x(\d+)")

BURST = 16
"""Back-to-back events per turn of the loop: about what one read of a fast local model server holds."""

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)


def framed(event: bytes) -> bytes:
    """One event as one HTTP/1.1 chunk."""
    return b"%x\r\n%b\r\n" % (len(event), event)


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole JSON response."""
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


class Plan:
    """What one model name asks for, with every byte that can be made beforehand."""

    def __init__(self, model: str) -> None:
        shape = SHAPE.fullmatch(model)
        self.events, self.interval_ms = (int(shape[1]), int(shape[2])) if shape else (1, 0)
        self.idle = model == "bench-idle"
        start = (
            f'data: {{"id":"chatcmpl-bench0123","object":"chat.completion.chunk",'
            f'"created":1730000000,"model":"{model}","system_fingerprint":"fp_bench01","choices":'
        ).encode()
        # 19 digits stand for the time: the frame's length is the same for every event.
        delta = b'[{"index":0,"delta":{"content":"t%b"},"logprobs":null,"finish_reason":null}]}\n\n'
        self.before, self.after = framed(start + delta % (b"T" * 19)).split(b"T" * 19)
        self.finish = framed(start + b'[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n')
        tokens = {"prompt_tokens": 12, "completion_tokens": self.events, "total_tokens": 12 + self.events}
        self.usage = framed(start + b'[],"usage":' + json.dumps(tokens).encode() + b"}\n\n")
        self.done = framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
        self.completion = answer(_completion(model, tokens))

    def event(self) -> bytes:
        """One content event, stamped now."""
        return b"%b%019d%b" % (self.before, time.monotonic_ns(), self.after)


def _completion(model: str, tokens: dict[str, int]) -> bytes:
    message = {
        "role": "assistant",
        "content": "A sluice lets water through in measure. " * 5,
        "refusal": None,
    }
    fields = {
        "id": "chatcmpl-bench0123",
        "object": "chat.completion",
        "created": 1730000000,
        "model": model,
        "system_fingerprint": "fp_bench01",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": tokens,
    }
    return json.dumps(fields, separators=(",", ":")).encode()


class State:
    """What all connections share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, models: Sequence[str]) -> None:
        self.loop = loop
        self._models = models
        self.wheel = Wheel(loop)
        self.aborts: list[tuple[int, int]] = []
        self._plans: dict[bytes, Plan] = {}

    def plan(self, model: bytes) -> Plan:
        """The plan of a model, made once."""
        found = self._plans.get(model)
        if found is None:
            found = self._plans[model] = Plan(model.decode())
        return found

    def control(self, path: bytes) -> bytes:
        """Answer a GET."""
        if path.startswith(b"/bench/aborts"):
            taken, self.aborts = self.aborts, []
            return answer(json.dumps(taken).encode())
        if path.startswith(b"/v1/models"):
            models = [{"id": name, "object": "model", "owned_by": "bench"} for name in self._models]
            return answer(json.dumps({"object": "list", "data": models}).encode())
        if path.startswith(b"/health"):
            return answer(b"{}")
        return answer(b'{"error":{"message":"no such path"}}', b"404 Not Found")


class Connection(asyncio.Protocol):
    """One connection; one exchange at a time."""

    transport: asyncio.Transport
    plan: Plan
    interval = 0

    def __init__(self, state: State) -> None:
        self._state = state
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._body = b""
        self._left = 0
        self._streaming = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._streaming:
            tag = TAG.search(self._body)
            self._state.aborts.append((int(tag[1]) if tag else -1, time.monotonic_ns()))
            self._streaming = False

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._streaming and not self.plan.interval_ms and not self.plan.idle:
            self._burst()

    def on_message_begin(self) -> None:
        self._path = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            self.transport.write(self._state.control(self._path))
            return
        model = MODEL.search(self._body)
        self.plan = self._state.plan(model[1] if model else b"")
        if not STREAM.search(self._body):
            self.transport.write(self.plan.completion)
            return
        self._streaming = True
        self._left = self.plan.events
        self.transport.write(STREAM_HEAD)
        if self.plan.idle:
            self.transport.write(self.plan.event())
        elif not self.plan.interval_ms:
            self._burst()
        elif self.next_event():
            self.interval = self.plan.interval_ms * 1_000_000 // TICK_NS
            self._state.wheel.add(self)

    def next_event(self) -> bool:
        """Write one event; false once the stream is over."""
        if not self._streaming:
            return False
        self._left -= 1
        self.transport.write(self.plan.event())
        if self._left > 0:
            return True
        self._end()
        return False

    def _burst(self) -> None:
        if self._paused or not self._streaming:
            return
        count = min(BURST, self._left)
        self.transport.write(self.plan.event() * count)
        self._left -= count
        if self._left:
            self._state.loop.call_soon(self._burst)
        else:
            self._end()

    def _end(self) -> None:
        usage = self.plan.usage if USAGE.search(self._body) else b""
        self.transport.write(self.plan.finish + usage + self.plan.done)
        self._streaming = False


async def serve(port: int, models: Sequence[str]) -> None:
    """Serve on loopback until cancelled."""
    loop = asyncio.get_running_loop()
    state = State(loop, models)
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    gc.disable()  # a collection would show up as jitter of whatever is measured
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2:]))
