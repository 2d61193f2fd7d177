"""A folder of frames as a source: PNG, JPEG or TIFF files in the order of their names.

Numbers in names count by their value. Names with one running number must have no gap in it, since
frames are taken as even steps in time; other names are taken in their sorted order as they are.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bsd.document import Document
from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes
from dataset.image import JPEG_START, MOST_PIXELS, PNG_SIGNATURE, decode_image, size_text
from dataset.order import first_gap, natural

Frame = NDArray[np.uint8]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
SIDECAR = "source.json"
_PNG_HEADER_BYTES = 33

_LEAST_RATE_HZ, _MOST_RATE_HZ = 1e-3, 1e6


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


def exact_rate(rate_hz: float, where: object) -> Fraction:
    """A stated rate as a fraction.

    Raises
    ------
    UserMistake
        It is below a frame in a quarter of an hour or above a million a second.
    """
    if not _LEAST_RATE_HZ <= rate_hz <= _MOST_RATE_HZ:
        raise UserMistake(
            f"{where}: a rate of {rate_hz:g} Hz; give one from {_LEAST_RATE_HZ:g} to"
            f" {_MOST_RATE_HZ:g} Hz"
        )
    return Fraction(rate_hz).limit_denominator(100_000)


class FrameFolder:
    """Frames of a folder; `dataset.video.Source` says what the attributes are."""

    def __init__(self, path: Path, rate_hz: float | None, shutter_us: float | None) -> None:
        self.path = path
        self.name = path.resolve().name
        self.threads = 1
        self._files = sorted(
            (file for file in path.iterdir() if file.suffix.lower() in SUFFIXES), key=natural
        )
        if not self._files:
            raise UserMistake(f"{path}: no PNG, JPEG or TIFF frames in this folder")
        _check_numbers(path, self._files)
        sidecar = path / SIDECAR
        stated = FolderSource.read(sidecar) if sidecar.exists() else None
        rate_hz = rate_hz if rate_hz is not None else (stated.rate_hz if stated else None)
        if rate_hz is None:
            raise UserMistake(
                f"{path}: the frames' rate is unknown; give --rate-hz, or write {SIDECAR}"
                ' {"format_version": 1, "rate_hz": 240} beside them'
            )
        self.rate_hz = exact_rate(rate_hz, path)
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
                    f"{file}: {size_text(found)}, but {self._files[0].name} is {size_text(shape)};"
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

    def pairs(self, places: Sequence[int]) -> Iterator[tuple[Frame, Frame]]:
        """Frames `place` and `place + 1` for each of the places, which rise."""
        for place in places:
            yield self._read(place), self._read(place + 1)

    def _read(self, number: int) -> Frame:
        file = self._files[number]
        frame = _decode(file.read_bytes(), file)
        if frame.shape[:2] != self.shape:
            raise UserMistake(f"{file}: has changed while it was read; run again")
        return frame


def _check_numbers(folder: Path, files: list[Path]) -> None:
    gap = first_gap(files)
    if gap is None:
        return
    between = f"between '{gap.before.name}' and '{gap.after.name}'"
    if gap.missing < 0:
        raise UserMistake(f"{folder}: two frames have one number, {between}; remove one")
    last = gap.first_missing + gap.missing - 1
    lacking = f"frame {last}" if gap.missing == 1 else f"frames {gap.first_missing} to {last}"
    raise UserMistake(
        f"{folder}: {lacking} missing {between}; blur needs even steps: restore what is missing,"
        " or give an unbroken run in a folder of its own (numbered without gaps if none is missing)"
    )


def _png_shape(content: bytes, file: Path) -> tuple[int, int] | None:
    """Size from the header of a whole 8-bit PNG; None where only decoding can tell."""
    if not content.startswith(PNG_SIGNATURE):
        return None
    if len(content) < _PNG_HEADER_BYTES or not _is_whole(content):
        raise UserMistake(f"{file}: the end of the file is missing; replace it")
    width, height, bits = struct.unpack_from(">IIB", content, 16)
    plausible = bits == 8 and 0 < width * height <= MOST_PIXELS
    return (height, width) if plausible else None


def _is_whole(content: bytes) -> bool:
    """Whether a PNG or JPEG has its end; the decoder would fill in grey without a word."""
    if content.startswith(PNG_SIGNATURE):
        return b"IEND" in content[-64:]
    if content.startswith(JPEG_START):
        return b"\xff\xd9" in content[len(content) // 2 :]
    return True


def _decode(content: bytes, file: Path) -> Frame:
    """One image as uint8 (H, W, 3) RGB; grey becomes three equal channels."""
    whole = _is_whole(content)
    image = decode_image(content, cv2.IMREAD_UNCHANGED, str(file)) if whole else None
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
