"""The world: it hears the trigger lines, exposes both cameras and has their frames made.

Time is the board's. What the board has told is passed on in its order; an exposure goes to its
camera's darkroom once it is over and read out, with the optics as they were until then.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bsd.errors import UserMistake
from bsd.threads import available_cores
from hardware.twin.camera import VirtualCamera
from hardware.twin.camera_config import CameraConfig
from hardware.twin.control import ControlServer, Fields
from hardware.twin.darkroom import Computed, Darkroom, Job, Prepared, Process
from hardware.twin.faults import ROLES, FaultBench
from hardware.twin.faults_config import parse_fault
from hardware.twin.pacing import Pacer, board_speed
from hardware.twin.prepared import PreparedFrames
from hardware.twin.pulses import Pulse, PulseStream
from hardware.twin.sensor import Sensor
from hardware.twin.session_folder import CONTROL_FILE
from hardware.twin.studio import Studio
from hardware.twin.wire import SOCKET_FILE, Server
from hardware.twin.witness import Witness
from hardware.twin.world_config import WorldConfig
from hardware.twin.world_options import WorldOptions

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.005
_TRIAL_NS: Final = {1: 16_000_000, 2: 2_000_000}


class World:
    """Both cameras before their scene.

    Parameters
    ----------
    folder
        The session's: sockets are made in it.
    world, options
        What it is and how it is run.
    """

    def __init__(self, folder: Path, world: WorldConfig, options: WorldOptions) -> None:
        self._options = options
        self._now_ns = 0
        self._failure: BaseException | None = None
        self._failed = threading.Event()
        self._stack = ExitStack()
        # two pictures at once while frames are computed, one after the other before
        sharing = 1 if options.prepared_fps else len(ROLES)
        self._studio = Studio(world, threads=max(1, available_cores() // sharing))
        self._sensors = {n: Sensor(world.sensor(n), world.seed, n) for n in ROLES}
        self._cameras = {n: self._camera(world, n) for n in ROLES}
        self._witness: Witness | None = None
        if options.truth is not None:
            self._witness = Witness(Path(options.truth), pictures=options.truth_pictures)
            self._stack.callback(self._witness.close)
        self.pair_s = 0.0 if options.prepared_fps else self._try_pair()
        self._darkrooms = {n: Darkroom(ROLES[n], self._process(n), self._fail) for n in ROLES}
        for darkroom in self._darkrooms.values():
            self._stack.callback(darkroom.close)
        self._bench = FaultBench(
            world.faults,
            self._cameras,
            None if options.prepared_fps else self._studio,
            self._witness,
        )
        server = self._stack.enter_context(
            Server(folder / SOCKET_FILE, list(self._cameras.values()))
        )
        for camera in self._cameras.values():
            camera.plug_into(server)
        self._control = ControlServer(folder / CONTROL_FILE)
        self._stack.callback(self._control.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def run(self, pulses: PulseStream, stop: threading.Event) -> None:
        """Live until stopped.

        Raises
        ------
        BoardGone
            The controller has ended.
        """
        self._now_ns = pulses.begin_ns
        self._bench.begin(self._now_ns)
        computed = self._options.prepared_fps is None
        pacer = Pacer(self._now_ns, self._options.ahead_frames) if computed else None
        last_ns = time.monotonic_ns()
        while not stop.is_set():
            for pulse in pulses.take(_LOOK_S):
                self._tell(pulse)
            self._control.answer(self._answer)
            if self._failed.is_set() and self._failure is not None:
                raise self._failure
            if pacer is not None:
                now_ns = time.monotonic_ns()
                before_ns = pacer.granted_ns
                granted_ns = pacer.grant(self._now_ns, now_ns - last_ns, self._waiting)
                last_ns = now_ns
                if granted_ns > before_ns:
                    pulses.grant(granted_ns)

    def _tell(self, pulse: Pulse) -> None:
        """One word of the board, to the camera that it concerns."""
        time_ns, channel, level = pulse
        self._now_ns = max(self._now_ns, time_ns)
        for number, camera in self._cameras.items():
            camera.mark(time_ns)
            for request in camera.take():  # with the optics as they were until now
                renderer = self._studio.exposed(request.number, request.begin_ns)
                self._darkrooms[number].give(Job(request, renderer))
        self._bench.mark(time_ns)
        if channel:
            if level:
                self._bench.before_rise(channel, time_ns)
            self._cameras[channel].edge(level, time_ns)

    @property
    def _waiting(self) -> int:
        return max(darkroom.waiting for darkroom in self._darkrooms.values())

    def _camera(self, world: WorldConfig, number: int) -> VirtualCamera:
        identity = world.camera_1 if number == 1 else world.camera_2
        config = CameraConfig(
            number=1 if number == 1 else 2,
            sensor=world.sensor(number),
            seed=world.seed,
            **identity.model_dump(),
        )
        return VirtualCamera(config, lambda: self._now_ns, self._sensors[number].temperature_c)

    def _process(self, number: int) -> Process:
        camera, sensor = self._cameras[number], self._sensors[number]
        if self._options.prepared_fps is None:
            return Computed(camera, number, sensor, self._witness)
        frames = PreparedFrames(self._studio.renderer, number, sensor)
        return Prepared(camera, number, frames, self._witness)

    def _try_pair(self) -> float:
        """Seconds that one pair of the papers' middle setting takes; the kernels are warm then."""
        renderer = self._studio.renderer
        begin = 0.0
        for _ in range(2):
            begin = time.monotonic()
            for number, width_ns in _TRIAL_NS.items():
                renderer.irradiance(number, 0, width_ns)
        return time.monotonic() - begin

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._failed.set()

    def _answer(self, fields: Fields) -> Fields:
        if set(fields) == {"fault"} and isinstance(fields["fault"], dict):
            fault = parse_fault(fields["fault"])
            if fault.pulse is not None:
                raise UserMistake(f"fault {fault.kind}: 'pulse' belongs into world.yaml")
            self._bench.apply(fault, self._now_ns)
            return {"done": fault.model_dump(mode="json", exclude_none=True)}
        if set(fields) - {"moves"} == {"scene", "assignments"}:
            return self._rearrange(**fields)
        if fields == {"status": True}:
            return self._status()
        raise UserMistake("a request holds 'fault', 'scene' and 'assignments', or 'status'")

    def _rearrange(
        self, scene: str | None, assignments: list[str], moves: list[float] | None = None
    ) -> Fields:
        if self._options.prepared_fps is not None:
            raise UserMistake("prepared frames stay as they are; start without --prepared")
        self._studio.rearrange(scene, assignments, None if moves is None else (moves[0], moves[1]))
        return {"done": scene or assignments}

    def _status(self) -> dict[str, Any]:
        cameras = {
            ROLES[number]: {
                "serial": camera.serial,
                "acquisition": camera.acquisition,
                "exposed": camera.tally.exposed,
                "ignored": camera.tally.busy,
                "waiting": self._darkrooms[number].waiting,
            }
            for number, camera in self._cameras.items()
        }
        computed = self._options.prepared_fps is None
        speed = board_speed(self._waiting, self._options.ahead_frames) if computed else 1.0
        return {
            "board_time_s": self._now_ns * 1e-9,
            "speed": speed,
            "cameras": cameras,
            "scene": self._studio.world.scene.model_dump(mode="json"),
        }
