"""Pixel formats by the pixel format naming convention (PFNC): codes, depths and packing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]
Phase = Literal["RG", "GR", "GB", "BG"]
"""Colours of a mosaic's first two pixels."""


@dataclass(frozen=True)
class PixelFormat:
    """One format.

    Attributes
    ----------
    name, code
        Of the PFNC.
    bits
        Depth of a sample.
    bytes_per_pixel
        In the payload; 1.5 where two 12-bit pixels share three bytes.
    output
        What a sensor is asked for (`hardware.twin.sensor`).
    phase
        Of a Bayer mosaic.
    """

    name: str
    code: int
    bits: int
    bytes_per_pixel: float
    output: Literal["mosaic", "mono", "rgb"]
    phase: Phase | None = None

    @property
    def family(self) -> str:
        """The name without the phase: what stays when a view is mirrored (``Bayer12p``)."""
        return self.name.replace(f"Bayer{self.phase}", "Bayer") if self.phase else self.name

    def payload_bytes(self, width: int, height: int) -> int:
        """Bytes of a frame; lines carry no padding."""
        return round(width * height * self.bytes_per_pixel)

    def pack(self, pixels: Samples) -> Samples:
        """Samples as they travel.

        Parameters
        ----------
        pixels
            (H, W), or (H, W, 3) for ``rgb``; uint8 or uint16, at most 2^bits − 1, and for packed
            formats an even count of pixels.

        Returns
        -------
        array
            Contiguous; of `payload_bytes` bytes. `pixels` itself where nothing is to do.
        """
        if self.bytes_per_pixel == 1.5:
            return pack_12p(pixels)
        if self.bits > 8:
            return np.ascontiguousarray(pixels, dtype=np.uint16)
        return np.ascontiguousarray(pixels, dtype=np.uint8)


def pack_12p(pixels: Samples) -> NDArray[np.uint8]:
    """12-bit samples without gaps, the first in the lowest bits (PFNC "p"): 2 pixels, 3 bytes."""
    flat = np.ascontiguousarray(pixels, dtype="<u2").reshape(-1, 2)
    pairs = flat.view("<u4").reshape(-1)
    joined = (pairs & np.uint32(0xFFF)) | ((pairs >> np.uint32(4)) & np.uint32(0xFFF000))
    return np.ascontiguousarray(joined.view(np.uint8).reshape(-1, 4)[:, :3])


def _bayer(bits: int, suffix: str, size: float, codes: dict[Phase, int]) -> list[PixelFormat]:
    return [
        PixelFormat(f"Bayer{phase}{suffix}", code, bits, size, "mosaic", phase)
        for phase, code in codes.items()
    ]


_ALL: Final = (
    PixelFormat("Mono8", 0x01080001, 8, 1, "mono"),
    PixelFormat("Mono12", 0x01100005, 12, 2, "mono"),
    PixelFormat("Mono12p", 0x010C0047, 12, 1.5, "mono"),
    *_bayer(8, "8", 1, {"RG": 0x01080009, "GR": 0x01080008, "GB": 0x0108000A, "BG": 0x0108000B}),
    *_bayer(12, "12", 2, {"RG": 0x01100011, "GR": 0x01100010, "GB": 0x01100012, "BG": 0x01100013}),
    *_bayer(
        12, "12p", 1.5, {"RG": 0x010C0059, "GR": 0x010C0057, "GB": 0x010C0055, "BG": 0x010C0053}
    ),
    PixelFormat("RGB8", 0x02180014, 8, 3, "rgb"),
)
PIXEL_FORMATS: Final = {known.name: known for known in _ALL}
"""By name."""


def phase_of(reverse_x: bool, reverse_y: bool) -> Phase:
    """Phase of an RG mosaic of even size that is mirrored."""
    phases: dict[tuple[bool, bool], Phase] = {
        (False, False): "RG",
        (True, False): "GR",
        (False, True): "GB",
        (True, True): "BG",
    }
    return phases[reverse_x, reverse_y]


def rephased(name: str, phase: Phase) -> str:
    """The format of the same family in another phase; formats without one stay."""
    old = PIXEL_FORMATS[name]
    return name.replace(f"Bayer{old.phase}", f"Bayer{phase}") if old.phase else name
