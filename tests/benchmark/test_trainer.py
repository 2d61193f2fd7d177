import math

import numpy as np
import pytest
import torch

from benchmark.cache import CachedSequence
from benchmark.loss import charbonnier
from benchmark.trainer import Trainer, reproducible, resolve, seed_torch
from benchmark.training_config import TrainConfig
from bsd.errors import FoundBad, UserMistake

pytestmark = pytest.mark.unit

TINY = (
    "model.config.blocks=1",
    "model.config.channels=5",
    "model.config.past=1",
    "model.config.future=1",
    "data.crop_px=16",
    "data.frames=4",
    "data.batch=2",
    "iterations=10",
)
CPU = torch.device("cpu")


def _config(*more: str) -> TrainConfig:
    return resolve(resolve(TrainConfig()).override([*TINY, *more]))


def _sequence() -> CachedSequence:
    rng = np.random.default_rng(8)
    pair = rng.integers(0, 256, (2, 6, 20, 24, 3), dtype=np.uint8)
    return CachedSequence("a", None, pair[0], pair[1])


def _weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([value.flatten() for value in trainer.module.state_dict().values()])


def test_resolving_writes_every_field_of_the_model_out() -> None:
    config = _config()
    assert config.model.config["channels"] == 5
    assert config.model.config["activation"] == "gelu"
    assert resolve(config) == config


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("model.name=nosuch", "no model is called 'nosuch'"),
        ("model.config.channels=7", "channels is 7"),
        ("data.frames=2", r"data\.frames: 2, past 1 and future 1 need at least 3"),
        ("data.crop_px=18", r"data\.crop_px: 18 is not a multiple of the model's 4"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_refused(assignment: str, words: str) -> None:
    with pytest.raises(UserMistake, match=words):
        _config(assignment)


def test_one_step_is_adam_on_the_clipped_gradient_of_the_middle_frames() -> None:
    config = _config("channels_last=false", "optimiser.clip_norm=0.01")
    trainer = Trainer(config, [_sequence()], CPU)
    before = {name: value.clone() for name, value in trainer.module.named_parameters()}
    batch = trainer.sampler.load(1)
    x = (torch.from_numpy(batch.blurry).permute(0, 1, 4, 2, 3).float() - 127.5) / 255
    y = (torch.from_numpy(batch.sharp).permute(0, 1, 4, 2, 3).float() - 127.5) / 255
    loss = charbonnier(trainer.module(x), y)
    gradients = torch.autograd.grad(loss, list(trainer.module.parameters()))
    norm = torch.sqrt(sum(gradient.square().sum() for gradient in gradients))
    assert float(norm) > 0.01
    values = trainer.step(1)
    assert values == pytest.approx((loss.item(), norm.item()), rel=1e-5)
    for (name, value), gradient in zip(trainer.module.named_parameters(), gradients, strict=True):
        clipped = gradient * 0.01 / norm
        # First step of Adam: both moments' bias corrections cancel their factors.
        expected = before[name] - 5e-4 * clipped / (clipped.abs() + 1e-8)
        torch.testing.assert_close(value, expected, rtol=0, atol=3e-6)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    runs = []
    for assignment in ("seed=1", "seed=1", "seed=2"):
        with reproducible():
            trainer = Trainer(_config(assignment), [_sequence()], CPU)
            losses = [trainer.step(i) for i in range(1, 4)]
        runs.append((losses, _weights(trainer)))
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])
    assert not torch.equal(runs[0][1], runs[2][1])


def test_memory_order_changes_speed_and_not_what_is_learned() -> None:
    weights = []
    for value in ("true", "false"):
        trainer = Trainer(_config(f"channels_last={value}"), [_sequence()], CPU)
        trainer.step(1)
        weights.append(_weights(trainer))
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-3, atol=1e-4)


def test_training_on_one_crop_lowers_the_loss() -> None:
    config = _config("optimiser.lr=5e-3", "iterations=30", "data.batch=1", "data.flips=false")
    sequence = _sequence()
    crop = CachedSequence("a", None, sequence.blurry[:4, :16, :16], sequence.sharp[:4, :16, :16])
    trainer = Trainer(config, [crop], CPU)
    losses = [trainer.step(i)[0] for i in range(1, 31)]
    assert losses[-1] < 0.95 * losses[0]


def test_a_loss_that_is_not_finite_stops_before_the_weights_change() -> None:
    trainer = Trainer(_config(), [_sequence()], CPU)
    with torch.no_grad():
        trainer.module.recons.model[2].bias.fill_(math.nan)
    before = _weights(trainer)
    with pytest.raises(FoundBad, match=r"iteration 4: loss nan.*optimiser\.lr"):
        trainer.step(4)
    torch.testing.assert_close(_weights(trainer), before, rtol=0, atol=0, equal_nan=True)


def test_each_iteration_has_its_own_random_numbers() -> None:
    drawn = []
    for seed, iteration in ((1, 1), (1, 1), (1, 2), (2, 1)):
        seed_torch(seed, iteration)
        drawn.append(float(torch.rand(())))
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_the_deterministic_switch_is_put_back() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    with reproducible():
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.are_deterministic_algorithms_enabled() is before
