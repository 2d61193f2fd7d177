"""GenICam pixel formats that a capture can record: how samples arrive once they are unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from bsd.errors import UserMistake

Cfa = Literal["RGGB", "GRBG", "GBRG", "BGGR"]

_PHASES: Final[dict[str, Cfa]] = {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}
_RAW_KINDS: Final = (
    ("8", 8, False),
    ("10", 10, False),
    ("12", 12, False),
    ("16", 16, False),
    ("10p", 10, True),
    ("12p", 12, True),
    ("10Packed", 10, True),
    ("12Packed", 12, True),
)
_COLOUR_BITS: Final = (8, 10, 12, 16)


@dataclass(frozen=True)
class PixelFormat:
    """One format.

    Attributes
    ----------
    name
        Of the pixel format naming convention, such as ``BayerRG12p``.
    dtype
        Of a sample after unpacking.
    bits
        Significant bits of a sample, in its lower end.
    channels
        1, or 3 (RGB).
    cfa
        Colours of the upper left 2 × 2 pixels by rows; None without a mosaic.
    packed
        Whether samples share bytes on the way.
    """

    name: str
    dtype: Literal["uint8", "uint16"]
    bits: int
    channels: Literal[1, 3]
    cfa: Cfa | None
    packed: bool

    @property
    def sample_bytes(self) -> int:
        """Bytes of a sample after unpacking."""
        return 1 if self.dtype == "uint8" else 2

    def frame_bytes(self, width_px: int, height_px: int) -> int:
        """Bytes of a frame after unpacking."""
        return width_px * height_px * self.channels * self.sample_bytes


def _known() -> Iterator[PixelFormat]:
    raw: list[tuple[str, Cfa | None]] = [("Mono", None)]
    raw += [(f"Bayer{letters}", cfa) for letters, cfa in _PHASES.items()]
    for base, cfa in raw:
        for suffix, bits, packed in _RAW_KINDS:
            dtype: Literal["uint8", "uint16"] = "uint8" if bits == 8 else "uint16"
            yield PixelFormat(base + suffix, dtype, bits, 1, cfa, packed)
    for bits in _COLOUR_BITS:
        yield PixelFormat(f"RGB{bits}", "uint8" if bits == 8 else "uint16", bits, 3, None, False)


PIXEL_FORMATS: Final = {known.name: known for known in _known()}


def pixel_format(name: str) -> PixelFormat:
    """The format of a GenICam name.

    Raises
    ------
    UserMistake
        It cannot be recorded.
    """
    if name not in PIXEL_FORMATS:
        raise UserMistake(
            f"pixel format {name!r} cannot be recorded; known: {', '.join(PIXEL_FORMATS)}"
        )
    return PIXEL_FORMATS[name]
