"""Bad input through the verb: one line, the right exit code, and nothing left behind."""

import shutil

import numpy as np
import pytest

from tests.calibration.worlds import LEAN_WORDS, edit, forget, graft, only, told
from tests.twin_session import truncate

pytestmark = pytest.mark.unit

_FLAT = "scene.layers=[{picture: {kind: flat, reflectance: [0.9,0.9,0.9]}, brightness: 2.2}]"
_DIM = "scene.layers=[{picture: {kind: flat, reflectance: [0.9,0.9,0.9]}, brightness: 0.03}]"
_FLICKER = "light.components=[{frequency_hz: 100, modulation: 0.3}]"
_FAR = tuple(f"target-far-{number}" for number in range(1, 9))


def no_dark(copy):
    forget(copy, "dark")


def no_flat(copy):
    forget(copy, "flat")


def no_target(copy):
    forget(copy, "target")


def saturated_flat(copy):
    graft(copy, "flat", only("flat", step_sets=(("flat", _FLAT),)))


def flickering_flat(copy):
    graft(copy, "flat", only("flat", step_sets=(("flat", _FLICKER),)))


def dim_flat(copy):
    graft(copy, "flat", only("flat", step_sets=(("flat", _DIM),)))


def black_flat(copy):
    graft(copy, "flat", only("flat", step_sets=(("flat", "scene.cap=true"),)))


def dark_series(copy):
    dark = only("series", step_sets=(("series", "scene.cap=true"),))
    for number in range(1, 10):
        graft(copy, f"series-{number}", dark)


def bent_series(copy):
    """As of a camera that yields 3 % less at full scale."""
    for number in range(1, 10):
        edit(copy.clip(f"series-{number}"), _less)


def _less(frame):
    light = frame.astype(float) - 64.0
    return np.rint(64.0 + light * (1.0 - 0.04 * np.maximum(light, 0.0) / 4031.0))


def short_series(copy):
    forget(copy, "series-4", "series-6")


def two_poses(copy):
    forget(copy, *_FAR[2:])


def one_pose_again_and_again(copy):
    for step in _FAR[1:]:
        graft(copy, step, copy, _FAR[0])


def blurred_boards(copy):
    soft = only(*_FAR, sets=("optics.view_2.psf_sigma_px=6",))
    for step in _FAR:
        graft(copy, step, soft)


def another_rig(copy):
    graft(copy, "flat", only("flat", mirrors=("none", "vertical")))


def truncated_clip(copy):
    truncate(copy.clip("target-far-2"))


def cut_tail(copy):
    truncate(copy.clip("target-far-2"), 0.99)


def another_clip(copy):
    flat = copy.clip("flat")
    flat.unlink()
    shutil.copyfile(copy.clip("dark"), flat)


def lost_clip(copy):
    copy.clip("flat").unlink()


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (no_dark, 1, ["no dark clip", "--purpose dark"]),
        (no_flat, 1, ["no flat field", "--purpose flat"]),
        (no_target, 1, ["far target", "--guided start"]),
        (saturated_flat, 1, ["clip-001", "clipped"]),
        (flickering_flat, 1, ["clip-001", "flicker"]),
        (dim_flat, 1, ["clip-001", "more light"]),
        (black_flat, 1, ["clip-001", "more light"]),
        (dark_series, 1, ["clip-002", "series is dark", "light the surface"]),
        (bent_series, 1, ["clip-0", "off a line", "gamma 1"]),
        (short_series, 1, ["series", "8"]),
        (two_poses, 1, ["2", "poses"]),
        (one_pose_again_and_again, 1, ["cover"]),
        (blurred_boards, 1, ["edges", "focus"]),
        (another_rig, 2, ["clip-001.h5", "flip"]),
        (truncated_clip, 1, ["clip-012.h5", "damaged"]),
        (cut_tail, 1, ["clip-012.h5", "damaged"]),
        (another_clip, 2, ["clip-001.h5"]),
        (lost_clip, 2, ["clip-001.h5"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_session_is_refused(solve_verb, lean_session, tmp_path, spoil, code, words):
    copy = lean_session.copy(tmp_path / "session")
    spoil(copy)
    found, stdout, stderr = solve_verb(copy.folder, "--out", tmp_path / "cal", *LEAN_WORDS)
    assert found == code, stderr
    assert stdout == ""
    (line,) = told(stderr)
    for word in words:
        assert word in line
    assert [path.name for path in tmp_path.iterdir()] == ["session"]
