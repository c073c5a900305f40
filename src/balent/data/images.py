"""Image files to arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import numpy as np
from PIL import Image

from balent.errors import DataError

Source = tuple[str, Callable[[], IO[bytes]]]
"""An image's name, for messages, and how to open it."""

GREY = ("1", "L")
COLOUR = ("RGB", "RGBA", "P", "CMYK", "YCbCr", "LA")
"""Pillow's 8-bit modes; transparency is dropped. Others (16 bits, floats) are refused."""


def common_form(sources: Sequence[Source]) -> tuple[str, tuple[int, int] | None]:
    """The form that all images share, from their headers.

    Returns the mode, "L" if all are grey and "RGB" otherwise, and the size (height, width), None
    if they differ. Raises DataError for a file that is not an 8-bit image.
    """
    modes, sizes = set(), set()
    for name, start in sources:
        with _opened(name, start) as image:
            modes.add(image.mode)
            sizes.add((image.height, image.width))
        if not modes <= {*GREY, *COLOUR}:
            raise DataError(
                f"{name}: is an image of mode {image.mode!r}; allowed: 8-bit grey or colour; "
                "convert it"
            )
    return ("L" if modes <= set(GREY) else "RGB"), (sizes.pop() if len(sizes) == 1 else None)


def read_images(sources: Sequence[Source], mode: str, size: tuple[int, int]) -> np.ndarray:
    """Decode to uint8 [N, H, W] (mode "L") or [N, H, W, 3] ("RGB"); others than size are resized.

    Resizing is bilinear with antialiasing, to exactly (height, width). Raises DataError for a file
    that is not an image or is damaged.
    """
    height, width = size
    shape = (height, width) if mode == "L" else (height, width, 3)
    pixels = np.empty((len(sources), *shape), dtype=np.uint8)
    for row, (name, start) in zip(pixels, sources, strict=True):
        with _opened(name, start) as image:
            converted = image.convert(mode)
        if converted.size != (width, height):
            converted = converted.resize((width, height), Image.Resampling.BILINEAR)
        row[:] = np.asarray(converted)
    return pixels


@contextmanager
def _opened(name: str, start: Callable[[], IO[bytes]]) -> Iterator[Image.Image]:
    try:
        with start() as handle, Image.open(handle) as image:
            yield image
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{name}: cannot be read as an image ({error}); replace it") from None
