"""How a world is run, beside what it is; written into the session's folder for its process."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bsd.document import Document
from hardware.twin.pacing import AHEAD_FRAMES
from hardware.twin.world_config import SensorConfig, WorldConfig

Bits = Literal[8, 10, 12]
_READOUT_SHARE = 0.1


class WorldOptions(Document):
    """``options.json`` of a session.

    Attributes
    ----------
    prepared_fps
        Stream ready frames, with cameras that can do so many a second; None: compute every frame.
    truth
        Folder of the truth; None: it is not told.
    truth_pictures
        Whether the truth has pictures.
    ahead_frames
        Exposures of a camera that may wait for their pictures before board time stands still.
    bits
        Of a sample in the pixel format that rig.yaml asks for.
    """

    format: Literal["bsd-twin-options"] = "bsd-twin-options"
    format_version: int = 1
    prepared_fps: Annotated[float, Field(gt=0, le=10_000)] | None = None
    truth: str | None = None
    truth_pictures: bool = True
    ahead_frames: Annotated[int, Field(ge=2, le=1000)] = AHEAD_FRAMES
    bits: Bits = 8


def fast_enough(world: WorldConfig, fps: float) -> WorldConfig:
    """The world with sensors that are read out within a tenth of a frame at this rate."""

    def faster(sensor: SensorConfig) -> SensorConfig:
        readout_us = min(sensor.timing.readout_us, _READOUT_SHARE * 1e6 / fps)
        timing = sensor.timing.model_copy(update={"readout_us": readout_us})
        return sensor.model_copy(update={"timing": timing})

    return world.model_copy(
        update={"sensor_1": faster(world.sensor_1), "sensor_2": faster(world.sensor_2)}
    )
