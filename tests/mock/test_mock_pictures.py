"""Pictures as files: sizes, formats, partials, and what an edit keeps."""

from __future__ import annotations

import io
import time

import pytest
from PIL import Image, ImageChops, ImageStat

from sluiceway.errors import InvalidRequest
from sluiceway.mock.pictures import draw, draw_edit, encoded, picture, read_image, size_of


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of the colours, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean) / 3


def test_sizes_are_read_and_auto_is_a_square() -> None:
    assert size_of(None) == size_of("auto") == (1024, 1024)
    assert size_of("1536x1024") == (1536, 1024)
    assert size_of("64x4096") == (64, 4096)


@pytest.mark.parametrize(
    "size", ["", "big", "63x100", "100x4097", "1024", "1024X1024", "-64x64", "٦٤x٦٤", "1e3x64"]
)
def test_a_size_that_cannot_be_drawn_is_refused(size: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        size_of(size)
    assert caught.value.param == "size"


def test_the_same_seed_prompt_and_size_give_the_same_file() -> None:
    one = picture(1, "a river", 128, 96)
    draw.cache_clear()
    assert picture(1, "a river", 128, 96) == one
    assert picture(2, "a river", 128, 96) != one
    assert picture(1, "a lake", 128, 96) != one
    assert opened(one).size == (128, 96)


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_each_format_is_what_it_says(image_format: str) -> None:
    image = opened(picture(1, "a river", 100, 80, image_format=image_format))
    assert (image.format or "").lower() == image_format
    assert image.size == (100, 80)


@pytest.mark.parametrize("image_format", ["jpeg", "webp"])
def test_more_compression_makes_a_smaller_file(image_format: str) -> None:
    high, low = (
        picture(1, "a river", 256, 256, image_format=image_format, compression=quality)
        for quality in (100, 20)
    )
    assert len(low) < len(high) / 2


def test_a_transparent_background_leaves_out_the_sky() -> None:
    for image_format in ("png", "webp"):
        image = opened(picture(1, "a river", 128, 128, background="transparent", image_format=image_format))
        assert image.mode == "RGBA"
        alpha = image.getchannel("A")
        assert alpha.getpixel((64, 0)) == 0
        assert alpha.getpixel((64, 127)) == 255
    assert opened(picture(1, "a river", 128, 128, background="opaque")).mode == "RGB"


def test_partials_sharpen_into_the_final_picture() -> None:
    final = opened(picture(1, "boats at sunset", 256, 256))
    partials = [opened(picture(1, "boats at sunset", 256, 256, sharpness=s)) for s in (0.0, 0.25, 0.5, 0.75)]
    distances = [difference(partial, final) for partial in partials]
    assert distances == sorted(distances, reverse=True)
    assert 0 < distances[-1] < 8 < distances[0]  # and the coarsest is the same picture already
    assert distances[0] < difference(opened(picture(2, "a snowy day", 256, 256)), final)


def test_a_partial_of_a_transparent_picture_is_transparent_too() -> None:
    image = opened(picture(1, "a river", 128, 128, background="transparent", sharpness=0.3))
    assert image.getchannel("A").getpixel((64, 0)) == 0


def test_a_large_picture_is_painted_small_and_has_its_size() -> None:
    assert draw(1, "a river", (4096, 512)).size == (4096, 512)


def test_a_picture_is_drawn_while_a_stream_can_wait_for_it() -> None:
    draw.cache_clear()
    started = time.process_time()
    picture(1, "boats at night by the sluice", 1024, 1024)
    assert time.process_time() - started < 1.5  # some 0.15 s on an idle core of 2020


def plain(colour: str, size: tuple[int, int] = (100, 100)) -> Image.Image:
    return Image.new("RGBA", size, colour)


def test_an_edit_shows_its_reference_in_the_light_of_the_scene() -> None:
    scene = draw(1, "a sunny day", (128, 128))
    red, blue = (draw_edit(1, "a sunny day", (128, 128), [plain(colour)]) for colour in ("red", "blue"))
    assert difference(red, scene) > 20
    assert ImageStat.Stat(red).mean[0] > ImageStat.Stat(blue).mean[0] + 80


def test_the_mask_keeps_the_reference_where_it_is_opaque_and_shows_the_scene_elsewhere() -> None:
    mask = plain("black")
    mask.paste((0, 0, 0, 0), (0, 0, 50, 100))
    edited = draw_edit(1, "night", (128, 128), [plain("red")], mask)
    assert edited.getpixel((100, 64)) == (255, 0, 0)
    scene = draw(1, "night", (128, 128))
    assert edited.crop((0, 0, 60, 128)).tobytes() == scene.crop((0, 0, 60, 128)).tobytes()


def test_a_references_own_transparency_serves_as_its_mask() -> None:
    edited = draw_edit(1, "night", (128, 128), [plain("#ff000000")])
    assert edited.tobytes() == draw(1, "night", (128, 128)).tobytes()


def test_several_references_stand_side_by_side() -> None:
    mask = plain("black")
    mask.putpixel((0, 0), (0, 0, 0, 0))
    references = [plain("red"), plain("lime"), plain("blue")]
    edited = draw_edit(1, "night", (240, 100), references, mask)
    assert [edited.getpixel((x, 50)) for x in (40, 120, 200)] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_an_edit_without_background_keeps_its_reference() -> None:
    mask = plain("black")
    mask.paste((0, 0, 0, 0), (0, 0, 50, 100))
    edited = draw_edit(1, "night", (128, 128), [plain("red")], mask, transparent=True)
    assert edited.getpixel((10, 2)) == (*draw(1, "night", (128, 128)).getpixel((10, 2)), 0)  # type: ignore[misc]
    assert edited.getpixel((120, 2)) == (255, 0, 0, 255)


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_uploads_are_read_in_every_format_that_is_made(image_format: str) -> None:
    image = read_image(picture(1, "a river", 90, 80, image_format=image_format), "image")
    assert (image.mode, image.size) == ("RGBA", (90, 80))


PNG = encoded(Image.new("RGB", (40, 40)), 1)


@pytest.mark.parametrize("data", [b"", b"nonsense", PNG[:60], PNG[:20] + b"\xff" * 200, b"BM" + b"\0" * 100])
def test_what_is_not_an_image_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not a valid PNG") as caught:
        read_image(data, "mask")
    assert caught.value.param == "mask"


def test_an_image_that_would_fill_the_memory_is_refused_before_it_is_decoded() -> None:
    file = io.BytesIO()
    Image.new("1", (4097, 4096)).save(file, "PNG")
    with pytest.raises(InvalidRequest, match="pixels") as caught:
        read_image(file.getvalue(), "image")
    assert caught.value.param == "image"
