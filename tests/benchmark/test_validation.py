import math

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.cache import CachedSequence
from benchmark.training_config import ValidationPlan
from benchmark.validation import ValidationScore, choose_excerpts, validate
from models.errors import ModelMistake
from models.registry import create

pytestmark = pytest.mark.unit


def _sequence(name: str, frames: int, height: int = 18, width: int = 22) -> CachedSequence:
    rng = np.random.default_rng(np.random.SeedSequence([frames, height, width]))
    pair = rng.integers(0, 256, (2, frames, height, width, 3), dtype=np.uint8)
    return CachedSequence(name, None, pair[0], pair[1])


def test_excerpts_are_the_middle_of_sequences_spread_over_the_split() -> None:
    sequences = [_sequence(str(i), 4 if i == 3 else 10) for i in range(8)]
    plan = ValidationPlan(sequences=3, frames=6, crop_px=12)
    found = choose_excerpts(sequences, plan, past=2, future=2, multiple=4)
    fit = [one for i, one in enumerate(sequences) if i != 3]
    for excerpt, one in zip(found, (fit[0], fit[3], fit[6]), strict=True):
        assert np.array_equal(excerpt.blurry, one.blurry[2:8, 3:15, 5:17])
        assert np.array_equal(excerpt.sharp, one.sharp[2:8, 3:15, 5:17])


def test_a_crop_shrinks_to_the_frame_and_the_models_multiple() -> None:
    plan = ValidationPlan(sequences=1, frames=6, crop_px=256)
    (found,) = choose_excerpts([_sequence("a", 6)], plan, 1, 1, multiple=4)
    assert found.blurry.shape == (6, 16, 20, 3)


def test_no_sequence_long_enough_gives_nothing() -> None:
    assert choose_excerpts([_sequence("a", 4)], ValidationPlan(), 2, 2, 4) == ()
    assert choose_excerpts([], ValidationPlan(), 2, 2, 4) == ()


def test_a_model_that_returns_its_input_gains_exactly_nothing() -> None:
    config = {"blocks": 1, "channels": 5, "past": 1, "future": 2}
    module = create("estrnn", {**config, "skip": "centre", "zero_last": True})
    plan = ValidationPlan(sequences=2, frames=5, crop_px=16)
    excerpts = choose_excerpts([_sequence("a", 7), _sequence("b", 9)], plan, 1, 2, 4)
    score = validate(module.train(), excerpts, 1, torch.device("cpu"))
    errors = [
        np.mean((e.blurry[i].astype(float) - e.sharp[i].astype(float)) ** 2)
        for e in excerpts
        for i in range(1, 3)
    ]
    expected = np.mean([10 * math.log10(255**2 / error) for error in errors])
    assert score.frames == 4
    assert score.blurry_psnr_db == pytest.approx(expected, rel=1e-12)
    assert score.gain_db == 0.0
    assert module.training


class _Nothing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 1:-1] * math.nan


def test_an_output_that_is_not_finite_is_an_error() -> None:
    excerpts = choose_excerpts([_sequence("a", 5)], ValidationPlan(), 1, 1, 1)
    with pytest.raises(ModelMistake, match="not finite"):
        validate(_Nothing(), excerpts, 1, torch.device("cpu"))


def test_gain_is_the_difference() -> None:
    assert ValidationScore(30.5, 28.0, 4).gain_db == 2.5
