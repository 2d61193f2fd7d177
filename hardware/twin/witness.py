"""What truly happened, for tests and calibrations to read; nothing of it reaches a camera.

Beside the records and pictures of `hardware.twin.truth`, the folder holds ``events.jsonl``: one
line for each exposure and each fault, in the order in which they were dealt with, and one
(``unpaired``) for each frame without a partner. After a fault of the optics ``world-001.yaml`` and
so on hold the world from then on.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware.twin.exposures import ExposureRequest
from hardware.twin.faults_config import Fault
from hardware.twin.renderer import Renderer
from hardware.twin.truth import Exposure, TruthWriter

EVENTS_FILE: Final = "events.jsonl"
_KEPT_BYTES: Final = 1 << 29
"""Light of one camera that may wait for partners, where the other camera makes no frames."""

_ROLES: Final = {1: "blurry", 2: "sharp"}


class _Seen(NamedTuple):
    request: ExposureRequest
    frame_id: int
    light: NDArray[np.float32]


class Witness:
    """Writes the truth.

    Parameters
    ----------
    folder
        Where to; made where it is absent.
    pictures
        Whether pictures are written beside each pair's record.
    """

    def __init__(self, folder: Path, *, pictures: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._pictures = pictures
        # unbuffered: what a full disk refused is not written again when the file is closed
        self._events = (folder / EVENTS_FILE).open("ab", buffering=0)
        self._lock = threading.Lock()
        self._seen: dict[int, deque[_Seen]] = {1: deque(), 2: deque()}
        self._passed_ns = {1: 0, 2: 0}
        self._pairs = 0
        self._writers: list[tuple[Renderer, TruthWriter]] = []

    def close(self) -> None:
        """Tell of what found no partner, and close the file of events."""
        with self._lock:
            try:
                for camera in self._seen:
                    self._leave(camera, len(self._seen[camera]))
            finally:
                self._events.close()

    def fault(self, fault: Fault, time_ns: int) -> None:
        """A fault begins."""
        fields = fault.model_dump(mode="json", exclude_none=True)
        self._event({"event": "fault", "time_ns": time_ns, **fields})

    def exposed(self, camera: int, request: ExposureRequest, frame_id: int | None) -> None:
        """An exposure has become a frame, or (`frame_id` None) nobody took it."""
        self._event(
            {
                "event": "exposure",
                "camera": _ROLES[camera],
                "acquisition": request.acquisition,
                "number": request.number,
                "frame_id": frame_id,
                "cause": request.cause,
                "trigger_ns": request.trigger_ns,
                "begin_ns": request.begin_ns,
                "end_ns": request.end_ns,
            }
        )
        if frame_id is None:
            with self._lock:
                self._pass(camera, request)

    def rendered(
        self,
        camera: int,
        request: ExposureRequest,
        frame_id: int,
        light: NDArray[np.float32],
        renderer: Renderer,
    ) -> None:
        """A frame was delivered; where its partner was too, the pair's truth is written.

        Partners are exposures that overlap in time; a camera's own never do, and come in order.
        """
        mine = _Seen(request, frame_id, light)
        with self._lock:
            other = self._partner(3 - camera, request)
            self._pass(camera, request)
            if other is None:
                self._wait(camera, mine)
                return
            pair, self._pairs = self._pairs, self._pairs + 1
            writer = self._writer(renderer, request.begin_ns)
        blurry, sharp = (mine, other) if camera == 1 else (other, mine)
        writer.write(
            pair,
            _exposure(blurry),
            _exposure(sharp),
            seen=(blurry.light, sharp.light),
            regions=(blurry.request.region, sharp.request.region),
        )

    def _partner(self, camera: int, request: ExposureRequest) -> _Seen | None:
        """Take the oldest exposure of a camera that overlaps."""
        waiting = self._seen[camera]
        for place, seen in enumerate(waiting):
            begin_ns = max(seen.request.begin_ns, request.begin_ns)
            if begin_ns < min(seen.request.end_ns, request.end_ns):
                del waiting[place]
                return seen
        return None

    def _pass(self, camera: int, request: ExposureRequest) -> None:
        """A camera has come to the end of an exposure: the other's until then wait in vain."""
        self._passed_ns[camera] = max(self._passed_ns[camera], request.end_ns)
        waiting = self._seen[3 - camera]
        over = sum(seen.request.end_ns <= request.end_ns for seen in waiting)
        self._leave(3 - camera, over)

    def _wait(self, camera: int, seen: _Seen) -> None:
        waiting = self._seen[camera]
        waiting.append(seen)
        if seen.request.end_ns <= self._passed_ns[3 - camera]:
            self._leave(camera, len(waiting))
        while sum(each.light.nbytes for each in waiting) > _KEPT_BYTES:
            self._leave(camera, 1)

    def _leave(self, camera: int, count: int) -> None:
        """The oldest that wait have no partner."""
        for _ in range(count):
            seen = self._seen[camera].popleft()
            self._write(
                {
                    "event": "unpaired",
                    "camera": _ROLES[camera],
                    "frame_id": seen.frame_id,
                    "begin_ns": seen.request.begin_ns,
                    "end_ns": seen.request.end_ns,
                }
            )

    def _writer(self, renderer: Renderer, time_ns: int) -> TruthWriter:
        for known, writer in self._writers:
            if known is renderer:
                return writer
        world = self._folder / "world.yaml"
        before = world.read_bytes() if self._writers else b""
        writer = TruthWriter(self._folder, renderer, pictures=self._pictures)
        if before:
            changed = self._folder / f"world-{len(self._writers):03d}.yaml"
            world.replace(changed)
            world.write_bytes(before)
            self._write({"event": "world", "time_ns": time_ns, "file": changed.name})
        self._writers.append((renderer, writer))
        return writer

    def _event(self, fields: dict[str, Any]) -> None:
        with self._lock:
            self._write(fields)

    def _write(self, fields: dict[str, Any]) -> None:
        if self._events.closed:
            return
        line = json.dumps(fields).encode() + b"\n"
        try:
            while line:
                line = line[self._events.write(line) :]
        except OSError as error:  # a write knows no name
            path = self._folder / EVENTS_FILE
            raise OSError(error.errno, error.strerror, str(path)) from error


def _exposure(seen: _Seen) -> Exposure:
    request = seen.request
    return Exposure(
        frame_id=seen.frame_id,
        begin_ns=request.begin_ns,
        end_ns=request.end_ns,
        temperature_c=request.temperature_c,
    )
