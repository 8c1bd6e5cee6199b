"""The small things of a landscape: a sluice with its keeper's house, boats, birds, reeds."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw, ImageFilter

from sluiceway.mock import brushes
from sluiceway.mock.brushes import Colour, mixed
from sluiceway.mock.scenery import Scenery

_LAMP: Colour = (255, 206, 112)
_FINE = 3  # tiles with several colours are drawn so many times larger


def paint_sluice(scenery: Scenery, canvas: Image.Image, unit: float) -> Image.Image:
    """A row of gates at the shore, and the house of their keeper; returns its mask."""
    rng = scenery.rng("sluice")
    bay = min(52 * unit, canvas.width * 0.085)
    bays = scenery.gates
    house = 1.6 * bay
    width, height = math.ceil(house + bay * (bays + 0.4)), math.ceil(3.1 * bay)
    tile = Image.new("RGBA", (width * _FINE, height * _FINE))
    draw = ImageDraw.Draw(tile)
    mood = scenery.mood
    dark = mixed(mood.near, (12, 12, 22), 0.45)
    stone = mixed(dark, mood.far, 0.28)
    wood = mixed(dark, mood.glow, 0.3)

    def box(x: float, y: float, right: float, bottom: float, colour: Colour) -> None:
        k = bay * _FINE
        left, top = x * k, y * k
        draw.rectangle((left, top, max(left, right * k - 1), max(top, bottom * k - 1)), fill=colour)

    base, start = height / bay, house / bay  # its feet are in the water whatever the rounding
    for index in range(bays):
        left = start + index
        lift = rng.choice((0.0, 0.12, 0.3, 0.42))
        box(left + 0.14, base - 0.95 - lift, left + 1.0, base - 0.12 - lift, wood)
        for plank in range(1, 4):
            y = base - 0.95 - lift + plank * 0.21
            box(left + 0.14, y, left + 1.0, y + 0.03, dark)
        box(left + 0.54, base - 1.72, left + 0.6, base - 0.9 - lift, dark)  # the rack that lifts the gate
        box(left + 0.4, base - 1.78, left + 0.74, base - 1.66, dark)
    for index in range(bays + 1):
        left = start + index
        box(left, base - 1.3, left + 0.14, base, stone)
        box(left + 0.03, base - 1.75, left + 0.09, base - 1.3, dark)
    box(start - 0.1, base - 1.36, start + bays + 0.3, base - 1.22, stone)
    box(start - 0.1, base - 1.78, start + bays + 0.2, base - 1.73, dark)
    box(0.2, base - 1.7, start - 0.02, base, stone)
    k = bay * _FINE
    roof = [(0.02, base - 1.62), (0.85, base - 2.5), (start + 0.14, base - 1.62)]
    draw.polygon([(x * k, y * k) for x, y in roof], fill=dark)
    box(1.2, base - 2.5, 1.36, base - 2.0, dark)
    lit = _LAMP if mood.name not in ("day", "winter") else mixed(_LAMP, stone, 0.5)
    for left in (0.45, 0.98):
        box(left, base - 1.3, left + 0.26, base - 0.85, lit)
        box(left + 0.11, base - 1.3, left + 0.15, base - 0.85, stone)
    tile = tile.reduce(_FINE)
    at_right = scenery.sluice_side > 0
    if at_right:
        tile = tile.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    margin = round(canvas.width * 0.045)
    corner = canvas.width - margin - tile.width if at_right else margin
    place = corner, canvas.height - tile.height
    canvas.paste(tile, place, tile)
    if lit == _LAMP:
        x = corner + (tile.width - 0.85 * bay if at_right else 0.85 * bay)
        brushes.glow(canvas, (x, canvas.height - 1.05 * bay), 1.7 * bay, _LAMP, 0.45)
    mask = Image.new("L", canvas.size)
    mask.paste(tile.getchannel("A"), place)
    return mask


def paint_boats(scenery: Scenery, canvas: Image.Image, shore: int, unit: float) -> None:
    """Boats under sail, each with its reflection."""
    rng = scenery.rng("boats")
    for index in range(scenery.boats):
        near = 0.16 + 0.2 * index + rng.uniform(0, 0.06)
        tall = (56 + 150 * near) * unit
        x = canvas.width * (0.5 + (rng.uniform(0.02, 0.34) * (-1) ** index) * -scenery.sluice_side)
        y = shore + (canvas.height - shore) * near
        boat = _boat(scenery, tall)
        reflection = boat.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        reflection = brushes.rippled(reflection, rng, 5 * unit).filter(ImageFilter.BoxBlur(unit))
        fading = brushes.slope(reflection.size, 150, 10)
        left = round(x - boat.width / 2)
        shade = Image.composite(reflection.getchannel("A"), Image.new("L", boat.size), fading)
        canvas.paste(reflection.convert("RGB"), (left, round(y)), shade)
        canvas.paste(boat, (left, round(y) - boat.height), boat)


def _boat(scenery: Scenery, tall: float) -> Image.Image:
    mood = scenery.mood
    width, height = max(2, round(tall * 0.9)), max(2, round(tall))
    tile = Image.new("RGBA", (width * _FINE, height * _FINE))
    draw = ImageDraw.Draw(tile)
    sail = mixed(mood.light, mood.glow, 0.35) if not mood.stars else mixed(mood.light, mood.far, 0.4)

    def shape(colour: Colour, *points: tuple[float, float]) -> None:
        draw.polygon([(x * width * _FINE, y * height * _FINE) for x, y in points], fill=colour)

    hull = mixed(mood.near, (30, 12, 10), 0.5)
    shape(hull, (0.48, 0.02), (0.5, 0.02), (0.5, 0.9), (0.48, 0.9))
    shape(sail, (0.53, 0.06), (0.9, 0.78), (0.53, 0.8))
    shape(mixed(sail, mood.far, 0.35), (0.45, 0.14), (0.45, 0.79), (0.16, 0.77))
    shape(hull, (0.1, 0.85), (0.94, 0.85), (0.82, 1.0), (0.22, 1.0))
    shape(mixed(hull, mood.glow, 0.45), (0.1, 0.85), (0.94, 0.85), (0.92, 0.875), (0.12, 0.875))
    return tile.reduce(_FINE)


def paint_birds(scenery: Scenery, sky: Image.Image, unit: float) -> None:
    """A loose flock."""
    rng = scenery.rng("birds")
    middle = (1 - scenery.sun[0]) * sky.width, sky.height * rng.uniform(0.2, 0.4)
    birds = [
        (rng.gauss(middle[0], 60 * unit), rng.gauss(middle[1], 26 * unit), rng.uniform(6, 12) * unit)
        for _ in range(scenery.birds)
    ]

    def wings(draw: ImageDraw.ImageDraw, k: int) -> None:
        thick = max(1, round(1.7 * unit * k))
        for x, y, span in birds:
            box = [(x - span) * k, (y - span / 2) * k, x * k, (y + span / 2) * k]
            draw.arc(box, 200, 345, fill=220, width=thick)
            draw.arc([box[2], box[1], (x + span) * k, box[3]], 195, 340, fill=220, width=thick)

    if birds:
        sky.paste(
            mixed(scenery.mood.near, scenery.mood.sky[0], 0.3), (0, 0), brushes.smooth_mask(sky.size, wings)
        )


def paint_reeds(scenery: Scenery, canvas: Image.Image, unit: float) -> None:
    """Reeds on the near bank, on the sun's side."""
    rng = scenery.rng("reeds")
    width = canvas.width
    height = round(canvas.height * 0.34)
    side = -scenery.sluice_side
    reach = min(0.42 * width, 420 * unit)

    def blades(draw: ImageDraw.ImageDraw, k: int) -> None:
        for corner, share in ((side, 1.0), (-side, 0.5)):
            edge = 0 if corner < 0 else width
            bank = [(float(edge), float(height))]
            for step in range(13):
                away = step / 12
                bump = 0.85 + 0.15 * math.sin(step * 1.7)
                bank.append(
                    (
                        edge - corner * away * reach * share * 1.3,
                        height - 46 * unit * share * bump * (1 - away**2),
                    )
                )
            draw.polygon([(x * k, y * k) for x, y in bank] + [(bank[-1][0] * k, height * k)], fill=255)
            for _ in range(round(74 * share)):
                away = rng.random() ** 1.6
                x = edge - corner * away * reach * share
                tall = (
                    (0.3 + 0.7 * rng.random())
                    * (1 - 0.72 * away)
                    * min(230 * unit, 0.9 * height)
                    * (0.5 + share / 2)
                )
                lean = rng.gauss(0.06 * -corner, 0.1) * tall
                foot = height - 10 * unit
                blade = [
                    (x - 2.2 * unit, foot),
                    (x + lean * 0.3 - 1.3 * unit, foot - tall * 0.55),
                    (x + lean, foot - tall),
                ]
                blade += [(x + lean * 0.3 + 1.3 * unit, foot - tall * 0.55), (x + 2.2 * unit, foot)]
                draw.polygon([(px * k, py * k) for px, py in blade], fill=255)
                if rng.random() < 0.22:  # a cattail
                    top, thick = foot - tall, 3.4 * unit
                    draw.ellipse(
                        [
                            (x + lean - thick) * k,
                            (top - 4 * unit) * k,
                            (x + lean + thick) * k,
                            (top + 26 * unit) * k,
                        ],
                        fill=255,
                    )

    mask = brushes.smooth_mask((width, height), blades)
    dark = mixed(scenery.mood.near, (6, 8, 16), 0.55)
    colours = brushes.gradient((width, height), (mixed(dark, scenery.mood.glow, 0.22), dark, dark))
    canvas.paste(colours, (0, canvas.height - height), mask)
