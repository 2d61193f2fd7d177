"""What may be published of a pair beside its RGB frames, and the files that hold it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsd.errors import UserMistake
from dataset.layout import VIEWS, Product, View
from dataset.png import decode_png, encode_png, png_shape
from dataset.tiff import TiffNote, decode_tiff, encode_tiff

Array = NDArray[Any]
_SATURATED = 255


@dataclass(frozen=True)
class PairExtras:
    """Arrays of one pair, each as (blurry, sharp); None where a product is not published.

    Attributes
    ----------
    raw
        Mosaics as sensed, uint8 or uint16 (h, w); the two may differ in size.
    cfas
        Colours of the upright 2x2 cell of each mosaic as it is cut, such as ``RGGB``; None for a
        sensor without filters.
    bits
        Significant bits of a raw sample; default: all of its type.
    linear
        The aligned pair in linear light, uint16 (H, W, 3) RGB, of the RGB frames' size.
    masks
        True where a view is saturated, bool (H, W), of the RGB frames' size.
    """

    raw: tuple[Array, Array] | None = None
    cfas: tuple[str | None, str | None] = (None, None)
    bits: int | None = None
    linear: tuple[Array, Array] | None = None
    masks: tuple[Array, Array] | None = None

    @property
    def products(self) -> tuple[Product, ...]:
        """Which products are here, in a fixed order."""
        held: tuple[tuple[Product, object], ...] = (
            ("RAW", self.raw),
            ("Linear", self.linear),
            ("Mask", self.masks),
        )
        return tuple(name for name, content in held if content is not None)

    def copied(self) -> PairExtras:
        """The same with arrays of its own, in row-major order."""
        return PairExtras(
            _copied(self.raw), self.cfas, self.bits, _copied(self.linear), _copied(self.masks)
        )

    def check(self, shape: tuple[int, ...], where: str) -> None:
        """Raise `UserMistake` unless every array fits RGB frames of `shape` (H, W, 3)."""
        for view, image in zip(VIEWS, self.raw or (), strict=False):
            if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16) or 0 in image.shape:
                raise UserMistake(
                    f"{where}: {view} RAW is {image.dtype} {image.shape}, needs uint8 or uint16"
                    " (h, w)"
                )
        for name, pair, dtype, wanted in (
            ("Linear", self.linear, np.uint16, tuple(shape)),
            ("Mask", self.masks, np.bool_, tuple(shape[:2])),
        ):
            for view, image in zip(VIEWS, pair or (), strict=False):
                if image.dtype != dtype or image.shape != wanted:
                    raise UserMistake(
                        f"{where}: {view} {name} is {image.dtype} {image.shape}, needs"
                        f" {np.dtype(dtype)} {wanted}"
                    )

    def files(self, view: View) -> Iterator[tuple[Product, Array, str | None, bytes]]:
        """Product, array as it is decoded again, colour filters, and file of one view."""
        place = VIEWS.index(view)
        if self.raw is not None:
            image = self.raw[place]
            note = TiffNote(cfa=self.cfas[place], bits=self.bits or 8 * image.itemsize)
            yield "RAW", image, note.cfa, encode_tiff(image, note)
        if self.linear is not None:
            image = self.linear[place]
            yield "Linear", image, None, encode_tiff(image, None)
        if self.masks is not None:
            image = self.masks[place].astype(np.uint8) * _SATURATED
            yield "Mask", image, None, encode_png(image)


def _copied(pair: tuple[Array, Array] | None) -> tuple[Array, Array] | None:
    return None if pair is None else (np.array(pair[0], order="C"), np.array(pair[1], order="C"))


def decode_mask(content: bytes, where: str) -> NDArray[np.uint8]:
    """A saturation mask's file as it is listed: uint8 (H, W), 255 where saturated and else 0.

    Raises
    ------
    UserMistake
        Not a grey 8-bit PNG, damaged, or with other values.
    """
    if png_shape(content, where)[2] != 1:
        raise UserMistake(f"{where}: a mask is a grey PNG, this one has colours")
    mask = np.ascontiguousarray(decode_png(content, where)[..., 0])
    if not np.isin(mask, (0, _SATURATED)).all():
        raise UserMistake(f"{where}: a mask holds 0 and {_SATURATED} only")
    return mask


def encode_map(map_xy: NDArray[np.float32]) -> bytes:
    """NPY file of a map: float32 (h, w, 2), x and y in px of C2's mosaic as it is published."""
    file = io.BytesIO()
    np.lib.format.write_array(
        file, np.ascontiguousarray(map_xy, "<f4"), version=(1, 0), allow_pickle=False
    )
    return file.getvalue()


def decode_map(content: bytes, where: str) -> NDArray[np.float32]:
    """The array of `encode_map`; `UserMistake` for whatever is not a whole one."""
    try:
        found = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise UserMistake(f"{where}: the map is damaged; restore the file from a copy") from error
    if found.dtype != np.dtype("<f4") or found.ndim != 3 or found.shape[2] != 2:
        raise UserMistake(
            f"{where}: a map is float32 (h, w, 2), this is {found.dtype} {found.shape}"
        )
    if not np.isfinite(found).all():
        raise UserMistake(f"{where}: the map holds what is no number; restore the file from a copy")
    return np.asarray(found, np.float32)


def decode_extra(content: bytes, product: Product, where: str) -> tuple[Array, str | None]:
    """Array and colour filters of a file beside RGB; `UserMistake` where it is damaged."""
    if product == "Mask":
        return decode_mask(content, where), None
    image, note = decode_tiff(content, where)
    return image, None if note is None else note.cfa
