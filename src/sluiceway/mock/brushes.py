"""What the pictures are painted with: gradients, noise, soft light, smooth edges, ripples. Pillow alone.

Sizes and points are in pixels of the canvas, colours are (red, green, blue) of 0 to 255, and masks are
images of mode `L`. Whatever is random takes a generator, so that a seed paints one picture.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageOps

Colour = tuple[int, int, int]
Point = tuple[float, float]
Size = tuple[int, int]

SMOOTH = 2  # masks are drawn so many times larger and reduced: Pillow's own edges are not smooth


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` 0 is one, 1 is the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def gradient(size: Size, stops: Sequence[Colour]) -> Image.Image:
    """Colours from top to bottom, evenly spaced."""
    width, height = size
    column = Image.new("RGB", (1, height))
    spans = len(stops) - 1
    for y in range(height):
        place = y / max(1, height - 1) * spans
        span = min(int(place), spans - 1)
        column.putpixel((0, y), mixed(stops[span], stops[span + 1], place - span))
    return column.resize((width, height))


def slope(size: Size, top: int, bottom: int) -> Image.Image:
    """A mask from one opacity to another, downward."""
    width, height = size
    column = bytes(round(top + (bottom - top) * y / max(1, height - 1)) for y in range(height))
    return Image.frombytes("L", (1, height), column).resize((width, height))


def noise(rng: random.Random, size: Size, cells: Size, octaves: int = 4) -> Image.Image:
    """Clouds of grey over the whole range: `cells` bumps across and down, and finer ones among them."""
    width, height = max(1, size[0] // 4), max(1, size[1] // 4)  # soft anyway, and much cheaper
    layers = []
    for octave in range(octaves):
        columns, rows = min(cells[0] << octave, width), min(cells[1] << octave, height)
        grain = Image.frombytes("L", (columns, rows), rng.randbytes(columns * rows))
        layers.append(grain.resize((width, height), Image.Resampling.BICUBIC))
    total = layers.pop()
    for layer in reversed(layers):  # each coarser layer counts twice as much as all finer ones
        total = Image.blend(total, layer, 0.62)
    return ImageOps.autocontrast(total).resize(size, Image.Resampling.BICUBIC)


def curve(mask: Image.Image, function: Callable[[float], float]) -> Image.Image:
    """Map opacities: the function takes 0 to 1 and gives the same (anything beyond is cut off)."""
    return mask.point([round(255 * min(1.0, max(0.0, function(value / 255)))) for value in range(256)])


def smooth_mask(size: Size, draw: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """A mask with smooth edges. `draw` is given a larger canvas and by how much it is larger."""
    mask = Image.new("L", (size[0] * SMOOTH, size[1] * SMOOTH))
    draw(ImageDraw.Draw(mask), SMOOTH)
    return mask.reduce(SMOOTH)


def glow(canvas: Image.Image, centre: Point, radius: float, colour: Colour, strength: float) -> None:
    """Light that fades away from a point."""
    side = max(2, round(2 * radius))
    # Pillow's gradient ends in the corners of its square, the light already at the sides.
    disc = curve(Image.radial_gradient("L"), lambda far: strength * max(0.0, 1 - far * math.sqrt(2)) ** 2)
    corner = round(centre[0] - radius), round(centre[1] - radius)
    canvas.paste(colour, corner, disc.resize((side, side), Image.Resampling.BICUBIC))


def ridge(rng: random.Random, points: int, roughness: float, octaves: int) -> list[float]:
    """Heights of 0 to 1 along a line. `roughness`: what each finer octave counts of the one before."""
    heights = [0.0] * points
    amplitude, cells = 1.0, 2
    for _ in range(octaves):
        knots = [rng.random() for _ in range(cells + 2)]
        for index in range(points):
            place = index / points * cells
            left = int(place)
            ease = (1 - math.cos((place - left) * math.pi)) / 2
            heights[index] += amplitude * (knots[left] * (1 - ease) + knots[left + 1] * ease)
        amplitude *= roughness
        cells *= 2
    low, high = min(heights), max(heights)
    return [(height - low) / max(1e-9, high - low) for height in heights]


def rippled(image: Image.Image, rng: random.Random, strength: float) -> Image.Image:
    """An image as calm water shows it: its rows move, the more the nearer (lower) they are.

    `strength`: the largest move in pixels.
    """
    width, height = image.size
    water = image.copy()
    phases = [rng.uniform(0, math.tau) for _ in range(4)]
    for y in range(height):
        near = y / height
        wave = 26 * math.log1p(5 * near)  # crests lie closer together in the distance
        reach = strength * (0.08 + 0.92 * near)
        along = reach * (math.sin(wave * 3.1 + phases[0]) + 0.6 * math.sin(wave * 7.3 + phases[1]))
        down = reach * (math.sin(wave * 2.3 + phases[2]) + 0.5 * math.sin(wave * 6.1 + phases[3]))
        source = min(height - 1, max(0, round(y + down)))
        row = image.crop((0, source, width, source + 1))
        water.paste(row, (round(along), y))
    return water
