"""Image answers, through the real SDK: the streamed and the JSON form, edits, variations."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import openai
import pytest
from openai.types import ImageGenCompletedEvent, ImageGenPartialImageEvent
from PIL import Image

from sluiceway.mock.pictures import encoded, picture
from sluiceway.mock.testing import RunningMock, running_mock

SMALL = "96x64"
PHOTO = ("photo.png", picture(3, "a sunny day", 96, 64), "image/png")
OTHER = ("other.webp", picture(4, "dusk", 80, 80, image_format="webp"), "image/webp")


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as running:
        yield running


@pytest.fixture(scope="module")
def client(mock: RunningMock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=mock.base_url, api_key="any", max_retries=0) as client:
        yield client


def generate(client: openai.OpenAI, **more: Any) -> Any:
    return client.images.generate(**{"model": "mock-image", "prompt": "a river", "size": SMALL, **more})


def edit(client: openai.OpenAI, **more: Any) -> Any:
    return client.images.edit(
        **{"model": "mock-image", "prompt": "at night", "size": SMALL, "image": PHOTO, **more}
    )


def opened(b64: str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(b64 or "")))


def mask(size: tuple[int, int] = (96, 64), *, clear: bool = True) -> tuple[str, bytes, str]:
    image = Image.new("RGBA", size, "black")
    if clear:
        image.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    return "mask.png", encoded(image, 0), "image/png"


@pytest.mark.parametrize("partials", [0, 1, 2, 3])
def test_a_stream_shows_as_many_partials_as_asked_for_and_then_the_picture(
    client: openai.OpenAI, partials: int
) -> None:
    *sketches, final = generate(client, stream=True, partial_images=partials)
    assert all(isinstance(event, ImageGenPartialImageEvent) for event in sketches)
    assert [event.partial_image_index for event in sketches] == list(range(partials))
    assert isinstance(final, ImageGenCompletedEvent)
    assert final.usage.total_tokens == final.usage.input_tokens + final.usage.output_tokens
    for event in (*sketches, final):
        assert opened(event.b64_json).size == (96, 64)
        assert (event.size, event.output_format, event.background) == (SMALL, "png", "opaque")
    assert len({event.b64_json for event in (*sketches, final)}) == partials + 1


@pytest.mark.parametrize("n", [1, 3])
def test_the_stream_and_the_json_answer_show_the_same_pictures(client: openai.OpenAI, n: int) -> None:
    answer = generate(client, n=n)
    events = list(generate(client, n=n, stream=True, partial_images=1))
    finals = [event for event in events if event.type == "image_generation.completed"]
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ] * n
    assert [event.b64_json for event in finals] == [image.b64_json for image in answer.data]
    assert len({image.b64_json for image in answer.data}) == n
    assert sum(event.usage.total_tokens for event in finals) == answer.usage.total_tokens
    assert {event.created_at for event in events} == {answer.created}
    assert (answer.size, answer.quality, answer.background) == (SMALL, "high", "opaque")


def test_events_are_named_after_their_type(mock: RunningMock, client: openai.OpenAI) -> None:
    body = {"model": "mock-image", "prompt": "a river", "size": SMALL, "stream": True, "partial_images": 1}
    text = client.post("/images/generations", cast_to=str, body=body)
    names = [line for line in text.split("\n") if line.startswith("event:")]
    assert names == ["event: image_generation.partial_image", "event: image_generation.completed"]
    assert "[DONE]" not in text
    assert mock.last_ended().stream


def test_the_seed_is_the_knob_or_the_prompt(client: openai.OpenAI) -> None:
    def first(**more: Any) -> Any:
        return generate(client, **more).data[0].b64_json

    assert first() == first() != first(prompt="a lake")
    assert first(model="m?seed=1") == first(extra_headers={"x-mock-seed": "1"}) != first(model="m?seed=2")


def test_the_format_and_the_background_are_as_asked_for(client: openai.OpenAI) -> None:
    jpeg = generate(client, output_format="jpeg", output_compression=30)
    assert opened(jpeg.data[0].b64_json).format == "JPEG"
    webp = generate(client, output_format="webp", background="transparent", quality="low")
    assert opened(webp.data[0].b64_json).mode == "RGBA"
    assert (webp.output_format, webp.background, webp.quality) == ("webp", "transparent", "low")
    assert webp.usage.output_tokens < jpeg.usage.output_tokens


def test_without_a_size_it_is_a_square_of_1024(client: openai.OpenAI) -> None:
    answer = client.images.generate(prompt="a river")
    assert answer.size == "1024x1024"
    assert answer.data
    assert opened(answer.data[0].b64_json).size == (1024, 1024)


def test_a_url_holds_the_picture_and_comes_with_the_prompt(client: openai.OpenAI) -> None:
    image = generate(client, response_format="url").data[0]
    assert image.b64_json is None
    head, _, data = image.url.partition(",")
    assert head == "data:image/png;base64"
    assert data == generate(client).data[0].b64_json
    assert image.revised_prompt == "a river"


def test_usage_can_be_left_out(client: openai.OpenAI) -> None:
    assert generate(client, model="m?usage=off").usage is None
    (event,) = generate(client, model="fault-usage-none", stream=True)
    assert not hasattr(event, "usage") or event.usage is None


def test_an_edit_streams_its_partials(client: openai.OpenAI) -> None:
    events = list(edit(client, stream=True, partial_images=2))
    assert [event.type for event in events] == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]
    answer = edit(client)
    assert answer.data[0].b64_json == events[-1].b64_json
    assert answer.usage.input_tokens_details.image_tokens > 0


def test_an_edit_takes_several_images_and_a_mask(client: openai.OpenAI) -> None:
    one, two, masked = (
        edit(client, image=image, **more)
        for image, more in (([PHOTO], {}), ([PHOTO, OTHER], {}), ([PHOTO, OTHER], {"mask": mask()}))
    )
    assert len({answer.data[0].b64_json for answer in (one, two, masked)}) == 3
    assert two.usage.input_tokens_details.image_tokens == 2 * one.usage.input_tokens_details.image_tokens


def test_several_edits_are_several_pictures(client: openai.OpenAI) -> None:
    finals = [event.b64_json for event in edit(client, n=2, stream=True)]
    assert finals == [image.b64_json for image in edit(client, n=2).data]
    assert len(set(finals)) == 2


def test_an_edit_in_json_carries_its_images_as_data_urls(client: openai.OpenAI) -> None:
    url = "data:image/png;base64," + base64.b64encode(PHOTO[1]).decode()
    body = {"prompt": "at night", "size": SMALL, "images": [{"image_url": url}]}
    answer: Any = client.post("/images/edits", cast_to=object, body=body)
    assert answer["data"][0]["b64_json"] == edit(client).data[0].b64_json


def test_a_variation_is_made_of_its_image_alone(client: openai.OpenAI) -> None:
    with pytest.deprecated_call():  # OpenAI has retired it; other providers have not
        answer = client.images.create_variation(image=PHOTO, n=2, size="256x256")
    assert answer.data
    assert [opened(image.b64_json).size for image in answer.data] == [(256, 256)] * 2


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"n": "two"}, "n"),
        ({"partial_images": 4, "stream": True}, "partial_images"),
        ({"partial_images": -1}, "partial_images"),
        ({"output_format": "gif"}, "output_format"),
        ({"output_compression": 101}, "output_compression"),
        ({"background": "pink"}, "background"),
        ({"background": "transparent", "output_format": "jpeg"}, "background"),
        ({"quality": "best"}, "quality"),
        ({"size": "16x16"}, "size"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"model": "m?fault=nonsense"}, "fault"),
    ],
)
def test_a_field_that_cannot_be_obeyed_is_named(
    client: openai.OpenAI, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        generate(client, **fields)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 11}, "n"),
        ({"stream": "perhaps"}, "stream"),
        ({"image": []}, "image"),
        ({"image": [PHOTO] * 17}, "image"),
        ({"image": ("a.png", b"nonsense", "image/png")}, "image"),
        ({"mask": ("a.png", b"nonsense", "image/png")}, "mask"),
        ({"mask": mask((64, 64))}, "mask"),
        ({"mask": mask(clear=False)}, "mask"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(
    client: openai.OpenAI, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        edit(client, **fields)
    assert caught.value.param == param


def test_ttft_comes_first_and_the_partials_are_spread_evenly(client: openai.OpenAI) -> None:
    for partials, gaps in ((3, 3), (1, 1)):
        started = time.monotonic()
        times = [
            time.monotonic() - started
            for _ in generate(
                client, model="m?ttft=0.2&tps=50&tokens=31", stream=True, partial_images=partials
            )
        ]
        assert times[0] > 0.19
        assert all(later - one > 0.3 / gaps for one, later in pairwise(times))  # of 0.6 s: one may be late


def test_a_picture_without_partials_and_a_json_answer_take_as_long(client: openai.OpenAI) -> None:
    for stream in (True, False):
        started = time.monotonic()
        answer = generate(client, model="m?ttft=0.1&tps=50&tokens=11", stream=stream)
        assert len(list(answer)) > 0
        assert time.monotonic() - started > 0.29


def test_a_fault_breaks_a_stream_of_images(mock: RunningMock, client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match=r"^The mock lost its thread\.$"):
        list(generate(client, model="fault-error-mid:1", stream=True, partial_images=3))
    events = list(generate(client, model="fault-eof:2", stream=True, partial_images=3))
    assert [event.type for event in events] == ["image_generation.partial_image"] * 2
    with pytest.raises(openai.APIConnectionError):
        generate(client, model="fault-rst")
    assert mock.last_ended().outcome == "broken"


def test_a_stream_can_be_answered_with_json_and_the_other_way_round(client: openai.OpenAI) -> None:
    body = {"prompt": "a river", "size": SMALL}
    raw: Any = client.post(
        "/images/generations",
        cast_to=object,
        body={**body, "model": "fault-json-instead-of-stream", "stream": True, "response_format": "url"},
    )
    assert raw["data"][0]["url"].startswith("data:")
    text = client.post(
        "/images/generations", cast_to=str, body={**body, "model": "fault-stream-instead-of-json"}
    )
    assert text.startswith("event: image_generation.completed\n")
