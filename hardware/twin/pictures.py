"""Photographs, files and noise as linear RGBA, and the texture that the renderer samples.

A texture is premultiplied float32 RGBA, texel centres at integers. Where the picture ends, a ring
of clear texels lets the edge fall off over one texel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.errors import EnvironmentFault, UserMistake
from hardware.twin.pictures_config import Noise, Photograph, PictureFile

Texels = NDArray[np.float32]

ONCE, MIRROR, FILL = 0, 1, 2
"""What lies beyond the picture: nothing, its mirror images, its border."""


@dataclass(frozen=True)
class Texture:
    """A picture on its plane.

    Attributes
    ----------
    rgba
        (H, W, 4) float32, premultiplied linear light.
    to_texel
        (3, 3): (x mm, y mm, 1) from the picture's centre → texel.
    extent
        ONCE, MIRROR or FILL.
    """

    rgba: Texels
    to_texel: NDArray[np.float64]
    extent: int

    @property
    def texel_mm(self) -> float:
        """Width of a texel."""
        return float(1.0 / self.to_texel[0, 0])


def texture(rgba: Texels, size_mm: tuple[float, float], extent: int) -> Texture:
    """Place a picture of a size in millimetres about its centre."""
    height, width = rgba.shape[:2]
    scale_x, scale_y = width / size_mm[0], height / size_mm[1]
    border = 0.0
    if extent == ONCE:
        rgba = np.pad(rgba, ((1, 1), (1, 1), (0, 0)))
        border = 1.0
    to_texel = np.array(
        [
            [scale_x, 0.0, (width - 1) / 2.0 + border],
            [0.0, scale_y, (height - 1) / 2.0 + border],
            [0.0, 0.0, 1.0],
        ]
    )
    return Texture(np.ascontiguousarray(rgba, dtype=np.float32), to_texel, extent)


def opaque(rgb: Texels) -> Texels:
    """RGBA of an RGB picture."""
    return np.concatenate([rgb, np.ones_like(rgb[..., :1])], axis=2)


def raster(
    picture: Photograph | PictureFile | Noise, finest_mm: float, seed: int
) -> tuple[Texels, tuple[float, float]]:
    """A picture of pixels as premultiplied linear RGBA, and its size in millimetres.

    Texels finer than `finest_mm` are averaged (area) until they are not: what the oversampled
    grid could not sample would come back as moiré.
    """
    if isinstance(picture, Photograph):
        rgba = opaque(decode_srgb(_photograph(picture.name)))
    elif isinstance(picture, PictureFile):
        rgba = _file(Path(picture.path), picture.encoding)
    else:
        rgba = opaque(_noise(picture.size_px, seed))
    height, width = rgba.shape[:2]
    if picture.outline == "ellipse":
        rgba = rgba * _ellipse(height, width)
    size_mm = (picture.width_mm, picture.width_mm * height / width)
    if picture.width_mm / width < finest_mm:
        columns = max(2, int(picture.width_mm / finest_mm))
        rows = max(2, round(columns * height / width))
        rgba = np.asarray(
            cv2.resize(rgba, (columns, rows), interpolation=cv2.INTER_AREA), np.float32
        )
    return rgba.astype(np.float32), size_mm


def decode_srgb(code: NDArray[np.uint8] | NDArray[np.uint16]) -> Texels:
    """Linear light in [0, 1] of sRGB code values (IEC 61966-2-1)."""
    value = code / float(np.iinfo(code.dtype).max)
    curved = ((value + 0.055) / 1.055) ** 2.4
    return np.where(value <= 0.04045, value / 12.92, curved).astype(np.float32)


def _photograph(name: str) -> NDArray[np.uint8]:
    try:
        from skimage import data
    except ImportError as error:
        raise EnvironmentFault(
            f"photograph '{name}' needs scikit-image; pip install 'bsd-toolkit[demo]',"
            " or use a picture of kind 'noise' or 'file'"
        ) from error
    picture: NDArray[np.uint8] = np.asarray(getattr(data, name)(), dtype=np.uint8)
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture[..., :3]


def _file(path: Path, encoding: str) -> Texels:
    if not path.is_file():
        raise UserMistake(f"{path}: no such picture; the world's field 'path' names it")
    found: NDArray[Any] | None = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype not in (np.uint8, np.uint16):
        raise UserMistake(f"{path}: not a picture of 8 or 16 bit that OpenCV can read")
    if found.ndim == 2:
        found = np.repeat(found[..., None], 3, axis=2)
    top = float(np.iinfo(found.dtype).max)
    rgb = np.ascontiguousarray(found[..., 2::-1])
    linear = decode_srgb(rgb) if encoding == "srgb" else (rgb / top).astype(np.float32)
    rgba = opaque(linear)
    if found.shape[2] == 4:
        rgba *= (found[..., 3:] / top).astype(np.float32)
    return rgba


def _noise(size: int, seed: int) -> Texels:
    """Three correlated planes of 1/f noise, periodic, mean 0.3, within [0.02, 0.95]."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, 0x7E87]))
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    fall = 1.0 / np.maximum(np.hypot(fx, fy), 1.0 / size)
    planes = [
        np.fft.irfft2(np.fft.rfft2(generator.standard_normal((size, size))) * fall, s=(size, size))
        for _ in range(4)
    ]
    unit = [(plane - plane.mean()) / plane.std() for plane in planes]
    rgb = np.stack([0.3 + 0.14 * unit[3] + 0.07 * unit[channel] for channel in range(3)], axis=2)
    return np.asarray(np.clip(rgb, 0.02, 0.95), dtype=np.float32)


def _ellipse(height: int, width: int) -> Texels:
    y = (np.arange(height) + 0.5) / height * 2.0 - 1.0
    x = (np.arange(width) + 0.5) / width * 2.0 - 1.0
    radius = np.hypot(x[None], y[:, None])
    edge = (1.0 - radius) * min(height, width) / 2.0 + 0.5  # about one texel wide
    return np.clip(edge, 0.0, 1.0)[..., None].astype(np.float32)


def scaled(source: Texture, brightness: float) -> Texture:
    """A texture with its light, not its cover, multiplied."""
    factors = np.array([brightness, brightness, brightness, 1.0], dtype=np.float32)
    return replace(source, rgba=source.rgba * factors)
