"""From the exposures that are wanted to the pulses that make them, in whole ticks.

All arithmetic is on integers and fractions. With ``r, f`` a line's delays of the rising and the
falling edge, ``s, e`` a sensor's start and end latency, ``t`` the tick and ``T`` the exposure:

- *trigger_width*: ``W = (T + r + s - f - e) / t``, rounded to the nearest whole number;
- *timed*: the commanded exposure is the multiple of the camera's step nearest to ``T - offset``,
  and ``W`` only a pulse that twice outlasts the debouncer;
- the difference of the delays is the whole number of ticks that brings the aligned points (the
  mid-exposures, the begins or the ends) closest to each other; the smaller delay is 0.

So the aligned points lie within half a tick of each other, and a width within half a tick.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from acquisition.camera_timing import CameraTiming, exposure_interval
from acquisition.feasibility import (
    ImpossibleExposure,
    check_command,
    check_frame,
    check_period,
    check_request,
    check_residuals,
)
from acquisition.pulse_program import (
    LEAST_WIDTH_TICKS,
    PulseProgram,
    Rate,
    parse_rate,
    period_ticks,
)
from bsd.document import Part
from bsd.setting import Setting

__all__ = [
    "Alignment",
    "CameraTiming",
    "Exposure",
    "ImpossibleExposure",
    "Plan",
    "PulseProgram",
    "exposure_interval",
    "parse_rate",
    "plan",
]

Alignment = Literal["centre", "start", "end"]
"""Which points of the two exposures coincide."""

_WEIGHTS: Final[dict[Alignment, tuple[int, int]]] = {
    "centre": (1, 1),
    "start": (2, 0),
    "end": (0, 2),
}
"""Aligned point, doubled so that it is whole: weight of the begin and of the end."""


class Exposure(Part):
    """One camera's exposure as its light will tell, in ns after the frame's begin.

    Attributes
    ----------
    target_ns
        The setting's exposure.
    begin_ns, end_ns
        Predicted begin and end of the optical exposure.
    commanded_ns
        What a ``timed`` camera must be set to; None for ``trigger_width``.
    """

    target_ns: int
    begin_ns: int
    end_ns: int
    commanded_ns: int | None

    @property
    def width_ns(self) -> int:
        """Optical exposure."""
        return self.end_ns - self.begin_ns

    @property
    def width_error_ns(self) -> int:
        """Optical minus wanted exposure."""
        return self.width_ns - self.target_ns

    @property
    def centre_ns(self) -> float:
        """Mid-exposure, a whole or half ns."""
        return (self.begin_ns + self.end_ns) / 2

    @property
    def commanded_us(self) -> float | None:
        """The ``timed`` exposure to set, in the unit that cameras take."""
        return None if self.commanded_ns is None else self.commanded_ns / 1000


class Plan(Part):
    """A pulse program and what will come of it.

    Attributes
    ----------
    setting, rate_hz, alignment
        What was asked for; `program.rate_hz` is the true rate.
    compensated
        Whether delays were taken out; else the program is that of ideal cameras.
    program
        What the trigger controller is told.
    blurry, sharp
        The exposures of C1 and C2.
    """

    setting: Setting
    rate_hz: Rate
    alignment: Alignment
    compensated: bool
    program: PulseProgram
    blurry: Exposure
    sharp: Exposure

    @property
    def ratio(self) -> Fraction:
        """Optical blurry over optical sharp exposure, exact."""
        return Fraction(self.blurry.width_ns, self.sharp.width_ns)

    @property
    def centre_offset_ns(self) -> float:
        """Mid-exposure of the sharp camera minus that of the blurry one."""
        return self.sharp.centre_ns - self.blurry.centre_ns

    @property
    def residual_ns(self) -> float:
        """Aligned point of the sharp camera minus that of the blurry one: what ticks left over."""
        begin, end = _WEIGHTS[self.alignment]
        return (
            begin * (self.sharp.begin_ns - self.blurry.begin_ns)
            + end * (self.sharp.end_ns - self.blurry.end_ns)
        ) / 2

    def summary(self) -> str:
        """One line for a person: true rate, ratio, residual and errors of width."""
        program = self.program
        return (
            f"{self.setting.name} at {float(program.rate_hz):.7g} fps"
            f" (asked: {float(self.rate_hz):.7g}; frame periods differ by"
            f" {program.period_jitter_ns} ns), aligned at the {self.alignment}:"
            f" residual {self.residual_ns:+g} ns, optical ratio {float(self.ratio):.4f},"
            f" widths {self.blurry.width_error_ns:+d} ns (blurry)"
            f" and {self.sharp.width_error_ns:+d} ns (sharp)"
        )


def plan(
    setting: Setting,
    rate_hz: Fraction | float | str,
    alignment: Alignment,
    blurry: CameraTiming,
    sharp: CameraTiming,
    tick_ns: int = 500,
    *,
    compensate: bool = True,
    jitter_free: bool = False,
    tolerance_ns: int | None = None,
) -> Plan:
    """The pulses for a setting, a rate and two cameras, or the reason why there are none.

    Parameters
    ----------
    setting
        The two optical exposures.
    rate_hz
        Frames per second, exact: a fraction, or a number or text as `parse_rate` takes them.
    alignment
        Which points of the two exposures coincide.
    blurry, sharp
        Timing of C1 (channel 1) and C2 (channel 2).
    tick_ns
        The controller's tick.
    compensate
        False: plan as if no camera had a delay; the prediction still has them all.
    jitter_free
        Round the period to whole ticks, so that all periods are equal and the rate is a little
        off; else the rate is exact and periods differ by a tick.
    tolerance_ns
        Largest residual and largest error of a width, compensated plans only; default: one tick.

    Raises
    ------
    ImpossibleExposure
        The cameras, the controller or the period do not allow it; says by how much, and a way out.
    UserMistake
        A rate, an alignment or a tick that is none.

    Examples
    --------
    >>> camera = CameraTiming(exposure="trigger_width", readout_us=9_300)
    >>> made = plan(Setting.parse("2ms16ms"), 15, "centre", camera, camera)
    >>> made.program.width_ticks, made.program.delay_ticks, made.residual_ns
    ((32000, 4000), (0, 14000), 0.0)
    >>> made.program.period_numerator, made.program.period_denominator
    (400000, 3)
    """
    check_request(alignment, tuple(_WEIGHTS), tick_ns)
    rate = parse_rate(rate_hz)
    period = period_ticks(rate, tick_ns, jitter_free=jitter_free)
    check_period(period, rate, tick_ns)
    cameras = {"blurry": blurry, "sharp": sharp}
    targets_ns = {"blurry": 1000 * setting.blurry_us, "sharp": 1000 * setting.sharp_us}
    commands, delays = _aligned(
        [
            _commands(targets_ns[role], timing, tick_ns, compensate=compensate)
            for role, timing in cameras.items()
        ],
        [timing if compensate else timing.without_delays() for timing in cameras.values()],
        alignment,
        tick_ns,
    )
    exposures = []
    for (role, timing), command, delay in zip(cameras.items(), commands, delays, strict=True):
        check_command(role, timing, command.width_ticks, command.commanded_ns, tick_ns)
        exposure = _exposure(targets_ns[role], timing, command, delay, tick_ns)
        pulse, light = (delay, command.width_ticks), (exposure.begin_ns, exposure.end_ns)
        check_frame(role, timing, pulse, light, period, tick_ns)
        exposures.append(exposure)
    made = Plan(
        setting=setting,
        rate_hz=rate,
        alignment=alignment,
        compensated=compensate,
        program=PulseProgram(
            width_ticks=(commands[0].width_ticks, commands[1].width_ticks),
            delay_ticks=delays,
            period_numerator=period.numerator,
            period_denominator=period.denominator,
            tick_ns=tick_ns,
        ),
        blurry=exposures[0],
        sharp=exposures[1],
    )
    if compensate:
        check_residuals(
            made.residual_ns,
            made.blurry.width_error_ns,
            made.sharp.width_error_ns,
            tick_ns if tolerance_ns is None else tolerance_ns,
        )
    return made


class _Command(NamedTuple):
    """What a camera and its channel are told."""

    width_ticks: int
    commanded_ns: int | None


def _commands(
    target_ns: int, timing: CameraTiming, tick_ns: int, *, compensate: bool
) -> list[_Command]:
    """The commands whose exposure is nearest to the target, the shorter first; mostly one."""
    believed = timing if compensate else timing.without_delays()
    if timing.exposure == "timed":
        pulse = _trigger_pulse_ticks(timing, tick_ns)
        steps = _nearest(target_ns - believed.exposure_offset_ns, timing.exposure_step_ns)
        return [_Command(pulse, step * timing.exposure_step_ns) for step in steps]
    begin_ns, end_ns = exposure_interval(believed, 0, target_ns)
    longer_ns = end_ns - begin_ns - target_ns
    return [_Command(width, None) for width in _nearest(target_ns - longer_ns, tick_ns)]


def _trigger_pulse_ticks(timing: CameraTiming, tick_ns: int) -> int:
    """Shortest pulse that arrives at the camera and twice outlasts its debouncer."""
    lost_ns = timing.rise_delay_ns - timing.fall_delay_ns
    outlasting = (2 * timing.debounce_ns + lost_ns) // tick_ns + 1
    return max(LEAST_WIDTH_TICKS, outlasting)


def _aligned(
    commands: list[list[_Command]],
    believed: list[CameraTiming],
    alignment: Alignment,
    tick_ns: int,
) -> tuple[tuple[_Command, _Command], tuple[int, int]]:
    """Of the nearest commands those that align best, and both delays in ticks."""
    candidates = []
    for blurry, sharp in itertools.product(*commands):
        apart_2ns = _aligned_point_2ns(believed[1], sharp, alignment, tick_ns) - _aligned_point_2ns(
            believed[0], blurry, alignment, tick_ns
        )
        later = _nearest(-apart_2ns, 2 * tick_ns)[0]
        candidates.append((abs(apart_2ns + 2 * tick_ns * later), (blurry, sharp), later))
    _, pair, later = min(candidates, key=lambda candidate: candidate[0])
    return pair, (max(0, -later), max(0, later))


def _aligned_point_2ns(
    timing: CameraTiming, command: _Command, alignment: Alignment, tick_ns: int
) -> int:
    """Twice the ns from the pulse's rising edge to the point that is aligned."""
    fall_ns = max(0, command.width_ticks) * tick_ns
    begin_ns, end_ns = exposure_interval(timing, 0, fall_ns, command.commanded_ns)
    weights = _WEIGHTS[alignment]
    return weights[0] * begin_ns + weights[1] * end_ns


def _exposure(
    target_ns: int, timing: CameraTiming, command: _Command, delay_ticks: int, tick_ns: int
) -> Exposure:
    rise_ns = delay_ticks * tick_ns
    begin_ns, end_ns = exposure_interval(
        timing, rise_ns, rise_ns + command.width_ticks * tick_ns, command.commanded_ns
    )
    return Exposure(
        target_ns=target_ns, begin_ns=begin_ns, end_ns=end_ns, commanded_ns=command.commanded_ns
    )


def _nearest(value: int, unit: int) -> tuple[int, ...]:
    """The whole number whose multiple of `unit` is nearest; two of them, ascending, at a tie."""
    low, rest = divmod(value, unit)
    if 2 * rest == unit:
        return low, low + 1
    return (low + (2 * rest > unit),)
