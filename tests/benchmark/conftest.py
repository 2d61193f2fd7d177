"""A dataset small enough to train on in a test, and a disk small enough to fill."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from dataset.png import encode_png
from dataset.splits import Assignment, Splits
from dataset.tree import DatasetDescription, SequenceWriter, Tree, finish_tree, open_tree
from tests.mounts import mounted
from tests.origins import synthetic_source

_LENGTHS = {("train", "000"): 9, ("train", "001"): 7, ("valid", "000"): 8}
HEIGHT_PX, WIDTH_PX = 40, 48


@pytest.fixture(scope="session")
def plain_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain BSD tree of 40 x 48 frames: smooth noise that drifts, and the same blurred."""
    root = tmp_path_factory.mktemp("tree") / "small"
    for (split, name), length in _LENGTHS.items():
        rng = np.random.default_rng(np.random.SeedSequence([len(split), int(name)]))
        scene = cv2.GaussianBlur(rng.uniform(0, 255, (HEIGHT_PX, WIDTH_PX + 40, 3)), (0, 0), 1.5)
        scene = cv2.normalize(scene, None, 10, 245, cv2.NORM_MINMAX)
        for index in range(length):
            sharp = scene[:, 2 * index : 2 * index + WIDTH_PX].astype(np.uint8)
            pair = {"Sharp": sharp, "Blur": cv2.blur(sharp, (5, 1))}
            for view, frame in pair.items():
                folder = root / split / name / view / "RGB"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{index:08d}.png").write_bytes(encode_png(frame))
    return root


@pytest.fixture
def own_tree(plain_tree: Path, tmp_path: Path) -> Path:
    """A copy of `plain_tree` that a test may change."""
    return Path(shutil.copytree(plain_tree, tmp_path / "small"))


@pytest.fixture
def published_tree(plain_tree: Path, tmp_path: Path) -> Path:
    """The frames of `plain_tree`, published: with a manifest, splits and dataset.json."""
    root = tmp_path / "published"
    open_tree(root, "{}")
    sequences = []
    for files in Tree.open(plain_tree).all_sequences():
        scene = f"{files.split}-{files.name}"
        sequences.append(Assignment(split=files.split, sequence=files.name, scene=scene))
        with SequenceWriter(root, files.split, files.name) as writer:
            for index in range(len(files)):
                source = synthetic_source(index, scene, marks=())
                writer.append(files.read_blurry(index), files.read_sharp(index), source)
    about = DatasetDescription(name="published", kind="synthetic")
    finish_tree(root, about, Splits(sequences=tuple(sequences)))
    return root


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB in memory; skips where mounting is not allowed."""
    with mounted(tmp_path / "disk", "size=256k") as folder:
        yield folder
