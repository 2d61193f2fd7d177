"""Training samples from the packed cache beside decoding whole PNGs and cropping them."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.cache import open_split
from benchmark.sampler import CropSampler
from dataset.png import encode_png
from dataset.tree import Tree
from perf.harness import Report

_SIZES_PX, _TRIAL_SIZES_PX = ((640, 480), (1280, 720)), ((320, 256),)
_SEQUENCE_FRAMES = 24
_WINDOW_FRAMES, _CROP_PX = 8, 256
_AIM = 10.0


def run(report: Report) -> None:
    """Add samples of 8 blurry and 8 sharp frames, 256 x 256 crops, at two sizes."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for width, height in report.sized(_SIZES_PX, _TRIAL_SIZES_PX):
            with TemporaryDirectory(prefix="bsd-perf-") as folder:
                root = Path(folder)
                tree = _tree(root / "set", width, height)
                sequences = open_split(tree, "train", root / "cache")
                sampler = CropSampler(sequences, _WINDOW_FRAMES, _CROP_PX, batch=1, seed=1)
                places = count(1)
                report.compare(
                    f"training sample, 8 + 8 frames, {_CROP_PX}² of {width}x{height}",
                    lambda sampler=sampler, places=places: sampler.load(next(places)),  # type: ignore[misc]
                    _decoder(tree, sampler),
                    _AIM,
                    note="one thread; usual: cv2.imread, then crop",
                )
    finally:
        cv2.setNumThreads(before)


def _decoder(tree: Tree, sampler: CropSampler) -> Callable[[], object]:
    """The usual loader: whole frames decoded, the same crops cut out and mirrored."""
    places = count(1)
    (files,) = tree.sequences("train")

    def load() -> object:
        choice = sampler.choose(next(places), 0)
        rows = slice(choice.top_px, choice.top_px + _CROP_PX)
        columns = slice(choice.left_px, choice.left_px + _CROP_PX)
        window = slice(choice.start, choice.start + _WINDOW_FRAMES)
        pair = []
        for paths in (files.blurry[window], files.sharp[window]):
            frames = np.stack([_read(path)[rows, columns] for path in paths])
            if choice.flip_x:
                frames = frames[:, :, ::-1]
            if choice.flip_y:
                frames = frames[:, ::-1]
            pair.append(np.ascontiguousarray(frames))
        return pair

    return load


def _read(path: Path) -> NDArray[np.uint8]:
    frame = cv2.imread(str(path))
    if frame is None:
        raise FileNotFoundError(path)
    return frame[..., ::-1].astype(np.uint8, copy=False)


def _tree(root: Path, width: int, height: int) -> Tree:
    for view, frames in zip(
        ("Blur", "Sharp"), zip(*_pairs(width, height), strict=True), strict=True
    ):
        folder = root / "train" / "000" / view / "RGB"
        folder.mkdir(parents=True)
        for index, frame in enumerate(frames):
            (folder / f"{index:08d}.png").write_bytes(encode_png(frame))
    return Tree.open(root)


def _pairs(width: int, height: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """A drifting picture with texture at all scales and a little noise, as PNG finds in clips."""
    rng = np.random.default_rng(np.random.SeedSequence([width, height]))
    picture = np.zeros((height, width + 8 * _SEQUENCE_FRAMES, 3))
    for sigma_px in (2.0, 8.0, 32.0):
        layer = cv2.GaussianBlur(rng.normal(0, 1, picture.shape), (0, 0), sigma_px)
        picture += layer / layer.std()
    low, high = picture.min(), picture.max()
    picture = 20 + 215 * (picture - low) / (high - low)
    for index in range(_SEQUENCE_FRAMES):
        view = picture[:, 8 * index : 8 * index + width]
        noisy = [frame + rng.normal(0, 1, frame.shape) for frame in (cv2.blur(view, (9, 1)), view)]
        blurry, sharp = (np.clip(frame, 0, 255).astype(np.uint8) for frame in noisy)
        yield blurry, sharp
