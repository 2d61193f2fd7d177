"""Presets: how many sequences of how many frames, of what size and rate, as the papers built it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Literal

from pydantic import Field

from bsd.document import Part
from dataset.splits import SPLITS, Split

PresetName = Literal["bsd", "bsd-2020"]


class SplitSize(Part):
    """What a split is meant to hold: sequences, and pairs of frames in each."""

    sequences: int = Field(ge=0)
    frames: int = Field(ge=1)


class Shape(Part):
    """What each split is meant to hold.

    Attributes
    ----------
    train, valid, test
        Sequences × frames.
    """

    train: SplitSize
    valid: SplitSize
    test: SplitSize

    def of(self, split: Split) -> SplitSize:
        """The size of one split."""
        size: SplitSize = getattr(self, split)
        return size

    @property
    def sequences(self) -> int:
        """Of all splits."""
        return sum(self.of(split).sequences for split in SPLITS)

    @property
    def pairs(self) -> int:
        """Of all splits."""
        return sum(self.of(split).sequences * self.of(split).frames for split in SPLITS)


class Preset(Part):
    """One of the papers' data sets.

    Attributes
    ----------
    name
        As it is asked for.
    prefix
        How the name of each tree begins.
    shape
        Per setting (and rate).
    size
        Width and height of a frame, px.
    rates_hz
        Pairs per second. The first one's trees carry no rate in their name where it is the only
        one of the preset.
    source
        Where the numbers stand.
    """

    name: PresetName
    prefix: str
    shape: Shape
    size: tuple[int, int]
    rates_hz: tuple[str, ...]
    source: str

    def tree_name(self, setting: str, rate_hz: str) -> str:
        """Name of the tree of a setting at a rate: ``BSD_2ms16ms``, ``BSD2020_2ms16ms_30fps``.

        Two data sets of one setting never share a name: what is not the preset's only rate says
        its own.
        """
        rate = Fraction(rate_hz)
        name = f"{self.prefix}_{setting}"
        if len(self.rates_hz) == 1 and rate == Fraction(self.rates_hz[0]):
            return name
        return f"{name}_{float(rate):.5g}fps"


def _shape(train: tuple[int, int], valid: tuple[int, int], test: tuple[int, int]) -> Shape:
    train_size, valid_size, test_size = (
        SplitSize(sequences=sequences, frames=frames) for sequences, frames in (train, valid, test)
    )
    return Shape(train=train_size, valid=valid_size, test=test_size)


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset(
                name="bsd",
                prefix="BSD",
                shape=_shape((60, 100), (20, 100), (20, 150)),
                size=(640, 480),
                rates_hz=("15",),
                source="Zhong et al. 2022, section 4.2 and table 1",
            ),
            Preset(
                name="bsd-2020",
                prefix="BSD2020",
                shape=_shape((18, 50), (0, 50), (6, 50)),
                size=(1280, 720),
                rates_hz=("15", "30"),
                source="Zhong et al. 2020, section 4",
            ),
        )
    }
)
"""By name."""
