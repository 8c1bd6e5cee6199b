"""The tools: gradients, noise, curves and ripples."""

from __future__ import annotations

from PIL import Image

from sluiceway.mock import brushes
from sluiceway.mock.words import seeded


def test_a_gradient_goes_from_its_first_colour_to_its_last() -> None:
    image = brushes.gradient((3, 101), ((0, 0, 0), (100, 50, 0), (200, 200, 200)))
    assert [image.getpixel((1, y)) for y in (0, 50, 100)] == [(0, 0, 0), (100, 50, 0), (200, 200, 200)]
    assert brushes.gradient((2, 1), ((9, 9, 9), (0, 0, 0))).getpixel((1, 0)) == (9, 9, 9)


def test_a_slope_goes_from_one_opacity_to_the_other() -> None:
    assert brushes.slope((1, 3), 255, 55).tobytes() == bytes([255, 155, 55])


def test_noise_is_the_same_for_one_seed_and_covers_the_whole_range() -> None:
    one, again = (brushes.noise(seeded(1), (64, 48), (3, 3)) for _ in range(2))
    assert one.tobytes() == again.tobytes() != brushes.noise(seeded(2), (64, 48), (3, 3)).tobytes()
    low, high = one.getextrema()
    assert (low, high) <= (20, 255)
    assert one.size == (64, 48)


def test_a_curve_is_cut_off_at_both_ends() -> None:
    mask = Image.frombytes("L", (3, 1), bytes([0, 128, 255]))
    assert brushes.curve(mask, lambda v: 4 * (v - 0.5)).tobytes() == bytes([0, 2, 255])


def test_a_ridge_lies_between_its_lowest_and_highest_point() -> None:
    heights = brushes.ridge(seeded(1), 100, 0.5, 5)
    assert (len(heights), min(heights), max(heights)) == (100, 0.0, 1.0)


def test_ripples_move_rows_and_add_nothing() -> None:
    image = brushes.gradient((8, 60), ((0, 0, 0), (255, 255, 255)))
    water = brushes.rippled(image, seeded(1), 6)
    assert water.tobytes() != image.tobytes()
    assert {water.getpixel((4, y)) for y in range(60)} <= {image.getpixel((4, y)) for y in range(60)}


def test_a_glow_is_strongest_in_its_middle_and_ends_within_its_radius() -> None:
    image = Image.new("RGB", (101, 101))
    brushes.glow(image, (50, 50), 40, (200, 100, 0), 1.0)
    middle, half, outside = (image.getpixel((x, 50)) for x in (50, 70, 93))
    assert isinstance(middle, tuple)
    assert isinstance(half, tuple)
    assert middle[0] > 180 > half[0] > 20
    assert outside == image.getpixel((5, 5)) == (0, 0, 0)
