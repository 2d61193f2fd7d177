import numpy as np
import pytest

from bsd.errors import UserMistake
from dataset.rendering.choreography import plan_motion
from dataset.rendering.scene import CameraMotion, ObjectLayer, SceneConfig
from dataset.rendering.shake import ShakeSpectrum

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("seed", range(8))
def test_blur_lengths_lie_in_the_range(seed: int) -> None:
    config = SceneConfig(seed=seed, frames=1440)
    motion = plan_motion(config)
    lengths = motion.blur_lengths_px(motion.picture_traces(config.times_s()))
    assert lengths.max() <= 16.0
    assert np.median(lengths) >= 4.0
    assert np.mean(lengths >= 4.0) >= 0.8


def test_the_median_is_drawn_by_seed() -> None:
    medians = []
    for seed in range(8):
        config = SceneConfig(seed=seed, frames=960)
        motion = plan_motion(config)
        traces = motion.picture_traces(config.times_s())
        medians.append(np.median(motion.blur_lengths_px(traces)))
    assert np.ptp(medians) > 1.0


def test_blur_length_of_steady_drift_is_speed_times_exposure() -> None:
    camera = CameraMotion(
        translation_px=0, rotation_deg=0, drift_px_per_s=500, drift_direction_deg=30
    )
    config = SceneConfig(frames=200, camera=camera, target_blur_px=None, exposure_us=10_000)
    motion = plan_motion(config)
    lengths = motion.blur_lengths_px(motion.picture_traces(config.times_s()))
    np.testing.assert_allclose(lengths, 5.0, rtol=1e-9)
    step = np.diff(motion.camera_pose(config.times_s())[1], axis=0)[0] * config.rate_hz
    np.testing.assert_allclose(step, [500 * np.cos(np.pi / 6), 250.0], rtol=1e-6)


def test_without_a_target_the_amplitudes_are_as_asked() -> None:
    camera = CameraMotion(translation_px=5, rotation_deg=0.3, circling=0)
    config = SceneConfig(camera=camera, target_blur_px=None)
    motion = plan_motion(config)
    assert motion.path_scale == 1.0
    assert np.sum(motion.camera.x_px.amplitude**2) / 2 == pytest.approx(25.0)
    assert np.sum(motion.camera.rotation_deg.amplitude**2) / 2 == pytest.approx(0.09)


def test_the_object_follows_its_own_velocity() -> None:
    layer = ObjectLayer(velocity_px_per_s=100, direction_deg=90, shake_px=0, shake_rotation_deg=0)
    config = SceneConfig(frames=961, layer=layer)
    rotation, place = plan_motion(config).object_pose(np.array([0.0, 1.0]))
    np.testing.assert_allclose(place[1] - place[0], [0, 100], atol=1e-9)
    np.testing.assert_allclose(rotation, np.eye(2)[None].repeat(2, 0), atol=1e-12)


def test_a_range_that_no_path_keeps_is_refused() -> None:
    camera = CameraMotion(circling=0, spectrum=ShakeSpectrum(lines=4))
    with pytest.raises(UserMistake, match="varies too much"):
        plan_motion(SceneConfig(camera=camera, frames=2880, target_blur_px=(9.9, 10.0)))
    still = CameraMotion(translation_px=0, rotation_deg=0)
    with pytest.raises(UserMistake, match="stands still"):
        plan_motion(SceneConfig(camera=still))
