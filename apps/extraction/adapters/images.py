"""Image files to pictures, by Pillow. Runs in the child process only."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from apps.extraction.results import Unreadable

MOST_PAGES: Final = 3000
MOST_PIXELS: Final = 100_000_000
USEFUL_PIXELS: Final = 16_000_000
CONTRAST: Final = 40  # levels of gray between ink and background
MARGIN: Final = 20  # pixels
Image.MAX_IMAGE_PIXELS = None  # our own limit below is checked before anything is decoded


def pictures(path: Path) -> Iterator[Image.Image]:
    """Every page of an image file, upright, in RGB on white; Unreadable when it is damaged or too large."""
    try:
        with Image.open(path) as file:
            for place in range(getattr(file, "n_frames", 1)):
                if place >= MOST_PAGES:
                    raise Unreadable(f"The image has more than {MOST_PAGES:,} pages. Split it.")
                file.seek(place)
                if file.width * file.height > MOST_PIXELS:
                    raise Unreadable(
                        f"Page {place + 1} of the image has {file.width:,} x {file.height:,} pixels; "
                        f"at most {MOST_PIXELS // 10**6} million are read. Make it smaller."
                    )
                yield _plain(file)
    except (OSError, SyntaxError, ValueError, EOFError) as refused:
        raise Unreadable("The image is damaged or cut off: it cannot be read. Save it anew and upload it again.") from refused


def _plain(file: Image.Image) -> Image.Image:
    picture: Image.Image = ImageOps.exif_transpose(file) or file
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    if picture.mode.startswith("I"):  # sixteen bits of gray
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    excess = math.sqrt(picture.width * picture.height / USEFUL_PIXELS)
    if excess > 1:
        picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
        picture = picture.resize((max(1, round(picture.width / excess)), max(1, round(picture.height / excess))))
    return picture.convert("RGB")


def inked(picture: Image.Image) -> tuple[int, int, int, int] | None:
    """The part of the picture that is not background, with a margin; None when all of it is one even colour."""
    gray = picture.convert("L")
    background = max(enumerate(gray.histogram()), key=lambda counted: counted[1])[0]
    found = gray.point([255 if abs(level - background) > CONTRAST else 0 for level in range(256)]).getbbox()
    if found is None:
        return None
    left, top, right, bottom = found
    return max(0, left - MARGIN), max(0, top - MARGIN), min(gray.width, right + MARGIN), min(gray.height, bottom + MARGIN)
