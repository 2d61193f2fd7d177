"""TIFF files of mosaics and of linear frames: the same bytes for the same samples.

Baseline TIFF 6.0 (Adobe, 1992), little-endian, one strip, not compressed: what a sensor's noise
leaves to be gained is little, and every program reads such a file at once. No time, no program:
nothing that changes. The reader takes what the writer writes, and strips of deflate (Adobe
Photoshop TIFF Technical Notes, 2002: compression 8), which earlier versions wrote; nothing else,
so that half a picture is never given out. Whole samples are told by the manifest's hash.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from bsd.document import Part, first_fault
from bsd.errors import UserMistake
from dataset.image import MOST_PIXELS

_START_BYTES = 8
_DEFLATED_ROWS = 64  # of a strip
_SHORT, _LONG, _ASCII = 3, 4, 2
_FORMATS = {_SHORT: "H", _LONG: "I", _ASCII: "s"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _DESCRIPTION = 256, 257, 258, 259, 262, 270
_OFFSETS, _SAMPLES, _ROWS, _SIZES, _PLANAR, _SAMPLE_FORMAT = 273, 277, 278, 279, 284, 339
_PLAIN, _DEFLATE = 1, 8
_GREY, _RGB = 1, 2
_WAY_OUT = "restore the file from a copy"
_DAMAGES = (
    struct.error,
    LookupError,
    ValueError,
    OverflowError,
    cast("type[Exception]", isal_zlib.error),
)


class TiffNote(Part):
    """What a RAW file says of itself, as JSON in ``ImageDescription``.

    Attributes
    ----------
    cfa
        Colours of the 2x2 cell at the picture's upper left corner, row by row; None without.
    bits
        Significant bits of a sample.
    """

    format: Literal["bsd-raw"] = "bsd-raw"
    cfa: str | None = Field(pattern="^[RGB]{4}$")
    bits: int = Field(ge=1, le=16)


def encode_tiff(image: NDArray[Any], note: TiffNote | None = None) -> bytes:
    """TIFF file of an image.

    Parameters
    ----------
    image
        uint8 or uint16, (H, W) or (H, W, 3) RGB, neither side zero.
    note
        Goes into ``ImageDescription``.

    Raises
    ------
    ValueError
        Another shape or dtype.
    """
    channels = image.shape[2] if image.ndim == 3 else 1
    fits = image.ndim == 2 or (image.ndim == 3 and channels == 3)
    if image.dtype not in (np.uint8, np.uint16) or not fits or 0 in image.shape:
        raise ValueError(f"TIFF: needs uint8 or uint16 (H, W[, 3]), got {image.dtype}")
    height, width = image.shape[:2]
    samples = np.ascontiguousarray(image, image.dtype.newbyteorder("<"))
    pixels = samples.tobytes()
    text = b"" if note is None else note.model_dump_json().encode("ascii") + b"\0"
    tags: list[tuple[int, int, list[int] | bytes]] = [
        (_WIDTH, _LONG, [width]),
        (_HEIGHT, _LONG, [height]),
        (_BITS, _SHORT, [8 * image.itemsize] * channels),
        (_COMPRESSION, _SHORT, [_PLAIN]),
        (_PHOTOMETRIC, _SHORT, [_RGB if channels == 3 else _GREY]),
        *([(_DESCRIPTION, _ASCII, text)] if text else []),
        (_OFFSETS, _LONG, [_START_BYTES]),
        (_SAMPLES, _SHORT, [channels]),
        (_ROWS, _LONG, [height]),
        (_SIZES, _LONG, [len(pixels)]),
        (_PLANAR, _SHORT, [1]),  # samples of a pixel side by side
        (_SAMPLE_FORMAT, _SHORT, [1] * channels),  # unsigned
    ]
    directory = _START_BYTES + len(pixels)
    padding = directory % 2
    start = struct.pack("<2sHI", b"II", 42, directory + padding)
    return b"".join([start, pixels, b"\0" * padding, _directory(tags, directory + padding)])


def _directory(tags: list[tuple[int, int, list[int] | bytes]], place: int) -> bytes:
    """The image file directory that begins at byte `place`, and what its entries point to."""
    entries, behind = [struct.pack("<H", len(tags))], b""
    heap = place + 2 + 12 * len(tags) + 4
    for tag, kind, values in tags:
        if isinstance(values, bytes):
            content, count = values, len(values)
        else:
            content = struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values)
            count = len(values)
        if len(content) > 4:
            where = struct.pack("<I", heap + len(behind))
            behind += content + b"\0" * (len(content) % 2)
        else:
            where = content.ljust(4, b"\0")
        entries.append(struct.pack("<HHI", tag, kind, count) + where)
    return b"".join([*entries, struct.pack("<I", 0), behind])


def decode_tiff(content: bytes, where: str) -> tuple[NDArray[Any], TiffNote | None]:
    """Decode a file of `encode_tiff`, of this version or an earlier one.

    Parameters
    ----------
    content
        The file.
    where
        Its name for the message.

    Returns
    -------
    uint8 or uint16 (H, W) or (H, W, 3) RGB, and the note where there is one.

    Raises
    ------
    UserMistake
        Not such a TIFF, truncated or damaged, or larger than `dataset.image.MOST_PIXELS`.
    """
    try:
        tags = _tags(content)
        image = _samples(content, tags)
    except _DAMAGES as error:
        raise UserMistake(
            f"{where}: damaged, or not a TIFF of this toolkit ({error}); {_WAY_OUT}"
        ) from error
    text = tags.get(_DESCRIPTION)
    try:
        return image, None if text is None else TiffNote.model_validate_json(text[0][:-1])
    except ValidationError as error:
        raise UserMistake(f"{where}: ImageDescription: {first_fault(error)}") from error


def _tags(content: bytes) -> dict[int, Sequence[Any]]:
    """Tag → values, of the only directory."""
    start, version, directory = struct.unpack_from("<2sHI", content)
    if (start, version) != (b"II", 42):
        raise ValueError("another beginning")
    (count,) = struct.unpack_from("<H", content, directory)
    tags: dict[int, Sequence[Any]] = {}
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from("<HHI", content, place)
        form = f"<{number}{_FORMATS[kind]}"
        size = struct.calcsize(form)
        if size > 4:
            (where,) = struct.unpack_from("<I", content, place + 8)
        else:
            where = place + 8
        tags[tag] = struct.unpack_from(form, content, where)
    return tags


def _samples(content: bytes, tags: dict[int, Sequence[Any]]) -> NDArray[Any]:
    (width,), (height,), (channels,) = (tags[tag] for tag in (_WIDTH, _HEIGHT, _SAMPLES))
    bits, offsets, sizes = tags[_BITS], tags[_OFFSETS], tags[_SIZES]
    deflated = tags[_COMPRESSION] == (_DEFLATE,)
    rows = min(_DEFLATED_ROWS, height) if deflated else height
    stated = {
        _COMPRESSION: (_DEFLATE if deflated else _PLAIN,),
        _PHOTOMETRIC: (_RGB if channels == 3 else _GREY,),
        _ROWS: (rows,),
        _PLANAR: (1,),
        _SAMPLE_FORMAT: (1,) * channels,
        _BITS: (bits[0],) * channels,
    }
    if not 0 < width * height <= MOST_PIXELS or channels not in (1, 3) or bits[0] not in (8, 16):
        raise ValueError(f"{width}x{height} px, {channels} channels of {bits[0]} bits")
    if not deflated:
        stated[_OFFSETS] = (_START_BYTES,)  # else other bytes would be taken for samples
    if wrong := [tag for tag, values in stated.items() if tags[tag] != values]:
        raise ValueError(f"tag {wrong[0]} is {tags[wrong[0]]}")
    if not len(offsets) == len(sizes) == -(-height // rows):
        raise ValueError(f"{len(offsets)} strips")
    dtype = np.dtype(f"<u{bits[0] // 8}")
    image = np.empty((height, width, channels), dtype)
    for strip, (offset, size) in enumerate(zip(offsets, sizes, strict=True)):
        band = image[strip * rows : (strip + 1) * rows]
        samples = content[offset : offset + size]
        if deflated:
            samples = isal_zlib.decompress(samples, bufsize=band.nbytes)
        if len(samples) != band.nbytes:
            raise ValueError(f"strip {strip} holds {len(samples)} of {band.nbytes} bytes")
        band[...] = np.frombuffer(samples, dtype).reshape(band.shape)
    return image[..., 0] if channels == 1 else image
