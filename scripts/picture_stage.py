"""What the pictures of the console are taken of: a gateway, simulated providers, and clients that keep it busy.

Everything is made anew for each run, in a folder of its own and on free ports: no key and no name in a picture is
anybody's.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

from picture_past import write_past

from sluiceway.mock.testing import running_mock
from sluiceway.mock.words import split_text
from sluiceway.mock.words import words as any_words

THOUGHTS = (
    "They want the flow under a gate. For free flow the orifice equation will do: Q = Cd · b · a · √(2 g h). "
    "Cd is about 0.6 for a sharp edge. I should say when it no longer holds."
)

ANSWER = """\
Water leaves under a gate as from an orifice, so the flow grows only with the **square root** of the depth:

```python
from math import sqrt

def flow(width, opening, depth):
    "Cubic metres per second."
    free = sqrt(2 * 9.81 * depth)
    return 0.61 * width * opening * free

flow(2.0, 0.3, 1.8)  # 2.18
```

That holds while the jet is free. Once the water below drowns it, use the difference of both levels."""

OTHER = """\
Take the gate for an orifice:

| what | value |
|---|---|
| width × opening | 2.0 m × 0.3 m |
| depth above | 1.8 m |
| coefficient | 0.61 |
| **flow** | **2.18 m³/s** |

Four times the depth gives only twice the flow, so a gate is set by its *opening*:

- **half open**: about 1.1 m³/s
- **drowned outlet**: less; measure the level below, too"""

_SAID = {len(split_text(text)): text for text in (THOUGHTS, ANSWER, OTHER)}


def _words(rng: random.Random, count: int) -> tuple[str, ...]:
    """The text of so many words, or any words: what answers say in a picture should be worth reading."""
    return split_text(_SAID[count]) if count in _SAID else any_words(rng, count)


_TALK = f"reasoning={len(split_text(THOUGHTS))}&tokens={len(split_text(ANSWER))}"
_SHORT = f"tokens={len(split_text(OTHER))}"

# What clients ask for, what the provider is told to make of it (docs/reference/mock.md), and who is asked.
_MODELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "river-large": (f"mock-gpt?ttft=0.6&tps=60&jitter=0.4&{_TALK}", ("north",)),
    "brook-mini": (f"mock-claude?ttft=0.2&tps=90&{_SHORT}", ("south",)),
    "estuary-image": ("mock-image?ttft=0.1&tps=20&tokens=280", ("easel",)),
    "estuary-quick": ("mock-image", ("easel",)),
    "delta-pro": ("delta-pro", ("east", "west")),
    "rapid": ("mock-gpt?ttft=0.15&tps=55&jitter=0.5&tokens=160", ("south",)),
    "slow-river": ("mock-gpt?ttft=2.6&tps=18&jitter=0.6&tokens=220", ("north",)),
    "silent-pond": ("mock-gpt?tps=30&tokens=60&fault=stall-between:60", ("north",)),
    "old-mill": ("mock-gpt?ttft=0.4&tps=40&tokens=60&fault=rst:24", ("south",)),
    "dry-well": ("mock-gpt?fault=http-500", ("south",)),
}

# What is asked for most of the time.
_USUAL = ("rapid", "rapid", "brook-mini", "river-large", "river-large", "slow-river")

# For a timeline on which everything happens: `east` never answers, `west` pauses in the middle. By headers, since the
# page shows what a model is called upstream.
_UPSTREAMS: Mapping[str, Mapping[str, str]] = {
    "north": {},
    "south": {},
    "east": {"fault": "silent"},
    "west": {"ttft": "1.2", "tps": "16", "tokens": "96", "jitter": "0.5", "fault": "stall-between:4.2"},
    "easel": {},
}

# Heartbeats come soon, so that no picture has to wait for one. What breaks on purpose takes nobody out of service.
_SETTINGS = """
[server]
port = 0
[stream]
heartbeat_s = 1.0
commit_after_s = 1.0
[health]
max_failures = 100000
max_error_rate = 0.0
[store]
url = "sqlite:///pictures.db"
flush_s = 0.1
[inspector]
show_content = true
[admin]
live_s = 0.1
[[prices]]
model = "*"
input = 2.0
output = 8.0
"""

_MUTE_S = 2.2
_READY_S = 30
_ASKED_S = 60


class Stage:
    """A gateway that runs. `keys`: those of its clients, by name."""

    def __init__(self, port: int, keys: Mapping[str, str]) -> None:
        self.port = port
        self.url = f"http://localhost:{port}"
        self.keys = keys
        self._clients: list[threading.Timer] = []

    def ask(self, model: str, key: str, *, after_s: float = 0.0) -> None:
        """Have a client ask for a stream in the background, and read it to its end, whatever that is."""
        client = threading.Timer(after_s, self._ask, (model, key))
        client.daemon = True
        client.start()
        self._clients.append(client)

    def _ask(self, model: str, key: str) -> None:
        said = {"model": model, "stream": True, "messages": [{"role": "user", "content": f"Hello, {model}"}]}
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.keys[key]}"}
        # What breaks is part of the picture; and the gateway may be stopped while somebody still reads.
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("localhost", self.port, timeout=_ASKED_S)
            connection.request("POST", "/v1/chat/completions", json.dumps(said), headers)
            connection.getresponse().read()
            connection.close()

    def paint(self, key: str, **wanted: object) -> list[str]:
        """All pictures of a streamed answer of the Images API, in base64: previews, and the finished one."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.keys[key]}"}
        connection = http.client.HTTPConnection("localhost", self.port, timeout=_ASKED_S)
        connection.request("POST", "/v1/images/generations", json.dumps({**wanted, "stream": True}), headers)
        answer = connection.getresponse().read().decode()
        connection.close()
        events = [
            json.loads(line[len("data: ") :]) for line in answer.splitlines() if line.startswith("data: ")
        ]
        return [event["b64_json"] for event in events]

    def busy(self, seconds: int, seed: int = 7) -> None:
        """Have all clients ask for this and that, for so long; the same with each run."""
        rng = random.Random(seed)
        at = 0.0
        while at < seconds:
            model = rng.choice(_USUAL) if rng.random() < 0.95 else rng.choice(["old-mill", "dry-well"])
            self.ask(model, rng.choice(list(self.keys)), after_s=at)
            at += rng.uniform(0.2, 1.3)

    def quiet(self) -> None:
        """Nobody asks any more."""
        for client in self._clients:
            client.cancel()


@contextlib.contextmanager
def running_stage(folder: Path) -> Iterator[Stage]:
    """Run it in that folder while the body runs."""
    # In this process, so that it can be given something to say.
    with patch("sluiceway.mock.compose.words", _words), running_mock() as provider:
        keys = {name: f"sk-picture-{name}" for name in ("alice", "build-agent", "website")}
        talking = [(name, upstreams[-1]) for name, (_, upstreams) in _MODELS.items() if name in _USUAL]
        write_past(folder / "pictures.db", talking, list(keys))
        config = folder / "sluiceway.toml"
        config.write_text(_configuration(provider.base_url, keys), encoding="utf-8")
        with _gateway(config) as port:
            stage = Stage(port, keys)
            try:
                yield stage
            finally:
                stage.quiet()


def _configuration(base_url: str, keys: Mapping[str, str]) -> str:
    lines = [_SETTINGS]
    for name, knobs in _UPSTREAMS.items():
        headers = ", ".join(f'"x-mock-{knob}" = "{value}"' for knob, value in knobs.items())
        lines += [
            "[[upstreams]]",
            f'name = "{name}"',
            f'base_url = "{base_url}"',
            'api_keys = ["sk-simulated"]',
        ]
        lines += [
            f"headers = {{ {headers} }}",
            f"stream = {{ first_event_s = {_MUTE_S} }}" if name == "east" else "",
        ]
    for name, (provided, upstreams) in _MODELS.items():
        lines += [
            "[[models]]",
            f'name = "{name}"',
            f'rewrite_to = "{provided}"',
            f"upstreams = {list(upstreams)}",
        ]
    lines += ["[[models]]", 'name = "*"', 'upstreams = ["north"]']
    for name, key in keys.items():
        lines += ["[[keys]]", f'name = "{name}"', f'sha256 = "{hashlib.sha256(key.encode()).hexdigest()}"']
    return "\n".join(lines)


@contextlib.contextmanager
def _gateway(config: Path) -> Iterator[int]:
    """`sluiceway serve`, once it listens: its port."""
    command = [sys.executable, "-m", "sluiceway", "serve", "--config", config.name]
    log = config.with_suffix(".log")
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, cwd=config.parent, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        watch = threading.Timer(_READY_S, process.kill)
        watch.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            watch.cancel()
            found = re.search(r"http://\S+?:(\d+)", line)
            if not found:
                raise SystemExit(f"the gateway did not start: {line}{log.read_text()}")
            yield int(found[1])
        finally:
            watch.cancel()
            process.kill()
