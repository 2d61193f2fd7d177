"""`dataset.build` from sealed clips to a finished tree: seconds a pair, one worker and two.

The verb runs as a process of its own on 1280x720 clips of 12 bit: it reads and hashes them, runs
all gates, develops, encodes, hashes and writes pairs of 640x480, and all documents. A pair's time
is that of the whole run, without what the same command takes when nothing is left to do. The time
of a whole BSD is an extrapolation from it, and is said to be one.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from acquisition.clip.reader import Clip
from acquisition.rig import ROLES
from bsd.threads import available_cores
from dataset import extras, writer
from dataset.build import construction, develop_job, inspection_job
from dataset.build.config import BuildConfig
from dataset.build.construction import build
from dataset.build.request import BuildRequest
from dataset.gate.watch import ClipWatch
from dataset.pair.development import PairDeveloper
from dataset.pair.encoding import Encoding
from perf.build_material import BuildMaterial, build_material
from perf.harness import Report, Row, Timing
from perf.stage_clock import Place, StageClock

_SIZE_PX, _TRIAL_SIZE_PX = (1280, 720), (256, 192)
_OUT, _TRIAL_OUT = "640x480", "176x132"
_CLIPS, _TRIAL_CLIPS = 8, 2  # of fewer, the workers' start would be a large part
_FRAMES, _TRIAL_FRAMES = 100, 10
_REPEATS = 1
_BSD_PAIRS = 3 * (80 * 100 + 20 * 150)  # three settings of 100 sequences
_LONGEST_S = 1800
_ALL = {"RGB, RAW, Linear, masks": "rgb,raw,linear,masks"}
_KINDS = {"RGB": "rgb"} | _ALL

_STAGES: Mapping[str, tuple[Place, ...]] = {
    "reading clips": ((inspection_job, "raw_pair"), (inspection_job, "clip_sha256")),
    "gates": ((ClipWatch, "scene"), (ClipWatch, "bookend"), (ClipWatch, "results")),
    "development": ((PairDeveloper, "develop"),),
    "encoding": (
        (Encoding, "srgb"),
        (Encoding, "linear16"),
        (writer, "encode_png"),
        (extras, "encode_png"),
        (extras, "encode_tiff"),
        (develop_job, "_extras"),
    ),
    "hashing": ((writer, "sha256_bytes"),),
    "writing": ((writer, "write_bytes"),),
    "fsync": ((os, "fsync"),),
    "documents": ((construction, "put_documents"), (construction, "finish_tree")),
}


def run(report: Report) -> None:
    """Add both sets of products with one and two workers, and say where the time goes."""
    size_px = report.sized(_SIZE_PX, _TRIAL_SIZE_PX)
    repeats = report.sized(_REPEATS, 1)
    with tempfile.TemporaryDirectory(prefix="bsd-perf-") as name:
        folder = Path(name)
        frames = report.sized(_FRAMES, _TRIAL_FRAMES)
        clips = report.sized(_CLIPS, _TRIAL_CLIPS)
        material = build_material(folder / "material", size_px, clips, frames)
        out_px = report.sized(_OUT, _TRIAL_OUT)
        usual = _timing([_script_s(material, folder) for _ in range(repeats)])
        for words, formats in report.sized(_KINDS, _ALL).items():
            for workers in range(1, min(report.sized(2, 1), available_cores()) + 1):
                options = ["--size", out_px, "--formats", formats, "--workers", str(workers)]
                found = [_pair_s(material, folder, options) for _ in range(repeats)]
                ours, cpu = (_timing([pair[at] for pair in found]) for at in (0, 1))
                note = _note(ours, cpu)
                report.add(Row(_named(words, workers), ours, usual, None, repeats, note))
            report.console.print(f"  {_shares(material, folder, out_px, formats)}", highlight=False)


def _named(words: str, workers: int) -> str:
    return f"dataset.build 640x480, {words}, {workers} worker{'s' if workers > 1 else ''}"


def _note(ours: Timing, cpu: Timing) -> str:
    hours = ours.median_s * _BSD_PAIRS / 3600
    return (
        f"{1 / ours.median_s:.1f} pairs/s, {cpu.median_s * 1e3:.0f} ms CPU a pair; all of BSD,"
        f" {_BSD_PAIRS} pairs, would take {hours:.2f} h by extrapolation; usual:"
        f" OpenCV script in one process, no gates;"
        f" load {os.getloadavg()[0]:.1f} on {available_cores()} cores"
    )


def _timing(found: list[float]) -> Timing:
    return Timing(statistics.median(found), min(found), max(found))


def _pair_s(material: BuildMaterial, folder: Path, options: list[str]) -> tuple[float, float]:
    """Seconds a pair of the verb, and of all cores, without start and end of the process."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        whole, again = (_verb_s(material, Path(name) / "out", options) for _ in range(2))
    wall_s, cpu_s = (
        (first - second) / material.pairs for first, second in zip(whole, again, strict=True)
    )
    return wall_s, cpu_s


def _verb_s(material: BuildMaterial, out: Path, options: list[str]) -> tuple[float, float]:
    words = ["--session", material.session, "--calibration", material.calibration, "--out", out]
    line = [sys.executable, "-m", "dataset.build", *map(str, words), *options]
    begin, before = time.perf_counter(), os.times()
    done = subprocess.run(line, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"dataset.build: exit code {done.returncode}: {done.stderr.strip()}")
    after = os.times()
    cpu_s = after.children_user - before.children_user
    cpu_s += after.children_system - before.children_system
    return time.perf_counter() - begin, cpu_s


def _shares(material: BuildMaterial, folder: Path, out_px: str, formats: str) -> str:
    """Where the time of a build with one worker goes, over its threads."""
    clock = StageClock(_STAGES)
    with tempfile.TemporaryDirectory(dir=folder) as name, clock.watching():
        config = BuildConfig.of(None, size=out_px, formats=formats)
        sessions, calibrations = (material.session,), (material.calibration,)
        build(BuildRequest(sessions, calibrations, Path(name) / "out", config))
    return ", ".join(f"{stage} {100 * share:.0f} %" for stage, share in clock.shares().items())


def _script_s(material: BuildMaterial, folder: Path) -> float:
    """Seconds a pair of what a user would write: OpenCV all the way, PNG files, no gates."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        paths = sorted(material.session.rglob("*.h5"))
        begin = time.perf_counter()
        for path in paths:
            with Clip.open(path) as clip:
                for role in ROLES:
                    frames = clip.frames(role)
                    for index in range(material.pairs // len(paths)):
                        _script(np.asarray(frames[index]), Path(name) / f"{role}-{index:08d}.png")
        return (time.perf_counter() - begin) / material.pairs


def _script(raw: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], path: Path) -> None:
    image = cv2.demosaicing(raw, cv2.COLOR_BayerBG2BGR)
    height, width = raw.shape
    if path.name.startswith("sharp"):
        moved = np.array([[1.0, 0.0, 4.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]])
        image = cv2.warpPerspective(image, moved, (width, height), flags=cv2.INTER_CUBIC)
    part = image[height // 6 : -height // 6, width // 4 : -width // 4].astype(np.float32)
    shown = np.clip((part - 64.0) / 4031.0, 0, 1) ** (1 / 2.2) * 255
    cv2.imwrite(str(path), np.round(shown).astype(np.uint8))
