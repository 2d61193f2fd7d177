"""Training samples: random crops of frame windows, each a pure function of (seed, iteration)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.cache import CachedSequence, Frames
from bsd.errors import UserMistake

# What cv2.flip calls the axes, by (left-right, up-down).
_FLIP_CODES = {(True, False): 1, (False, True): 0, (True, True): -1}


class Batch(NamedTuple):
    """Frames of one iteration, uint8 RGB.

    Attributes
    ----------
    blurry
        (N, T, crop, crop, 3).
    sharp
        (N, T - P - F, crop, crop, 3): of the frames that the model restores.
    """

    blurry: Frames
    sharp: Frames


class Choice(NamedTuple):
    """One sample: which sequence, its first frame, its corner, and how it is mirrored."""

    sequence: int
    start: int
    top_px: int
    left_px: int
    flip_x: bool
    flip_y: bool


@dataclass(frozen=True)
class CropSampler:
    """Draws windows uniformly over all places in all sequences, with replacement.

    Sample (iteration, slot) comes from ``SeedSequence([seed, iteration, slot])`` alone, so that a
    resumed training, or any number of loaders, sees the same samples.

    Parameters
    ----------
    sequences
        Cached sequences; those shorter than a window are never drawn.
    frames
        T, frames of a window.
    crop_px
        Side of the square crop.
    batch
        N, samples of an iteration.
    seed
        The training's seed.
    past, future
        P and F of the model: sharp frames are read for frames P to T - 1 - F of the window.
    flips
        Mirror left-right and up-down, each with probability 1/2, a whole window alike.

    Raises
    ------
    UserMistake
        No sequence is long enough, or a frame is smaller than the crop.
    """

    sequences: Sequence[CachedSequence]
    frames: int
    crop_px: int
    batch: int
    seed: int
    past: int = 0
    future: int = 0
    flips: bool = True

    def __post_init__(self) -> None:
        if not self.windows.sum():
            longest = max((len(one) for one in self.sequences), default=0)
            raise UserMistake(
                f"data.frames: windows of {self.frames} frames, the longest training sequence has"
                f" {longest}; give a smaller data.frames or longer sequences"
            )
        for one in self.sequences:
            height, width = one.blurry.shape[1:3]
            if min(height, width) < self.crop_px:
                raise UserMistake(
                    f"data.crop_px: {self.crop_px} px do not fit into sequence {one.name} of"
                    f" {width}x{height}; give a smaller data.crop_px"
                )

    @cached_property
    def windows(self) -> NDArray[np.int64]:
        """How many windows each sequence has, one for every possible first frame."""
        lengths = np.array([len(one) for one in self.sequences], dtype=np.int64)
        return np.maximum(lengths - self.frames + 1, 0)

    def choose(self, iteration: int, slot: int) -> Choice:
        """Where sample `slot` of an iteration lies."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, iteration, slot]))
        ends = np.cumsum(self.windows)
        window = int(rng.integers(ends[-1]))
        sequence = int(np.searchsorted(ends, window, side="right"))
        start = window - int(ends[sequence] - self.windows[sequence])
        height, width = self.sequences[sequence].blurry.shape[1:3]
        top = int(rng.integers(height - self.crop_px + 1))
        left = int(rng.integers(width - self.crop_px + 1))
        flip_x, flip_y = (bool(value) for value in rng.integers(2, size=2))
        return Choice(sequence, start, top, left, flip_x and self.flips, flip_y and self.flips)

    def load(self, iteration: int) -> Batch:
        """Read the samples of an iteration."""
        restored = self.frames - self.past - self.future
        side = self.crop_px
        blurry = np.empty((self.batch, self.frames, side, side, 3), dtype=np.uint8)
        sharp = np.empty((self.batch, restored, side, side, 3), dtype=np.uint8)
        for slot in range(self.batch):
            choice = self.choose(iteration, slot)
            one = self.sequences[choice.sequence]
            self._copy(one.blurry, choice, choice.start, blurry[slot])
            self._copy(one.sharp, choice, choice.start + self.past, sharp[slot])
        return Batch(blurry, sharp)

    def _copy(self, frames: Frames, choice: Choice, first: int, target: Frames) -> None:
        rows = slice(choice.top_px, choice.top_px + self.crop_px)
        columns = slice(choice.left_px, choice.left_px + self.crop_px)
        crop = frames[first : first + len(target), rows, columns]
        code = _FLIP_CODES.get((choice.flip_x, choice.flip_y))
        if code is None:
            target[:] = crop
            return
        # numpy mirrors three bytes at a time; OpenCV does whole registers.
        for source, mirrored in zip(crop, target, strict=True):
            cv2.flip(source, code, dst=mirrored)
