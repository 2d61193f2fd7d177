"""Faults as they happen: at their pulse, or when somebody asks."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Iterable, Mapping
from typing import Final

from bsd.errors import UserMistake
from hardware.twin.camera import VirtualCamera
from hardware.twin.faults_config import (
    CameraFault,
    ClockDrift,
    DeviceBack,
    DeviceLost,
    ExtraFrame,
    IncompleteFrame,
    LateArming,
    MissedTrigger,
    OpticalFault,
    ProducerCrash,
    Role,
    Stall,
    TransportFault,
)
from hardware.twin.studio import Studio
from hardware.twin.witness import Witness

log = logging.getLogger(__name__)

ROLES: Final[dict[int, Role]] = {1: "blurry", 2: "sharp"}
_NS_PER_MS: Final = 1_000_000


class FaultBench:
    """Does to cameras and optics what was scheduled or is asked for.

    All calls come from the thread that tells the cameras their edges, so that a fault has its
    place among them.

    Parameters
    ----------
    scheduled
        Faults with their pulses; those without a pulse happen at `begin`.
    cameras
        Channel of the controller → camera.
    studio
        The optics; None where frames are prepared and no optics are left.
    witness
        Who is told, where somebody is.
    """

    def __init__(
        self,
        scheduled: Iterable[TransportFault | OpticalFault],
        cameras: Mapping[int, VirtualCamera],
        studio: Studio | None,
        witness: Witness | None,
    ) -> None:
        self._cameras = {ROLES[channel]: camera for channel, camera in cameras.items()}
        self._studio = studio
        self._witness = witness
        self._waiting = list(scheduled)
        self._seen: dict[Role, tuple[int, int]] = dict.fromkeys(self._cameras, (0, 0))
        self._lost: set[Role] = set()
        self._back: list[tuple[int, int, Role]] = []
        self._order = itertools.count()
        if studio is None:
            for fault in self._waiting:
                _refuse_optics(fault)

    def begin(self, time_ns: int) -> None:
        """The world begins: faults without a pulse happen."""
        self._do([fault for fault in self._waiting if fault.pulse is None], time_ns)

    def before_rise(self, channel: int, time_ns: int) -> None:
        """A camera's trigger line is about to rise: faults of this pulse happen."""
        role = ROLES[channel]
        now = self._cameras[role].acquisition
        acquisition, pulse = self._seen[role]
        pulse = pulse if acquisition == now else 0
        self._seen[role] = (now, pulse + 1)
        self._do(
            [
                fault
                for fault in self._waiting
                if fault.pulse == pulse
                and fault.acquisition == now
                and getattr(fault, "camera", "blurry") == role
            ],
            time_ns,
        )

    def mark(self, time_ns: int) -> None:
        """Time has come so far: what was pulled out for a while is plugged in again."""
        while self._back and self._back[0][0] <= time_ns:
            role = heapq.heappop(self._back)[2]
            if role in self._lost:
                self.apply(DeviceBack(camera=role), time_ns)

    def apply(self, fault: TransportFault | OpticalFault, time_ns: int) -> None:
        """One fault happens now.

        Raises
        ------
        UserMistake
            It cannot: no frames flow, the device is gone, or frames are prepared.
        """
        if isinstance(fault, CameraFault):
            self._transport(fault, self._cameras[fault.camera], time_ns)
        elif self._studio is None:
            _refuse_optics(fault)
        else:
            self._studio.apply(fault, time_ns)
        log.info("fault: %s", fault.kind)
        if self._witness is not None:
            self._witness.fault(fault, time_ns)

    def _do(self, due: list[TransportFault | OpticalFault], time_ns: int) -> None:
        for fault in due:
            self._waiting.remove(fault)
            self.apply(fault, time_ns)

    def _transport(self, fault: TransportFault, camera: VirtualCamera, time_ns: int) -> None:
        match fault:
            case MissedTrigger():
                camera.miss_trigger(fault.count)
            case ExtraFrame():
                camera.extra_frame()
            case IncompleteFrame():
                camera.incomplete(fault.count)
            case Stall():
                camera.stall(fault.stall_ms)
            case LateArming():
                camera.arm_late(fault.delay_ms)
            case ClockDrift():
                camera.drift(fault.drift_ppm)
            case ProducerCrash():
                if not camera.crash():
                    raise UserMistake(
                        f"fault {fault.kind}: nobody streams from the {fault.camera} camera"
                    )
            case DeviceLost():
                self._lose(fault, camera, time_ns)
            case DeviceBack():
                if fault.camera not in self._lost:
                    raise UserMistake(f"fault {fault.kind}: the {fault.camera} camera is not lost")
                self._lost.discard(fault.camera)
                camera.restore()

    def _lose(self, fault: DeviceLost, camera: VirtualCamera, time_ns: int) -> None:
        if fault.camera in self._lost:
            raise UserMistake(f"fault {fault.kind}: the {fault.camera} camera is lost already")
        self._lost.add(fault.camera)
        camera.lose()
        if fault.back_after_ms is not None:
            back_ns = time_ns + round(fault.back_after_ms * _NS_PER_MS)
            heapq.heappush(self._back, (back_ns, next(self._order), fault.camera))


def _refuse_optics(fault: TransportFault | OpticalFault) -> None:
    if not isinstance(fault, CameraFault):
        raise UserMistake(
            f"fault {fault.kind}: prepared frames do not see the optics; start without --prepared"
        )
