"""Which of a session's scenes the ceilings are predicted with, and what is said of the others."""

from dataclasses import replace

import pytest

from calibration.solve.solution import solve
from tests.calibration.solve.encoded import encode_session
from tests.calibration.worlds import LEAN, LEAN_OPTIONS
from tests.twin_session import SceneClip, TwinSession, twin_session

pytestmark = pytest.mark.unit


def _scene(number: int, share: float) -> SceneClip:
    lamps = f"light.components=[{{share: {share}}}]"
    return SceneClip(frames=1, bookend=1, number=number, moves=False, sets=(lamps,))


SCENES = (_scene(0, 0.0005), _scene(1, 12.0), _scene(2, 1.0))


@pytest.fixture(scope="module")
def session() -> TwinSession:
    """A dark scene, a clipped one and a good one."""
    return twin_session(replace(LEAN, scenes=SCENES))


def test_dark_and_clipped_scenes_are_left_out_with_the_reason(session, tmp_path):
    document = solve(session.folder, tmp_path / "cal", LEAN_OPTIONS).document
    ceilings = document.settings[LEAN.setting].ceilings
    assert ceilings is not None
    assert ceilings.pictures == 1
    assert 30 < ceilings.total_db < ceilings.systematic_db < 50
    dark, bright = (document.left_out[session.scene(index).stem] for index in (0, 1))
    assert "noise hides it" in dark
    assert "is clipped" in bright
    assert document.verdict == "good"


def test_of_encoded_colour_there_is_a_bound_that_says_so(session, tmp_path):
    with_mosaic = solve(session.folder, tmp_path / "cal", LEAN_OPTIONS).document
    copy = session.copy(tmp_path / "session")
    encode_session(copy)
    document = solve(copy.folder, tmp_path / "encoded", LEAN_OPTIONS).document
    bound = document.settings[LEAN.setting].ceilings
    assert bound is not None
    assert bound.is_bound
    assert bound.demosaic is None
    assert bound.systematic_db > with_mosaic.settings[LEAN.setting].ceilings.systematic_db
    texts = [item.text for item in document.items if item.name.startswith("ceiling")]
    assert texts
    assert all(text.startswith("at most") for text in texts)
