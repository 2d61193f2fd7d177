"""Building a dataset: seconds a pair, one worker and two, beside the usual script.

Two sequences of noisy raw pairs, 1280x720 at 12 bits, are developed, encoded, hashed and written
at 640x480 as `dataset.build` does it; reading clips and the gates are told apart. The time of a
whole BSD is an extrapolation from these seconds, and is said to be one.
"""

import os
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from bsd.threads import available_cores
from calibration.pair_model import PairModel
from dataset.executor import Advance, run_jobs
from dataset.extras import PairExtras
from dataset.gate.limits import GateLimits
from dataset.gate.watch import ClipWatch
from dataset.manifest import CaptureSource
from dataset.opening import held_tree
from dataset.pair.development import PairDeveloper
from dataset.pair.encoding import Encoding
from dataset.pair.raw import RawPair
from dataset.splits import Split
from dataset.writer import SequenceWriter
from perf.harness import Report, Row, Timing

_SHAPE = (720, 1280)
_PAIRS = 40
_WARM_UP = 4
_REPEATS = 3
_POOL = 6
_BSD_PAIRS = 3 * (80 * 100 + 20 * 150)  # three settings of 100 sequences
_GATE_EVERY = 5
_FORM = FrameFormat("RGGB", 12, 64.0)
_EXPOSURES_US = (16_000.0, 2_000.0)
_C2_TO_C1 = np.array([[1.001, 0.004, -3.3], [-0.004, 1.001, 2.1], [1e-7, -2e-7, 1.0]])
_SOURCE = CaptureSource(
    session="perf", clip="clip-000", clip_sha256="0" * 64, pulse=0, calibration_sha256="0" * 64
)

Frame = NDArray[np.uint16]


@dataclass(frozen=True)
class _Work:
    """One sequence: `kind` is ``rgb``, ``all`` (and RAW, Linear, Mask) or ``script``."""

    root: Path
    split: Split
    kind: str


def run(report: Report) -> None:
    """Add both sets of products with one and two workers, and the gates."""
    for workers in range(1, min(2, available_cores()) + 1):
        usual = _measured("script", workers)
        for kind, words in (("rgb", "RGB"), ("all", "RGB, RAW, Linear, masks")):
            ours = _measured(kind, workers)
            hours = ours.median_s * _BSD_PAIRS / 3600
            note = (
                f"{1 / ours.median_s:.1f} pairs/s; all of BSD, {_BSD_PAIRS} pairs, would take"
                f" {hours:.2f} h by extrapolation; usual: OpenCV script, RGB alone;"
                f" load {os.getloadavg()[0]:.1f} on {available_cores()} cores"
            )
            plural = "s" if workers > 1 else ""
            name = f"build 640x480, {words}, {workers} worker{plural}"
            report.add(Row(name, ours, usual, None, _REPEATS, note))
    seen, passed = _gates(True), _gates(False)
    share = (seen.median_s + (_GATE_EVERY - 1) * passed.median_s) / _GATE_EVERY
    report.add(
        Row(
            "gates of a scene pair: raw alone beside developed",
            passed,
            seen,
            None,
            _POOL,
            f"development included; every {_GATE_EVERY}th is: {share * 1e3:.0f} ms a pair",
        )
    )


def _measured(kind: str, workers: int) -> Timing:
    """Seconds a pair while `workers` processes write, each its own sequence."""
    found = []
    for _ in range(_REPEATS):
        with tempfile.TemporaryDirectory() as folder, held_tree(Path(folder) / "tree", "{}\n"):
            splits: tuple[Split, ...] = ("train", "test")
            jobs = [_Work(Path(folder) / "tree", each, kind) for each in splits[:workers]]
            each_s = run_jobs(_write, jobs, workers)
            found.append(1 / sum(1 / pair_s for pair_s in each_s))
    return Timing(statistics.median(found), min(found), max(found))


def _write(work: _Work, threads: int, _advance: Advance) -> float:
    """Seconds a pair of one sequence, without the start."""
    frames = _frames()
    if work.kind == "script":
        folder = work.root / work.split
        folder.mkdir()
        one = partial(_script, folder)
        for index in range(_WARM_UP):
            one(index, *frames[index % _POOL])
        begin = time.perf_counter()
        for index in range(_PAIRS):
            one(index, *frames[index % _POOL])
        return (time.perf_counter() - begin) / _PAIRS
    model = _model()
    coded = Encoding.of((1.6, 1.0, 1.4), model.white_dn)
    with closing(PairDeveloper(model, _SHAPE, threads=threads)) as developer:
        cut = RawPair(model, _SHAPE, developer.crop)
        with SequenceWriter(work.root, work.split, "000", threads) as writer:
            begin = 0.0
            for index in range(_WARM_UP + _PAIRS):
                if index == _WARM_UP:
                    begin = time.perf_counter()
                _append(writer, developer, coded, cut if work.kind == "all" else None, index)
        return (time.perf_counter() - begin) / _PAIRS


def _append(
    writer: SequenceWriter,
    developer: PairDeveloper,
    coded: Encoding,
    cut: RawPair | None,
    index: int,
) -> None:
    blurry, sharp = _frames()[index % _POOL]
    pair = developer.develop(blurry, sharp)
    extras = None
    if cut is not None:
        extras = PairExtras(
            cut.cut(blurry, sharp),
            (cut.cfa, cut.cfa_2),
            _FORM.bits,
            (coded.linear16(pair.blurry), coded.linear16(pair.sharp)),
            (pair.blurry_saturated, pair.sharp_saturated),
        )
    writer.append(coded.srgb(pair.blurry), coded.srgb(pair.sharp), _SOURCE, extras)


def _script(folder: Path, index: int, blurry: Frame, sharp: Frame) -> None:
    """What a user would write: OpenCV's demosaicing and warp, a power law, PNG by OpenCV."""
    for name, raw, warped in (("blurry", blurry, False), ("sharp", sharp, True)):
        image = cv2.demosaicing(raw, cv2.COLOR_BayerBG2BGR)
        if warped:
            size = (_SHAPE[1], _SHAPE[0])
            image = cv2.warpPerspective(image, _C2_TO_C1, size, flags=cv2.INTER_CUBIC)
        part = image[120:600, 320:960].astype(np.float32)
        shown = np.clip((part - 64.0) / 3900.0, 0, 1) ** (1 / 2.2) * 255
        cv2.imwrite(str(folder / f"{name}-{index:08d}.png"), np.round(shown).astype(np.uint8))


def _gates(is_developed: bool) -> Timing:
    """Seconds a pair of the scene takes of the gates, developed or not."""
    found = []
    watch = ClipWatch(GateLimits(), _EXPOSURES_US, {"blurry": _FORM, "sharp": _FORM})
    with closing(PairDeveloper(_model(), _SHAPE)) as developer:
        for index, (blurry, sharp) in enumerate((*_frames(), *_frames())):
            begin = time.perf_counter()
            pair = developer.develop(blurry, sharp) if is_developed else None
            watch.scene(index, blurry, sharp, pair)
            found.append(time.perf_counter() - begin)
    warm = found[_POOL:]
    return Timing(statistics.median(warm), min(warm), max(warm))


@lru_cache(maxsize=1)
def _frames() -> tuple[tuple[Frame, Frame], ...]:
    """Textured mosaics that pan, with the noise of a sensor."""
    generator = np.random.default_rng(8)
    coarse = generator.random((60, 110)).astype(np.float32)
    wide = cv2.resize(coarse, (_SHAPE[1] + 40 * _POOL, _SHAPE[0]), interpolation=cv2.INTER_CUBIC)
    made = []
    for index in range(_POOL):
        scene = 200 + 2600 * wide[:, 40 * index : 40 * index + _SHAPE[1]]
        pair = [
            np.clip(view + generator.normal(0, 12, _SHAPE), 0, 4095).astype(np.uint16)
            for view in (cv2.blur(scene, (9, 1)), scene)
        ]
        made.append((pair[0], pair[1]))
    return tuple(made)


@lru_cache(maxsize=1)
def _model() -> PairModel:
    """A calibration: a homography, even shading, a colour matrix."""
    y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]].astype(np.float64)
    places = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(_C2_TO_C1).T
    grid = np.ascontiguousarray(places[..., :2] / places[..., 2:], dtype=np.float32)
    black = np.full(4, _FORM.black_dn, dtype=np.float32)
    return PairModel(
        formats={"blurry": _FORM, "sharp": _FORM},
        black_dn={"blurry": black, "sharp": black},
        map_xy={"R": grid, "G": grid, "B": grid},
        ratio=np.ones((*_SHAPE, 3), dtype=np.float32),
        matrix=np.array([[1.10, -0.06, -0.04], [-0.03, 1.06, -0.03], [0.01, -0.12, 1.11]]),
        white_dn=np.full(3, 3900.0),
    )
