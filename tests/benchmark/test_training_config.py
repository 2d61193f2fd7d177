from pathlib import Path

import pytest

from benchmark.training_config import TrainConfig, first_difference
from bsd.errors import UserMistake

pytestmark = pytest.mark.unit


def test_defaults_are_those_of_the_released_code() -> None:
    config = TrainConfig()
    assert (config.data.batch, config.data.frames, config.data.crop_px) == (8, 8, 256)
    assert (config.optimiser.lr, config.optimiser.eta_min) == (5e-4, 1e-8)
    assert (config.optimiser.clip_norm, config.loss.epsilon, config.seed) == (20.0, 1e-3, 39)


def test_yaml_round_trip_keeps_every_field(tmp_path: Path) -> None:
    config = TrainConfig().override(["optimiser.lr=3e-4", "data.batch=2", "loss.kind=l1"])
    config.write(tmp_path / "config.yaml")
    again = TrainConfig.read(tmp_path / "config.yaml")
    assert again == config
    assert again.optimiser.lr == 3e-4


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("optimiser.rate=1", "rate"),
        ("iterations=0", "iterations"),
        ("loss.kind=huber", "loss.kind"),
        ("data.batch=many", "data.batch"),
    ],
)
def test_a_wrong_field_or_value_is_named(assignment: str, words: str) -> None:
    with pytest.raises(UserMistake, match=words):
        TrainConfig().override([assignment])


def test_the_first_difference_names_field_and_values() -> None:
    old = TrainConfig()
    assert first_difference(old, old) is None
    found = first_difference(old, old.override(["optimiser.betas=[0.9, 0.99]"]))
    assert found == "optimiser.betas.1: 0.999, now 0.99"
