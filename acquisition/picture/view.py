"""Pictures of raw frames for a person to look at: upright, quick, two views at once.

A camera delivers a mosaic (or a plain or RGB picture) as the sensor lies: the view that the
splitter reflects is mirrored. Everything here takes a frame with its `FrameFormat` and gives it
back *upright*, as the other camera sees it. Colours are means of 2 × 2 pixels, nothing is
interpolated, but for the small crop of a zoom. Nothing here is data: measures are in
`acquisition.picture.measurement`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Flip = Literal["none", "horizontal", "vertical"]
Cfa = Literal["RGGB", "GRBG", "GBRG", "BGGR"]
"""Colours of the upper left 2 × 2 pixels, row by row."""

Frame = NDArray[np.uint8] | NDArray[np.uint16]
"""As delivered: (H, W), or (H, W, 3) RGB."""

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB for a display."""

CHANNELS: Final = ("R", "G", "B")
_MIRRORED: Final[dict[Flip, dict[Cfa, Cfa]]] = {
    "horizontal": {"RGGB": "GRBG", "GRBG": "RGGB", "GBRG": "BGGR", "BGGR": "GBRG"},
    "vertical": {"RGGB": "GBRG", "GBRG": "RGGB", "GRBG": "BGGR", "BGGR": "GRBG"},
}
_INTERPOLATIONS: Final[dict[Cfa, int]] = {
    "RGGB": cv2.COLOR_BayerRGGB2RGB,
    "GRBG": cv2.COLOR_BayerGRBG2RGB,
    "GBRG": cv2.COLOR_BayerGBRG2RGB,
    "BGGR": cv2.COLOR_BayerBGGR2RGB,
}
_SATURATED_SHARE: Final = 0.98
_LUMA: Final = np.array([[0.2126, 0.7152, 0.0722]], dtype=np.float32)


@dataclass(frozen=True)
class FrameFormat:
    """How one camera's frames are to be read.

    Attributes
    ----------
    cfa
        Mosaic of the frame as delivered; None where there is none.
    bits
        Significant bits of a sample.
    black_dn
        Level of no light.
    flip
        How the view reaches the sensor (``rig.yaml``).
    saturation_dn
        From here on a sample says nothing; by default 98 % of the largest one, since a full well
        often ends a little below it.
    """

    cfa: Cfa | None = None
    bits: int = 8
    black_dn: float = 0.0
    flip: Flip = "none"
    saturation_dn: int | None = None

    @property
    def clip_dn(self) -> int:
        """Samples from here on are clipped."""
        if self.saturation_dn is not None:
            return self.saturation_dn
        return round(_SATURATED_SHARE * self.white_dn)

    @property
    def white_dn(self) -> int:
        """Largest sample."""
        return int(2**self.bits - 1)

    @property
    def upright_cfa(self) -> Cfa | None:
        """Mosaic after `unflip`: sides are even there."""
        if self.cfa is None or self.flip == "none":
            return self.cfa
        return _MIRRORED[self.flip][self.cfa]


class Planes(NamedTuple):
    """The samples of a frame by colour, each (H/2, W/2), upright; views into the frame.

    `greens` are those of the red rows and of the blue rows. A plain picture is told the same way:
    its four planes are the corners of its 2 × 2 pixels, `red` and `blue` a quarter each.
    """

    red: Frame
    greens: tuple[Frame, Frame]
    blue: Frame


def unflip(frame: Frame, form: FrameFormat) -> Frame:
    """A frame as the other camera sees it; (H, W) or (H, W, 3), a view, no copy.

    Odd last rows and columns are cut off first, so that the mosaic keeps a phase (`upright_cfa`).
    """
    frame = frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
    if form.flip == "horizontal":
        return frame[:, ::-1]
    return frame[::-1] if form.flip == "vertical" else frame


def planes(frame: Frame, form: FrameFormat) -> Planes:
    """The four planes of a frame (H, W) as delivered; see `Planes`."""
    upright = unflip(frame, form)
    if upright.ndim == 3:  # full colour: the greens of two corners, as of a mosaic RGGB
        corners = upright[0::2, 0::2], upright[0::2, 1::2], upright[1::2, 0::2]
        last = upright[1::2, 1::2]
        return Planes(corners[0][..., 0], (corners[1][..., 1], corners[2][..., 1]), last[..., 2])
    place = _places(form.upright_cfa or "RGGB")
    return Planes(
        upright[place["R"]], (upright[place["G"]], upright[place["g"]]), upright[place["B"]]
    )


def quick_picture(
    frame: Frame, form: FrameFormat, gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> Picture:
    """Upright picture of half the size, with the black level taken off and sRGB's curve.

    Parameters
    ----------
    frame
        (H, W) or (H, W, 3), as delivered.
    form
        How to read it.
    gains
        Of red, green, blue, in linear light.

    Returns
    -------
    array
        (H/2, W/2, 3) uint8 RGB, contiguous.
    """
    if frame.ndim == 3:
        upright = unflip(frame, form)
        size = (upright.shape[1] // 2, upright.shape[0] // 2)
        small = _samples(
            cv2.resize(np.ascontiguousarray(upright), size, interpolation=cv2.INTER_AREA), frame
        )
        channels = [small[..., index] for index in range(3)]
    elif form.cfa is None:
        four = planes(frame, form)
        grey = _mean(_mean(four.red, four.blue), _mean(*four.greens))
        return cv2.merge([_curved(grey, form, gains[1])] * 3).astype(np.uint8, copy=False)
    else:
        four = planes(frame, form)
        channels = [four.red, _mean(*four.greens), four.blue]
    shown = [_curved(channel, form, gain) for channel, gain in zip(channels, gains, strict=True)]
    return cv2.merge(shown).astype(np.uint8, copy=False)


def zoomed(
    frame: Frame,
    form: FrameFormat,
    centre: tuple[float, float],
    size_px: tuple[int, int],
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Picture:
    """A crop at one pixel to a pixel, for focusing; a mosaic is interpolated bilinearly.

    Parameters
    ----------
    centre
        (x, y) as shares of the upright view's width and height, 0 to 1.
    size_px
        (width, height); cut down to the view, even.

    Returns
    -------
    array
        (height, width, 3) uint8 RGB.
    """
    crop = cropped(frame, form, centre, size_px)
    if crop.ndim == 3:
        colour: Frame = crop
    elif form.cfa is None:
        colour = _samples(np.repeat(crop[..., None], 3, axis=2), frame)
    else:
        code = _INTERPOLATIONS[form.upright_cfa or form.cfa]
        colour = _samples(cv2.cvtColor(crop, code), frame)
    shown = [_curved(colour[..., index], form, gains[index]) for index in range(3)]
    return cv2.merge(shown).astype(np.uint8, copy=False)


def cropped(
    frame: Frame, form: FrameFormat, centre: tuple[float, float], size_px: tuple[int, int]
) -> Frame:
    """A part of the upright frame at even places, so that its mosaic is `form.upright_cfa`.

    (h, w) or (h, w, 3) of the frame's dtype, contiguous; `centre` and `size_px` as for `zoomed`.
    """
    upright = unflip(frame, form)
    begins, ends = [], []
    for length, share, wanted in zip(upright.shape[1::-1], centre, size_px, strict=False):
        size = max(2, min(wanted, length) // 2 * 2)
        begin = round((share * length - size / 2) / 2) * 2
        begin = min(max(begin, 0), length - size)
        begins.append(begin)
        ends.append(begin + size)
    part = upright[begins[1] : ends[1], begins[0] : ends[0]]
    return _samples(np.ascontiguousarray(part), frame)


def side_by_side(blurry: Picture, sharp: Picture, gap_px: int = 4) -> Picture:
    """Both pictures beside each other, C1 on the left; the smaller one is filled up with black."""
    height = max(len(blurry), len(sharp))
    gap = np.zeros((height, gap_px, 3), dtype=np.uint8)
    filled = []
    for picture in (blurry, sharp):
        whole = np.zeros((height, *picture.shape[1:]), dtype=np.uint8)
        whole[: len(picture)] = picture
        filled.append(whole)
    return np.hstack([filled[0], gap, filled[1]])


def overlay(blurry: Picture, sharp: Picture, share: float = 0.5) -> Picture:
    """`share` of C2 over C1; what is not aligned shows twice."""
    first, second = _common(blurry, sharp)
    return cv2.addWeighted(first, 1 - share, second, share, 0).astype(np.uint8, copy=False)


def difference(blurry: Picture, sharp: Picture, gain: float = 2.0) -> Picture:
    """C1 − C2 around mid-grey, times `gain`: equal views are grey all over."""
    first, second = _common(blurry, sharp)
    return cv2.addWeighted(first, gain, second, -gain, 128).astype(np.uint8, copy=False)


def anaglyph(blurry: Picture, sharp: Picture) -> Picture:
    """C1's luminance in red, C2's in green and blue: what is not aligned gets coloured fringes."""
    first, second = (cv2.transform(each, _LUMA) for each in _common(blurry, sharp))
    return cv2.merge([first, second, second]).astype(np.uint8, copy=False)


def blink(blurry: Picture, sharp: Picture) -> tuple[Picture, Picture]:
    """Both pictures in one size, to be shown in turn."""
    return _common(blurry, sharp)


@dataclass(frozen=True)
class Histogram:
    """How often samples occur.

    Attributes
    ----------
    counts
        Channel ("R", "G", "B", or "Y" of a plain picture) → counts of equal bins from 0 to white.
    clipped
        Channel → share of samples from `clip_dn` on, 0 to 1.
    black_dn, clip_dn, white_dn
        Level of no light, begin of clipping, largest sample.
    """

    counts: dict[str, list[int]]
    clipped: dict[str, float]
    black_dn: float
    clip_dn: int
    white_dn: int


def histogram(frame: Frame, form: FrameFormat, bins: int = 64) -> Histogram:
    """Histogram of the samples as delivered, per channel of the mosaic.

    Parameters
    ----------
    bins
        A power of two up to 2^bits.
    """
    counts: dict[str, NDArray[np.int64]] = {}
    clipped: dict[str, float] = {}
    for name, parts in channel_planes(frame, form).items():
        fine = sum(_fine_counts(part, form) for part in parts)
        counts[name] = np.asarray(fine).reshape(bins, -1).sum(axis=1)
        clipped[name] = float(np.sum(np.asarray(fine)[form.clip_dn :]) / max(1, np.sum(fine)))
    as_lists = {name: [int(n) for n in each] for name, each in counts.items()}
    return Histogram(as_lists, clipped, form.black_dn, form.clip_dn, form.white_dn)


def channel_planes(frame: Frame, form: FrameFormat) -> dict[str, tuple[Frame, ...]]:
    """All samples of a frame by channel, upright: "R", "G", "B", or "Y" of a plain picture."""
    if frame.ndim == 3:
        upright = unflip(frame, form)
        return {name: (upright[..., index],) for index, name in enumerate(CHANNELS)}
    four = planes(frame, form)
    if form.cfa is None:
        return {"Y": (four.red, *four.greens, four.blue)}
    return {"R": (four.red,), "G": four.greens, "B": (four.blue,)}


def _places(cfa: Cfa) -> dict[str, tuple[slice, slice]]:
    """Where the colours lie; "G" is the green of the red rows, "g" that of the blue ones."""
    spots = {0: (0, 0), 1: (0, 1), 2: (1, 0), 3: (1, 1)}
    red_row = cfa.index("R") // 2
    found = {}
    for index, (row, column) in spots.items():
        colour = cfa[index]
        name = "g" if colour == "G" and row != red_row else colour
        found[name] = (slice(row, None, 2), slice(column, None, 2))
    return found


def _mean(first: Frame, second: Frame) -> Frame:
    """Rounded half to even, in the same dtype; inputs may be strided."""
    return _samples(cv2.addWeighted(first, 0.5, second, 0.5, 0), first)


def _samples(made: NDArray[Any], like: Frame) -> Frame:
    """What OpenCV made of samples, which keeps their dtype."""
    if like.dtype == np.uint8:
        return made.astype(np.uint8, copy=False)
    return made.astype(np.uint16, copy=False)


def _common(first: Picture, second: Picture) -> tuple[Picture, Picture]:
    height, width = (min(a, b) for a, b in zip(first.shape[:2], second.shape[:2], strict=True))
    return first[:height, :width], second[:height, :width]


def _curved(channel: Frame, form: FrameFormat, gain: float) -> Picture:
    """Linear samples → sRGB-coded uint8."""
    curve = _curve(form.bits, form.black_dn, gain)
    if channel.dtype == np.uint8:
        whole = curve if len(curve) == 256 else np.pad(curve, (0, 256 - len(curve)), mode="edge")
        return cv2.LUT(np.ascontiguousarray(channel), whole).astype(np.uint8, copy=False)
    return np.asarray(curve[np.minimum(channel, len(curve) - 1)], dtype=np.uint8)


@lru_cache(maxsize=64)
def _curve(bits: int, black_dn: float, gain: float) -> Picture:
    white_dn = 2**bits - 1
    samples = np.arange(white_dn + 1, dtype=np.float64)
    linear = np.clip(gain * (samples - black_dn) / (white_dn - black_dn), 0.0, 1.0)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.floor(255.0 * coded + 0.5), dtype=np.uint8)


def _fine_counts(part: Frame, form: FrameFormat) -> NDArray[np.int64]:
    """Counts of every value; what lies above the largest counts as the largest."""
    size = form.white_dn + 1
    found = cv2.calcHist([np.ascontiguousarray(part)], [0], None, [size], [0, size])
    counts = found.ravel().astype(np.int64)
    counts[-1] += part.size - counts.sum()
    return counts
