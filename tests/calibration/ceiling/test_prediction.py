"""Both ceilings of a calibration against aligned frames and the virtual rig's truth."""

from dataclasses import replace

import numpy as np
import pytest

from acquisition.picture.view import FrameFormat
from bsd.errors import FoundBad
from calibration.ceiling.prediction import predict
from calibration.ceiling.sensing import Sensing
from calibration.ceiling.walk import PairErrors, srgb
from calibration.pair_model import PairModel
from calibration.photometry.noise import NoiseModel
from calibration.solve.solution import solve
from tests.calibration.ceiling.aligned import measured_db, table, worst_db
from tests.calibration.worlds import LEAN, LEAN_OPTIONS
from tests.twin_session import SceneClip, twin_session

pytestmark = pytest.mark.unit

SCENES = tuple(
    SceneClip(frames=1, bookend=1, number=number, moves=number < 2) for number in range(4)
)
MONO = ("sensor_1.colour=mono", "sensor_2.colour=mono")
NOISE = NoiseModel(
    gain_dn_per_e=0.4,
    gain_sigma=0.01,
    dark_noise_dn=1.0,
    is_bound=False,
    levels=8,
    deviation_percent=1.0,
)
ERRORS = PairErrors(map_px=0.02, gain=0.001, pixel_gain=0.005, noise=NOISE)


@pytest.mark.parametrize(
    ("sets", "single_db", "mean_db"), [((), 1.0, 0.5), (MONO, 1.2, 1.0)], ids=["mosaic", "mono"]
)
def test_aligned_frames_reach_their_ceilings_within_a_decibel(tmp_path, sets, single_db, mean_db):
    session = twin_session(replace(LEAN, scenes=SCENES, sets=sets))
    calibration = solve(session.folder, tmp_path / "cal", LEAN_OPTIONS)
    ceilings = calibration.document.settings[LEAN.setting].ceilings
    assert ceilings is not None
    assert ceilings.pictures == len(SCENES)
    assert ceilings.demosaic == (None if sets else "malvar")
    assert not ceilings.is_bound
    reached = [measured_db(session, calibration, index, (288, 208)) for index in range(len(SCENES))]
    assert max(worst_db(ceilings.views_db, reached)) <= single_db, table(ceilings.views_db, reached)
    systematic, total = np.mean(reached, axis=0)
    assert systematic == pytest.approx(ceilings.systematic_db, abs=mean_db)
    assert total == pytest.approx(ceilings.total_db, abs=mean_db)
    assert all(noisy < clean for clean, noisy in reached)


def test_equal_seeds_give_equal_ceilings():
    model, view = _model(), _view()
    first, second, other = (
        predict([view], model, ERRORS, srgb(model.white_dn), _sensing(model), seed)
        for seed in (3, 3, 4)
    )
    assert first == second
    assert first.total_db != other.total_db
    assert first.total_db == pytest.approx(other.total_db, abs=0.3)


def test_errors_lower_the_ceilings():
    model, view = _model(), _view()
    encode, sensing = srgb(model.white_dn), _sensing(model)
    none = replace(ERRORS, map_px=0.0, gain=0.0, pixel_gain=0.0, noise=None)
    best = predict([view], model, none, encode, sensing)
    assert best.total_db is None
    for worse in (
        replace(none, map_px=0.3),
        replace(none, gain=0.03),
        replace(none, pixel_gain=0.03),
    ):
        assert predict([view], model, worse, encode, sensing).systematic_db < best.systematic_db
    noisy = predict([view], model, replace(none, noise=NOISE), encode, sensing)
    assert noisy.total_db < noisy.systematic_db


def test_a_view_without_detail_has_a_finite_ceiling():
    model = _model()
    view = np.full((160, 192, 3), 1000.0, np.float32)
    found = predict([view], model, ERRORS, srgb(model.white_dn), _sensing(model))
    assert np.isfinite(found.systematic_db)
    assert 30.0 < found.total_db <= found.systematic_db < 60.0


@pytest.mark.parametrize("what", ["matrix", "white_dn", "singular", "map_px"])
def test_what_is_no_number_is_refused(what):
    model, errors = _model(), ERRORS
    if what == "map_px":
        errors = replace(errors, map_px=float("nan"))
    elif what == "singular":
        model = replace(model, matrix=np.ones((3, 3)))
    else:
        model = replace(model, **{what: getattr(model, what) * np.nan})
    with pytest.raises(FoundBad, match="record"):
        predict([_view()], model, errors, srgb(model.white_dn), _sensing(model))


def _sensing(model: PairModel) -> Sensing:
    return Sensing.of(model, is_mono=False)


def _model() -> PairModel:
    form = FrameFormat(cfa="RGGB", bits=12, saturation_dn=4000)
    y, x = np.mgrid[:160, :192].astype(np.float32)
    grid = np.stack([x + 1.3, y - 0.4], axis=-1)
    return PairModel(
        formats={"blurry": form, "sharp": form},
        black_dn={role: np.full(4, 64.0, np.float32) for role in ("blurry", "sharp")},
        map_xy={"R": grid, "G": grid, "B": grid},
        ratio=np.ones((160, 192, 3), np.float32),
        matrix=np.eye(3),
        white_dn=np.full(3, 3936.0),
    )


def _view() -> np.ndarray:
    rng = np.random.default_rng(5)
    rough = rng.standard_normal((20, 24)).repeat(8, axis=0).repeat(8, axis=1)
    return (1200 + 300 * rough[..., None] * np.array([1.0, 0.8, 0.5])).clip(50).astype(np.float32)
