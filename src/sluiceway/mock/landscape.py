"""Paints a scenery: sky, light, hills in layers, a sluice, and the river that reflects them."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sluiceway.mock import brushes
from sluiceway.mock.brushes import Colour, Size, mixed
from sluiceway.mock.scenery import Scenery
from sluiceway.mock.staffage import paint_birds, paint_boats, paint_reeds, paint_sluice

_RIDGE_POINTS = 220
_DARK: Colour = (4, 6, 18)


def paint(scenery: Scenery, size: Size) -> tuple[Image.Image, Image.Image]:
    """The picture (`RGB`), and a mask of all that is not sky."""
    width, height = size
    shore = round(height * scenery.horizon)
    unit = math.sqrt(width * height) / 1000  # one thousandth of a square picture's side
    above = _sky(scenery, (width, shore), unit)
    land = _hills(scenery, above, unit)
    land = ImageChops.lighter(land, paint_sluice(scenery, above, unit))
    paint_birds(scenery, above, unit)
    canvas = Image.new("RGB", size)
    canvas.paste(above)
    canvas.paste(_water(scenery, above, (width, height - shore), unit), (0, shore))
    paint_boats(scenery, canvas, shore, unit)
    paint_reeds(scenery, canvas, unit)
    _frame(canvas)
    not_sky = Image.new("L", size, 255)
    not_sky.paste(land)
    return canvas, not_sky


def _sky(scenery: Scenery, size: Size, unit: float) -> Image.Image:
    mood = scenery.mood
    width, height = size
    sky = brushes.gradient(size, mood.sky)
    sun = width * scenery.sun[0], height * scenery.sun[1]
    if mood.stars:
        _stars(scenery, sky, unit)
    if scenery.aurora:
        _aurora(scenery, sky)
    brushes.glow(sky, sun, 620 * unit, mood.glow, 0.75)
    brushes.glow(sky, sun, 210 * unit, mood.light, 0.8)
    radius = (30 if mood.stars else 36) * unit
    side = math.ceil(2 * radius) + 4
    disc = brushes.smooth_mask(
        (side, side), lambda draw, k: draw.ellipse((2 * k, 2 * k, (side - 2) * k, (side - 2) * k), fill=255)
    )
    sky.paste(mood.light, (round(sun[0] - side / 2), round(sun[1] - side / 2)), disc)
    _clouds(scenery, sky)
    return sky


def _stars(scenery: Scenery, sky: Image.Image, unit: float) -> None:
    width, height = sky.size
    rng = scenery.rng("stars")
    milky = brushes.noise(rng, sky.size, (3, 2))
    milky = ImageChops.multiply(
        brushes.curve(milky, lambda v: 0.5 * (v - 0.45)), brushes.slope(sky.size, 255, 0)
    )
    sky.paste((150, 170, 220), (0, 0), milky)

    def dots(draw: ImageDraw.ImageDraw, k: int) -> None:
        for _ in range(320):
            x, y = rng.random() * width, rng.random() ** 1.4 * height
            radius = (0.45 + 1.1 * rng.random() ** 5) * max(1.0, unit)
            light = round((90 + 165 * rng.random()) * (1 - 0.75 * y / height))
            draw.ellipse([k * (x - radius), k * (y - radius), k * (x + radius), k * (y + radius)], fill=light)

    sky.paste((255, 252, 240), (0, 0), brushes.smooth_mask(sky.size, dots))


def _aurora(scenery: Scenery, sky: Image.Image) -> None:
    rng = scenery.rng("aurora")
    veil = brushes.noise(rng, (sky.width, 4), (14, 1), 3).resize(sky.size)  # curtains hang straight down
    band = brushes.noise(rng, sky.size, (3, 2), 2)
    veil = ImageChops.multiply(
        brushes.curve(veil, lambda v: 0.25 + 1.1 * v), brushes.curve(band, lambda v: 2.2 * (v - 0.3))
    )
    veil = ImageChops.multiply(veil, brushes.slope(sky.size, 215, 0))
    colours = brushes.gradient(sky.size, ((130, 80, 220), (70, 200, 200), (90, 250, 170), (110, 255, 150)))
    sky.paste(colours, (0, 0), veil)


def _clouds(scenery: Scenery, sky: Image.Image) -> None:
    width, height = sky.size
    rng = scenery.rng("clouds")
    across = max(2, round(3 * width / height))
    drifts = brushes.noise(rng, sky.size, (across, 6), 5)
    cover = rng.uniform(0.48, 0.6)
    drifts = brushes.curve(drifts, lambda v: 1.9 * (v - cover))
    drifts = ImageChops.multiply(drifts, brushes.slope(sky.size, 120, 235))
    colours = brushes.gradient(
        sky.size, (mixed(scenery.mood.cloud, scenery.mood.sky[0], 0.35), scenery.mood.cloud)
    )
    sky.paste(colours, (0, 0), drifts)


def _hills(scenery: Scenery, canvas: Image.Image, unit: float) -> Image.Image:
    """Layer before layer; returns the mask of them all."""
    land = Image.new("L", canvas.size)
    for layer in range(scenery.hills):
        nearness = layer / (scenery.hills - 1)
        mask = _hill_mask(scenery, canvas.size, layer, nearness, unit)
        mood = scenery.mood
        colour = mixed(mood.far, mood.near, nearness**1.25)
        foot = mixed(colour, mood.sky[-1], 0.62 * (1 - 0.55 * nearness))
        top = _top(mask)
        body = brushes.gradient(
            (canvas.width, canvas.height - top), (colour, mixed(colour, foot, 0.45), foot)
        )
        canvas.paste(body, (0, top), mask.crop((0, top, canvas.width, canvas.height)))
        _rim(scenery, canvas, mask, nearness, unit)
        land = ImageChops.lighter(land, mask)
    return land


def _top(mask: Image.Image) -> int:
    box = mask.getbbox()
    return min(box[1], mask.height - 2) if box else mask.height - 2


def _hill_mask(scenery: Scenery, size: Size, layer: int, nearness: float, unit: float) -> Image.Image:
    width, height = size
    rng = scenery.rng(f"hill {layer}")
    rugged = 0.56 - 0.14 * nearness
    heights = brushes.ridge(rng, _RIDGE_POINTS + 1, rugged, 6 if nearness < 0.5 else 4)
    tall = height * (0.5 - 0.22 * nearness)
    middle = scenery.sun[0] + rng.uniform(-0.06, 0.06)
    ridge = []
    for index, value in enumerate(heights):
        across = index / _RIDGE_POINTS
        valley = min(1.0, abs(across - middle) / 0.62)  # hills stand aside for the sun and the river
        share = (0.22 + 0.78 * value) * (1 - nearness + nearness * valley**1.3) * (0.55 + 0.45 * valley)
        ridge.append((across * width, height - tall * share))
    trees = _trees(scenery, layer, nearness, ridge, height, unit)

    def draw_it(draw: ImageDraw.ImageDraw, k: int) -> None:
        outline = [(0.0, height * k), *((x * k, y * k) for x, y in ridge), (width * k, height * k)]
        draw.polygon(outline, fill=255)
        for x, y, tall_tree in trees:
            for step in range(3):
                half = tall_tree * (0.11 + 0.055 * step)
                peak = y - tall_tree * (1 - 0.24 * step)
                foot = peak + tall_tree * 0.46
                draw.polygon(
                    [(x * k, peak * k), ((x - half) * k, foot * k), ((x + half) * k, foot * k)], fill=255
                )

    return brushes.smooth_mask(size, draw_it)


def _trees(
    scenery: Scenery, layer: int, nearness: float, ridge: list[brushes.Point], shore: int, unit: float
) -> list[tuple[float, float, float]]:
    """Foot and height of each tree along a ridge; far hills have none that could be seen."""
    rng = scenery.rng(f"trees {layer}")
    trees = []
    for _ in range(round(150 * scenery.trees * nearness) if nearness > 0.45 else 0):
        x, y = rng.choice(ridge)
        tall = (12 + 26 * rng.random()) * unit * (0.45 + 0.55 * nearness)
        if shore - y > 0.7 * tall:  # none where the land runs out
            trees.append((x + rng.uniform(-3, 3) * unit, y + 0.25 * tall, tall))
    return trees


def _rim(scenery: Scenery, canvas: Image.Image, mask: Image.Image, nearness: float, unit: float) -> None:
    """Light, or snow, along the ridge."""
    snowy = scenery.mood.snow and nearness < 0.7
    depth = round((44 if snowy else 15) * unit * (1.2 - nearness)) + 1
    shifted = mask.copy()  # so that the side from which it moves away is not taken for a ridge
    shifted.paste(mask, (-depth * scenery.sluice_side // 2, depth))
    edge = ImageChops.subtract(mask, shifted)
    if snowy:
        crags = brushes.noise(scenery.rng(f"snow {nearness:.2f}"), mask.size, (26, 16), 3)
        edge = edge.filter(ImageFilter.BoxBlur(depth / 3))
        edge = ImageChops.multiply(edge, brushes.curve(crags, lambda v: 0.35 + v))
        edge = brushes.curve(edge, lambda v: 5 * (v - 0.3))
    else:
        edge = edge.filter(ImageFilter.BoxBlur(depth / 2))
    edge = ImageChops.multiply(edge, mask)
    strength = 0.8 if snowy else 0.4 * (1 - 0.6 * nearness)
    light = scenery.mood.light if snowy else scenery.mood.glow
    canvas.paste(light, (0, 0), brushes.curve(edge, lambda v: v * strength))


def _water(scenery: Scenery, above: Image.Image, size: Size, unit: float) -> Image.Image:
    mood = scenery.mood
    rng = scenery.rng("water")
    mirrored = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirrored = mirrored.resize(size, Image.Resampling.BILINEAR)
    one = brushes.rippled(mirrored, rng, 13 * unit)
    other = brushes.rippled(mirrored, rng, 13 * unit)
    patches = brushes.noise(rng, size, (5, 16), 3)
    water = Image.composite(one, other, brushes.curve(patches, lambda v: 4 * (v - 0.38)))
    water = water.filter(ImageFilter.BoxBlur((1.6 * unit, 0.6 * unit)))
    depth = brushes.slope(size, 50, 205)
    water.paste(mixed(mood.water, mood.sky[0], 0.15), (0, 0), depth)
    _glitter(scenery, water, unit)
    haze = brushes.curve(brushes.slope(size, 255, 0), lambda v: 0.55 * v**9)
    water.paste(mood.sky[-1], (0, 0), haze)
    return water


def _glitter(scenery: Scenery, water: Image.Image, unit: float) -> None:
    width, height = water.size
    rng = scenery.rng("glitter")
    sun = scenery.sun[0] * width

    def dashes(draw: ImageDraw.ImageDraw, k: int) -> None:
        for index in range(420):
            near = rng.random() ** 1.5
            in_sun = index % 5 < 3
            spread = (26 + 150 * near) * unit
            x = rng.gauss(sun, spread * 0.5) if in_sun else rng.random() * width
            y = near * height
            long = (5 + 46 * near) * unit * rng.uniform(0.5, 1.3)
            thick = max(0.5, (0.5 + 2.0 * near) * unit)
            light = rng.randint(70, 210) if in_sun else rng.randint(10, 46)
            draw.ellipse([k * (x - long), k * (y - thick), k * (x + long), k * (y + thick)], fill=light)

    water.paste(scenery.mood.light, (0, 0), brushes.smooth_mask(water.size, dashes))


def _frame(canvas: Image.Image) -> None:
    """Corners a little darker, which leads the eye inward."""
    corners = Image.radial_gradient("L").resize((64, 64)).crop((9, 9, 55, 55))
    corners = brushes.curve(corners, lambda far: 0.34 * max(0.0, far - 0.55))
    canvas.paste(_DARK, (0, 0), corners.resize(canvas.size, Image.Resampling.BICUBIC))
