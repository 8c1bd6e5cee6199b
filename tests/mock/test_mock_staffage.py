"""The small things: each is where it should be, and leaves the rest alone."""

from __future__ import annotations

import msgspec
from PIL import Image, ImageChops

from sluiceway.mock.scenery import Scenery, scenery_for
from sluiceway.mock.staffage import paint_birds, paint_boats, paint_reeds, paint_sluice

SKY = (120, 160, 200)


def canvas() -> Image.Image:
    return Image.new("RGB", (300, 200), SKY)


def changed(image: Image.Image) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what was painted."""
    return ImageChops.difference(image, canvas()).getbbox()


def scenery(**changes: object) -> Scenery:
    return msgspec.structs.replace(scenery_for(5, "a quiet day"), **changes)


def test_the_sluice_stands_on_the_shore_on_its_side() -> None:
    for side, middle in ((-1, 75), (1, 225)):
        image = canvas()
        mask = paint_sluice(scenery(sluice_side=side, gates=3), image, 0.25)
        box = mask.getbbox()
        assert box is not None
        assert box[3] == 200
        assert abs((box[0] + box[2]) / 2 - middle) < 50


def test_there_is_no_boat_and_no_bird_where_none_is_wanted() -> None:
    image = canvas()
    paint_boats(scenery(boats=0), image, 100, 0.25)
    paint_birds(scenery(birds=0), image, 0.25)
    assert changed(image) is None


def test_boats_float_on_the_water_and_birds_fly_in_the_sky() -> None:
    water, sky = canvas(), canvas()
    paint_boats(scenery(boats=2), water, 100, 0.25)
    paint_birds(scenery(birds=6), sky, 0.25)
    afloat, aloft = changed(water), changed(sky)
    assert afloat is not None
    assert aloft is not None
    assert afloat[3] > 110
    assert aloft[3] < 140


def test_reeds_grow_from_the_lower_edge_on_both_sides() -> None:
    image = canvas()
    paint_reeds(scenery(), image, 0.25)
    box = changed(image)
    assert box is not None
    assert box[1] > 120
    assert (box[0], box[2], box[3]) == (0, 300, 200)
