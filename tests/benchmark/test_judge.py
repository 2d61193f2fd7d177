import numpy as np
import pytest

from benchmark.judge import Verdict, fidelity, frame_score, seed_scores
from benchmark.protocol import PatchRule

pytestmark = pytest.mark.unit


def test_psnr_is_capped_and_ssim_is_one_for_equal_frames():
    frame = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    assert fidelity(frame, frame.copy()) == (100.0, 1.0)
    other = frame.copy()
    other[0, 0, 0] ^= 1
    assert fidelity(frame, other)[0] == pytest.approx(10 * np.log10(255**2 * frame.size))


def test_a_frame_is_the_mean_over_its_patches_and_a_seed_the_mean_over_frames():
    verdicts = [
        Verdict(2, ((30.0, 0.8), (32.0, 0.9)), ((20.0, 0.5), (21.0, 0.6))),
        Verdict(3, ((34.0, 0.6), (33.0, 0.7)), ((22.0, 0.4), (25.0, 0.3))),
    ]
    score = frame_score(2, verdicts[0].model)
    assert (score.index, score.psnr_db, score.ssim) == (2, 31.0, pytest.approx(0.85))
    second = seed_scores(verdicts, PatchRule(16, 2))[1]
    assert (second.seed, second.psnr_db, second.identity_psnr_db) == (1, 32.5, 23.0)
    assert (second.ssim, second.identity_ssim) == (pytest.approx(0.8), pytest.approx(0.45))
