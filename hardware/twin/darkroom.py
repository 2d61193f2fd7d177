"""Where exposures of one camera become frames, in their order: computed, or from prepared ones."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from hardware.twin.camera import VirtualCamera
from hardware.twin.exposures import ExposureRequest
from hardware.twin.prepared import PreparedFrames
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator
from hardware.twin.witness import Witness

log = logging.getLogger(__name__)

_END_S: Final = 10.0


class Job(NamedTuple):
    """An exposure, and the world that it saw."""

    request: ExposureRequest
    renderer: Renderer


class Process(Protocol):
    """How an exposure becomes a frame that is on its way."""

    def develop(self, job: Job) -> None:
        """Deliver the frame of one exposure."""


class Computed:
    """Every frame is rendered.

    Parameters
    ----------
    camera, number
        The camera and its number, 1 or 2.
    sensor
        Its sensor.
    witness
        Who is told the truth, where somebody is.
    """

    def __init__(
        self, camera: VirtualCamera, number: int, sensor: Sensor, witness: Witness | None
    ) -> None:
        self._camera = camera
        self._number = number
        self._sensor = sensor
        self._witness = witness

    def develop(self, job: Job) -> None:
        """Render, expose, deliver; then tell the truth."""
        request, renderer = job
        if not self._camera.wants(request):
            if self._witness is not None:
                self._witness.exposed(self._number, request, None)
            return
        light = renderer.irradiance(self._number, request.begin_ns, request.end_ns, request.region)
        frame = request.acquisition << 32 | request.number
        pixels = self._sensor.expose(
            light,
            request.exposure_us,
            frame_generator(renderer.seed, renderer.world.scene.number, self._number, frame),
            gain_db=request.gain_db,
            black_level_dn=request.black_level_dn,
            bits=request.pixel_format.bits,
            output=request.pixel_format.output,
            temperature_c=request.temperature_c,
            region=request.region,
        )
        frame_id = self._camera.deliver(request, pixels)
        if self._witness is not None:
            self._witness.exposed(self._number, request, frame_id)
            if frame_id is not None:
                self._witness.rendered(self._number, request, frame_id, light, renderer)


class Prepared:
    """Every frame is ready; nothing is computed but its header.

    Parameters
    ----------
    camera, number, witness
        As for `Computed`.
    frames
        What is sent, in turn.
    """

    def __init__(
        self,
        camera: VirtualCamera,
        number: int,
        frames: PreparedFrames,
        witness: Witness | None,
    ) -> None:
        self._camera = camera
        self._number = number
        self._frames = frames
        self._witness = witness

    def develop(self, job: Job) -> None:
        """Send the next ready frame."""
        request = job.request
        frame_id = None
        if self._camera.wants(request):
            frame_id = self._camera.deliver_ready(request, self._frames.payload(request))
        if self._witness is not None:
            self._witness.exposed(self._number, request, frame_id)


class Darkroom:
    """A thread that works through one camera's exposures.

    Parameters
    ----------
    name
        Of the camera, for messages.
    process
        What is done with each.
    failed
        Called once, from the thread, with what it could not go on from.
    """

    def __init__(
        self, name: str, process: Process, failed: Callable[[BaseException], None]
    ) -> None:
        self._process = process
        self._failed = failed
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._given = 0
        self._done = 0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=f"darkroom {name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Exposures that were given and are not yet frames."""
        return self._given - self._done

    def give(self, job: Job) -> None:
        """One more exposure, behind the others; from one thread alone."""
        self._given += 1
        self._jobs.put(job)

    def close(self) -> None:
        """Finish the frame under way and end; those that wait are dropped."""
        self._closing = True
        self._jobs.put(None)
        self._thread.join(_END_S)

    def _work(self) -> None:
        try:
            while (job := self._jobs.get()) is not None and not self._closing:
                self._process.develop(job)
                self._done += 1
        except BaseException as error:  # noqa: BLE001 - handed on, and raised where it ends the world
            self._failed(error)
