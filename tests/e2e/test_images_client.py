"""The real `openai` client's images: streamed, forced, edited, several at once; and primed at once."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import msgspec
import openai
import pytest
from dialect_gateway import dialect_gateway
from harness import RawClient, RunningGateway, gateway_and_mock
from PIL import Image

from sluiceway.mock.testing import RunningMock
from sluiceway.wire.sse import parse_events


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[RunningGateway, RunningMock]]:
    with dialect_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def client(pair: tuple[RunningGateway, RunningMock]) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=pair[0].base_url, api_key="any", max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 80, 40)).save(file, "PNG")
    return file.getvalue()


def is_picture(encoded: str | None) -> bool:
    Image.open(io.BytesIO(base64.b64decode(encoded or ""))).load()
    return True


@pytest.mark.parametrize("partials", [0, 1, 2, 3])
def test_a_picture_forms_before_the_clients_eyes(client: openai.OpenAI, partials: int) -> None:
    stream = client.images.generate(
        model="auto-image", prompt="a river", size="256x256", stream=True, partial_images=partials
    )
    events = list(stream)
    assert [event.type for event in events] == [
        *["image_generation.partial_image"] * partials,
        "image_generation.completed",
    ]
    assert all(is_picture(event.b64_json) for event in events)
    last: Any = events[-1]
    assert last.usage.output_tokens > 0


@pytest.mark.parametrize("upstream", ["auto", "forced"])
def test_a_plain_request_gets_the_same_picture_however_its_upstream_answers(
    client: openai.OpenAI, upstream: str
) -> None:
    answer = client.images.generate(
        model=f"{upstream}-image?seed=5", prompt="a river", size="128x128", n=3, output_format="webp"
    )
    assert answer.data is not None
    assert len(answer.data) == 3
    assert all(is_picture(image.b64_json) for image in answer.data)
    assert answer.usage is not None
    assert (answer.size, answer.output_format) == ("128x128", "webp")
    plain = client.images.generate(
        model="auto-image?seed=5", prompt="a river", size="128x128", n=3, output_format="webp"
    )
    assert plain.data is not None
    assert [image.b64_json for image in plain.data] == [image.b64_json for image in answer.data]


def test_several_pictures_come_in_one_stream(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        model="auto-image", prompt="a river", size="64x64", n=3, stream=True, partial_images=1
    )
    kinds = [event.type for event in stream]
    assert kinds.count("image_generation.completed") == 3


@pytest.mark.parametrize("upstream", ["auto", "forced"])
@pytest.mark.parametrize("partials", [None, 2])
def test_a_picture_is_edited(
    client: openai.OpenAI, photo: bytes, upstream: str, partials: int | None
) -> None:
    mask = io.BytesIO()
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(mask, "PNG")
    asked: dict[str, Any] = {
        "model": f"{upstream}-image",
        "prompt": "more water",
        "image": [("a.png", photo, "image/png"), ("b.png", photo, "image/png")],
        "mask": ("m.png", mask.getvalue(), "image/png"),
        "size": "64x64",
    }
    if partials is None:
        answer = client.images.edit(**asked)
        assert answer.data is not None
        assert is_picture(answer.data[0].b64_json)
        return
    kinds = [event.type for event in client.images.edit(**asked, stream=True, partial_images=partials)]
    assert kinds == [*["image_edit.partial_image"] * partials, "image_edit.completed"]


def test_a_variation_is_made(client: openai.OpenAI, photo: bytes) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        answer = client.images.create_variation(
            image=("a.png", photo, "image/png"), model="auto-image", size="256x256"
        )
    assert answer.data is not None
    assert len(answer.data) == 1


def test_an_upload_reaches_the_upstream_byte_for_byte(
    pair: tuple[RunningGateway, RunningMock], photo: bytes
) -> None:
    gateway, mock = pair
    form = (
        b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nauto-image\r\n'
        b'--x\r\nContent-Disposition:form-data; name="prompt"\r\n\r\nwater\r\n'
        b'--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n'
        b"content-type: image/png\r\n\r\n" + photo + b"\r\n--x--\r\nepilogue"
    )
    with RawClient(gateway.port) as client:
        client.send(
            b"POST /v1/images/edits HTTP/1.1\r\nhost: g\r\ncontent-type: multipart/form-data; boundary=x\r\n"
            b"content-length: %d\r\n\r\n" % len(form) + form
        )
        status, _headers, _body = client.response()
    assert status == 200
    assert mock.last_ended().body_bytes == len(form)
    assert mock.last_ended().body == form.decode(errors="replace")


def ask(gateway: RunningGateway, **fields: Any) -> RawClient:
    client = RawClient(gateway.port)
    client.post({"prompt": "x", "size": "64x64", **fields}, path="/v1/images/generations")
    return client


def test_the_head_and_a_comment_come_before_the_upstream_answers() -> None:
    with gateway_and_mock(stream={"heartbeat_s": 0.1}) as (gateway, _mock):
        with ask(gateway, model="mock-image?fault=silent", stream=True) as client:
            status, headers = client.read_head()
            assert status == 200
            assert headers["content-type"] == "text/event-stream"
            assert client.read_until(b"\n\n").endswith(b": heartbeat\n\n")
        with ask(gateway, model="mock-image?fault=slow-headers:0.5", stream=True) as client:
            body = client.read_until(b"0\r\n\r\n")
            assert body.count(b": heartbeat\n\n") >= 2
            assert b"image_generation.completed" in body


def test_a_plain_request_is_not_primed() -> None:
    with (
        gateway_and_mock() as (gateway, _mock),
        ask(gateway, model="mock-image?fault=http-429") as client,
    ):
        status, headers, body = client.response()
        assert status == 429
        assert headers["content-type"] == "application/json"
        assert msgspec.json.decode(body)["error"]["message"]


@pytest.mark.parametrize("fault", ["http-429", "http-500"])
def test_after_priming_the_upstreams_refusal_is_an_error_event(fault: str) -> None:
    with (
        gateway_and_mock() as (gateway, _mock),
        ask(gateway, model=f"mock-image?fault={fault}", stream=True) as client,
    ):
        status, _headers, body = client.response()
        assert status == 200
        events = [event for event in parse_events(body) if event.data]
        assert [event.event for event in events] == [b"error"]
        told = msgspec.json.decode(events[0].data or b"")
        assert told["type"] == "error"
        assert told["error"]["message"]
        assert gateway.record().committed_by == "silence"


def test_json_instead_of_a_stream_becomes_completed_events(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        model="auto-image?fault=json-instead-of-stream", prompt="x", size="64x64", n=2, stream=True
    )
    assert [event.type for event in stream] == ["image_generation.completed"] * 2


def test_local_mistakes_keep_their_status_since_nothing_is_primed_for_them() -> None:
    with gateway_and_mock() as (gateway, _mock):
        for fields in ({"model": "m", "partial_images": 9}, {"model": "m", "n": 0}, {"model": 5}):
            with ask(gateway, stream=True, **fields) as client:
                status, _headers, body = client.response()
            assert status == 400
            assert msgspec.json.decode(body)["error"]["param"] == list(fields)[-1]


def test_a_stream_that_ends_before_all_pictures_came_says_so() -> None:
    with (
        gateway_and_mock() as (gateway, _mock),
        ask(gateway, model="mock-image?fault=eof", n=2, stream=True) as client,
    ):
        _status, _headers, body = client.response()
        last = parse_events(body)[-1]
        assert last.event == b"error"
        assert msgspec.json.decode(last.data or b"")["error"]["code"] == "upstream_truncated"


def test_partial_images_of_many_megabytes_pass_whole(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        model="auto-image", prompt="a river", size="2048x2048", stream=True, partial_images=1
    )
    assert all(is_picture(event.b64_json) for event in stream)
