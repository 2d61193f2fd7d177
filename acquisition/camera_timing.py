"""What lies between a trigger line's edges and the light that a camera gathers.

With :math:`r, f` the electrical delays of the rising and the falling edge, :math:`s` the sensor's
start latency and :math:`e` its end latency, a line that is high from ``rise`` to ``fall`` exposes

- *trigger_width*: from ``rise + r + s`` to ``fall + f + e``;
- *timed*: from ``rise + r + s`` for ``commanded + offset``, whatever the falling edge does.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from bsd.document import Part
from bsd.errors import UserMistake


class CameraTiming(Part):
    """Delays and dead times of one camera with its trigger line.

    Rise and fall are those of the controller's output: with an inverting opto-isolator the camera
    sees them the other way round, and still `rise_delay_ns` belongs to the pulse's begin.

    Attributes
    ----------
    exposure
        ``trigger_width``: exposes while the line is high. ``timed``: the rising edge starts an
        exposure of a commanded length.
    rise_delay_ns, fall_delay_ns
        Electrical delay of either edge up to the camera's logic: wire, level shifter,
        opto-isolator *and* debouncer.
    start_latency_ns
        From the camera's logic seeing the pulse begin to the exposure's begin.
    end_latency_ns
        From the camera's logic seeing the pulse end to the exposure's end (``trigger_width``). An
        additive offset of the exposure is `end_latency_ns` − `start_latency_ns`.
    exposure_offset_ns
        Real minus commanded exposure (``timed``), of either sign.
    exposure_step_ns
        Commanded exposures are multiples of this (``timed``).
    debounce_ns
        The debouncer's share of both delays; shorter pulses and gaps do not pass it.
    readout_us
        Time that the sensor needs to read a frame out, rounded up.
    overlap
        Whether the next exposure may begin while the last frame is read out.
    dead_us
        Rest that the sensor needs before an exposure, after the readout or, with `overlap`, after
        the last exposure.
    """

    exposure: Literal["trigger_width", "timed"]
    rise_delay_ns: int = Field(default=0, ge=0)
    fall_delay_ns: int = Field(default=0, ge=0)
    start_latency_ns: int = Field(default=0, ge=0)
    end_latency_ns: int = Field(default=0, ge=0)
    exposure_offset_ns: int = 0
    exposure_step_ns: int = Field(default=1000, ge=1)
    debounce_ns: int = Field(default=0, ge=0)
    readout_us: int = Field(ge=0)
    overlap: bool = False
    dead_us: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _fields_are_of_this_mode(self) -> Self:
        if self.exposure == "timed" and self.end_latency_ns:
            raise ValueError(
                "end_latency_ns belongs to exposure 'trigger_width';"
                " for 'timed' give exposure_offset_ns, real minus commanded exposure"
            )
        if self.exposure == "trigger_width" and self.exposure_offset_ns:
            raise ValueError(
                "exposure_offset_ns belongs to exposure 'timed'; for 'trigger_width' give"
                " start_latency_ns and end_latency_ns, whose difference is the offset"
            )
        if self.debounce_ns > min(self.rise_delay_ns, self.fall_delay_ns):
            raise ValueError(
                f"debounce_ns {self.debounce_ns} is a share of rise_delay_ns {self.rise_delay_ns}"
                f" and fall_delay_ns {self.fall_delay_ns}; add it to both"
            )
        return self

    @property
    def gap_us(self) -> int:
        """Least time from the end of an exposure to the begin of the next."""
        return self.dead_us + (0 if self.overlap else self.readout_us)

    def without_delays(self) -> CameraTiming:
        """The same camera, exposing exactly while it is told to."""
        return CameraTiming(
            exposure=self.exposure,
            exposure_step_ns=self.exposure_step_ns,
            readout_us=self.readout_us,
            overlap=self.overlap,
            dead_us=self.dead_us,
        )


def exposure_interval(
    timing: CameraTiming, rise_ns: int, fall_ns: int, commanded_ns: int | None = None
) -> tuple[int, int]:
    """When a camera gathers light, from the edges that its trigger line makes.

    Parameters
    ----------
    timing
        Delays of the camera and its line.
    rise_ns, fall_ns
        Edges at the controller's output, by any clock.
    commanded_ns
        Exposure that a ``timed`` camera was set to; not used for ``trigger_width``.

    Returns
    -------
    tuple of int
        Begin and end of the exposure in ns, by the same clock. A ``trigger_width`` camera that a
        very short pulse does not expose at all has an end that is not after its begin.

    Raises
    ------
    UserMistake
        A pulse that ends before it begins, or a ``timed`` camera without `commanded_ns`.

    Examples
    --------
    >>> opto = CameraTiming(exposure="trigger_width", rise_delay_ns=3_000, fall_delay_ns=40_000,
    ...                     readout_us=0)
    >>> exposure_interval(opto, 0, 16_000_000)
    (3000, 16040000)
    """
    if fall_ns < rise_ns:
        raise UserMistake(
            f"trigger pulse: falls at {fall_ns} ns, before it rises at {rise_ns} ns;"
            " give the edges of one pulse in this order"
        )
    begin_ns = rise_ns + timing.rise_delay_ns + timing.start_latency_ns
    if timing.exposure == "trigger_width":
        return begin_ns, fall_ns + timing.fall_delay_ns + timing.end_latency_ns
    if commanded_ns is None:
        raise UserMistake(
            "a timed camera's exposure is not in its trigger pulse: commanded_ns is missing"
        )
    return begin_ns, begin_ns + commanded_ns + timing.exposure_offset_ns
