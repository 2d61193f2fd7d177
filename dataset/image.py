"""One picture file's bytes: the size that its header declares, and decoding within a limit."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.errors import UserMistake

MOST_PIXELS = 1 << 27
"""Pictures that declare more (134 million, 16384×8192) are refused before they are decoded."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8"
_TIFF_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TIFF_TYPES = {3: "H", 4: "I"}
# ITU-T T.81, table B.1: start of frame, apart from the markers that share their range.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset(range(0xD0, 0xDA)) | {0x01}

Size = tuple[int, int]


def decode_image(content: bytes, flags: int, where: str) -> NDArray[Any] | None:
    """Decode with OpenCV, which is not asked for a picture that is too large to be one.

    Parameters
    ----------
    content
        A PNG, JPEG or TIFF file.
    flags
        As for ``cv2.imdecode``.
    where
        The file's name for the message.

    Returns
    -------
    What ``cv2.imdecode`` returns (BGR order); None where it cannot read the file.

    Raises
    ------
    UserMistake
        The header declares more than `MOST_PIXELS`.
    """
    size = declared_size(content)
    if size is not None and size[0] * size[1] > MOST_PIXELS:
        raise UserMistake(
            f"{where}: declares {size_text(size)} px, more than the {MOST_PIXELS:,} that are"
            " read; reduce or replace the picture"
        )
    if not content:
        return None
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:  # sizes that OpenCV itself refuses, and memory that it does not get
        return None


def declared_size(content: bytes) -> Size | None:
    """(height, width) that a PNG, JPEG or TIFF header declares; None where it is not readable."""
    try:
        if content.startswith(PNG_SIGNATURE):
            width, height = struct.unpack_from(">II", content, 16)
            return height, width
        if content.startswith(JPEG_START):
            return _jpeg_size(content)
        if (order := _TIFF_ORDERS.get(content[:4])) is not None:
            return _tiff_size(content, order)
    except struct.error:  # ends before its header does: the decoder says so
        return None
    return None


def _jpeg_size(content: bytes) -> Size | None:
    place = len(JPEG_START)
    while True:
        start, marker = struct.unpack_from(">BB", content, place)
        if start != 0xFF:
            return None
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return height, width
        elif marker in _JPEG_BARE:
            place += 2
        else:
            place += 2 + max(2, struct.unpack_from(">H", content, place + 2)[0])


def _tiff_size(content: bytes, order: str) -> Size | None:
    (directory,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, directory)
    found: dict[int, int] = {}
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", content, place)
        if tag in {_TIFF_WIDTH, _TIFF_HEIGHT} and kind in _TIFF_TYPES:
            (found[tag],) = struct.unpack_from(order + _TIFF_TYPES[kind], content, place + 8)
    if len(found) < 2:
        return None
    return found[_TIFF_HEIGHT], found[_TIFF_WIDTH]


def size_text(shape: tuple[int, ...]) -> str:
    """``64×48``, width by height, of a shape (H, W) or (H, W, C)."""
    return f"{shape[1]}×{shape[0]}"
