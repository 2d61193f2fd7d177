"""The sensor against the laws of photon transfer."""

import numpy as np
import pytest

from hardware.twin.optics import Region
from hardware.twin.sensor import Sensor, demosaic, frame_generator, quantise
from hardware.twin.world_config import SensorConfig

pytestmark = pytest.mark.unit
SIZE = (160, 128)


def plain(**fields: object) -> SensorConfig:
    clean = {
        "width_px": SIZE[0],
        "height_px": SIZE[1],
        "prnu": 0.0,
        "dsnu_e": 0.0,
        "read_noise_e": 0.0,
        "dark_current_e_s": 0.0,
        "hot_share": 0.0,
        "black_level_dn12": 0.0,
    }
    return SensorConfig.model_validate({**clean, **fields})


def flat(electrons: float, config: SensorConfig) -> np.ndarray:
    light = electrons / config.electrons_per_light_second
    return np.full((config.height_px, config.width_px, 3), light, dtype=np.float32)


def shoot(config: SensorConfig, electrons: float, frame: int = 0, **options: object) -> np.ndarray:
    sensor = Sensor(config, 11, 1)
    rng = frame_generator(11, 0, 1, frame)
    settings = {"exposure_us": 2000.0, "bits": 12, **options}
    return sensor.expose(flat(electrons, config), rng=rng, **settings).astype(np.float64)


@pytest.mark.parametrize("gain_db", [0.0, 6.0])
def test_photon_transfer_slope_is_the_gain(gain_db: float) -> None:
    config = plain(read_noise_e=3.0, prnu=0.01)
    levels = np.linspace(200, 4000, 8)
    mean, variance = [], []
    for index, electrons in enumerate(levels):
        a, b = (shoot(config, electrons, 2 * index + k, gain_db=gain_db) for k in (0, 1))
        mean.append((a.mean() + b.mean()) / 2)
        variance.append((a - b).var() / 2 - 1 / 12)  # the difference frees it of PRNU
    slope, intercept = np.polyfit(mean, variance, 1)
    dn_per_e = 10 ** (gain_db / 20) / 2.5
    assert slope == pytest.approx(dn_per_e, rel=0.02)
    assert mean == pytest.approx(levels * dn_per_e, rel=0.003)
    assert intercept == pytest.approx((3.0 * dn_per_e) ** 2, abs=12 * dn_per_e**2)


def test_black_level_and_read_noise_in_the_dark() -> None:
    config = plain(read_noise_e=4.0, black_level_dn12=64.0)
    dark = shoot(config, 0.0)
    assert dark.mean() == pytest.approx(64.0, abs=0.05)
    assert np.sqrt(dark.var() - 1 / 12) == pytest.approx(4.0 / 2.5, rel=0.02)
    assert shoot(config, 0.0, black_level_dn=100.25).mean() == pytest.approx(100.25, abs=0.05)
    assert shoot(config, 0.0, bits=8).mean() == pytest.approx(4.0, abs=0.02)


def test_eight_bits_hold_sixteen_times_the_electrons() -> None:
    config = plain(noise=False)
    assert shoot(config, 8000.0, bits=12)[0, 0] == 3200
    assert shoot(config, 8000.0, bits=8)[0, 0] == 200


def test_prnu_and_dsnu_spread() -> None:
    prnu = shoot(plain(noise=False, prnu=0.02), 5000.0, bits=16)
    assert prnu.std() / prnu.mean() == pytest.approx(0.02, rel=0.02)
    dsnu = shoot(plain(noise=False, dsnu_e=3.0, black_level_dn12=64), 0.0, bits=16)
    assert dsnu.std() * 2.5 / 16 == pytest.approx(3.0, rel=0.02)


def test_fixed_pattern_belongs_to_seed_and_camera() -> None:
    config = plain(noise=False, prnu=0.02)
    light = flat(5000, config)
    rng = frame_generator(0, 0, 0, 0)
    frames = [
        Sensor(config, seed, camera).expose(light, 2000.0, rng)
        for seed, camera in [(1, 1), (1, 1), (1, 2), (2, 1)]
    ]
    assert np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])
    assert not np.array_equal(frames[0], frames[3])


def test_full_well_then_converter_saturate() -> None:
    config = plain(full_well_e=9000.0)
    assert np.unique(shoot(config, 20_000.0)).tolist() == [3600]
    assert np.unique(shoot(config, 20_000.0, gain_db=6.0)).tolist() == [4095]
    assert np.unique(shoot(config, 20_000.0, gain_db=6.0, bits=8)).tolist() == [255]


def test_dark_current_doubles_and_hot_pixels_stand_out() -> None:
    config = plain(noise=False, dark_current_e_s=1e4, dark_doubling_c=8.0)
    cold, warm = (shoot(config, 0, exposure_us=1e5, temperature_c=t) for t in (25.0, 33.0))
    assert cold.mean() == pytest.approx(1000 / 2.5)
    assert warm.mean() == pytest.approx(2 * cold.mean())
    hot = plain(noise=False, hot_share=0.01, hot_current_e_s=2e4)
    share = (shoot(hot, 0, exposure_us=1e5) > 100).mean()
    assert share == pytest.approx(0.01, rel=0.25)


def test_bayer_filters_stay_on_the_silicon() -> None:
    config = plain(noise=False)
    light = flat(1, config) * np.array([1000, 2000, 4000], dtype=np.float32)
    sensor = Sensor(config, 0, 1)
    rng = frame_generator(0, 0, 0, 0)
    whole = sensor.expose(light, 1000.0, rng, bits=12)
    assert whole[:2, :2].tolist() == [[400, 800], [800, 1600]]
    part = sensor.expose(light[:20, :30], 1000.0, rng, bits=12, region=Region(3, 2, 30, 20))
    assert np.array_equal(part, whole[2:22, 3:33])


def test_colour_and_luminance_of_a_flat() -> None:
    config = plain(noise=False)
    light = flat(1, config) * np.array([1000, 2000, 4000], dtype=np.float32)
    sensor = Sensor(config, 0, 1)
    rng = frame_generator(0, 0, 0, 0)
    rgb = sensor.expose(light, 1000.0, rng, bits=12, output="rgb")
    assert rgb.reshape(-1, 3).max(axis=0).tolist() == [400, 800, 1600]
    assert rgb.reshape(-1, 3).min(axis=0).tolist() == [400, 800, 1600]
    mono = sensor.expose(light, 1000.0, rng, bits=12, output="mono")
    luma = 0.2126 * 400 + 0.7152 * 800 + 0.0722 * 1600
    assert np.abs(mono.astype(float) - luma).max() <= 0.5


def test_demosaic_keeps_a_ramp() -> None:
    y, x = np.mgrid[0:32, 0:40].astype(np.float32)
    ramp = 3 * x + 2 * y
    rgb = demosaic(ramp, Region(1, 0, 40, 32))
    for channel in range(3):
        assert rgb[1:-1, 1:-1, channel] == pytest.approx(ramp[1:-1, 1:-1], abs=1e-3)


def test_noise_belongs_to_the_frame_and_rounding_is_half_up() -> None:
    config = plain(read_noise_e=2.0)
    assert np.array_equal(shoot(config, 900, 4), shoot(config, 900, 4))
    assert not np.array_equal(shoot(config, 900, 4), shoot(config, 900, 5))
    values = np.array([-3.0, 0.49, 0.5, 1.5, 254.5, 300.0], dtype=np.float32)
    assert quantise(values, 8).tolist() == [0, 0, 1, 2, 255, 255]


def test_warm_up() -> None:
    sensor = Sensor(plain(ambient_c=20, warmup_c=15, warmup_s=600), 0, 1)
    assert sensor.temperature_c(0) == 20
    assert sensor.temperature_c(600 * 10**9) == pytest.approx(20 + 15 * (1 - np.exp(-1)))


def test_light_of_another_size_is_refused() -> None:
    config = plain()
    with pytest.raises(ValueError, match="does not fit the region"):
        Sensor(config, 0, 1).expose(
            np.zeros((4, 4, 3), np.float32), 1.0, frame_generator(0, 0, 0, 0)
        )
