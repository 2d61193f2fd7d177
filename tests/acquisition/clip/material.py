"""Small clips of known content, and sinks that are slow or full, for tests."""

import errno
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.arrival import ARRIVAL, ArrivalFlag
from acquisition.clip.document import ClipHead, ClipTail
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter, seal
from acquisition.ledger.row import LEDGER, NO_INDEX, PULSE, Verdict
from acquisition.rig import ROLES, Role

SHAPE = FrameShape(12, 16)
RGB16 = FrameShape(6, 8, 3, "uint16")
FACTOR: dict[Role, int] = {"blurry": 3, "sharp": 5}


def head(**changes: Any) -> ClipHead:
    """The head of a take of three frames."""
    fields: dict[str, Any] = {
        "name": "clip-000",
        "session": "6f8a",
        "purpose": "scene",
        "rate_hz": "15",
        "frames_asked": 3,
        "sync": "trigger",
        "arming": 7,
        "tick_ns": 500,
        "rig": {"name": "bench"},
        "cameras": {role: {"identity": {}, "configured": {}} for role in ROLES},
    }
    return ClipHead.from_fields(
        {"format": "bsd-clip", "format_version": 1} | fields | changes, "head"
    )


def picture(role: Role, number: int, shape: FrameShape = SHAPE) -> NDArray[Any]:
    """Frame `number` of a camera: every one differs, and every pixel within it."""
    count = int(np.prod(shape.shape))
    values = np.arange(count, dtype=np.uint32) * FACTOR[role] + number * 97
    return (values % 65521).astype(shape.dtype).reshape(shape.shape)


def arrival(number: int, arming: int = 7) -> np.void:
    """Its arrival."""
    row = np.zeros(1, ARRIVAL)
    row[0] = (arming, ArrivalFlag.COMPLETE, number, number + 1, number * 10, number * 11, 192, 0)
    found: np.void = row[0]
    return found


def pulses(count: int) -> NDArray[np.void]:
    """Pulses 1,000 ticks apart."""
    rows = np.zeros(count, PULSE)
    rows["n"] = np.arange(count)
    rows["ticks"] = np.arange(count) * 1000
    return rows


def ledger(count: int, missed_by_sharp: int | None = None) -> NDArray[np.void]:
    """Everything paired, but for one pulse that the sharp camera missed."""
    rows = np.zeros(count, LEDGER)
    rows["pulse"] = np.arange(count)
    rows["verdict"] = rows["c1_verdict"] = rows["c2_verdict"] = Verdict.PAIRED
    rows["c1_index"] = np.arange(count)
    rows["c2_index"] = np.arange(count)
    if missed_by_sharp is not None:
        rows["c2_index"][missed_by_sharp:] -= 1
        row = rows[missed_by_sharp]
        row["verdict"], row["c1_verdict"], row["c2_verdict"] = (
            *(Verdict.MISSED, Verdict.UNPAIRED),
            Verdict.MISSED,
        )
        row["c2_index"] = NO_INDEX
    return rows


def write_part(
    part: Path,
    counts: Mapping[Role, int],
    shape: FrameShape = SHAPE,
    **changes: Any,
) -> Path:
    """A closed part with so many frames of each camera, and as many pulses as the most."""
    writer = ClipWriter(part, head(**changes), dict.fromkeys(ROLES, shape))
    for number in range(max(counts.values())):
        for role in ROLES:
            if number < counts[role]:
                data = picture(role, number, shape).reshape(-1).view(np.uint8)
                writer.append(role, arrival(number), data)
        writer.pulses(pulses(number + 1)[-1:])
    writer.close()
    return part


def write_clip(
    folder: Path,
    frames: int = 3,
    shape: FrameShape = SHAPE,
    verdict: str = "good",
    **changes: Any,
) -> Path:
    """A sealed clip of so many pairs."""
    part = write_part(folder / "clip-000.h5.part", dict.fromkeys(ROLES, frames), shape, **changes)
    return seal(part, ledger(frames), ClipTail.model_validate({"verdict": verdict}))


class SlowSink(ClipWriter):
    """Stores a frame only after a pause."""

    def append(self, role: Role, arrival: np.void, data: NDArray[np.uint8]) -> None:
        time.sleep(0.01)
        super().append(role, arrival, data)


class FullSink(ClipWriter):
    """Has room for five frames."""

    def append(self, role: Role, arrival: np.void, data: NDArray[np.uint8]) -> None:
        if sum(self.stored.values()) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        super().append(role, arrival, data)
