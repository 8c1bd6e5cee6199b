"""Pictures as files: drawn on the fly, the same for the same seed, prompt and size.

`landscape.py` paints them. Here they get their size, their format, the blur of a picture that is not
finished, and what an edit keeps of the images that it was given.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageChops, ImageFilter, ImageOps

from sluiceway.errors import InvalidRequest
from sluiceway.mock.brushes import Size
from sluiceway.mock.landscape import paint
from sluiceway.mock.scenery import scenery_for
from sluiceway.mock.words import seeded

DEFAULT_SIZE = (1024, 1024)
MIN_SIDE = 64
MAX_SIDE = 4096
MAX_UPLOAD_PIXELS = 4096 * 4096  # of an image to be edited: some 64 MiB once it is decoded

_PAINTED_PIXELS = 1536 * 1024  # a larger picture is painted in this many pixels and enlarged
_KEPT_PAINTINGS = 4  # a stream shows one painting up to four times; each is about 6 MB
_COARSEST = 80.0  # an unfinished picture has one pixel where the final one has so many, at sharpness 0
_GRAIN = 0.25  # how much noise shows in it, at sharpness 0
_UPLOAD_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_PNG_LEVEL = 4  # level 6, the default, takes twice the time for 8 % less


def size_of(size: str | None) -> Size:
    """Width and height in pixels of `1536x1024`, or of `auto` and None, which leave it to the provider.

    Raises `InvalidRequest` with `param` `size` for anything else, and for sides outside 64 to 4096.
    """
    if size is None or size == "auto":
        return DEFAULT_SIZE
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", size, re.ASCII)
    if match:
        width, height = int(match[1]), int(match[2])
        if min(width, height) >= MIN_SIDE and max(width, height) <= MAX_SIDE:
            return width, height
    raise InvalidRequest(
        f"size is 'auto' or WIDTHxHEIGHT with sides of {MIN_SIDE} to {MAX_SIDE} pixels, not {size[:40]!r}.",
        param="size",
    )


def picture(
    seed: int,
    prompt: str,
    width: int,
    height: int,
    *,
    sharpness: float = 1.0,
    image_format: str = "png",
    compression: int = 100,
    background: str = "auto",
) -> bytes:
    """The picture as a file: `png`, `jpeg` or `webp`, the latter two of quality `compression` (0 to 100).

    `sharpness`: 1 is the final picture, less is the same picture while it is being made. `background`:
    `transparent` leaves out the sky, where the format can. It takes some 200 ms: not for an event loop.
    """
    image = draw(seed, prompt, (width, height), transparent=background == "transparent")
    return encoded(image, seed, sharpness=sharpness, image_format=image_format, compression=compression)


@lru_cache(maxsize=_KEPT_PAINTINGS)
def draw(seed: int, prompt: str, size: Size, *, transparent: bool = False) -> Image.Image:
    """The final picture, `RGB`, or `RGBA` without its sky. It is shared: not to be changed."""
    shrink = min(1.0, math.sqrt(_PAINTED_PIXELS / (size[0] * size[1])))
    painted = max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
    image, land = paint(scenery_for(seed, prompt), painted)
    if transparent:
        image.putalpha(land)
    return image if painted == size else image.resize(size, Image.Resampling.BICUBIC)


def draw_edit(
    seed: int,
    prompt: str,
    size: Size,
    references: Sequence[Image.Image],
    mask: Image.Image | None = None,
    *,
    transparent: bool = False,
) -> Image.Image:
    """The references, side by side, in the light of the picture that the prompt asks for.

    Where the mask, or without one a reference itself, is transparent, there is that picture alone; what
    an opaque mask keeps is left as it was.
    """
    scene = draw(seed, prompt, size, transparent=transparent)
    kept = _side_by_side(references, size)
    if mask is None:
        lit = ImageChops.soft_light(kept.convert("RGB"), scene.convert("RGB"))
        lit = Image.blend(lit, scene.convert("RGB"), 0.3)
        area = kept.getchannel("A")
    else:
        lit = kept.convert("RGB")
        area = ImageChops.darker(kept.getchannel("A"), ImageOps.fit(mask.getchannel("A"), size))
        area = area.filter(ImageFilter.BoxBlur(min(size) / 200))  # no hard seam
    if not transparent:
        return Image.composite(lit, scene, area)
    edited = Image.composite(lit, scene.convert("RGB"), area)
    edited.putalpha(ImageChops.lighter(area, scene.getchannel("A")))
    return edited


def _side_by_side(references: Sequence[Image.Image], size: Size) -> Image.Image:
    """All references on one canvas (`RGBA`), each in its column, with soft seams."""
    width, height = size
    canvas = ImageOps.fit(references[0], size)
    soft = width // len(references) // 8
    for index, reference in enumerate(references[1:], start=1):
        left = width * index // len(references) - soft
        seam = Image.new("L", (width - left, height))
        seam.paste(255, (soft, 0, width - left, height))
        layer = ImageOps.fit(reference, seam.size)
        below = canvas.crop((left, 0, width, height))
        canvas.paste(Image.composite(layer, below, seam.filter(ImageFilter.BoxBlur(soft))), (left, 0))
    return canvas


def read_image(data: bytes, param: str) -> Image.Image:
    """An uploaded image, `RGBA`. Raises `InvalidRequest` that names `param` if it is none, or too large."""
    try:
        image = Image.open(io.BytesIO(data), formats=_UPLOAD_FORMATS)
        if image.width * image.height > MAX_UPLOAD_PIXELS:
            raise InvalidRequest(f"The image has over {MAX_UPLOAD_PIXELS} pixels.", param=param)
        return ImageOps.exif_transpose(image).convert("RGBA")
    except InvalidRequest:
        raise
    except Exception:  # a decoder fed with a stranger's bytes fails in every way there is
        raise InvalidRequest("The image is not a valid PNG, JPEG, WebP or GIF file.", param=param) from None


def encoded(
    image: Image.Image,
    seed: int,
    *,
    sharpness: float = 1.0,
    image_format: str = "png",
    compression: int = 100,
) -> bytes:
    """An image as a file; see `picture`."""
    if sharpness < 1:
        image = _unfinished(image, seed, sharpness)
    file = io.BytesIO()
    if image_format == "png":
        image.save(file, "PNG", compress_level=_PNG_LEVEL)
    elif image_format == "jpeg":
        image.convert("RGB").save(file, "JPEG", quality=compression)
    else:
        image.save(file, "WEBP", quality=compression, method=0)
    return file.getvalue()


def _unfinished(image: Image.Image, seed: int, sharpness: float) -> Image.Image:
    """Coarser and grainier, as if it were just coming out of the noise."""
    coarse = _COARSEST ** (1 - max(0.0, sharpness))
    small = image.resize(
        (max(2, round(image.width / coarse)), max(2, round(image.height / coarse))), Image.Resampling.BOX
    )
    size = small.size
    grain = seeded(seed, "grain", sharpness).randbytes(3 * size[0] * size[1])
    grainy = ImageChops.soft_light(small.convert("RGB"), Image.frombytes("RGB", size, grain))
    grainy = Image.blend(small.convert("RGB"), grainy, _GRAIN * (1 - sharpness))
    if image.mode == "RGBA":
        grainy.putalpha(small.getchannel("A"))
    return grainy.resize(image.size, Image.Resampling.BICUBIC)
