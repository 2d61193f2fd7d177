"""Bookends that stand still, that move, and that lost their frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from acquisition.clip.document import ClipTail
from acquisition.clip.reader import Clip
from acquisition.clip.writer import seal
from acquisition.engine.bookend import bookend_remarks
from acquisition.ledger.row import Verdict
from acquisition.rig import Role
from tests.acquisition import small_clips
from tests.acquisition.small_clips import Content, Light, Loss, write_part

pytestmark = pytest.mark.unit

STILL = 5
FRAMES = 20
SIZE = (192, 256)


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough of a view to measure a tenth of a pixel in."""
    monkeypatch.setattr(small_clips, "HEIGHT", SIZE[0])
    monkeypatch.setattr(small_clips, "WIDTH", SIZE[1])


def scene() -> NDArray[np.float64]:
    noise = gaussian_filter(np.random.default_rng(5).normal(size=SIZE), 1.5)
    return 120 + 40 * noise / noise.std()


def moving(step_px: float) -> Light:
    """The scene moves; the first bookend stands, the last moves by `step_px` a frame."""
    still = scene()

    def shown(role: Role, pulse: int) -> NDArray[np.uint8]:
        way_px = max(0, min(pulse, FRAMES - STILL - 1) - STILL) * 3.0
        way_px += max(0, pulse - (FRAMES - STILL)) * step_px
        noise = np.random.default_rng([9, pulse]).normal(0, 1.5, SIZE)
        view = shift(still, (0, way_px), order=3, mode="wrap") + noise
        return np.clip(np.rint(view), 0, 255).astype(np.uint8)

    return shown


def remarks(
    folder: Path, light: Light, losses: list[Loss] | None = None, bookend: int = STILL
) -> list[str]:
    content = Content(FRAMES, bookend, losses or [], light, head={"bookend_frames": bookend})
    part = folder / "clip-000.h5.part"
    rows = write_part(part, content)
    with Clip(seal(part, rows, ClipTail(verdict="good"))) as clip:
        return bookend_remarks(clip)


def test_still_bookends_need_no_remark(tmp_path: Path) -> None:
    assert remarks(tmp_path, moving(0.0)) == []


def test_the_one_that_moves_is_named_with_its_way(tmp_path: Path) -> None:
    (remark,) = remarks(tmp_path, moving(2.0))
    assert remark.startswith("the last bookend moved ")
    assert 1.85 < float(remark.split()[4]) < 2.85  # of its fastest part: the way wraps at an edge
    assert "hold the rig still" in remark


def test_lost_pairs_are_counted(tmp_path: Path) -> None:
    losses: list[Loss] = [(pulse, "sharp", Verdict.MISSED) for pulse in (1, 2)]
    assert remarks(tmp_path, moving(0.0), losses) == ["the first bookend has only 3 pairs"]


def test_without_bookends_nothing_is_asked(tmp_path: Path) -> None:
    assert remarks(tmp_path, moving(2.0), bookend=0) == []
