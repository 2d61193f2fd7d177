"""What truly happened, for tests and calibrations to read; nothing of it reaches a camera.

Beside the records and pictures of `hardware.twin.truth`, the folder holds ``events.jsonl``: one
line for each exposure and each fault, in the order in which they were dealt with. After a fault of
the optics ``world-001.yaml`` and so on hold the world from then on.
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
_KEPT: Final = 8
"""Exposures of one camera that wait for their partner."""

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
        self._events = (folder / EVENTS_FILE).open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._seen: dict[int, deque[_Seen]] = {1: deque(maxlen=_KEPT), 2: deque(maxlen=_KEPT)}
        self._pairs = 0
        self._writers: list[tuple[Renderer, TruthWriter]] = []

    def close(self) -> None:
        """Close the file of events."""
        with self._lock:
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

    def rendered(
        self,
        camera: int,
        request: ExposureRequest,
        frame_id: int,
        light: NDArray[np.float32],
        renderer: Renderer,
    ) -> None:
        """A frame was delivered; where its partner was too, the pair's truth is written.

        Partners are exposures that overlap in time.
        """
        mine = _Seen(request, frame_id, light)
        with self._lock:
            other = self._partner(3 - camera, request)
            if other is None:
                self._seen[camera].append(mine)
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
        """Take the oldest exposure of a camera that overlaps; earlier ones have none any more."""
        waiting = self._seen[camera]
        for place, seen in enumerate(waiting):
            begin_ns = max(seen.request.begin_ns, request.begin_ns)
            if begin_ns < min(seen.request.end_ns, request.end_ns):
                for _ in range(place + 1):
                    waiting.popleft()
                return seen
        return None

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
        if not self._events.closed:
            self._events.write(json.dumps(fields) + "\n")
            self._events.flush()


def _exposure(seen: _Seen) -> Exposure:
    request = seen.request
    return Exposure(
        frame_id=seen.frame_id,
        begin_ns=request.begin_ns,
        end_ns=request.end_ns,
        temperature_c=request.temperature_c,
    )
