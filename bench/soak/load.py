"""What each client of the soak asks for, and how it behaves: drawn from a seed, pure."""

from __future__ import annotations

import json
import random
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec

from bench.soak.config import KEYS, WRONG_KEY

Api = Literal["chat", "responses", "messages", "images", "other"]
Manner = Literal["stays", "leaves before the head", "leaves midway", "half sent", "reads slowly"]
Effect = Literal["", "harmless", "fatal"]

_T = TypeVar("_T")

PATHS: Final[dict[str, str]] = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "images": "/v1/images/generations",
    "other": "/v1/embeddings",
}


class Fault(NamedTuple):
    """`text`: as the simulated provider knows it, with further knobs. `images`: not too slow for a picture."""

    text: str
    effect: Effect
    weight: int = 2
    images: bool = True


FAULTS: Final = (
    Fault("", "", 90),
    # The answer arrives as if nothing were wrong.
    Fault("slow-headers:0.5", "harmless"),
    Fault("stall:0.5", "harmless"),
    Fault("stall-between:0.5", "harmless"),
    Fault("comments:0.1&ttft=0.5", "harmless"),
    Fault("byte-by-byte", "harmless", 1, images=False),
    Fault("split-utf8", "harmless", images=False),
    Fault("crlf", "harmless"),
    Fault("cr", "harmless"),
    Fault("bom", "harmless", 1),
    Fault("ids", "harmless", 1),
    Fault("no-final-blank-line", "harmless"),
    Fault("one-big-chunk", "harmless"),
    Fault("gzip", "harmless"),
    Fault("1xx", "harmless"),
    Fault("connection-close", "harmless"),
    Fault("keepalive-close", "harmless"),
    Fault("stale", "harmless"),
    Fault("wrong-content-type", "harmless"),
    Fault("json-instead-of-stream", "harmless"),
    Fault("stream-instead-of-json", "harmless"),
    # No whole answer can come of it, unless somebody else gives one.
    Fault("rst", "fatal", 4),
    Fault("rst-before", "fatal"),
    Fault("eof", "fatal", 4),
    Fault("eof-mid-event", "fatal"),
    Fault("cut", "fatal"),
    Fault("http-500", "fatal", 3),
    Fault("http-500-html", "fatal", 1),
    Fault("http-429:1", "fatal", 3),
    Fault("http-400", "fatal", 1),
    Fault("error-first", "fatal", 3),
    Fault("error-mid", "fatal", 4),
    Fault("empty-body", "fatal", 1),
    Fault("garbage", "fatal"),
    Fault("br-label", "fatal", 1),
    Fault("silent", "fatal"),
    Fault("stall", "fatal"),
    Fault("pings-only:0.2", "fatal", 1),
)


class Wrong(NamedTuple):
    """A request that has to be refused. `status`: with what; 0 is a connection that is closed."""

    name: str
    method: str
    path: str
    body: bytes
    statuses: tuple[int, ...]


BAD: Final = (
    Wrong("not JSON", "POST", PATHS["chat"], b'{"model": ', (400,)),
    Wrong("no model", "POST", PATHS["responses"], b'{"input": "hello"}', (400,)),
    Wrong("not an object", "POST", PATHS["messages"], b"[1, 2]", (400,)),
    Wrong("unknown model", "POST", PATHS["chat"], b'{"model": "nobody-serves-this", "messages": []}', (404,)),
    Wrong("wrong method", "GET", PATHS["messages"], b"", (405,)),
    Wrong("climbing path", "GET", "/v1/../healthz", b"", (400,)),
    Wrong("unknown path", "GET", "/elsewhere", b"", (404,)),
    Wrong("not HTTP", "POST\x00", PATHS["chat"], b"", (400,)),
)


class Wish(msgspec.Struct, frozen=True):
    """One request, and how its client behaves.

    `model`: its kind, see `config.MODELS`. `text`: what the answer has to say, word for word. `pause_s`: how long
    a client that leaves waits before it does. `after_bytes`: or how much it reads. `rough`: it resets.
    `bad`: instead of all that, a request that has to be refused. `think_s`: until the next request.
    """

    api: Api
    stream: bool
    model: str
    fault: str
    effect: Effect
    key: str
    manner: Manner
    text: str
    knobs: str
    pause_s: float
    after_bytes: int
    rough: bool
    think_s: float
    bad: Wrong | None = None

    @property
    def wrong_key(self) -> bool:
        """Whether it has to be refused for its key."""
        return self.key == WRONG_KEY


_MANNERS: Final[dict[Manner, int]] = {
    "stays": 78,
    "leaves before the head": 6,
    "leaves midway": 8,
    "half sent": 3,
    "reads slowly": 3,
}
_KEYS: Final = {KEYS["steady"]: 50, KEYS["batch"]: 40, KEYS["poor"]: 8, WRONG_KEY: 2}
_APIS: Final[dict[Api, int]] = {"chat": 40, "responses": 22, "messages": 24, "images": 8, "other": 3}
_ROUTES: Final = {
    "plain": 30,
    "hedged": 15,
    "failover": 15,
    "goes-on": 15,
    "flaky": 12,
    "narrow": 8,
    "translated": 14,
}
_BAD_SHARE = 0.04
_LONG_WORDS = 3000
"""Words of an answer that is read slowly: some 600 KB, more than all buffers on the way hold."""


def draw(rng: random.Random, tag: str) -> Wish:
    """The next wish of a client. `tag` is in the text that it wants to hear, and in nobody else's."""
    api = _one(rng, _APIS)
    manner = _one(rng, _MANNERS)
    stream = rng.random() < 0.7 and api != "other"
    model = _one(rng, _ROUTES)
    if api in ("images", "other") and model in ("goes-on", "translated"):
        model = "plain"
    fault = rng.choices(FAULTS, [fault.weight for fault in FAULTS])[0]
    if api == "other" or manner == "reads slowly" or (api == "images" and not fault.images):
        fault = FAULTS[0]
    count = _LONG_WORDS if manner == "reads slowly" else rng.randint(6, 40)
    paced = manner != "reads slowly" and rng.random() < 0.8
    knobs = f"ttft={rng.uniform(0, 0.3):.2f}&tps={rng.randint(40, 400)}" if paced else ""
    return Wish(
        api=api,
        stream=stream,
        model=model,
        fault=fault.text,
        effect=fault.effect,
        key=_one(rng, _KEYS),
        manner=manner,
        text=" ".join(f"{tag}.{number}" for number in range(count)),
        knobs=knobs,
        pause_s=rng.uniform(0, 0.4),
        after_bytes=rng.randint(1, 4000),
        rough=rng.random() < 0.5,
        think_s=rng.expovariate(8),
        bad=rng.choice(BAD) if rng.random() < _BAD_SHARE else None,
    )


def _one(rng: random.Random, weights: dict[_T, int]) -> _T:
    return rng.choices(list(weights), list(weights.values()))[0]


def request(wish: Wish, port: int) -> bytes:
    """Head and body."""
    if wish.bad is not None:
        return _post(wish, port, wish.bad.method, wish.bad.path, wish.bad.body)
    return _post(wish, port, "POST", PATHS[wish.api], json.dumps(_fields(wish)).encode())


def _fields(wish: Wish) -> dict[str, object]:
    knobs = "&".join(filter(None, ["echo=true", wish.knobs, wish.fault and f"fault={wish.fault}"]))
    fields: dict[str, object] = {"model": f"{wish.model}?{knobs}"}
    if wish.stream:
        fields["stream"] = True
    match wish.api:
        case "chat":
            fields["messages"] = [{"role": "user", "content": wish.text}]
        case "responses":
            fields["input"] = wish.text
        case "messages":
            fields |= {"messages": [{"role": "user", "content": wish.text}], "max_tokens": 10_000}
        case "images":
            fields |= {"prompt": wish.text[:200], "size": "256x256"}
            if wish.stream:
                fields["partial_images"] = 2
        case "other":
            fields["input"] = wish.text
    return fields


def _post(wish: Wish, port: int, method: str, path: str, body: bytes) -> bytes:
    head = [
        f"{method} {path} HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        f"x-session-id: {wish.text[:6]}",
    ]
    if wish.api == "messages":
        head += [f"x-api-key: {wish.key}", "anthropic-version: 2023-06-01"]
    else:
        head += [f"authorization: Bearer {wish.key}"]
    return "\r\n".join([*head, "", ""]).encode() + body
