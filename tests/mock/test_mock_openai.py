"""The real openai client against the simulated provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from mock_wire import told
from openai.types.chat import ChatCompletionMessageParam

from sluiceway.mock.testing import RunningMock, running_mock

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def client(mock: RunningMock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=mock.base_url, api_key="any", max_retries=0) as client:
        yield client


def test_stream_and_json_say_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="mock-gpt", messages=HELLO)
    chunks = list(client.chat.completions.create(model="mock-gpt", messages=HELLO, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert {chunk.id for chunk in chunks} == {whole.id}


@pytest.mark.parametrize("model", ["mock-gpt", "m?reasoning=3", "m?tokens=0", "fault-crlf"])
@pytest.mark.parametrize("limit", [100, 3])
def test_the_streaming_helper_gathers_what_the_json_says(
    client: openai.OpenAI, model: str, limit: int
) -> None:
    asked: dict[str, Any] = {"model": model, "messages": HELLO, "max_tokens": limit}
    whole = client.chat.completions.create(**asked)
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        try:
            final: Any = stream.get_final_completion()
        except openai.LengthFinishReasonError as error:  # the helper's way to say that the limit was met
            assert limit == 3
            final = error.completion
    assert told(final) == told(whole)


def test_the_streaming_helper_gathers_tool_calls_and_usage(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="mock-gpt?tools=2", messages=HELLO, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    whole = client.chat.completions.create(model="mock-gpt?tools=2", messages=HELLO)
    gathered, calls = final.choices[0].message.tool_calls, whole.choices[0].message.tool_calls
    assert gathered
    assert calls
    assert [call.id for call in gathered] == [call.id for call in calls]
    assert [call.function.arguments for call in gathered] == [
        call.function.arguments for call in calls if call.type == "function"
    ]
    assert final.usage == whole.usage


def test_the_async_client_works_in_both_forms(mock: RunningMock) -> None:
    async def scenario() -> None:
        async with openai.AsyncOpenAI(base_url=mock.base_url, api_key="any", max_retries=0) as client:
            whole = await client.chat.completions.create(model="mock-gpt?reasoning=3", messages=HELLO)
            stream = await client.chat.completions.create(
                model="mock-gpt?reasoning=3", messages=HELLO, stream=True
            )
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            assert text == whole.choices[0].message.content

    asyncio.run(scenario())


def test_a_fault_is_chosen_by_the_model_name_and_by_a_header(client: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as by_name:
        client.chat.completions.create(model="fault-http-429:7", messages=HELLO)
    assert by_name.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(
            model="mock-gpt", messages=HELLO, extra_headers={"x-mock-fault": "http-500"}
        )


def test_an_unknown_fault_is_a_bad_request_that_names_the_nearest(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="did you mean 'rst'"):
        client.chat.completions.create(model="mock-gpt?fault=rts", messages=HELLO)


def test_an_error_event_reaches_the_caller(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="fault-error-mid", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="lost its thread"):
        list(stream)


def test_embeddings_models_and_uploads_work(client: openai.OpenAI) -> None:
    short = client.embeddings.create(model="mock-embedding", input=["a", "b", "a"])
    assert short.data[0].embedding == short.data[2].embedding != short.data[1].embedding
    plain = client.embeddings.create(model="mock-embedding", input="a", encoding_format="float", dimensions=3)
    assert len(plain.data[0].embedding) == 3
    assert {"mock-gpt", "fault-rst"} <= {model.id for model in client.models.list()}
    upload = client.audio.transcriptions.create(model="mock-transcribe", file=("a.wav", b"\0" * 300_000))
    size = int(upload.text.split()[-2])
    assert 300_000 < size < 301_000


def test_time_to_first_token_and_rate_are_kept(client: openai.OpenAI) -> None:
    started = time.monotonic()
    times = [
        time.monotonic() - started
        for _ in client.chat.completions.create(
            model="mock-gpt?ttft=0.2&tps=50&tokens=21", messages=HELLO, stream=True
        )
    ]
    assert times[0] > 0.19
    assert times[-1] > 0.59  # and twenty gaps of 20 ms
    assert times[-1] - times[0] > 0.1


def test_the_journal_shows_what_was_sent_and_when_the_client_left(
    mock: RunningMock, client: openai.OpenAI
) -> None:
    stream = client.chat.completions.create(
        model="mock-gpt?tps=20&tokens=100", messages=HELLO, stream=True, extra_headers={"x-test": "7"}
    )
    next(iter(stream))
    stream.close()
    record = mock.last_ended()
    assert record.outcome == "aborted"
    assert record.aborted_at is not None
    assert record.header("x-test") == "7"
    assert record.header("authorization") == "Bearer any"
    assert 'mock-gpt?tps=20&tokens=100"' in record.body
