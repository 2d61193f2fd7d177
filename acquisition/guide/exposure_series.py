"""The exposures of a series: from a setting downwards, as far as cameras and controller allow."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from acquisition import exposure
from acquisition.feasibility import ImpossibleExposure
from acquisition.guide.step import LEAST_LEVELS
from acquisition.rig import Rig
from bsd.errors import UserMistake
from bsd.setting import RATIO, Setting

Rate = Fraction | float | str

_LOWEST_SHARES: Final = (Fraction(1, 16), Fraction(1, 12), Fraction(1, 8), Fraction(1, 4))
"""How far down a series goes, if the cameras and the controller allow it."""


def series_settings(setting: Setting, rate_hz: Rate, rig: Rig | None, levels: int) -> list[Setting]:
    """Exposures from the setting downwards, evenly in their logarithm, C1 always 8 times C2.

    Parameters
    ----------
    setting
        The longest.
    rate_hz
        Frames per second.
    rig
        None: anything in whole microseconds is possible.
    levels
        How many; fewer, but at least 8, where cameras round two to the same.

    Raises
    ------
    UserMistake
        The cameras and the controller allow fewer than 8.
    """
    why: UserMistake | None = None
    for lowest in _LOWEST_SHARES:
        found: dict[int, Setting] = {}
        for index in range(levels):
            wanted_us = setting.sharp_us * float(lowest) ** (index / (levels - 1))
            try:
                level = _possible(wanted_us, rate_hz, rig)
            except ImpossibleExposure as error:
                why = error
                break
            found.setdefault(level.sharp_us, level)
        else:
            if len(found) >= LEAST_LEVELS:
                return list(found.values())
    reason = f": {why}" if why is not None else ", in whole microseconds they are the same"
    raise UserMistake(
        f"series: fewer than {LEAST_LEVELS} exposures from {setting.name} downwards{reason}"
    )


def is_possible(setting: Setting, rate_hz: Rate, rig: Rig | None) -> bool:
    """Whether cameras and controller can expose so; without a trigger anything counts as so."""
    try:
        _check(setting, rate_hz, rig)
    except ImpossibleExposure:
        return False
    return True


def _check(setting: Setting, rate_hz: Rate, rig: Rig | None) -> None:
    if rig is not None:
        timings = rig.cameras.blurry.timing, rig.cameras.sharp.timing
        exposure.plan(setting, rate_hz, "centre", *timings)


def _possible(wanted_us: float, rate_hz: Rate, rig: Rig | None) -> Setting:
    """The setting next to `wanted_us` that can be planned; within 5 %."""
    middle = max(1, round(wanted_us))
    first: ImpossibleExposure | None = None
    for sharp_us in _outwards(middle, max(1, round(0.05 * middle))):
        setting = Setting(sharp_us=sharp_us, blurry_us=RATIO * sharp_us)
        try:
            _check(setting, rate_hz, rig)
        except ImpossibleExposure as error:
            first = first or error
            continue
        return setting
    raise first or ImpossibleExposure(f"exposure of {wanted_us:g} us: none near it is possible")


def _outwards(middle: int, reach: int) -> Iterator[int]:
    yield middle
    for distance in range(1, reach + 1):
        yield middle + distance
        if middle > distance:
            yield middle - distance
