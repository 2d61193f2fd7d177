import pytest
import torch

from models.errors import ModelMistake
from models.estrnn import Estrnn, EstrnnConfig
from models.upstream import from_upstream, to_upstream

pytestmark = pytest.mark.unit


def _upstream(blocks=2, n=3, window=5, seed=0):
    """Random weights in the layout of a published checkpoint, spelled out by hand."""
    generator = torch.Generator().manual_seed(seed)
    state = {}

    def weight(name, *shape, outputs=None):
        state[f"module.model.{name}.weight"] = torch.randn(shape, generator=generator) * 0.1
        state[f"module.model.{name}.bias"] = torch.randn(
            outputs or shape[0], generator=generator
        ).mul(0.1)

    def dense(name, channels, growth):
        for j in range(3):
            weight(f"{name}.dense_layers.{j}.conv", growth, channels + j * growth, 3, 3)
        weight(f"{name}.conv1x1", channels, channels + 3 * growth, 1, 1)

    wide = 5 * n * window
    weight("cell.F_B0", n, 3, 5, 5)
    dense("cell.F_B1.rdb", n, n)
    weight("cell.F_B1.down_sampling", 2 * n, n, 5, 5)
    dense("cell.F_B2.rdb", 2 * n, int(1.5 * n))
    weight("cell.F_B2.down_sampling", 4 * n, 2 * n, 5, 5)
    for i in range(blocks):
        dense(f"cell.F_R.RDBs.{i}", 5 * n, 2 * n)
    weight("cell.F_R.conv1x1", 5 * n, 5 * n * blocks, 1, 1)
    weight("cell.F_R.conv3x3", 5 * n, 5 * n, 3, 3)
    weight("cell.F_h.0", n, 5 * n, 3, 3)
    dense("cell.F_h.1", n, n)
    weight("cell.F_h.2", n, n, 3, 3)
    weight("recons.model.0", wide, 2 * n, 3, 3, outputs=2 * n)
    weight("recons.model.1", 2 * n, n, 3, 3, outputs=n)
    weight("recons.model.2", 3, n, 5, 5)
    weight("fusion.F_f.0", 20 * n, 10 * n)
    weight("fusion.F_f.2", 10 * n, 20 * n)
    weight("fusion.F_p.0", 20 * n, 10 * n, 1, 1)
    weight("fusion.F_p.1", 10 * n, 20 * n, 1, 1)
    weight("fusion.condense", 5 * n, 10 * n, 1, 1)
    weight("fusion.fusion", wide, wide, 1, 1)
    return {"epoch": 500, "model": "ESTRNN", "state_dict": state, "optimizer": {}}


@pytest.mark.parametrize(("blocks", "n", "past", "future"), [(2, 3, 2, 2), (4, 1, 1, 0)])
def test_round_trip_returns_the_same_tensors(blocks, n, past, future):
    checkpoint = _upstream(blocks, n, past + future + 1)
    config, state = from_upstream(checkpoint, past=past, future=future)
    assert config == EstrnnConfig(blocks, 5 * n, future, past, "gelu", "none", False)
    back = to_upstream(config, state)["state_dict"]
    assert back.keys() == checkpoint["state_dict"].keys()
    assert all(torch.equal(back[key], value) for key, value in checkpoint["state_dict"].items())


@torch.no_grad()
def test_rgb_in_gives_the_flip_of_bgr_in():
    checkpoint = _upstream()
    config, state = from_upstream(checkpoint, past=2, future=2)
    ours, theirs = Estrnn(config), Estrnn(config)
    ours.load_state_dict(state)
    theirs.load_state_dict(
        {key.removeprefix("module.model."): v for key, v in checkpoint["state_dict"].items()}
    )
    bgr = torch.rand(1, 6, 3, 12, 16, generator=torch.Generator().manual_seed(1)) - 0.5
    rgb = bgr.flip(2)
    torch.testing.assert_close(ours(rgb), theirs(bgr).flip(2), rtol=1e-5, atol=1e-6)
    assert (ours(rgb) - theirs(rgb)).abs().max() > 1e-3


@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_other_prefixes_and_a_bare_state_dict_are_read(prefix):
    state = _upstream()["state_dict"]
    renamed = {prefix + key.removeprefix("module.model."): value for key, value in state.items()}
    config, ours = from_upstream(renamed, past=3, future=1, activation="relu")
    assert (config.past, config.future, config.activation) == (3, 1, "relu")
    last = "recons.model.2.bias"
    assert torch.equal(ours[last], state["module.model." + last].flip(0))


def test_the_checkpoint_is_left_as_it_was():
    checkpoint = _upstream()
    before = {key: value.clone() for key, value in checkpoint["state_dict"].items()}
    _, state = from_upstream(checkpoint, past=2, future=2)
    for value in state.values():
        value.zero_()
    assert all(torch.equal(before[key], checkpoint["state_dict"][key]) for key in before)


def _lost(state):
    del state["module.model.fusion.condense.bias"]


def _added(state):
    state["module.model.fusion.extra"] = torch.zeros(1)


def _misshaped(state):
    state["module.model.fusion.condense.bias"] = torch.zeros(7)


def _not_estrnn(state):
    del state["module.model.cell.F_B0.weight"]


def _not_tensor(state):
    state["module.model.cell.F_B0.bias"] = "zero"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_lost, "lacks weight 'fusion.condense.bias'"),
        (_added, "unknown weight 'fusion.extra'"),
        (_misshaped, r"'fusion.condense.bias' is \(7,\), expected \(15,\)"),
        (_not_estrnn, "not an ESTRNN"),
        (_not_tensor, "'module.model.cell.F_B0.bias' is not a tensor"),
    ],
)
def test_foreign_checkpoints_are_refused(damage, says):
    checkpoint = _upstream()
    damage(checkpoint["state_dict"])
    with pytest.raises(ModelMistake, match=says):
        from_upstream(checkpoint, past=2, future=2)


def test_a_wrong_window_is_refused_with_the_right_sum():
    with pytest.raises(ModelMistake, match="sum to 4"):
        from_upstream(_upstream(), past=2, future=1)


def test_a_skip_cannot_be_sent_upstream():
    config = EstrnnConfig(blocks=1, channels=5, skip="centre")
    with pytest.raises(ModelMistake, match="skip 'centre'"):
        to_upstream(config, Estrnn(config).state_dict())
