"""Both ceilings view by view, of the published crop, against the virtual rig's truth."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.solve.solution import solve
from tests.calibration.ceiling.aligned import measured_db, table, worst_db
from tests.calibration.solve.truth import world_of
from tests.calibration.worlds import LEAN, LEAN_OPTIONS
from tests.twin_session import SceneClip, Spec, twin_session

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

LIMIT_DB = 1.0


def _large(lens: str, seed: int) -> Spec:
    """Its two lenses have one pupil: parallax is in no ceiling."""
    world = world_of(seed, lens, ("none", "horizontal"))
    sets = tuple(each for each in world.sets if "pupil_mm" not in each)
    if lens == "two_lenses":
        sets += tuple(f"optics.view_{view}.pupil_mm=[0,0,0]" for view in (1, 2))
    return replace(world, sets=sets, missing=LEAN.missing, end=False, options=LEAN.options)


RIGS = {
    "640 x 480": (replace(LEAN, size_px=(640, 480)), 12, (592, 432)),
    "1280 x 720, shared lens": (_large("shared_lens", 3), 6, (640, 480)),
    "1280 x 720, two lenses": (_large("two_lenses", 4), 6, (640, 480)),
}


@pytest.mark.parametrize("rig", RIGS)
def test_ceilings_hold_within_a_decibel_view_by_view(
    count: Callable[[int], int], figure: Callable[[str], None], tmp_path: Path, rig: str
) -> None:
    """Every single view, and the mean that the report states."""
    base, full, size_px = RIGS[rig]
    views = max(2, count(full))
    scenes = tuple(
        SceneClip(
            frames=1, bookend=1, number=number, moves=number % 4 < 3, shake_mrad=(1.0, 1.0, 0.5)
        )
        for number in range(views)
    )
    session = twin_session(replace(base, scenes=scenes), folder=tmp_path / "session")
    options = LEAN_OPTIONS.model_copy(update={"ceiling_pictures": views})
    calibration = solve(session.folder, tmp_path / "cal", options)
    told = calibration.document.settings[base.setting].ceilings
    assert told is not None
    assert told.total_db is not None
    reached = [measured_db(session, calibration, number, size_px) for number in range(views)]
    worst = worst_db(told.views_db, reached)
    systematic, total = np.mean(reached, axis=0)
    figure(
        f"ceilings of {views} views, {rig}: systematic {told.systematic_db:.2f} dB predicted,"
        f" {systematic:.2f} reached; total {told.total_db:.2f} and {total:.2f}; single views at"
        f" most {worst[0]:.2f} and {worst[1]:.2f} dB off"
    )
    assert max(worst) <= LIMIT_DB, table(told.views_db, reached)
