"""Frames that are ready before anybody asks: for streaming at full rate.

Light is rendered once, at the start, over exposures of 8 ms and 1 ms a frame period apart. The
sensor exposes it when an acquisition's first frame is wanted, since format, region and gain are the
consumer's; from then on bytes are sent as they are.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware.twin.delivery import packed
from hardware.twin.exposures import ExposureRequest, Picture
from hardware.twin.pixel_formats import Samples
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator

READY_FRAMES: Final = 4
"""Frames that are sent in turn; of 1280 × 720 each holds 11 MB of light."""

_PERIOD_NS: Final = 66_666_667
_EXPOSURES_NS: Final = {1: 8_000_000, 2: 1_000_000}
_BEGIN_NS: Final = 1_000_000_000


class _Light(NamedTuple):
    exposure_us: float
    seconds: NDArray[np.float32]


class PreparedFrames:
    """Ready frames of one camera.

    Parameters
    ----------
    renderer
        Of the world; it is not kept.
    camera
        1 (blurry) or 2 (sharp).
    sensor
        Its sensor.
    count
        How many there are.
    """

    def __init__(
        self, renderer: Renderer, camera: int, sensor: Sensor, count: int = READY_FRAMES
    ) -> None:
        self._camera = camera
        self._sensor = sensor
        self._seed = (renderer.seed, renderer.world.scene.number)
        width_ns = _EXPOSURES_NS[camera]
        self._lights = []
        for number in range(count):
            begin_ns = _BEGIN_NS + number * _PERIOD_NS - width_ns // 2
            seconds = renderer.irradiance(camera, begin_ns, begin_ns + width_ns)
            self._lights.append(_Light(width_ns / 1000, seconds))
        self._made_for: Picture | None = None
        self._ready: list[Samples] = []

    def payload(self, request: ExposureRequest) -> Samples:
        """The bytes of an exposure's frame, packed; the same array each time round."""
        if request.picture != self._made_for:
            self._ready = [self._make(number, request) for number in range(len(self._lights))]
            self._made_for = request.picture
        return self._ready[request.number % len(self._ready)]

    def _make(self, number: int, request: ExposureRequest) -> Samples:
        light, region = self._lights[number], request.region
        rows = slice(region.y, region.y + region.height)
        columns = slice(region.x, region.x + region.width)
        pixels = self._sensor.expose(
            np.ascontiguousarray(light.seconds[rows, columns]),
            light.exposure_us,
            frame_generator(*self._seed, self._camera, number),
            gain_db=request.gain_db,
            black_level_dn=request.black_level_dn,
            bits=request.pixel_format.bits,
            output=request.pixel_format.output,
            temperature_c=request.temperature_c,
            region=region,
        )
        if request.pixel_format.bits > 8:
            return packed(request.picture, pixels)
        return packed(request.picture, pixels.astype(np.uint8))
