"""Encoding of linear pairs, against the formula in float64."""

import numpy as np
import pytest

from dataset.pair.encoding import LINEAR_OFFSET, Encoding, to_srgb

pytestmark = pytest.mark.unit

ENCODING = Encoding.of((1.8, 1.0, 1.4), np.array([3000.0, 3900.0, 3500.0]))


def reference(picture, encoding):
    balance, white = np.array(encoding.white_balance), np.array(encoding.white_dn)
    held = np.minimum(picture.astype(np.float64), white)
    v = np.clip(held * balance / (balance * white).min(), 0, 1)
    coded = np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055)
    return np.floor(255 * coded + 0.5).astype(np.uint8), 255 * coded


def test_srgb_is_the_formula():
    picture = np.random.default_rng(1).uniform(-100, 4500, (60, 70, 3)).astype(np.float32)
    picture[0, 0] = (-1e9, 1e9, 0.0)
    codes = ENCODING.srgb(picture)
    truth, exact = reference(picture, ENCODING)
    # float32 may fall to the other side only where the float64 value lies at a step itself.
    at_step = np.abs(exact - np.floor(exact) - 0.5) < 1e-3
    assert np.array_equal(codes[~at_step], truth[~at_step])
    assert np.abs(codes.astype(int) - truth).max() <= 1
    assert at_step.mean() < 0.01


def test_every_code_round_trips():
    codes = np.arange(256)
    light = np.where(
        codes <= 0.04045 * 255, codes / 255 / 12.92, ((codes / 255 + 0.055) / 1.055) ** 2.4
    )
    plain = Encoding.of((1, 1, 1), np.array([1.0, 1.0, 1.0]))
    picture = np.repeat(light.astype(np.float32)[None, :, None], 3, axis=2)
    assert np.array_equal(plain.srgb(picture)[0, :, 0], codes)
    np.testing.assert_allclose(to_srgb(light), codes / 255, atol=1e-6)


def test_what_is_overexposed_is_white_in_both_views():
    """A neutral light that saturates one channel stays neutral, whatever the balance."""
    over = np.full((2, 2, 3), 1e5, dtype=np.float32)
    assert (ENCODING.srgb(over) == 255).all()
    just = (np.array(ENCODING.white_dn) * 1.0).astype(np.float32)
    assert (ENCODING.srgb(np.broadcast_to(just, (1, 1, 3))) == 255).all()


def test_a_neutral_light_is_grey():
    light = 0.3 / np.array(ENCODING.white_balance) * 1000
    codes = ENCODING.srgb(np.broadcast_to(light, (1, 1, 3)).astype(np.float32))
    assert len(set(codes.ravel().tolist())) == 1


def test_linear_keeps_what_lies_below_black():
    picture = np.random.default_rng(2).normal(20, 30, (40, 50, 3)).astype(np.float32)
    codes = ENCODING.linear16(picture)
    back = (codes.astype(np.float64) - LINEAR_OFFSET) / ENCODING.linear_codes_per_dn
    assert codes.dtype == np.uint16
    np.testing.assert_allclose(back, picture, atol=0.51 / ENCODING.linear_codes_per_dn)
    assert back.min() < -20
    whites = ENCODING.linear16(np.full((1, 1, 3), 1e6, dtype=np.float32))[0, 0]
    assert whites[1] == 65535
    back = (whites.astype(float) - LINEAR_OFFSET) / ENCODING.linear_codes_per_dn
    np.testing.assert_allclose(back, ENCODING.white_dn, atol=0.05)


def test_constants_have_to_be_above_zero():
    with pytest.raises(ValueError, match="above 0"):
        Encoding.of((1, 0, 1), np.ones(3))
    with pytest.raises(ValueError, match="above 0"):
        Encoding.of((1, 1, 1), np.array([1.0, -1.0, 1.0]))


def test_what_is_no_number_is_black_and_not_a_crash():
    picture = np.full((2, 2, 3), np.nan, dtype=np.float32)
    picture[1, 1] = (-np.inf, np.inf, 1.0)
    codes = ENCODING.srgb(picture)
    assert (codes[0] == 0).all()
    assert codes[1, 1].tolist() == [0, 255, ENCODING.srgb(np.ones((1, 1, 3), np.float32))[0, 0, 2]]


def test_linear_keeps_the_undershoot_beside_a_highlight():
    """A tenth of white below black is within the codes."""
    under = np.full((1, 1, 3), -0.1 * max(ENCODING.white_dn), dtype=np.float32)
    codes = ENCODING.linear16(under)
    back = (codes.astype(float) - LINEAR_OFFSET) / ENCODING.linear_codes_per_dn
    np.testing.assert_allclose(back, under, rtol=1e-3)
    assert codes.min() > 0
