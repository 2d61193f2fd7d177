"""All of photometry for one setting, and what it refuses."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from acquisition.clip.document import ClipHead
from acquisition.rig import Rig, Role
from bsd.errors import UserMistake
from calibration.photometry.faults import MissingDark, ShortSeries, UnlikeClips
from calibration.photometry.solution import (
    CameraClips,
    Exposed,
    PhotometrySolution,
    exposure_us,
    solve_photometry,
)
from tests.calibration.photometry.bench import EXPOSURES_US, SERIES_US, bench, true_grid

pytestmark = pytest.mark.unit

_TIMING = {"exposure": "trigger_width", "readout_us": 3000, "end_latency_ns": 5000}
RIG = Rig.model_validate(
    {
        "format_version": 1,
        "name": "bench",
        "optics": {"lens": "shared_lens"},
        "cameras": {
            role: {"producer": "a.cti", "serial": str(number), "timing": _TIMING}
            for number, role in enumerate(("blurry", "sharp"))
        },
    }
)


@lru_cache(maxsize=1)
def _clips() -> dict[Role, CameraClips]:
    made = bench(offset_us=(14.0, 14.0))
    found: dict[Role, CameraClips] = {}
    roles: tuple[tuple[Role, int], ...] = (("blurry", 1), ("sharp", 2))
    for role, camera in roles:
        full_us, light = EXPOSURES_US[camera - 1], made.light(camera)
        levels = [us * full_us / EXPOSURES_US[1] for us in SERIES_US]
        found[role] = CameraClips(
            dark=[Exposed(made.clip(camera, full_us, 16, name="dark"), full_us)],
            flat=Exposed(made.clip(camera, full_us, 16, light=light, name="flat"), full_us),
            series=[
                Exposed(made.clip(camera, us, 2, light=light, name=f"s{us:g}"), us) for us in levels
            ],
        )
    return found


@lru_cache(maxsize=1)
def _solved() -> PhotometrySolution:
    return solve_photometry("2ms16ms", _clips(), true_grid(bench().world), RIG)


def test_everything_of_a_setting() -> None:
    solved = _solved()
    told = solved.document
    assert told.cameras["blurry"].linearity.offset_us == pytest.approx(14, abs=2)
    assert told.cameras["sharp"].linearity.offset_us == pytest.approx(14, abs=0.2)
    real_ratio = (16000 + 14) / (2000 + 14)
    assert told.gains.exposure_ratio == pytest.approx(real_ratio, rel=2e-4)
    np.testing.assert_allclose(told.gains.transmission or (), 0.125 * 0.5 / 0.485, rtol=2e-3)
    np.testing.assert_allclose(told.gains.gain, real_ratio / 8 * 0.5 / 0.485, rtol=2e-3)
    advice = told.cameras["sharp"].rig_advice
    assert advice is not None
    field, _, value = advice.partition(": ")
    assert field == "cameras.sharp.timing.end_latency_ns"
    assert int(value) == pytest.approx(5000 + 14000, abs=200)
    assert told.colour.kind == "diagonal"
    assert any("there is no clip of a colour chart" in note for note in told.notes)
    np.testing.assert_array_equal(solved.matrix, np.diag(told.gains.gain))
    assert solved.ratio.shape == (240, 320, 3)
    assert solved.ratio.dtype == np.float32
    assert solved.pixel_gain_2 is not None
    assert type(told).model_validate_json(told.model_dump_json()) == told


def test_white_is_the_lower_of_both() -> None:
    solved = _solved()
    clip_dn = round(0.98 * 4095)
    assert (solved.white_dn <= clip_dn - 64 + 0.1).all()
    highest = solved.ratio[solved.covered].max(axis=0)
    of_sharp = np.array(solved.document.gains.gain) * (clip_dn - 64) / highest
    np.testing.assert_allclose(solved.white_dn, np.minimum(clip_dn - 64, of_sharp), rtol=1e-4)


def _refused(fault: type[Exception], match: str, **fields: object) -> None:
    clips = _clips()
    spoilt = {**clips, "sharp": replace(clips["sharp"], **fields)}  # type: ignore[arg-type]
    with pytest.raises(fault, match=match):
        solve_photometry("2ms16ms", spoilt, true_grid(bench().world), RIG)


def test_missing_clips_are_named() -> None:
    clips = _clips()["sharp"]
    _refused(MissingDark, "2ms16ms, sharp camera: there is no dark clip; record one", dark=[])
    other = [replace(clips.dark[0], exposure_us=1000.0)]
    _refused(MissingDark, r"exposure of 2 ms \(there: 1 ms\)", dark=other)
    _refused(ShortSeries, "sharp camera: the exposure series has 0 levels", series=[])
    wrong = Exposed(bench(bits=8).clip(2, 2000.0, 2, name="old"), 2000.0)
    _refused(UnlikeClips, r"old \(2\): 320x240 RGGB of 8 bit", dark=[wrong])


def test_exposure_is_what_the_plan_predicts() -> None:
    camera = {"identity": {}, "configured": {}}
    head = ClipHead.model_validate(
        {
            "format_version": 1,
            "name": "clip-000",
            "purpose": "dark",
            "rate_hz": "15",
            "frames_asked": 1,
            "sync": "trigger",
            "plan": {"sharp": {"begin_ns": 7005000, "end_ns": 9004500}},
            "rig": {},
            "cameras": {"blurry": camera, "sharp": camera},
        }
    )
    assert exposure_us(head, "sharp") == 1999.5
    with pytest.raises(UserMistake, match=r"clip-000: its plan does not tell .* blurry camera"):
        exposure_us(head, "blurry")
