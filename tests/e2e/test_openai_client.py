"""The real `openai` client, pointed at the gateway: what it gets is what the provider itself would give."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
import openai
import pytest
from harness import RunningGateway, running_gateway, wait_until

from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.observe.record import Record

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city", "days"],
            },
        },
    }
]

# The upstreams of this file, all of them the same mock: a model is named after the one it goes to.
UPSTREAMS: dict[str, dict[str, Any]] = {
    "auto": {},
    "block": {"stream": {"heartbeat_form": "block"}},
    "line": {"stream": {"heartbeat_form": "line"}},
    "none": {"stream": {"heartbeat_form": "none"}},
    "forced": {"force_stream": True},
    "spaced": {"stream": {"json_heartbeat_s": 0.05}},
    "patient": {"stream": {"commit_after_s": 30.0}},  # an error always has its status
    "hasty": {"stream": {"first_event_s": 0.2, "commit_after_s": 10.0}},
}


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(mock: RunningMock) -> Iterator[RunningGateway]:
    tables = [
        {"name": name, "base_url": mock.base_url, "api_keys": ["sk-up"], **extra}
        for name, extra in UPSTREAMS.items()
    ]
    models = [{"name": f"{name}*", "upstreams": [name]} for name in UPSTREAMS]
    models.append({"name": "mock-embedding", "upstreams": ["auto"]})
    models.append({"name": "mock-transcribe", "upstreams": ["auto"]})
    stream = {"heartbeat_s": 0.05, "commit_after_s": 0.05}
    with running_gateway({"upstreams": tables, "models": models, "stream": stream}) as running:
        yield running
        wait_until(lambda: running.in_flight == 0)


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key="sk-any", max_retries=0) as running:
        yield running


@pytest.fixture
def direct(mock: RunningMock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=mock.base_url, api_key="sk-any", max_retries=0) as running:
        yield running


def ask(client: openai.OpenAI, model: str, **fields: Any) -> Any:
    messages = fields.pop("messages", [{"role": "user", "content": "hello"}])
    return client.chat.completions.create(model=model, messages=messages, **fields)


def streamed(client: openai.OpenAI, model: str, **fields: Any) -> list[dict[str, Any]]:
    with ask(client, model, stream=True, **fields) as stream:
        return [chunk.model_dump() for chunk in stream]


def record_of(gateway: RunningGateway, model: str) -> Record:
    """The record of the only request for that model; it comes a moment after the answer."""
    wait_until(lambda: any(one.model == model for one in gateway.records))
    return next(one for one in gateway.records if one.model == model)


def text_of(chunks: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("upstream", ["auto", "forced", "spaced"])
@pytest.mark.parametrize(
    ("knobs", "fields"),
    [
        ("seed=1", {}),
        ("seed=2&reasoning=5", {}),
        ("seed=3", {"n": 3}),
        ("seed=4", {"tools": TOOLS}),
        ("seed=5&tools=3", {"tools": TOOLS}),
        ("seed=6", {"max_tokens": 4}),
    ],
    ids=["plain", "reasoning", "three-choices", "one-tool", "three-tools", "cut-short"],
)
def test_a_json_answer_is_the_providers_own(
    client: openai.OpenAI, direct: openai.OpenAI, upstream: str, knobs: str, fields: dict[str, Any]
) -> None:
    model = f"{upstream}?{knobs}"
    assert ask(client, model, **fields).model_dump() == ask(direct, model, **fields).model_dump()


@pytest.mark.parametrize("upstream", ["auto", "forced"])
@pytest.mark.parametrize(
    ("knobs", "fields"),
    [
        ("seed=1", {}),
        ("seed=1&usage=every", {"stream_options": {"include_usage": True}}),
        ("seed=1&usage=in_choices", {"stream_options": {"include_usage": True}}),
        ("seed=2&reasoning=5", {"stream_options": {"include_usage": True}}),
        ("seed=3", {"n": 3}),
        ("seed=5&tools=3", {"tools": TOOLS}),
    ],
    ids=["plain", "usage-every", "usage-in-choices", "usage-last", "three-choices", "three-tools"],
)
def test_a_stream_is_the_providers_own(
    client: openai.OpenAI, direct: openai.OpenAI, upstream: str, knobs: str, fields: dict[str, Any]
) -> None:
    model = f"{upstream}?{knobs}"
    assert streamed(client, model, **fields) == streamed(direct, model, **fields)


def test_usage_is_shown_to_those_who_asked_for_it(client: openai.OpenAI) -> None:
    asked = streamed(client, "auto?tokens=9", stream_options={"include_usage": True})
    assert [chunk["usage"]["completion_tokens"] for chunk in asked if chunk["usage"]] == [9]
    assert asked[-1]["choices"] == []
    unasked = streamed(client, "auto?tokens=9")
    assert not any(chunk["usage"] for chunk in unasked)
    assert all(chunk["choices"] for chunk in unasked)


def test_the_pieces_of_a_tool_call_join_to_its_arguments(client: openai.OpenAI) -> None:
    chunks = streamed(client, "auto?tools=2", tools=TOOLS)
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks:
        for piece in chunk["choices"][0]["delta"]["tool_calls"] or []:
            call = calls.setdefault(piece["index"], {"id": piece["id"], "name": "", "arguments": ""})
            call["name"] += piece["function"]["name"] or ""
            call["arguments"] += piece["function"]["arguments"] or ""
    assert len(calls) == 2
    for call in calls.values():
        assert call["name"] == "get_weather"
        assert set(msgspec.json.decode(call["arguments"])) == {"city", "days"}
        assert call["id"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("fault", ["missing-tool-index", "repeated-tool-ids", "no-finish", "role-null"])
def test_a_sloppy_stream_aggregates_to_the_answer_it_meant(
    client: openai.OpenAI, direct: openai.OpenAI, fault: str
) -> None:
    wanted = ask(direct, "forced?seed=7", tools=TOOLS).model_dump()
    assert ask(client, f"forced?seed=7&fault={fault}", tools=TOOLS).model_dump() == wanted


def test_the_streaming_helper_comes_to_the_same_completion(
    client: openai.OpenAI, direct: openai.OpenAI
) -> None:
    messages: Any = [{"role": "user", "content": "hello"}]
    with client.chat.completions.stream(model="auto?seed=8", messages=messages) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == ask(direct, "auto?seed=8").choices[0].message.content


def test_every_response_has_a_request_id(client: openai.OpenAI) -> None:
    assert ask(client, "auto")._request_id.startswith("req_")
    with client.chat.completions.with_streaming_response.create(
        model="auto", messages=[{"role": "user", "content": "hello"}], stream=True
    ) as response:
        assert response.headers["x-request-id"].startswith("req_")


# ── heartbeats ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("form", "ids"),
    [("auto", False), ("auto", True), ("block", False), ("line", False), ("line", True), ("none", True)],
)
@pytest.mark.parametrize("where", ["before", "between"])
def test_heartbeats_go_unnoticed(
    client: openai.OpenAI, direct: openai.OpenAI, gateway: RunningGateway, form: str, ids: bool, where: str
) -> None:
    """The block form with ids is left out: it is what this client fails on, and why `auto` exists."""
    pace = "ttft=0.6" if where == "before" else "tps=6"
    fault = "&fault=ids" if ids else ""
    model = f"{form}?seed=9&tokens=4&{pace}{fault}"
    assert text_of(streamed(client, model)) == text_of(streamed(direct, "auto?seed=9&tokens=4"))
    assert (record_of(gateway, model).heartbeats >= 2) == (form != "none")


def test_heartbeats_around_a_stalled_event_go_unnoticed(client: openai.OpenAI, direct: openai.OpenAI) -> None:
    stalled = streamed(client, "auto?seed=9&fault=stall:0.3")
    assert stalled == streamed(direct, "auto?seed=9")


def test_white_space_before_a_json_answer_goes_unnoticed(
    client: openai.OpenAI, direct: openai.OpenAI, gateway: RunningGateway
) -> None:
    model = "spaced?ttft=0.6&seed=9"
    assert ask(client, model).model_dump() == ask(direct, "spaced?seed=9").model_dump()
    assert record_of(gateway, model).heartbeats >= 2


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "code"),
    [("error-mid", "internal_error"), ("rst", "upstream_truncated"), ("eof", "upstream_truncated")],
)
def test_an_answer_that_breaks_raises_after_what_was_said(
    client: openai.OpenAI, fault: str, code: str
) -> None:
    with ask(client, f"auto?fault={fault}", stream=True) as stream:
        assert next(stream).choices
        with pytest.raises(openai.APIError) as raised:
            list(stream)
    assert raised.value.code == code
    assert raised.value.message


def test_a_rate_limit_is_a_rate_limit_with_its_headers(client: openai.OpenAI) -> None:
    for stream in (True, False):
        with pytest.raises(openai.RateLimitError) as raised:
            # Another model each time: the key then rests for the one that it was refused.
            ask(client, f"patient?fault=http-429:7&seed={stream:d}", stream=stream)
        assert raised.value.response.headers["retry-after"] == "7"
        assert raised.value.response.headers["x-ratelimit-remaining-requests"] == "0"
        assert raised.value.code == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("auto?fault=http-400", openai.BadRequestError),
        ("auto?fault=http-500", openai.InternalServerError),
        ("auto?fault=rst-before", openai.InternalServerError),
        ("hasty?fault=silent", openai.InternalServerError),
        ("forced?fault=eof", openai.InternalServerError),
        ("unheard-of", openai.NotFoundError),
        ("", openai.BadRequestError),
    ],
)
def test_an_error_is_of_the_class_that_its_status_means(
    client: openai.OpenAI, model: str, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as raised:
        ask(client, model)
    assert isinstance(raised.value.body, dict)
    assert raised.value.request_id


def test_a_wrong_key_is_an_authentication_error_and_the_right_one_is_none(mock: RunningMock) -> None:
    digest = hashlib.sha256(b"sk-right").hexdigest()
    config = {
        "upstreams": [{"name": "mock", "base_url": mock.base_url, "api_keys": ["sk-up"]}],
        "keys": [{"name": "someone", "sha256": digest}],
    }
    with running_gateway(config) as gateway:
        with (
            openai.OpenAI(base_url=gateway.base_url, api_key="sk-wrong", max_retries=0) as wrong,
            pytest.raises(openai.AuthenticationError) as raised,
        ):
            ask(wrong, "mock-gpt")
        assert raised.value.code == "invalid_api_key"
        assert "sk-wrong" not in str(raised.value)
        with openai.OpenAI(base_url=gateway.base_url, api_key="sk-right", max_retries=0) as right:
            assert ask(right, "mock-gpt").choices
        wait_until(lambda: len(gateway.records) == 2)
        assert gateway.records[-1].key == "someone"
        assert mock.last.header("authorization") == "Bearer sk-up"


# ── other APIs ──────────────────────────────────────────────────────────────────────────────────────


def test_models_are_listed(client: openai.OpenAI, direct: openai.OpenAI) -> None:
    models = [model.id for model in client.models.list()]
    assert models == [model.id for model in direct.models.list()]
    assert "mock-gpt" in models


def test_embeddings_are_the_providers_own(client: openai.OpenAI, direct: openai.OpenAI) -> None:
    one, other = (
        each.embeddings.create(model="mock-embedding", input=["a", "b"], dimensions=64)
        for each in (client, direct)
    )
    assert one.model_dump() == other.model_dump()
    assert len(one.data[1].embedding) == 64


def test_an_upload_of_some_megabytes_arrives_whole(client: openai.OpenAI, mock: RunningMock) -> None:
    sound = bytes(range(256)) * 20_000
    answer = client.audio.transcriptions.create(model="mock-transcribe", file=("a.wav", sound))
    assert str(mock.last.body_bytes) in answer.text
    assert mock.last.body_bytes > len(sound)
    assert mock.last.header("content-length") == str(mock.last.body_bytes)


# ── streams that end early, and many at once ────────────────────────────────────────────────────────


def test_closing_a_stream_early_aborts_the_upstream(client: openai.OpenAI, mock: RunningMock) -> None:
    with ask(client, "auto?fault=stall-between", stream=True) as stream:
        next(iter(stream))
    assert mock.last_ended().outcome == "aborted"


def test_the_async_client_gets_the_same(gateway: RunningGateway, direct: openai.OpenAI) -> None:
    wanted_json = ask(direct, "forced?seed=3").model_dump()
    wanted = streamed(direct, "auto?seed=3")

    async def scenario() -> None:
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="sk-any", max_retries=0) as client:
            messages: Any = [{"role": "user", "content": "hello"}]
            answer = await client.chat.completions.create(model="forced?seed=3", messages=messages)
            assert answer.model_dump() == wanted_json
            stream = await client.chat.completions.create(
                model="auto?seed=3&ttft=0.2", messages=messages, stream=True
            )
            assert [chunk.model_dump() async for chunk in stream] == wanted
            with pytest.raises(openai.APIError):
                async for _ in await client.chat.completions.create(
                    model="auto?fault=cut", messages=messages, stream=True
                ):
                    pass

    asyncio.run(scenario())


def test_fifty_streams_at_once_do_not_mix(gateway: RunningGateway) -> None:
    async def one(client: openai.AsyncOpenAI, number: int) -> None:
        text = " ".join(f"{number}-{word}" for word in range(20))
        messages: Any = [{"role": "user", "content": text}]
        stream = await client.chat.completions.create(
            model="auto?echo=1&tps=60&jitter=0.5", messages=messages, stream=True
        )
        said = ""
        async for chunk in stream:
            said += chunk.choices[0].delta.content or ""
        assert said == text

    async def scenario() -> None:
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="sk-any", max_retries=0) as client:
            await asyncio.gather(*(one(client, number) for number in range(50)))

    asyncio.run(scenario())
    wait_until(lambda: gateway.in_flight == 0)
