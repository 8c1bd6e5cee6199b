"""What is to be seen in a picture, decided by its seed and by the words of its prompt."""

from __future__ import annotations

import random
import re

import msgspec

from sluiceway.mock.brushes import Colour
from sluiceway.mock.words import seeded


class Mood(msgspec.Struct, frozen=True, kw_only=True):
    """The colours of an hour. `sky` from top to horizon; hills from `far` to `near`; `light` shines."""

    name: str
    words: str
    sky: tuple[Colour, ...]
    light: Colour
    glow: Colour
    far: Colour
    near: Colour
    water: Colour
    cloud: Colour
    stars: bool = False
    snow: bool = False


MOODS = (
    Mood(
        name="dawn",
        words="dawn morning sunrise spring early pink rose flower",
        sky=((62, 86, 140), (124, 126, 178), (206, 160, 184), (250, 190, 168), (255, 226, 188)),
        light=(255, 247, 224),
        glow=(255, 214, 160),
        far=(176, 148, 180),
        near=(38, 44, 74),
        water=(54, 72, 116),
        cloud=(255, 214, 206),
    ),
    Mood(
        name="day",
        words="day noon summer blue bright sunny clear green meadow forest",
        sky=((38, 116, 190), (84, 160, 220), (150, 204, 236), (206, 232, 242), (246, 246, 228)),
        light=(255, 253, 238),
        glow=(255, 248, 214),
        far=(142, 184, 206),
        near=(24, 74, 68),
        water=(20, 88, 128),
        cloud=(255, 255, 255),
    ),
    Mood(
        name="dusk",
        words="dusk evening sunset sundown red orange warm golden fire",
        sky=((30, 26, 78), (88, 44, 118), (190, 70, 120), (250, 132, 92), (255, 208, 128)),
        light=(255, 240, 196),
        glow=(255, 184, 104),
        far=(160, 84, 134),
        near=(26, 18, 52),
        water=(44, 26, 84),
        cloud=(255, 158, 128),
    ),
    Mood(
        name="night",
        words="night midnight moon moonlight stars star starry dark aurora space galaxy",
        sky=((5, 9, 32), (10, 22, 62), (20, 46, 100), (40, 84, 138), (92, 138, 172)),
        light=(252, 248, 226),
        glow=(176, 208, 232),
        far=(46, 82, 128),
        near=(6, 14, 34),
        water=(6, 18, 48),
        cloud=(120, 156, 196),
        stars=True,
    ),
    Mood(
        name="mist",
        words="mist misty fog foggy rain rainy grey gray quiet calm storm",
        sky=((112, 140, 150), (150, 176, 180), (190, 208, 204), (222, 230, 220), (246, 240, 224)),
        light=(255, 252, 240),
        glow=(255, 246, 222),
        far=(186, 202, 202),
        near=(36, 66, 70),
        water=(72, 104, 112),
        cloud=(238, 242, 238),
    ),
    Mood(
        name="autumn",
        words="autumn fall october leaves leaf harvest brown amber",
        sky=((74, 110, 150), (136, 164, 184), (206, 206, 194), (246, 222, 170), (255, 228, 158)),
        light=(255, 248, 216),
        glow=(255, 222, 140),
        far=(196, 154, 140),
        near=(74, 34, 30),
        water=(60, 76, 96),
        cloud=(255, 240, 212),
    ),
    Mood(
        name="winter",
        words="winter snow snowy ice icy frost cold december white mountain mountains",
        sky=((70, 112, 168), (122, 164, 208), (180, 208, 232), (224, 228, 240), (252, 230, 220)),
        light=(255, 250, 240),
        glow=(255, 232, 214),
        far=(176, 200, 226),
        near=(44, 70, 110),
        water=(46, 88, 136),
        cloud=(250, 248, 252),
        snow=True,
    ),
)

_BOATS = "boat boats sail sailing ship ships harbour harbor sea ocean lake fisher fishing"
_WATERWAY = "sluice gate gates lock locks weir dam canal mill bridge"
_BIRDS = "bird birds gull gulls crane cranes heron flock sky"
_TREES = "tree trees forest forests pine pines wood woods"


class Scenery(msgspec.Struct, frozen=True, kw_only=True):
    """What is where. `sun` and `horizon` are shares of the canvas; sides are -1 (left) and 1 (right)."""

    mood: Mood
    horizon: float
    sun: tuple[float, float]
    sluice_side: int
    gates: int
    boats: int
    birds: int
    trees: float
    hills: int
    aurora: bool
    rng_key: str

    def rng(self, part: str) -> random.Random:
        """A generator for one part of the picture, so that no part depends on how another is painted."""
        return seeded(self.rng_key, part)


def scenery_for(seed: int, prompt: str) -> Scenery:
    """The scenery of this seed and prompt: words choose, and the seed where the words are silent."""
    words = re.findall(r"\w+", prompt.lower())
    rng = seeded(seed, " ".join(words))
    known = set(words)
    # The last word that names one: a winter night is a night, and a misty morning a morning.
    named = (mood for word in reversed(words) for mood in MOODS if word in mood.words.split())
    mood = next(named, None) or rng.choice(MOODS)
    sun_x = rng.choice((rng.uniform(0.22, 0.4), rng.uniform(0.6, 0.78)))
    low_sun = mood.name in ("dawn", "dusk", "autumn")
    return Scenery(
        mood=mood,
        horizon=rng.uniform(0.56, 0.62),
        sun=(sun_x, rng.uniform(0.66, 0.78) if low_sun else rng.uniform(0.28, 0.46)),
        sluice_side=1 if sun_x < 0.5 else -1,
        gates=rng.randint(3, 4) + (2 if known & set(_WATERWAY.split()) else 0),
        boats=rng.randint(2, 3) if known & set(_BOATS.split()) else rng.randint(0, 1),
        birds=rng.randint(5, 9) if known & set(_BIRDS.split()) else rng.choice((0, 3, 5)),
        trees=1.0 if known & set(_TREES.split()) else rng.uniform(0.35, 0.7),
        hills=rng.randint(4, 5),
        aurora=mood.stars and ("aurora" in known or rng.random() < 0.4),
        rng_key=f"{seed}/{' '.join(words)}",
    )
