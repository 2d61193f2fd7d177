"""Recording two streams beside raw writes of the same bytes, and beside what h5py invites to.

Each job writes both streams into one file, waits until it is on the disk, and removes it.
"""

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from acquisition.arrival import ARRIVAL
from acquisition.clip.document import ClipCamera, ClipHead
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter
from acquisition.rig import ROLES
from perf.harness import Report

_SHAPE = FrameShape(720, 1280)
_FRAMES, _TRIAL_FRAMES = 300, 4
_AIM_RAW = 0.9
_REPEATS = 9

Frame = NDArray[np.uint8]


def run(report: Report) -> None:
    """Add the recorder's writing against both, with the CPU seconds per GB of each."""
    pool = np.random.default_rng(5).integers(0, 256, (8, _SHAPE.frame_bytes), np.uint8)
    count = report.sized(_FRAMES, _TRIAL_FRAMES)
    frames = [pool[index % len(pool)] for index in range(count)]
    size_gb = len(ROLES) * count * _SHAPE.frame_bytes / 1e9
    with tempfile.TemporaryDirectory() as folder:
        jobs = {
            "ours": partial(_record, Path(folder) / "clip-000.h5.part", frames),
            "os.write": partial(_write, Path(folder) / "raw", frames),
            "dataset assignment": partial(_assign, Path(folder) / "assigned.h5", frames),
        }
        for name, aim in (("os.write", _AIM_RAW), ("dataset assignment", None)):
            cpu = {
                each: min(_cpu_s(jobs[each]) for _ in range(report.sized(3, 1))) / size_gb
                for each in ("ours", name)
            }
            report.compare(
                f"recording 2 x 1280x720 x 8 bit, usual: {name} with fsync",
                jobs["ours"],
                jobs[name],
                aim,
                _REPEATS,
                note=f"{size_gb:.2f} GB; CPU s per GB: ours {cpu['ours']:.2f},"
                f" usual {cpu[name]:.2f}",
            )


def _record(part: Path, frames: list[Frame]) -> None:
    head = ClipHead(
        name="clip-000",
        purpose="scene",
        rate_hz="120",
        frames_asked=len(frames),
        sync="trigger",
        rig={},
        cameras=dict.fromkeys(ROLES, ClipCamera(identity={}, configured={})),
    )
    writer = ClipWriter(part, head, dict.fromkeys(ROLES, _SHAPE))
    arrival = np.zeros(1, ARRIVAL)[0]
    for frame in frames:
        for role in ROLES:
            writer.append(role, arrival, frame)
    writer.close()
    part.unlink()


def _write(path: Path, frames: list[Frame]) -> None:
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    for frame in frames:
        for _ in ROLES:
            os.write(file, frame.data)
    os.fsync(file)
    os.close(file)
    path.unlink()


def _assign(path: Path, frames: list[Frame]) -> None:
    shape = (len(frames), *_SHAPE.shape)
    with h5py.File(path, "w") as file:
        streams = [
            file.create_dataset(role, shape, np.uint8, chunks=(1, *_SHAPE.shape)) for role in ROLES
        ]
        for index, frame in enumerate(frames):
            for stream in streams:
                stream[index] = frame.reshape(_SHAPE.shape)
        file.flush()
        os.fsync(file.id.get_vfd_handle())
    path.unlink()


def _cpu_s(job: Callable[[], None]) -> float:
    begin_ns = time.process_time_ns()
    job()
    return (time.process_time_ns() - begin_ns) / 1e9
