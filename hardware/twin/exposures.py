"""What decides an exposure, and the exposures that come of it and wait for their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from hardware.twin.optics import Region
from hardware.twin.pixel_formats import PixelFormat

Cause = Literal["line", "software", "free", "glitch"]
"""What began an exposure: an edge, a command, the camera itself, or a disturbance on the line."""

_NS_PER_US: Final = 1000.0


@dataclass(frozen=True)
class Picture:
    """How the pixels of a frame are made.

    Attributes
    ----------
    region
        Raw pixels of the sensor.
    reverse_x, reverse_y
        Mirrored when delivered.
    offset_px
        Begin of the region as the consumer counts it, (x, y).
    black_level_dn12
        In DN of 12 bit; None for the sensor's own.
    """

    region: Region
    pixel_format: PixelFormat
    offset_px: tuple[int, int] = (0, 0)
    reverse_x: bool = False
    reverse_y: bool = False
    gain_db: float = 0.0
    black_level_dn12: float | None = None
    gamma: float = 1.0


@dataclass(frozen=True)
class Program:
    """What decides exposures.

    Attributes
    ----------
    mode
        ``TriggerWidth`` counts as ``Timed`` without a trigger line.
    trigger
        What begins an exposure; ``free``: the camera itself.
    active_level
        Level of the line that the wanted edge leads to.
    period_ns
        Least distance of exposures without trigger; 0 for as fast as it goes.
    frames
        After so many the acquisition ends; None for never.
    """

    picture: Picture
    mode: Literal["Timed", "TriggerWidth"] = "Timed"
    exposure_ns: int = 10_000_000
    trigger: Literal["line", "software", "free"] = "free"
    active_level: int = 1
    delay_ns: int = 0
    period_ns: int = 0
    frames: int | None = None


@dataclass(frozen=True)
class ExposureRequest:
    """An exposure that waits for its picture.

    Attributes
    ----------
    acquisition
        Number of the acquisition that it belongs to, from 1.
    number
        Of the exposure in the acquisition, from 0.
    cause, trigger_ns
        What began it, and when that came to the camera.
    begin_ns, end_ns
        The optical exposure, in board time.
    due_ns
        When the sensor has been read out: no frame leaves the camera before.
    commanded_us
        ExposureTime of a Timed exposure; None where the trigger's width decided.
    temperature_c
        Of the sensor.
    """

    acquisition: int
    number: int
    cause: Cause
    trigger_ns: int
    begin_ns: int
    end_ns: int
    due_ns: int
    commanded_us: float | None
    picture: Picture
    temperature_c: float

    @property
    def exposure_us(self) -> float:
        """The optical exposure, which gathers dark current as well as light."""
        return (self.end_ns - self.begin_ns) / _NS_PER_US

    @property
    def region(self) -> Region:
        """Raw pixels of the sensor."""
        return self.picture.region

    @property
    def pixel_format(self) -> PixelFormat:
        """What is delivered."""
        return self.picture.pixel_format

    @property
    def gain_db(self) -> float:
        """Before the converter."""
        return self.picture.gain_db

    @property
    def black_level_dn(self) -> float | None:
        """In DN of the delivered depth; None for the sensor's own."""
        if self.picture.black_level_dn12 is None:
            return None
        return self.picture.black_level_dn12 * 2.0 ** (self.pixel_format.bits - 12)
