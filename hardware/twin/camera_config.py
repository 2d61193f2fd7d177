"""What makes a virtual camera the one it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bsd.document import Part
from hardware.twin.world_config import SensorConfig

Guise = Literal["sfnc", "older"]
"""``sfnc``: names of the naming convention 2.x. ``older``: names and habits of version 1."""

MODELS: dict[Guise, str] = {"sfnc": "BSD-Twin-2", "older": "BSD-Twin-1"}


class CameraConfig(Part):
    """One virtual camera.

    Attributes
    ----------
    serial
        Its serial number.
    number
        1 or 2, the channel of the trigger controller; it enters the seed of the jitter.
    sensor
        Size, colour and timing of its sensor.
    guise
        How it looks to a consumer.
    name
        What its owner called it.
    seed
        Of the jitter.
    exposure_step_ns
        Commanded exposures are rounded to whole multiples of it.
    clock_offset_ns
        What its own clock reads when the board's clock reads 0.
    clock_drift_ppm
        How much faster its clock runs than the board's.
    """

    serial: Annotated[str, Field(min_length=1, max_length=50)]
    number: Literal[1, 2] = 1
    sensor: SensorConfig = SensorConfig()
    guise: Guise = "sfnc"
    name: Annotated[str, Field(max_length=63)] = ""
    seed: Annotated[int, Field(ge=0)] = 0
    exposure_step_ns: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    clock_offset_ns: Annotated[int, Field(ge=0)] = 0
    clock_drift_ppm: Annotated[float, Field(gt=-10_000, lt=10_000)] = 0.0
