"""What a header declares is checked before a decoder reserves memory for it."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from bsd.errors import UserMistake
from dataset.folder import FrameFolder
from dataset.image import MOST_PIXELS, declared_size, decode_image, size_text
from dataset.pictures import read_picture
from dataset.png import decode_png

pytestmark = pytest.mark.unit

PICTURE = np.random.default_rng(3).integers(0, 256, (20, 30, 3), np.uint8)


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png_of(width, height):
    """A PNG whose header promises much and whose pixels are next to none; checksums are right."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def jpeg_of(width, height):
    content = bytearray(cv2.imencode(".jpg", PICTURE)[1].tobytes())
    place = content.index(b"\xff\xc0")
    content[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def tiff_of(width, height):
    content = cv2.imencode(".tiff", PICTURE)[1].tobytes()
    order = "<" if content[:2] == b"II" else ">"
    (place,) = struct.unpack_from(order + "I", content, 4)
    changed = bytearray(content)
    for index in range(struct.unpack_from(order + "H", content, place)[0]):
        entry = place + 2 + 12 * index
        tag = struct.unpack_from(order + "H", content, entry)[0]
        if tag in (256, 257):
            value = width if tag == 256 else height
            struct.pack_into(order + "HHII", changed, entry, tag, 4, 1, value)
    return bytes(changed)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff"])
def test_declared_size_is_the_decoded_one(suffix):
    content = cv2.imencode(suffix, PICTURE)[1].tobytes()
    assert declared_size(content) == (20, 30)
    assert decode_image(content, cv2.IMREAD_COLOR, "x").shape == (20, 30, 3)
    for length in (0, 1, 8, 12, 20, 30):
        assert declared_size(content[:length]) in (None, (20, 30))


@pytest.mark.parametrize("make", [png_of, jpeg_of, tiff_of])
@pytest.mark.parametrize("size", [(40_000, 40_000), (60_000, 65_000)])
def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, make, size):
    content = make(*size)
    ending = {png_of: "png", jpeg_of: "jpg", tiff_of: "tif"}[make]
    path = tmp_path / f"0.{ending}"
    path.write_bytes(content)
    message = rf"0\.{ending}: declares {size[0]}×{size[1]} px, more than the {MOST_PIXELS:,}"
    with pytest.raises(UserMistake, match=message):
        read_picture(path)
    with pytest.raises(UserMistake, match=message):
        FrameFolder(tmp_path, 240.0, None)
    if make is png_of:
        with pytest.raises(UserMistake, match=message):
            decode_png(content, str(path))


def test_whatever_the_decoder_throws_is_a_damaged_picture(monkeypatch, tmp_path):
    def refuse(*_arguments):
        raise cv2.error("Assertion failed")

    content = cv2.imencode(".png", PICTURE)[1].tobytes()
    (tmp_path / "0.png").write_bytes(content)
    monkeypatch.setattr(cv2, "imdecode", refuse)
    with pytest.raises(UserMistake, match="is not a picture that can be read"):
        read_picture(tmp_path / "0.png")
    with pytest.raises(UserMistake, match="pixels are damaged"):
        decode_png(content, "0.png")
    with pytest.raises(UserMistake, match="cannot be read as an image"):
        next(FrameFolder(tmp_path, 240.0, None).frames())


def test_a_png_without_a_header_is_damaged(tmp_path):
    (tmp_path / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nIEND")
    with pytest.raises(UserMistake, match=r"0\.png: .*missing; replace it"):
        FrameFolder(tmp_path, 240.0, None)
    (tmp_path / "0.png").write_bytes(png_of(0, 5))
    with pytest.raises(UserMistake, match=r"0\.png"):
        FrameFolder(tmp_path, 240.0, None)


def test_a_size_is_width_by_height():
    assert size_text((48, 64, 3)) == "64×48"
