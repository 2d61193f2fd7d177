"""Small pictures that move in a known way, and small trees made by the real writer."""

import cv2
import numpy as np
import pytest
from skimage import data

from dataset.splits import assign
from dataset.tree import DatasetDescription, SequenceWriter, finish_tree, open_tree
from tests.origins import synthetic_source


def moving_pair(position, count, size=(48, 64), blur=0.8, picture="astronaut", noise=0.0, seed=0):
    """Blurry and sharp frames of a photograph at `position(t)` px, t in frames.

    A blurry frame is the mean over `blur` frames around its sharp one.
    """
    source = cv2.GaussianBlur(getattr(data, picture)(), (0, 0), 0.7)
    generator = np.random.default_rng(np.random.SeedSequence([2, seed]))
    height, width = size
    centre = np.array([source.shape[1] - width, source.shape[0] - height]) / 2

    def picture_at(time):
        x, y = centre + position(time)
        matrix = np.float32([[1, 0, -x], [0, 1, -y]])
        moved = cv2.warpAffine(source, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        return moved.astype(np.float64)

    def frame(image):
        noisy = image + generator.normal(0, 1, image.shape) * noise
        return np.clip(np.round(noisy), 0, 255).astype(np.uint8)

    offsets = np.linspace(-blur / 2, blur / 2, 9)
    blurry = [frame(np.mean([picture_at(t + o) for o in offsets], axis=0)) for t in range(count)]
    sharp = [frame(picture_at(t)) for t in range(count)]
    return blurry, sharp


def write_tree(root, clips, threads=1, plan="{}", finish=True):
    """Write {scene: (blurry, sharp)} through the real writer, one sequence a scene."""
    splits = assign(None, [(scene, 1) for scene in clips])
    if open_tree(root, plan) == "finished":
        return None
    for item in splits.sequences:
        blurry, sharp = clips[item.scene]
        with SequenceWriter(root, item.split, item.sequence, threads) as writer:
            for index in range(writer.frames_done, len(blurry)):
                source = synthetic_source(index, item.scene)
                writer.append(blurry[index], sharp[index], source)
    if not finish:
        return None
    return finish_tree(root, DatasetDescription(name="small", kind="synthetic"), splits)


def tree_bytes(root):
    """Every file below `root`, by name."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def two_clips():
    """Two scenes of 5 frames, 48 × 64 px, moving 3 px a frame."""
    return {
        name: moving_pair(lambda t: np.array([3.0 * t, t]), 5, picture=picture)
        for name, picture in (("a", "astronaut"), ("b", "coffee"))
    }


@pytest.fixture
def small_tree(tmp_path, two_clips):
    """A published tree: train/000 and test/000."""
    write_tree(tmp_path / "tree", two_clips)
    return tmp_path / "tree"


@pytest.fixture
def dataset_tools():
    """The functions of this file, for tests that need them by name."""
    return {
        "moving_pair": moving_pair,
        "synthetic_source": synthetic_source,
        "write_tree": write_tree,
        "tree_bytes": tree_bytes,
    }
