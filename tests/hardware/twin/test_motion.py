"""Poses against closed forms."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hardware.twin.motion import Motion, rotation_matrix
from hardware.twin.world_config import MotionConfig, ShakeConfig

pytestmark = pytest.mark.unit


def test_constant_velocity_stands_still_at_both_ends() -> None:
    motion = Motion(
        MotionConfig(velocity_mm_s=(100, 0, -20), rotation_mrad_s=(0, 0, 50), begin_s=1, end_s=3), 0
    )
    assert motion.pose(900_000_000).shift_mm.tolist() == [0, 0, 0]
    assert motion.pose(2_500_000_000).shift_mm == pytest.approx([150, 0, -30])
    assert motion.pose(9_000_000_000).turn_rad == pytest.approx([0, 0, 0.1])


def test_a_motion_that_turns_comes_back() -> None:
    motion = Motion(MotionConfig(velocity_mm_s=(1000, 0, 0), reverse_every_s=0.5), 0)
    places = [motion.pose(int(t * 1e9)).shift_mm[0] for t in (0.25, 0.5, 0.75, 1.0, 1.25)]
    assert places == pytest.approx([250, 500, 250, 0, 250])


def test_shake_has_its_amplitude_and_peak() -> None:
    shake = ShakeConfig(rotation_rms_mrad=(4.0, 2.0, 0.0), translation_rms_mm=(0, 0, 1), peak_hz=8)
    motion = Motion(MotionConfig(shake=shake), 7)
    rate_hz, length_s = 200.0, 120.0
    times = np.arange(0, length_s, 1 / rate_hz)
    poses = [motion.pose(int(t * 1e9)) for t in times]
    turns = np.array([pose.turn_rad for pose in poses]) * 1000
    shifts = np.array([pose.shift_mm for pose in poses])
    assert turns.std(axis=0) == pytest.approx([4.0, 2.0, 0.0], rel=0.05, abs=1e-12)
    assert shifts[:, 2].std() == pytest.approx(1.0, rel=0.05)
    # The spectrum f² exp(−f²/p²) is Maxwell's law, whose median is 1.088 p = 8.7 Hz.
    power = np.abs(np.fft.rfft(turns[:, 0] - turns[:, 0].mean())) ** 2
    frequency = np.fft.rfftfreq(len(times), 1 / rate_hz)
    median_hz = frequency[np.searchsorted(np.cumsum(power), power.sum() / 2)]
    assert median_hz == pytest.approx(8.7, rel=0.1)


def test_seeds_decide_the_shake() -> None:
    def place(world: int, own: int) -> float:
        shake = ShakeConfig(rotation_rms_mrad=(1, 1, 1), seed=own)
        return float(Motion(MotionConfig(shake=shake), world).pose(123_456_789).turn_rad[0])

    assert place(1, 2) == place(1, 2)
    assert len({place(1, 2), place(2, 1), place(1, 3)}) == 3


def test_rotation_agrees_with_scipy() -> None:
    for vector in ([0.3, -0.2, 0.9], [1e-14, 0, 0], [0, 0, 0]):
        expected = Rotation.from_rotvec(vector).as_matrix()
        assert rotation_matrix(np.array(vector)) == pytest.approx(expected, abs=1e-12)
