"""Whether pulses and exposures fit the controller, the cameras and the period, or why not.

Every refusal is one line: what was asked, by how many nanoseconds it does not fit, and a way out.
"""

from __future__ import annotations

from fractions import Fraction

from acquisition.camera_timing import CameraTiming
from acquisition.pulse_program import (
    LEAST_PERIOD_TICKS,
    LEAST_WIDTH_TICKS,
    LOW_TICKS,
    MOST_DELAY_TICKS,
    MOST_DENOMINATOR,
    MOST_NUMERATOR,
    MOST_PERIOD_TICKS,
    MOST_WIDTH_TICKS,
    NS_PER_S,
    period_fits,
)
from bsd.errors import UserMistake


class ImpossibleExposure(UserMistake):
    """No pulse program gives these exposures with these cameras at this rate."""


def check_request(alignment: str, known: tuple[str, ...], tick_ns: int) -> None:
    """Refuse an alignment that is not known and a tick that is no time."""
    if alignment not in known:
        raise UserMistake(f"alignment '{alignment}': choose one of {', '.join(known)}")
    if tick_ns < 1:
        raise UserMistake(f"tick_ns {tick_ns}: a tick is 1 ns or more; the controller says it")


def check_period(period: Fraction, rate_hz: Fraction, tick_ns: int) -> None:
    """Refuse a period, in ticks, that the controller cannot hold."""
    if period_fits(period):
        return
    asked = f"rate {_fps(rate_hz)} fps: its period of {float(period):.10g} ticks of {tick_ns} ns"
    if not LEAST_PERIOD_TICKS <= period <= MOST_PERIOD_TICKS:
        limit = LEAST_PERIOD_TICKS if period < LEAST_PERIOD_TICKS else MOST_PERIOD_TICKS
        raise ImpossibleExposure(
            f"{asked} is {_ns(abs(limit - period) * tick_ns)} ns beyond the controller's limit of"
            f" {limit} ticks; choose a rate of {_fps(_rate(MOST_PERIOD_TICKS, tick_ns))} to"
            f" {_fps(_rate(LEAST_PERIOD_TICKS, tick_ns))} fps"
        )
    most = min(MOST_DENOMINATOR, MOST_NUMERATOR // (int(period) + 1))
    nearest = period.limit_denominator(most)
    off_ns = float(abs(nearest - period) * tick_ns)
    raise ImpossibleExposure(
        f"{asked} is {period.numerator}/{period.denominator}, a fraction beyond the controller's"
        f" {MOST_NUMERATOR}/{MOST_DENOMINATOR}; the nearest rate is {_rate(nearest, tick_ns)} fps"
        f" (residual {off_ns:.3g} ns a frame), or ask for a jitter-free period"
    )


def check_command(
    role: str, timing: CameraTiming, width_ticks: int, commanded_ns: int | None, tick_ns: int
) -> None:
    """Refuse a pulse width or a commanded exposure that cannot be set."""
    if commanded_ns is not None and commanded_ns < timing.exposure_step_ns:
        raise ImpossibleExposure(
            f"{role} camera: with an exposure offset of {timing.exposure_offset_ns} ns it would"
            f" have to be set to {commanded_ns} ns, its shortest is {timing.exposure_step_ns} ns;"
            " choose a longer setting or measure the offset again"
        )
    pulse = f"a pulse of {width_ticks} ticks ({_us(width_ticks * tick_ns)} us)"
    timed = timing.exposure == "timed"
    if width_ticks > MOST_WIDTH_TICKS:
        raise ImpossibleExposure(
            f"{role} camera: needs {pulse}, the controller's widest is {MOST_WIDTH_TICKS} ticks,"
            f" {(width_ticks - MOST_WIDTH_TICKS) * tick_ns} ns less; "
            + (
                "shorten the camera's debouncer"
                if timed
                else "choose a shorter setting or let the camera expose by 'timed'"
            )
        )
    if width_ticks < LEAST_WIDTH_TICKS:
        raise ImpossibleExposure(
            f"{role} camera: needs {pulse}, the controller's narrowest is {LEAST_WIDTH_TICKS}"
            f" ticks, {(LEAST_WIDTH_TICKS - width_ticks) * tick_ns} ns more; choose a longer"
            " setting or a line whose falling edge is less delayed"
        )


def check_frame(
    role: str,
    timing: CameraTiming,
    pulse_ticks: tuple[int, int],
    exposure_ns: tuple[int, int],
    period: Fraction,
    tick_ns: int,
) -> None:
    """Refuse a pulse (delay, width) or an exposure (begin, end) that the period has no room for."""
    shortest_ns = int(period) * tick_ns
    begin_ns, end_ns = exposure_ns
    if end_ns <= begin_ns:
        raise ImpossibleExposure(
            f"{role} camera: its delays leave {end_ns - begin_ns} ns of exposure; choose a longer"
            " setting, or compensate the delays"
        )
    _check_readout(role, timing, end_ns - begin_ns, shortest_ns, tick_ns)
    if end_ns > shortest_ns:
        raise ImpossibleExposure(
            f"{role} camera: its exposure ends {_us(end_ns)} us after the frame's begin,"
            f" {end_ns - shortest_ns} ns after the next frame's ({_us(shortest_ns)} us); choose"
            f" {_at_most(end_ns, tick_ns)} or a shorter setting"
        )
    _check_pulse(role, pulse_ticks, shortest_ns, tick_ns)
    _check_debouncer(role, timing, pulse_ticks[1] * tick_ns, shortest_ns)


def check_residuals(
    residual_ns: float, blurry_error_ns: int, sharp_error_ns: int, tolerance_ns: int
) -> None:
    """Refuse what rounding to ticks and to a camera's steps leaves, where it is too much."""
    named = {
        "the aligned points differ by": residual_ns,
        "the blurry exposure is off by": blurry_error_ns,
        "the sharp exposure is off by": sharp_error_ns,
    }
    words, worst_ns = max(named.items(), key=lambda item: abs(item[1]))
    if abs(worst_ns) > tolerance_ns:
        raise ImpossibleExposure(
            f"{words} a residual of {worst_ns:+g} ns, more than the {tolerance_ns} ns allowed;"
            f" use a finer exposure step or tick, or allow {-int(-abs(worst_ns) // 1)} ns"
        )


def _check_readout(
    role: str, timing: CameraTiming, exposed_ns: int, shortest_ns: int, tick_ns: int
) -> None:
    gap_ns, readout_ns = 1000 * timing.gap_us, 1000 * timing.readout_us
    over_ns = exposed_ns + gap_ns - shortest_ns
    if over_ns > 0:
        exposed, period = f"{_us(exposed_ns)} us", f"the period of {_us(shortest_ns)} us"
        gap = f"{timing.gap_us} us of {'rest' if timing.overlap else 'readout'}"
        left = shortest_ns - exposed_ns
        room = f"leaves {_us(left)} us" if left > 0 else "leaves nothing"
        what = (
            f"after {exposed} of exposure it needs {gap}, {period} {room}: short by {over_ns} ns"
            if gap_ns
            else f"its exposure of {exposed} is {over_ns} ns longer than {period}"
        )
        rate = _at_most(exposed_ns + gap_ns, tick_ns)
        others = (
            " or a shorter setting"
            if timing.overlap
            else ", a shorter setting, a smaller region, or overlapped readout"
        )
        raise ImpossibleExposure(f"{role} camera: {what}; choose {rate}{others}")
    if readout_ns > shortest_ns:
        raise ImpossibleExposure(
            f"{role} camera: an overlapped exposure may not end before the last frame is read out;"
            f" {timing.readout_us} us of readout is {readout_ns - shortest_ns} ns more than the"
            f" period of {_us(shortest_ns)} us; choose {_at_most(readout_ns, tick_ns)} or a smaller"
            " region"
        )


def _check_pulse(role: str, pulse_ticks: tuple[int, int], shortest_ns: int, tick_ns: int) -> None:
    delay_ticks, width_ticks = pulse_ticks
    if delay_ticks > MOST_DELAY_TICKS:
        raise ImpossibleExposure(
            f"{role} camera: its pulse would have to rise {delay_ticks} ticks after the frame's"
            f" begin, the controller's longest delay is {MOST_DELAY_TICKS} ticks,"
            f" {(delay_ticks - MOST_DELAY_TICKS) * tick_ns} ns less; shorten the other camera's"
            " delay"
        )
    needed_ns = (delay_ticks + width_ticks + LOW_TICKS) * tick_ns
    if needed_ns > shortest_ns:
        raise ImpossibleExposure(
            f"{role} camera: a delay of {delay_ticks} ticks, a pulse of {width_ticks} and the"
            f" {LOW_TICKS} low ticks that the controller needs take {_us(needed_ns)} us,"
            f" {needed_ns - shortest_ns} ns more than the period of {_us(shortest_ns)} us; choose"
            f" {_at_most(needed_ns, tick_ns)} or a shorter setting"
        )


def _check_debouncer(role: str, timing: CameraTiming, width_ns: int, shortest_ns: int) -> None:
    high_ns = width_ns + timing.fall_delay_ns - timing.rise_delay_ns
    for word, time_ns in (("high", high_ns), ("low", shortest_ns - high_ns)):
        if time_ns <= timing.debounce_ns:
            raise ImpossibleExposure(
                f"{role} camera: its line is {word} for {time_ns} ns a frame at the camera, and the"
                f" debouncer lets pass what is longer than {timing.debounce_ns} ns (short by"
                f" {timing.debounce_ns - time_ns} ns); shorten the debouncer or use a faster line"
            )


def _at_most(needed_ns: int, tick_ns: int) -> str:
    """A rate whose every period has room for so much; two decimals, rounded down."""
    ticks = -(-needed_ns // tick_ns)
    hundredths = int(100 * _rate(ticks, tick_ns))
    return f"at most {hundredths / 100:g} fps" if hundredths else "a lower rate"


def _rate(period: Fraction | int, tick_ns: int) -> Fraction:
    return Fraction(NS_PER_S) / (tick_ns * period)


def _fps(rate_hz: Fraction) -> str:
    return f"{float(rate_hz):.10g}"


def _us(time_ns: int) -> str:
    return f"{time_ns / 1000:.10g}"


def _ns(time_ns: Fraction) -> str:
    return f"{float(time_ns):.10g}"
