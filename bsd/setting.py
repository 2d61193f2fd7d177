"""Settings: how long the sharp and the blurry camera expose, named as the papers name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Self

from pydantic import Field, model_validator

from bsd.document import Part
from bsd.errors import UserMistake

RATIO: Final = 8
"""Blurry over sharp exposure: the neutral density filter before the blurry camera passes 1/8."""

_NAME = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)ms(\d{1,5}(?:\.\d{1,3})?)ms", re.ASCII)


class Setting(Part):
    """A pair of exposures, the blurry one 8 times the sharp one (Zhong et al. 2022, section 4).

    Attributes
    ----------
    sharp_us, blurry_us
        Exposure of C2 and of C1, whole microseconds.

    Examples
    --------
    >>> Setting.parse("2ms16ms")
    Setting(sharp_us=2000, blurry_us=16000)
    >>> Setting(sharp_us=500, blurry_us=4000).name
    '0.5ms4ms'
    """

    sharp_us: int = Field(ge=1)
    blurry_us: int = Field(ge=1)

    @model_validator(mode="after")
    def _ratio_is_that_of_the_filter(self) -> Self:
        if self.blurry_us != RATIO * self.sharp_us:
            raise ValueError(
                f"blurry_us {self.blurry_us} is {self.blurry_us / self.sharp_us:.6g} times sharp_us"
                f" {self.sharp_us}, not {RATIO} times; write blurry_us {RATIO * self.sharp_us}"
            )
        return self

    @property
    def ratio(self) -> int:
        """Blurry over sharp exposure: 8."""
        return self.blurry_us // self.sharp_us

    @property
    def name(self) -> str:
        """Both exposures in milliseconds, the sharp one first: ``2ms16ms``."""
        return f"{_milliseconds(self.sharp_us)}ms{_milliseconds(self.blurry_us)}ms"

    @classmethod
    def parse(cls, name: str) -> Self:
        """The setting of a name such as ``2ms16ms``.

        Raises
        ------
        UserMistake
            Not a name of this form, an exposure of nothing, or a ratio other than 8.
        """
        if (found := _NAME.fullmatch(name)) is None:
            known = ", ".join(SETTINGS)
            raise UserMistake(
                f"setting '{name}': write the sharp and the blurry exposure in milliseconds,"
                f" e.g. 2ms16ms (the papers' are {known})"
            )
        sharp_us, blurry_us = (int(1000 * Fraction(text)) for text in found.groups())
        if sharp_us == 0:
            raise UserMistake(f"setting '{name}': the sharp exposure is 0; the shortest is 0.001ms")
        if blurry_us != RATIO * sharp_us:
            right = cls(sharp_us=sharp_us, blurry_us=RATIO * sharp_us).name
            raise UserMistake(
                f"setting '{name}': the blurry exposure is {blurry_us / sharp_us:.6g} times the"
                f" sharp one; the rig's filter asks for {RATIO} times, e.g. {right}"
            )
        return cls(sharp_us=sharp_us, blurry_us=blurry_us)


def _milliseconds(time_us: int) -> str:
    whole, rest = divmod(time_us, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


SETTINGS: Final[Mapping[str, Setting]] = MappingProxyType(
    {
        setting.name: setting
        for setting in (Setting(sharp_us=n * 1000, blurry_us=n * 8000) for n in (1, 2, 3))
    }
)
"""The three of the papers by name: 1ms8ms, 2ms16ms, 3ms24ms (Zhong et al. 2022, table 1)."""
