"""The painting: all of the canvas, at any shape, in every mood."""

from __future__ import annotations

import pytest

from sluiceway.mock.brushes import Colour, mixed
from sluiceway.mock.landscape import paint
from sluiceway.mock.scenery import MOODS, scenery_for

MOOD_WORDS = [mood.words.split()[0] for mood in MOODS]


def distance(one: Colour, other: Colour) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("word", MOOD_WORDS)
def test_every_mood_paints_a_picture_with_a_sky_and_a_shore(word: str) -> None:
    scenery = scenery_for(3, f"{word} boats birds aurora")
    image, land = paint(scenery, (256, 192))
    assert (image.mode, image.size, land.mode, land.size) == ("RGB", (256, 192), "L", (256, 192))
    assert land.getpixel((128, 0)) == 0
    assert land.getpixel((128, 191)) == 255
    shore = round(192 * scenery.horizon)
    assert image.crop((0, 0, 256, shore)).getcolors(200) is None  # it is no plain gradient


@pytest.mark.parametrize("size", [(64, 64), (64, 1500), (1500, 64), (65, 97)])
def test_any_shape_can_be_painted(size: tuple[int, int]) -> None:
    for seed in range(4):
        image, land = paint(scenery_for(seed, "night aurora boats birds snow"), size)
        assert image.size == land.size == size


def test_the_sun_shines_where_the_scenery_has_it() -> None:
    scenery = scenery_for(1, "a clear day")
    image, _ = paint(scenery, (400, 400))
    shore = round(400 * scenery.horizon)
    sun = image.getpixel((round(400 * scenery.sun[0]), round(shore * scenery.sun[1])))
    assert isinstance(sun, tuple)
    assert distance((sun[0], sun[1], sun[2]), mixed(scenery.mood.light, scenery.mood.cloud, 0.3)) < 40
