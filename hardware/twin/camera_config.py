"""What makes a virtual camera the one it is."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from hardware.twin.identity_config import IdentityConfig
from hardware.twin.world_config import SensorConfig

MODELS: Final = {"sfnc": "BSD-Twin-2", "older": "BSD-Twin-1"}
"""Name of the model by guise."""


class CameraConfig(IdentityConfig):
    """One virtual camera: who it is, and its sensor.

    Attributes
    ----------
    number
        1 or 2, the channel of the trigger controller; it enters the seed of the jitter.
    sensor
        Size, colour and timing of its sensor.
    seed
        Of the jitter.
    """

    number: Literal[1, 2] = 1
    sensor: SensorConfig = SensorConfig()
    seed: Annotated[int, Field(ge=0)] = 0
