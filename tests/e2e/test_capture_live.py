"""Bodies that a real process keeps: whose, what is taken out of them, and what can be done with them afterwards."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from databases import closed_port
from harness import chat
from processes import ENVIRONMENT, Process, write_config
from served import Reply, ask, command, completion, eventually, get, serving

from sluiceway.mock.settings import MockSettings
from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.wire.sse import parse_events

# After bodies that were kept have come, for those that should not come.
REDACTED_S = 0.7

ON = {"x-sluiceway-capture": "on"}
OFF = {"x-sluiceway-capture": "off"}

UPSTREAM_KEY = "sk-upstream-0123456789abcdef"
CLIENT_KEY = "sk-watched-0123456789abcdef"
OTHER_KEY = "sk-quiet-0123456789abcdef"
STRAY_KEY = "sk-proj-" + "a1B2c3D4" * 6
PICTURE = base64.b64encode(hashlib.sha256(b"a picture").digest() * 20).decode()


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as provider:
        yield provider


@contextlib.contextmanager
def keeping(
    mock: RunningMock, folder: Path, capture: str, *, keys: str = "", upstream: str = ""
) -> Iterator[Process]:
    """A gateway with that `[capture]`, in that folder."""
    more = f"{upstream}\n[capture]\n{capture}\n[store]\nflush_s = 0.1\n{keys}"
    write_config(folder, mock.base_url, more=more)
    with serving(folder) as process:
        yield process


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def gateway(mock: RunningMock, folder: Path) -> Iterator[Process]:
    """It keeps what is asked for, and needs a key: one of them asks for everything of its own."""
    keys = "".join(
        f'[[keys]]\nname = "{name}"\nsha256 = "{hashlib.sha256(plain.encode()).hexdigest()}"\ncapture = {capture}\n'
        for name, plain, capture in (("watched", CLIENT_KEY, "true"), ("quiet", OTHER_KEY, "false"))
    )
    capture = "mode = 'asked'\nredact = ['\\bcode-\\d+\\b']"
    with keeping(mock, folder, capture, keys=keys, upstream=f'api_keys = ["{UPSTREAM_KEY}"]') as process:
        yield process


def as_watched(**more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {CLIENT_KEY}", **more}


def as_quiet(**more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {OTHER_KEY}", **more}


def captures(process: Process, replies: dict[str, Reply], *awaited: str) -> dict[str, Any]:
    """What was kept of them, without those of which nothing was; `awaited` are waited for."""
    paths = {name: f"/api/records/{reply.request_id}" for name, reply in replies.items()}
    eventually(lambda: all(ask(process.port, "GET", path).status == 200 for path in paths.values()))
    for name in awaited:  # bodies are written after records: it takes its time to redact them
        captured(process, replies[name])
    time.sleep(REDACTED_S)
    found = {name: ask(process.port, "GET", f"{path}/capture") for name, path in paths.items()}
    return {name: reply.json for name, reply in found.items() if reply.status == 200}


def captured(process: Process, reply: Reply) -> Any:
    """What was kept of one, as soon as it is there."""
    path = f"/api/records/{reply.request_id}/capture"
    eventually(lambda: ask(process.port, "GET", path).status == 200)
    return get(process.port, path)


# ── whose are kept ──────────────────────────────────────────────────────────────────────────────────


def test_what_a_key_or_a_header_asks_for_is_kept_and_nothing_else(
    gateway: Process, mock: RunningMock
) -> None:
    asked = {
        "the key asks": completion(gateway.port, headers=as_watched()),
        "the header asks": completion(gateway.port, headers=as_quiet(**ON), stream=True),
        "the header forbids": completion(gateway.port, headers=as_watched(**OFF)),
        "nobody asks": completion(gateway.port, headers=as_quiet()),
    }
    assert not any(name.startswith("x-sluiceway") for name, _ in mock.last.headers)
    kept = captures(gateway, asked, "the key asks", "the header asks")
    assert list(kept) == ["the key asks", "the header asks"]
    for name, stream in (("the key asks", False), ("the header asks", True)):
        found, reply = kept[name], asked[name]
        assert found["request"]["text"].encode() == msgspec.json.encode(chat(stream=stream))
        assert found["response"] == {
            "text": reply.body.decode(),
            "base64": None,
            "size": len(reply.body),
            "complete": True,
        }
        assert (found["path"], found["redacted"]) == ("/v1/chat/completions", 0)
        assert found["response_type"] == reply.headers["content-type"]
        assert sum(size for _, size in found["timing"]) == len(reply.body)


def test_an_error_that_the_gateway_made_is_kept_like_an_answer(gateway: Process) -> None:
    broken = completion(gateway.port, "fault-eof:3", as_watched(), stream=True)
    assert b'"upstream_truncated"' in broken.body
    assert captured(gateway, broken)["response"]["text"] == broken.body.decode()


def test_all_means_whoever_does_not_object_and_off_means_nobody(mock: RunningMock, tmp_path: Path) -> None:
    with keeping(mock, tmp_path, 'mode = "all"') as process:

        def kept(*awaited: str) -> list[str]:
            asked = {
                "plain": completion(process.port),
                "on": completion(process.port, headers=ON),
                "off": completion(process.port, headers=OFF),
            }
            return list(captures(process, asked, *awaited))

        assert kept("plain", "on") == ["plain", "on"]
        file = tmp_path / "sluiceway.toml"
        file.write_text(file.read_text().replace('mode = "all"', 'mode = "off"'))
        assert ask(process.port, "POST", "/api/config/reload", {}).json["ok"] is True
        assert kept() == []
        assert process.stop()[0] == 0


# ── what is taken out ───────────────────────────────────────────────────────────────────────────────


def test_no_key_and_no_picture_is_anywhere_in_the_files(gateway: Process, folder: Path) -> None:
    text = f"my keys are {STRAY_KEY} and {UPSTREAM_KEY} and {CLIENT_KEY} and code-4711 is mine"
    parts = [
        {"type": "text", "text": text},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
    ]
    body = {**chat("mock-gpt?echo=true"), "messages": [{"role": "user", "content": parts}]}
    headers = as_watched(cookie="session=" + "5e551011" * 4, **{"x-api-key": STRAY_KEY})
    reply = ask(gateway.port, "POST", "/v1/chat/completions", body, headers)
    assert b"code-4711" in reply.body, "it is repeated, and the client gets all of it"
    found = captured(gateway, reply)
    kept = msgspec.json.decode(found["request"]["text"])["messages"][0]["content"]
    assert kept[0]["text"] == (
        "my keys are [redacted:api-key] and [redacted:api-key] and [redacted:api-key] and [redacted] is mine"
    )
    picture = base64.b64decode(PICTURE)
    said = f"<image {len(picture)} bytes, sha256 {hashlib.sha256(picture).hexdigest()}>"
    assert kept[1]["image_url"]["url"] == f"data:image/png;base64,{said}"
    answers = (reply.body, found["response"]["text"].encode())
    assert len(parse_events(answers[0])) == len(parse_events(answers[1]))
    assert {name for name, _ in found["headers"]}.isdisjoint({"authorization", "cookie", "x-api-key"})
    for file in folder.iterdir():
        if file.name != "sluiceway.toml":
            data = file.read_bytes()
            for secret in (STRAY_KEY, UPSTREAM_KEY, CLIENT_KEY, "5e551011", "code-4711", PICTURE[:60]):
                assert secret.encode() not in data, (file.name, secret)


# ── replay: sending again ───────────────────────────────────────────────────────────────────────────


def test_a_request_is_sent_again_and_its_answers_compared(
    gateway: Process, mock: RunningMock, folder: Path
) -> None:
    first = completion(gateway.port, "mock-gpt?tokens=12&tps=50", as_watched(), stream=True)
    assert captured(gateway, first)
    here = ["--url", f"http://127.0.0.1:{gateway.port}/v1"]
    same = command(folder, "replay", first.request_id, *here, SLUICEWAY_KEY=OTHER_KEY)
    assert (same.returncode, same.stdout) == (0, first.body.decode()), same.stderr
    assert re.search(r"^status  200\nanswer  the same bytes\n", same.stderr, re.MULTILINE)
    assert "Bearer" not in same.stderr
    sent = mock.last
    assert (sent.path, sent.body) == ("/v1/chat/completions", mock.requests[-2].body)
    assert dict(sent.headers)["authorization"] == f"Bearer {UPSTREAM_KEY}"
    refused = command(folder, "replay", first.request_id, *here)
    assert (refused.returncode, "status  401, then 200" in refused.stderr) == (1, True)
    with running_mock(MockSettings(usage="on")) as other:  # which says one thing more
        elsewhere = command(folder, "replay", first.request_id, "--url", other.base_url)
    assert (elsewhere.returncode, "another one, from event" in elsewhere.stderr) == (1, True)


def test_without_an_address_it_goes_to_the_gateway_of_the_configuration(
    mock: RunningMock, tmp_path: Path
) -> None:
    file = write_config(tmp_path, mock.base_url, more='[capture]\nmode = "all"\n[store]\nflush_s = 0.1\n')
    file.write_text(file.read_text().replace("port = 0", f"port = {closed_port()}"))
    with serving(tmp_path) as process:
        first = completion(process.port)
        captured(process, first)
        again = command(tmp_path, "replay", first.request_id, "--timing")
        assert (again.returncode, again.stdout.encode()) == (0, first.body), again.stderr
        assert re.search(rf"^ +1 .* ms +{len(first.body)} B ", again.stderr, re.MULTILINE)
        assert process.stop()[0] == 0
    away = command(tmp_path, "replay", first.request_id)
    assert (away.returncode, away.stdout) == (2, "")
    assert "refused" in away.stderr


def test_what_was_changed_before_it_was_kept_is_sent_only_by_force(gateway: Process, folder: Path) -> None:
    body = {**chat(stream=False), "messages": [{"role": "user", "content": f"what is {STRAY_KEY}"}]}
    reply = ask(gateway.port, "POST", "/v1/chat/completions", body, as_watched())
    assert captured(gateway, reply)["redacted"] == 1
    again = ["replay", reply.request_id, "--url", f"http://127.0.0.1:{gateway.port}/v1", "--key", OTHER_KEY]
    refused = command(folder, *again)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "taken out of this request" in refused.stderr
    assert command(folder, *again, "--force").stdout.startswith("{")
    unknown = command(folder, "replay", "req_none")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "nothing was captured of req_none" in unknown.stderr


# ── replay: playing again ───────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def playing(folder: Path, request_id: str) -> Iterator[str]:
    """`sluiceway replay --serve`; the base URL that it tells."""
    with subprocess.Popen(
        [sys.executable, "-m", "sluiceway", "replay", request_id, "--serve", "--port", "0"],
        cwd=folder,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/v1", line)
            assert found, line
            yield found[0]
        finally:
            process.terminate()
            process.wait(30)


Pieces = list[tuple[float, dict[str, Any]]]


def streamed(base_url: str, key: str, model: str) -> Pieces:
    """What the real client makes of an answer: when each chunk came, in seconds since the first, and the chunk."""
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=40) as client:
        messages: list[Any] = [{"role": "user", "content": "hello"}]
        pieces: Pieces = []
        for chunk in client.chat.completions.create(model=model, messages=messages, stream=True):
            pieces.append((time.monotonic(), chunk.model_dump()))
    return [(at - pieces[0][0], chunk) for at, chunk in pieces]


def latest(process: Process) -> str:
    """The id of the newest request whose bodies were kept."""
    records = get(process.port, "/api/records?limit=1&key=watched")["records"]
    return str(records[0]["request_id"]) if records else ""


def test_a_real_client_gets_a_kept_answer_again_at_its_pace(gateway: Process, folder: Path) -> None:
    before = latest(gateway)
    original = streamed(f"http://127.0.0.1:{gateway.port}/v1", CLIENT_KEY, "mock-gpt?tokens=20&tps=10")
    eventually(lambda: latest(gateway) != before)
    with playing(folder, latest(gateway)) as url:
        again = streamed(url, "any", "whatever-it-is-called")
        other = ask(int(url.split(":")[2].split("/")[0]), "POST", "/v1/messages", {"anything": 1})
    assert [chunk for _, chunk in again] == [chunk for _, chunk in original]
    # No sooner than then: a tenth of a second between two tokens, but for what a clock
    # is off, and for a first one that was late.
    assert again[-1][0] > 1.0
    halfway = len(again) // 2
    assert again[halfway][0] > 0.4
    assert other.body.endswith(b"data: [DONE]\n\n"), "whatever it is asked"


def test_a_real_client_fails_again_as_it_failed_then(gateway: Process, folder: Path) -> None:
    before = latest(gateway)
    with pytest.raises(openai.APIError, match="ended its stream"):
        streamed(f"http://127.0.0.1:{gateway.port}/v1", CLIENT_KEY, "fault-eof:3")
    eventually(lambda: latest(gateway) != before)
    with playing(folder, latest(gateway)) as url, pytest.raises(openai.APIError, match="ended its stream"):
        streamed(url, "any", "mock-gpt")
