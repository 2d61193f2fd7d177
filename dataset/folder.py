"""A folder of frames as a source: PNG, JPEG or TIFF files in the order of their names."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bsd.document import Document
from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes

Frame = NDArray[np.uint8]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
SIDECAR = "source.json"
_PNG_START = b"\x89PNG\r\n\x1a\n"


class FolderSource(Document):
    """``source.json`` beside the frames.

    Attributes
    ----------
    rate_hz
        Rate that the frames were taken at.
    shutter_us
        Exposure of a frame, null where unknown.
    """

    format: Literal["bsd-frames"] = "bsd-frames"
    format_version: int = 1
    rate_hz: float = Field(gt=0)
    shutter_us: float | None = Field(default=None, ge=0)


class FrameFolder:
    """Frames of a folder; `dataset.video.Source` says what the attributes are."""

    def __init__(self, path: Path, rate_hz: float | None, shutter_us: float | None) -> None:
        self.path = path
        self.name = path.resolve().name
        self.threads = 1
        self._files = sorted(
            (file for file in path.iterdir() if file.suffix.lower() in SUFFIXES), key=_natural
        )
        if not self._files:
            raise UserMistake(f"{path}: no PNG, JPEG or TIFF frames in this folder")
        sidecar = path / SIDECAR
        stated = FolderSource.read(sidecar) if sidecar.exists() else None
        rate_hz = rate_hz if rate_hz is not None else (stated.rate_hz if stated else None)
        if rate_hz is None:
            raise UserMistake(
                f"{path}: the frames' rate is unknown; give --rate-hz, or write {SIDECAR}"
                ' {"format_version": 1, "rate_hz": 240} beside them'
            )
        self.rate_hz = Fraction(rate_hz).limit_denominator(100_000)
        self.shutter_us = (
            shutter_us if shutter_us is not None else (stated.shutter_us if stated else None)
        )
        self.frame_count = len(self._files)
        self.shape, self.sha256 = self._survey()

    def _survey(self) -> tuple[tuple[int, int], str]:
        """Size and hash of all files; every frame is looked at, so that no run ends halfway."""
        digest = hashlib.sha256()
        shape: tuple[int, int] | None = None
        for file in self._files:
            content = file.read_bytes()
            digest.update(f"{file.name} {sha256_bytes(content)}\n".encode())
            found = _png_shape(content, file) or _decode(content, file).shape[:2]
            if shape is None:
                shape = found
            elif found != shape:
                raise UserMistake(
                    f"{file}: {_size(found)}, but {self._files[0].name} is {_size(shape)};"
                    " a folder holds frames of one size"
                )
        assert shape is not None  # noqa: S101  # there is at least one file
        return shape, digest.hexdigest()

    def frames(
        self, start: int = 0, wanted: Callable[[int], bool] | None = None
    ) -> Iterator[Frame]:
        """Frames from `start` on; with `wanted`, those whose number it accepts."""
        for number in range(start, self.frame_count):
            if wanted is None or wanted(number):
                yield self._read(number)

    def pairs(self, first: int, count: int, samples: int) -> Iterator[tuple[Frame, Frame]]:
        """Up to `samples` pairs of neighbours among `count` frames from `first` on."""
        for number in spread(first, count, samples):
            yield self._read(number), self._read(number + 1)

    def _read(self, number: int) -> Frame:
        file = self._files[number]
        frame = _decode(file.read_bytes(), file)
        if frame.shape[:2] != self.shape:
            raise UserMistake(f"{file}: has changed while it was read; run again")
        return frame


def spread(first: int, count: int, samples: int) -> list[int]:
    """First numbers of up to `samples` pairs, evenly spread over `count` frames from `first`."""
    places = count - 1
    if places < 1:
        return []
    samples = min(samples, places)
    return [first + (2 * k + 1) * places // (2 * samples) for k in range(samples)]


def _natural(file: Path) -> list[Any]:
    """Sort key: numbers by value, so that frame 10 follows frame 9."""
    return [
        (1, int(word), "") if word.isdigit() else (0, 0, word)
        for word in re.split(r"([0-9]+)", file.name)
    ]


def _png_shape(content: bytes, file: Path) -> tuple[int, int] | None:
    """Size from the header of a whole 8-bit PNG; None where only decoding can tell."""
    if not content.startswith(_PNG_START):
        return None
    if not _is_whole(content):
        raise UserMistake(f"{file}: the end of the file is missing; replace it")
    width, height, bits = struct.unpack_from(">IIB", content, 16)
    return (height, width) if bits == 8 else None


def _is_whole(content: bytes) -> bool:
    """Whether a PNG or JPEG has its end; the decoder would fill in grey without a word."""
    if content.startswith(_PNG_START):
        return b"IEND" in content[-64:]
    if content.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in content[len(content) // 2 :]
    return True


def _decode(content: bytes, file: Path) -> Frame:
    """One image as uint8 (H, W, 3) RGB; grey becomes three equal channels."""
    data = np.frombuffer(content, dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if _is_whole(content) and data.size else None
    if image is None:
        raise UserMistake(f"{file}: cannot be read as an image; it is damaged, replace it")
    if image.dtype != np.uint8:
        raise UserMistake(
            f"{file}: {image.dtype.itemsize * 8} bits per sample; recipes work on 8-bit frames,"
            " convert them first"
        )
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    elif image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    else:
        raise UserMistake(f"{file}: has transparency; save the frames as plain RGB")
    return np.ascontiguousarray(image, dtype=np.uint8)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}×{shape[0]}"
