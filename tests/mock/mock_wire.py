"""Raw sockets for the tests of the simulated provider: no HTTP library would show what a fault does."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from sluiceway.mock.testing import RunningMock

HELLO = [{"role": "user", "content": "Hello, 🌊"}]
IDLE_S = 1.0  # silence after which a test says that nothing more comes


@dataclass
class Raw:
    """All that came back on one connection: in which reads, and how it ended."""

    reads: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    end: Literal["fin", "rst", "open"] = "open"

    @property
    def data(self) -> bytes:
        return b"".join(self.reads)

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0].lower()

    @property
    def raw_body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def body(self) -> bytes:
        """Without chunk framing, whether or not the last chunk came."""
        return dechunk(self.raw_body)[0] if b"transfer-encoding: chunked" in self.head else self.raw_body

    @property
    def whole(self) -> bool:
        """Whether the body ended as its framing demands."""
        if b"transfer-encoding: chunked" in self.head:
            return dechunk(self.raw_body)[1]
        length = header(self.head, b"content-length")
        return length is not None and len(self.raw_body) == int(length)

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The JSON of each event of an LF stream, `[DONE]` excluded."""
        return [json.loads(data) for data in self.datas if data != "[DONE]"]

    @property
    def datas(self) -> list[str]:
        """The data of each whole event of an LF stream."""
        lines = self.body.decode().split("\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    @property
    def text(self) -> str:
        """The content of choice 0."""
        return content(self.chunks)


def content(chunks: list[dict[str, Any]]) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk.get("choices", ())
        if choice["index"] == 0
    )


def header(head: bytes, name: bytes) -> str | None:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip() == name:
            return value.strip().decode()
    return None


def dechunk(raw: bytes) -> tuple[bytes, bool]:
    """The body in chunked framing, and whether its last chunk came. Fails on anything malformed."""
    body = b""
    while raw:
        size_line, found, raw = raw.partition(b"\r\n")
        if not found:
            break
        size = int(size_line, 16)
        if size == 0:
            assert b"\r\n".startswith(raw), raw  # the blank line may still be under way
            return body, raw == b"\r\n"
        body += raw[:size]
        raw = raw[size + 2 :]
    return body, False


def told(value: Any) -> Any:
    """What an SDK's object holds, but for what its streaming helpers add: texts and arguments, parsed."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(warnings=False)
    if isinstance(value, dict):
        return {name: told(inner) for name, inner in value.items() if not name.startswith("parsed")}
    return [told(inner) for inner in value] if isinstance(value, list) else value


def payload(model: str = "mock-gpt", *, stream: bool = True, **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": HELLO, "stream": stream, **more}).encode()


def request(body: bytes, path: str = "/v1/chat/completions", method: str = "POST", *lines: str) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "host: mock", f"content-length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


@contextlib.contextmanager
def connected(mock: RunningMock) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", mock.port), timeout=30) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def read_answer(sock: socket.socket, *, to_end: bool = False, idle_s: float = 30.0) -> Raw:
    """Read until the answer is whole, the connection ends, or nothing comes for `idle_s`.

    `to_end`: read on after a whole answer.
    """
    raw = Raw()
    sock.settimeout(idle_s)
    while to_end or not (b"\r\n\r\n" in raw.data and raw.whole):
        try:
            data = sock.recv(65536)
        except ConnectionResetError:
            raw.end = "rst"
            break
        except TimeoutError:
            break
        if not data:
            raw.end = "fin"
            break
        raw.reads.append(data)
        raw.times.append(time.monotonic())
    return raw


def ask(
    mock: RunningMock,
    model: str = "mock-gpt",
    *lines: str,
    stream: bool = True,
    to_end: bool = False,
    idle_s: float = 30.0,
    **more: Any,
) -> Raw:
    """One chat request on a connection of its own."""
    with connected(mock) as sock:
        sock.sendall(request(payload(model, stream=stream, **more), "/v1/chat/completions", "POST", *lines))
        return read_answer(sock, to_end=to_end, idle_s=idle_s)
