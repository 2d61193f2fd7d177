"""What the trigger controller is told: the frame's period, pulse widths and delays, in ticks.

The limits are those of ``docs/reference/trigger-protocol.md``. Channel 1 is the blurry camera,
channel 2 the sharp one.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Final, Self

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from bsd.document import Part
from bsd.errors import UserMistake

LEAST_WIDTH_TICKS: Final = 100
MOST_WIDTH_TICKS: Final = 60_000
MOST_DELAY_TICKS: Final = 16_000_000
LEAST_PERIOD_TICKS: Final = 2_000
MOST_PERIOD_TICKS: Final = 20_000_000
MOST_NUMERATOR: Final = 2**32 - 1
MOST_DENOMINATOR: Final = 65_535
LOW_TICKS: Final = 200
"""The firmware keeps a channel low at least so long before the next frame begins."""

NS_PER_S: Final = 1_000_000_000

_RATE = re.compile(r"\d{1,12}(\.\d{1,12})?|\d{1,18}/0*[1-9]\d{0,17}", re.ASCII)


def parse_rate(rate_hz: Fraction | float | str) -> Fraction:
    """A frame rate, exactly as it was written: ``15``, ``14.985`` or ``30000/1001``.

    Raises
    ------
    UserMistake
        Not a number of these forms, or not above 0.

    Examples
    --------
    >>> parse_rate("30000/1001"), parse_rate(14.985)
    (Fraction(30000, 1001), Fraction(2997, 200))
    """
    text = str(rate_hz).strip()
    if _RATE.fullmatch(text) is None:
        raise UserMistake(f"rate '{text}': write frames per second as 15, 14.985 or 30000/1001")
    rate = Fraction(text)
    if rate == 0:
        raise UserMistake(f"rate '{text}': frames per second must be more than 0")
    return rate


def _valid_rate(value: object) -> Fraction:
    if not isinstance(value, Fraction | int | float | str):
        raise ValueError("write frames per second as 15, 14.985 or 30000/1001")
    try:
        return parse_rate(value)
    except UserMistake as error:
        raise ValueError(str(error)) from error


Rate = Annotated[Fraction, PlainValidator(_valid_rate), PlainSerializer(str, return_type=str)]
"""A field that holds an exact frame rate; in files it is text such as ``30000/1001``."""


def period_ticks(rate_hz: Fraction, tick_ns: int, *, jitter_free: bool = False) -> Fraction:
    """The frame period, exact, or rounded to whole ticks (half up) where `jitter_free`.

    Examples
    --------
    >>> period_ticks(Fraction(15), 500), period_ticks(Fraction(15), 500, jitter_free=True)
    (Fraction(400000, 3), Fraction(133333, 1))
    """
    period = NS_PER_S / (tick_ns * rate_hz)
    return Fraction((2 * period + 1) // 2) if jitter_free else period


def period_fits(period: Fraction) -> bool:
    """Whether the controller can hold a period of so many ticks, fraction and all."""
    return (
        LEAST_PERIOD_TICKS <= period <= MOST_PERIOD_TICKS
        and period.numerator <= MOST_NUMERATOR
        and period.denominator <= MOST_DENOMINATOR
    )


Width = Annotated[int, Field(ge=LEAST_WIDTH_TICKS, le=MOST_WIDTH_TICKS)]
Delay = Annotated[int, Field(ge=0, le=MOST_DELAY_TICKS)]


class PulseProgram(Part):
    """One pulse on each channel in every frame; pairs are (blurry, sharp) = (channel 1, 2).

    Attributes
    ----------
    width_ticks
        Widths of the high pulses, 100 to 60000.
    delay_ticks
        Delays of the rising edges after the frame's begin, 0 to 16000000.
    period_numerator, period_denominator
        Frame k begins ``floor(k * numerator / denominator)`` ticks after frame 0.
    tick_ns
        Length of a tick; the controller must have the same.
    """

    width_ticks: tuple[Width, Width]
    delay_ticks: tuple[Delay, Delay]
    period_numerator: int = Field(ge=LEAST_PERIOD_TICKS, le=MOST_NUMERATOR)
    period_denominator: int = Field(ge=1, le=MOST_DENOMINATOR)
    tick_ns: int = Field(ge=1)

    @model_validator(mode="after")
    def _the_fields_fit_together(self) -> Self:
        if not period_fits(self.period_ticks):
            raise ValueError(
                f"a period of {self.period_numerator}/{self.period_denominator} ticks is outside"
                f" {LEAST_PERIOD_TICKS} to {MOST_PERIOD_TICKS}"
            )
        for channel, (delay, width) in enumerate(
            zip(self.delay_ticks, self.width_ticks, strict=True), start=1
        ):
            if delay + width + LOW_TICKS > self.shortest_period_ticks:
                raise ValueError(
                    f"channel {channel}: delay {delay}, width {width} and {LOW_TICKS} low ticks are"
                    f" more than the shortest period, {self.shortest_period_ticks} ticks"
                )
        return self

    @property
    def period_ticks(self) -> Fraction:
        """Mean frame period in ticks, exact."""
        return Fraction(self.period_numerator, self.period_denominator)

    @property
    def shortest_period_ticks(self) -> int:
        """Least distance between the begins of two frames: the mean, rounded down."""
        return self.period_numerator // self.period_denominator

    @property
    def period_jitter_ns(self) -> int:
        """By how much frame periods differ: one tick, or 0 where the period is whole ticks."""
        return 0 if self.period_ticks.denominator == 1 else self.tick_ns

    @property
    def rate_hz(self) -> Fraction:
        """The true mean frame rate, exact (by the controller's own clock)."""
        return NS_PER_S / (self.tick_ns * self.period_ticks)

    def begin_ticks(self, frame: int) -> int:
        """Begin of a frame in ticks after the begin of frame 0."""
        return frame * self.period_numerator // self.period_denominator

    def edges_ns(self, channel: int, frame: int) -> tuple[int, int]:
        """When channel 1 or 2 rises and falls in a frame, in ns after the begin of frame 0."""
        rise_ticks = self.begin_ticks(frame) + self.delay_ticks[channel - 1]
        fall_ticks = rise_ticks + self.width_ticks[channel - 1]
        return rise_ticks * self.tick_ns, fall_ticks * self.tick_ns
