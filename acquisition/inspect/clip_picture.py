"""Pictures of a clip's pairs as PNG: each view, anaglyph, difference, and both in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from acquisition.clip.format import frame_format
from acquisition.clip.reader import Clip
from acquisition.ledger.row import Verdict
from acquisition.picture.animation import animated_png
from acquisition.picture.measurement import PairMeasurement, measure_pair, measure_view
from acquisition.picture.view import (
    Frame,
    FrameFormat,
    Picture,
    anaglyph,
    blink,
    difference,
    quick_picture,
    side_by_side,
)
from acquisition.rig import Role
from bsd.errors import EnvironmentFault

_BLINK_MS: Final = 600  # slower than three flashes a second

_AS_IT_IS: Final = frozenset({"dark", "flat", "series"})
"""Purposes whose level is what there is to see."""

_LEAST_GAIN: Final = 0.4
_MOST_GAIN: Final = 16.0
_BRIGHT: Final = 0.85

Gains = tuple[float, float, float]


@dataclass(frozen=True)
class Pair:
    """Both frames of one pulse.

    Attributes
    ----------
    pulse
        Its number.
    blurry, sharp
        As delivered.
    """

    pulse: int
    blurry: Frame
    sharp: Frame


@dataclass(frozen=True)
class PairPictures:
    """PNG files of one pair, upright and of one size."""

    blurry: bytes
    sharp: bytes
    anaglyph: bytes
    difference: bytes


@dataclass(frozen=True)
class Studio:
    """How the pictures of one clip are made: the same for all of them.

    Attributes
    ----------
    forms
        Of the blurry and the sharp camera.
    gains
        Red, green, blue of both views, for the display alone.
    """

    forms: tuple[FrameFormat, FrameFormat]
    gains: Gains

    @classmethod
    def of(cls, clip: Clip) -> Studio:
        """Of a clip: grey world and brightness from its middle, but for photometric clips."""
        forms = frame_format(clip.head, "blurry"), frame_format(clip.head, "sharp")
        frames = clip.frames("sharp")
        gains = (1.0, 1.0, 1.0)
        if len(frames) and clip.head.purpose not in _AS_IT_IS:
            gains = _gains(frames[len(frames) // 2], forms[1])
        return cls(forms, gains)

    def views(self, pair: Pair) -> tuple[Picture, Picture]:
        """Both upright, half the size, in one size."""
        blurry = quick_picture(pair.blurry, self.forms[0], self.gains)
        return blink(blurry, quick_picture(pair.sharp, self.forms[1], self.gains))

    def pictures(self, pair: Pair) -> PairPictures:
        """All still pictures of a pair."""
        blurry, sharp = self.views(pair)
        made = (blurry, sharp, anaglyph(blurry, sharp), difference(blurry, sharp))
        return PairPictures(*(png(each) for each in made))

    def blinking(self, pair: Pair) -> bytes:
        """Both views in turn, an animated PNG."""
        blurry, sharp = self.views(pair)
        return animated_png(png(blurry), png(sharp), _BLINK_MS)

    def beside(self, pair: Pair, most_px: int | None = None) -> bytes:
        """Both views beside each other, made smaller where they are wider than `most_px`."""
        picture = side_by_side(*self.views(pair))
        if most_px is not None and picture.shape[1] > most_px:
            height = max(1, round(picture.shape[0] * most_px / picture.shape[1]))
            picture = np.asarray(
                cv2.resize(picture, (most_px, height), interpolation=cv2.INTER_AREA), np.uint8
            )
        return png(picture)

    def measure(self, pair: Pair) -> PairMeasurement:
        """Light and focus of a pair."""
        return measure_pair(pair.blurry, pair.sharp, self.forms)

    def single(self, role: Role, frame: Frame) -> bytes:
        """One view by itself."""
        return png(quick_picture(frame, self.forms[role == "sharp"], self.gains))


def chosen_pairs(clip: Clip) -> dict[str, Pair]:
    """First, middle and last pair of a clip that has a trigger; fewer where there are fewer."""
    if clip.head.sync == "none":
        return {}
    rows = clip.ledger[clip.ledger["verdict"] == Verdict.PAIRED]
    places = {"first": 0, "middle": len(rows) // 2, "last": len(rows) - 1}
    blurry, sharp = clip.frames("blurry"), clip.frames("sharp")
    found: dict[str, Pair] = {}
    for name, place in places.items():
        if not len(rows) or any(pair.pulse == int(rows[place]["pulse"]) for pair in found.values()):
            continue
        row = rows[place]
        frames = blurry[int(row["c1_index"])], sharp[int(row["c2_index"])]
        found[name] = Pair(int(row["pulse"]), *frames)
    return found


def png(picture: Picture) -> bytes:
    """A picture (H, W, 3) RGB as a PNG file."""
    done, content = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    if not done:
        raise EnvironmentFault("OpenCV cannot write PNG pictures; install it anew")
    return content.tobytes()


def _gains(frame: Frame, form: FrameFormat) -> Gains:
    channels = measure_view(frame, form).channels
    if "Y" in channels:
        means = (channels["Y"].share,) * 3
    else:
        means = (channels["R"].share, channels["G"].share, channels["B"].share)
    if min(means) <= 0.001:  # dark, or one colour only
        return (1.0, 1.0, 1.0)
    balance = tuple(min(4.0, max(_LEAST_GAIN, means[1] / each)) for each in means)
    share = (float(np.percentile(frame[::3, ::3], 99)) - form.black_dn) / (
        form.white_dn - form.black_dn
    )
    bright = min(_MOST_GAIN, max(1.0, _BRIGHT / max(share, 1e-3)))
    return (balance[0] * bright, balance[1] * bright, balance[2] * bright)
