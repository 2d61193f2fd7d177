import numpy as np
import pytest

from bsd.errors import UserMistake
from dataset.rendering.resample import to_linear
from dataset.rendering.scene import CameraMotion, ObjectLayer, SceneConfig
from dataset.rendering.stage import Stage

pytestmark = pytest.mark.unit

SMALL = SceneConfig(
    seed=3,
    frames=96,
    width_px=96,
    height_px=72,
    camera=CameraMotion(rotation_deg=4.0),
    layer=None,
)
LAYER = ObjectLayer(width_px=24, height_px=20, velocity_px_per_s=80, shake_rotation_deg=3)


def texture(seed: int, height: int = 260, width: int = 300) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def centroid(plane: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
    return np.array([(x * plane).sum(), (y * plane).sum()]) / plane.sum()


def dot_picture(at: tuple[float, float], sigma: float = 6.0) -> np.ndarray:
    """A Gaussian dot in linear light, as code values: brightest 255."""
    y, x = np.mgrid[:260, :300]
    light = np.exp(-0.5 * ((x - at[0]) ** 2 + (y - at[1]) ** 2) / sigma**2)
    return np.floor(255 * light ** (1 / 2.2) + 0.5).astype(np.uint8)[..., None].repeat(3, 2)


@pytest.mark.parametrize("at", [(150.0, 130.0), (158.37, 122.61)])
def test_a_dot_follows_the_true_path(at: tuple[float, float]) -> None:
    picture = dot_picture(at)
    offset = centroid(to_linear(picture, 2.2)[..., 0].astype(np.float64)) - at
    stage = Stage(SMALL, picture)
    truth = stage.picture_to_view(stage.times_s)
    turns = np.rad2deg(np.arctan2(truth[:, 1, 0], truth[:, 0, 0]))
    assert np.ptp(turns) > 2.0
    errors_linear, errors_codes = [], []
    for index in range(0, 96, 8):
        expected = truth[index] @ np.array([at[0] + offset[0], at[1] + offset[1], 1.0])
        if not ((expected > 18) & (expected < [77, 53])).all():
            continue
        seen = stage.linear(stage.times_s[index])[..., 0].astype(np.float64)
        errors_linear.append(np.linalg.norm(centroid(seen) - expected))
        codes = to_linear(stage.frame(index), 2.2)[..., 0].astype(np.float64)
        errors_codes.append(np.linalg.norm(centroid(codes) - expected))
    assert len(errors_linear) >= 4
    assert max(errors_linear) < 0.01
    assert max(errors_codes) < 0.02


def test_the_object_follows_its_own_truth() -> None:
    config = SMALL.model_copy(update={"layer": LAYER})
    stage = Stage(config, np.zeros((260, 300, 3), np.uint8), np.full((99, 99, 3), 255, np.uint8))
    truth = stage.object_to_view(stage.times_s)
    errors = []
    for index in range(0, 96, 8):
        x, y = truth[index, :, 2]
        if 16 < x < 79 and 14 < y < 57:
            plane = stage.linear(stage.times_s[index])[..., 1].astype(np.float64)
            errors.append(np.linalg.norm(centroid(plane) - [x, y]))
    assert len(errors) >= 4
    assert max(errors) < 0.01
    # it moves on its own: its path is not the picture's
    at = np.linalg.solve(
        stage.picture_to_view(stage.times_s[:1])[0][:, :2],
        truth[0, :, 2] - stage.picture_to_view(stage.times_s[:1])[0][:, 2],
    )
    carried = stage.picture_to_view(stage.times_s) @ np.append(at, 1.0)
    assert np.linalg.norm(carried[-1] - truth[-1, :, 2]) > 3.0


def test_the_objects_area_is_its_mattes() -> None:
    config = SMALL.model_copy(update={"layer": LAYER})
    stage = Stage(config, np.zeros((260, 300, 3), np.uint8), np.full((99, 99, 3), 255, np.uint8))
    assert stage.matte is not None
    v, u = np.mgrid[-40:40:0.1, -40:40:0.1]
    expected = stage.matte.alpha(u, v).sum() * 0.01
    inside = [
        i
        for i, a in enumerate(stage.object_to_view(stage.times_s))
        if 16 < a[0, 2] < 79 and 14 < a[1, 2] < 57
    ]
    plane = stage.linear(stage.times_s[inside[0]])[..., 0].astype(np.float64)
    assert plane.sum() == pytest.approx(expected, rel=1e-3)


def test_the_truth_is_what_one_frame_is_rendered_from() -> None:
    config = SMALL.model_copy(update={"layer": LAYER})
    stage = Stage(config, texture(1))
    for index in (0, 17, 95):
        one = stage.times_s[[index]]
        for whole in (stage.picture_to_view, stage.object_to_view):
            np.testing.assert_array_equal(whole(stage.times_s)[index], whole(one)[0])


def test_the_object_is_in_view_at_mid_clip() -> None:
    for seed in range(6):
        config = SMALL.model_copy(update={"layer": LAYER, "seed": seed, "frames": 97})
        stage = Stage(config, texture(1))
        x, y = stage.object_to_view(stage.times_s)[48, :, 2]
        assert abs(x - 47.5) <= 0.2 * 96
        assert abs(y - 35.5) <= 0.2 * 72


@pytest.mark.parametrize("border", ["refuse", "reflect"])
def test_a_constant_picture_stays_constant(border: str) -> None:
    size = (260, 300) if border == "refuse" else (90, 120)
    config = SMALL.model_copy(update={"border": border, "layer": LAYER})
    stage = Stage(config, np.full((*size, 3), 137, np.uint8))
    for index in range(0, 96, 12):
        assert (stage.frame(index) == 137).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_picture_covers_the_view_at_every_time(seed: int) -> None:
    config = SMALL.model_copy(update={"seed": seed})
    stage = Stage(config, texture(1))
    corners = np.array([[0, 0, 1], [95, 0, 1], [0, 71, 1], [95, 71, 1]], np.float64).T
    seen = []
    for affine in stage.picture_to_view(np.linspace(0, stage.times_s[-1], 500)):
        seen.append(np.linalg.inv(np.vstack([affine, [0, 0, 1]])) @ corners)
    points = np.stack(seen)[:, :2]
    margin = 3.0 / stage.scale_x
    assert points[:, 0].min() >= margin
    assert points[:, 1].min() >= margin
    assert points[:, 0].max() <= 299 - margin
    assert points[:, 1].max() <= 259 - margin


def test_a_mirrored_border_shows_the_mirrored_picture() -> None:
    """Points beyond the picture's left border look like their mirror images."""
    y, x = np.mgrid[:100, :130]
    light = 0.5 + 0.4 * np.sin(x / 5.0) * np.cos(y / 6.0)
    picture = np.floor(255 * light ** (1 / 2.2) + 0.5).astype(np.uint8)[..., None].repeat(3, 2)
    stage = Stage(SMALL.model_copy(update={"border": "reflect"}), picture)
    assert stage.scale_x == pytest.approx(1.0, abs=0.005)
    checked = 0
    for index in range(0, 96, 8):
        to_view = stage.picture_to_view(stage.times_s[[index]])[0]
        back = np.linalg.inv(np.vstack([to_view, [0, 0, 1]]))
        v, u = np.mgrid[4:68, 4:92]
        at = np.einsum("ij,jhw->ihw", back[:2], np.stack([u, v, np.ones_like(u)]))
        beyond = (at[0] < -3) | (at[0] > 132) | (at[1] < -3) | (at[1] > 102)
        mirrored = [
            np.where(a < -0.5, -1 - a, np.where(a > n - 0.5, 2 * n - 1 - a, a))
            for a, n in zip(at, (130, 100), strict=True)
        ]
        expected = 0.5 + 0.4 * np.sin(mirrored[0] / 5.0) * np.cos(mirrored[1] / 6.0)
        seen = stage.linear(stage.times_s[index])[4:68, 4:92, 0]
        if beyond.any():
            checked += int(beyond.sum())
            assert np.abs(seen - expected)[beyond].max() < 0.03
    assert checked > 500


def test_a_long_shutter_is_the_mean_of_instants() -> None:
    config = SMALL.model_copy(update={"shutter_us": 1000.0})
    smooth = dot_picture((150.0, 130.0))
    stage, instant = Stage(config, smooth), Stage(SMALL, smooth)
    time_s = stage.times_s[40]
    assert stage.shutter_samples >= 2
    moments = time_s + 1e-3 * ((np.arange(64) + 0.5) / 64 - 0.5)
    mean = np.mean([stage.linear(float(t)).astype(np.float64) for t in moments], axis=0)
    expected = np.floor(255 * np.clip(mean, 0, 1) ** (1 / 2.2) + 0.5)
    assert np.abs(stage.frame(40).astype(float) - expected).max() <= 1
    assert instant.shutter_samples == 1


def test_pictures_that_do_not_fit_are_refused_in_words() -> None:
    with pytest.raises(UserMistake, match=r"100 × 80 px is too small.*border=reflect"):
        Stage(SMALL, texture(1, 80, 100))
    with pytest.raises(UserMistake, match="too small"):
        Stage(SMALL.model_copy(update={"border": "reflect"}), texture(1, 20, 20))
    with pytest.raises(UserMistake, match="8-bit RGB"):
        Stage(SMALL, texture(1)[..., 0])
    with pytest.raises(UserMistake, match="cut an object"):
        Stage(SMALL.model_copy(update={"layer": ObjectLayer()}), texture(1), texture(2, 50, 50))
