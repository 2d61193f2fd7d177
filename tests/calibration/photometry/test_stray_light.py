"""Even light on dark clips, of numbers alone."""

import numpy as np
import pytest

from calibration.photometry.black_level import BlackLevel
from calibration.photometry.faults import NotDark
from calibration.photometry.linearity import fit
from calibration.photometry.noise import photon_transfer
from calibration.photometry.stray_light import check_no_light

pytestmark = pytest.mark.unit

K = 0.4
SLOPE = 1.5


def black(exposure_us, value_dn, noise_dn):
    return BlackLevel(
        exposure_us=exposure_us,
        value_dn=(value_dn,) * 4,
        sigma_dn=(0.01,) * 4,
        is_bound=False,
        bound_dn=0.0,
        dark_noise_dn=noise_dn,
        fixed_pattern_dn=0.1,
        drift_dn=0.0,
        cut_share=0.0,
        frames=16,
        source=f"dark at {exposure_us:g}",
    )


def series(light_dn, offset_us, read_dn):
    """Line and noise of a series, the dark clip of which held so much light."""
    times = np.linspace(200.0, 2000.0, 9)
    signals = SLOPE * (times + offset_us) - light_dn
    line = fit(times, np.repeat(signals[:, None], 4, axis=1), np.full((9, 4), 0.01))
    dark = read_dn**2 + K * light_dn
    return line, photon_transfer(signals, dark + K * signals, dark, "camera"), np.sqrt(dark)


@pytest.mark.parametrize(
    ("light_dn", "offset_us", "read_dn", "refused"),
    [
        (0.0, 0.0, 1.0, False),
        (40.0, 0.0, 1.0, True),
        (5.0, 0.0, 1.0, True),
        (0.0, -25.0, 1.0, False),
        (0.0, -2.5, 4.0, False),
        (0.0, 25.0, 1.0, False),
        (100.0, 0.0, 4.0, True),
    ],
    ids=["none", "lit", "a-little", "timing", "noisy-camera", "longer", "noisy-and-lit"],
)
def test_light_is_told_from_a_wrong_timing_by_its_noise(light_dn, offset_us, read_dn, refused):
    line, noise, dark_dn = series(light_dn, offset_us, read_dn)
    levels = [black(2000.0, 64.0 + light_dn, float(dark_dn))]
    if refused:
        with pytest.raises(NotDark, match=r"dark at 2000: light came .* DN below it"):
            check_no_light(levels, 12, "sharp camera", line, noise)
    else:
        check_no_light(levels, 12, "sharp camera", line, noise)


@pytest.mark.parametrize(("bits", "grown_dn"), [(12, 4.0), (8, 0.25)])
def test_a_level_that_grows_with_the_exposure_is_light(bits, grown_dn):
    levels = [black(8000.0, 4.0, 1.0), black(24000.0, 4.0 + grown_dn, 1.0)]
    with pytest.raises(NotDark, match="grows by 250 DN12/s"):
        check_no_light(levels, bits, "blurry camera", None, None)
    check_no_light([levels[0], black(24000.0, 4.0 + grown_dn / 2, 1.0)], bits, "", None, None)
