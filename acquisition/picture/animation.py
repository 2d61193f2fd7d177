"""Two pictures shown in turn: an animated PNG, which browsers play without a script."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def animated_png(first: bytes, second: bytes, delay_ms: int) -> bytes:
    """Two PNG files of one size and kind as one that shows them in turn for ever.

    The chunks of the APNG extension: ``acTL`` (frames, plays), ``fcTL`` before each frame, the
    second frame's data in ``fdAT``. Where animation is not known the first is seen.

    Parameters
    ----------
    first, second
        The files.
    delay_ms
        How long each is shown.

    Raises
    ------
    ValueError
        They differ in size or kind.
    """
    header, data = _parts(first)
    other_header, other_data = _parts(second)
    if header != other_header:
        raise ValueError("two pictures of unlike size or kind")
    size = header[:8]
    made = [
        _SIGNATURE,
        _chunk(b"IHDR", header),
        _chunk(b"acTL", struct.pack(">II", 2, 0)),
        _chunk(b"fcTL", _control(0, size, delay_ms)),
        _chunk(b"IDAT", data),
        _chunk(b"fcTL", _control(1, size, delay_ms)),
        _chunk(b"fdAT", struct.pack(">I", 2) + other_data),
        _chunk(b"IEND", b""),
    ]
    return b"".join(made)


def _control(number: int, size: bytes, delay_ms: int) -> bytes:
    return struct.pack(">I", number) + size + struct.pack(">IIHHBB", 0, 0, delay_ms, 1000, 0, 0)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _parts(file: bytes) -> tuple[bytes, bytes]:
    """Header and data of a PNG file."""
    header, data = b"", []
    for kind, content in _chunks(file):
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            data.append(content)
    return header, b"".join(data)


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_SIGNATURE)
    while place < len(file):
        (length,) = struct.unpack_from(">I", file, place)
        yield file[place + 4 : place + 8], file[place + 8 : place + 8 + length]
        place += 12 + length
