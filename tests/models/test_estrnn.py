import dataclasses

import pytest
import torch
import torch.nn.functional as fn

from models.errors import ModelMistake
from models.estrnn import Estrnn, EstrnnConfig

pytestmark = pytest.mark.unit


def estrnn_reference(state, x, past, future, activation=fn.gelu):
    """The network written a second time, as plain calls on a state dict, from its description."""

    def conv(name, value, stride=1):
        weight = state[name + ".weight"]
        return fn.conv2d(
            value, weight, state[name + ".bias"], stride=stride, padding=weight.shape[-1] // 2
        )

    def dense(name, value):
        grown = value
        for layer in range(3):
            new = activation(conv(f"{name}.dense_layers.{layer}.conv", grown))
            grown = torch.cat([grown, new], 1)
        return value + conv(f"{name}.conv1x1", grown)

    def cell(frame, hidden):
        value = conv("cell.F_B0", frame)
        for stage in ("cell.F_B1", "cell.F_B2"):
            value = conv(f"{stage}.down_sampling", dense(f"{stage}.rdb", value), stride=2)
        value = torch.cat([value, hidden], 1)
        blocks = state["cell.F_R.conv1x1.weight"].shape[1] // value.shape[1]
        kept = []
        for block in range(blocks):
            value = dense(f"cell.F_R.RDBs.{block}", value)
            kept.append(value)
        h = conv("cell.F_R.conv3x3", conv("cell.F_R.conv1x1", torch.cat(kept, 1)))
        return h, conv("cell.F_h.2", dense("cell.F_h.1", conv("cell.F_h.0", h)))

    def linear(name, value):
        return fn.linear(value, state[name + ".weight"], state[name + ".bias"])

    def attention(window):
        centre = window[past]
        parts = []
        for position, other in enumerate(window):
            if position == past:
                continue
            both = torch.cat([centre, other], 1)
            pooled = fn.adaptive_avg_pool2d(both, 1).flatten(1)
            weights = torch.sigmoid(
                linear("fusion.F_f.2", activation(linear("fusion.F_f.0", pooled)))
            )
            mixed = conv("fusion.F_p.1", conv("fusion.F_p.0", both))
            parts.append(conv("fusion.condense", mixed * weights.reshape(*weights.shape, 1, 1)))
        return conv("fusion.fusion", torch.cat([*parts, centre], 1))

    def up(name, value):
        return fn.conv_transpose2d(
            value,
            state[name + ".weight"],
            state[name + ".bias"],
            stride=2,
            padding=1,
            output_padding=1,
        )

    batch, length, _, height, width = x.shape
    n = state["cell.F_B0.weight"].shape[0]
    hidden = torch.zeros(batch, n, height // 4, width // 4, dtype=x.dtype)
    features = []
    for t in range(length):
        h, hidden = cell(x[:, t].contiguous(), hidden)
        features.append(h)
    outputs = []
    for t in range(past, length - future):
        value = attention(features[t - past : t + future + 1])
        value = up("recons.model.1", up("recons.model.0", value))
        outputs.append(conv("recons.model.2", value))
    return torch.stack(outputs, 1)


def _model(seed=0, **fields):
    torch.manual_seed(seed)
    return Estrnn(EstrnnConfig(**fields)).eval()


def _frames(length, height=16, width=20, batch=1, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, length, 3, height, width, generator=generator) - 0.5


@pytest.mark.parametrize(
    ("blocks", "channels", "future", "past", "activation"),
    [
        (3, 40, 2, 2, "gelu"),
        (2, 15, 0, 1, "relu"),
        (1, 20, 3, 1, "gelu"),
        (2, 5, 1, 0, "relu"),
        (2, 65, 3, 3, "gelu"),
    ],
)
@torch.no_grad()
def test_agrees_with_a_second_writing(blocks, channels, future, past, activation):
    model = _model(
        blocks=blocks, channels=channels, future=future, past=past, activation=activation
    )
    # Weights of PyTorch's start give outputs near 0.05; scaled ones make every branch count.
    for parameter in model.parameters():
        parameter.mul_(1.5)
    x = _frames(past + future + 3, batch=2)
    expected = estrnn_reference(
        {key: value.double() for key, value in model.state_dict().items()},
        x.double(),
        past,
        future,
        getattr(fn, activation),
    )
    actual = model(x)
    assert actual.shape == (2, 3, 3, 16, 20)
    assert expected.abs().max() > 1e-2
    torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_every_frame_of_the_window_matters_and_no_other_future_one():
    model = _model(blocks=1, channels=10, future=1, past=2)
    x = _frames(6)
    base = model(x)
    for moved in range(6):
        other = x.clone()
        other[:, moved] += 0.1
        changed = [not torch.equal(a, b) for a, b in zip(base[0], model(other)[0], strict=True)]
        # Output i is frame i + 2; it sees frames up to i + 3, earlier ones through the state too.
        assert changed == [moved <= i + 3 for i in range(3)]


@torch.no_grad()
def test_skip_centre_adds_the_centre_frame():
    fields = {"blocks": 1, "channels": 10, "future": 1, "past": 2}
    plain, skipping = _model(**fields), _model(**fields, skip="centre")
    x = _frames(5)
    torch.testing.assert_close(skipping(x), plain(x) + x[:, 2:4], rtol=0, atol=1e-7)


@torch.no_grad()
def test_zero_last_with_skip_returns_its_input():
    model = _model(blocks=1, channels=10, skip="centre", zero_last=True)
    x = _frames(6)
    assert torch.equal(model(x), x[:, 2:4])


def test_parameter_names_and_shapes_are_the_published_layout():
    with torch.device("meta"):
        shapes = {
            key: tuple(value.shape)
            for key, value in Estrnn(EstrnnConfig(blocks=9, channels=80)).state_dict().items()
        }
    n = 16
    expected = {
        "cell.F_B0.weight": (n, 3, 5, 5),
        "cell.F_B1.rdb.dense_layers.2.conv.weight": (n, 3 * n, 3, 3),
        "cell.F_B1.rdb.conv1x1.weight": (n, 4 * n, 1, 1),
        "cell.F_B1.down_sampling.weight": (2 * n, n, 5, 5),
        "cell.F_B2.rdb.dense_layers.1.conv.weight": (24, 2 * n + 24, 3, 3),
        "cell.F_B2.down_sampling.weight": (4 * n, 2 * n, 5, 5),
        "cell.F_R.RDBs.8.dense_layers.0.conv.weight": (2 * n, 5 * n, 3, 3),
        "cell.F_R.RDBs.8.conv1x1.weight": (5 * n, 11 * n, 1, 1),
        "cell.F_R.conv1x1.weight": (5 * n, 45 * n, 1, 1),
        "cell.F_R.conv3x3.bias": (5 * n,),
        "cell.F_h.0.weight": (n, 5 * n, 3, 3),
        "cell.F_h.1.dense_layers.0.conv.bias": (n,),
        "cell.F_h.2.weight": (n, n, 3, 3),
        "recons.model.0.weight": (25 * n, 2 * n, 3, 3),
        "recons.model.1.weight": (2 * n, n, 3, 3),
        "recons.model.2.weight": (3, n, 5, 5),
        "fusion.F_f.0.weight": (20 * n, 10 * n),
        "fusion.F_f.2.weight": (10 * n, 20 * n),
        "fusion.F_p.0.weight": (20 * n, 10 * n, 1, 1),
        "fusion.F_p.1.weight": (10 * n, 20 * n, 1, 1),
        "fusion.condense.weight": (5 * n, 10 * n, 1, 1),
        "fusion.fusion.weight": (25 * n, 25 * n, 1, 1),
    }
    assert {key: shapes[key] for key in expected} == expected
    # 2 x (conv of F_B0, 2 down convs, recons 3, fusion 6, F_R 2, F_h 2), 12 dense blocks of 4.
    assert len(shapes) == 2 * (1 + 2 + 3 + 6 + 2 + 2 + 12 * 4)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"channels": 81}, "multiple of 5"),
        ({"channels": 0}, "from 5 to"),
        ({"blocks": 0}, "blocks is 0"),
        ({"blocks": True}, "blocks is True"),
        ({"blocks": 9.0}, "blocks is 9.0"),
        ({"past": -1}, "past is -1"),
        ({"past": 0, "future": 0}, "at least one neighbour"),
        ({"activation": "swish"}, "gelu, relu"),
        ({"activation": None}, "activation is None"),
        ({"skip": "center"}, "none, centre"),
        ({"zero_last": 1}, "true or false"),
        ({"depth": 3}, "no field is called 'depth'"),
    ],
)
def test_bad_configurations_are_refused(fields, says):
    with pytest.raises(ModelMistake, match=says):
        EstrnnConfig.from_dict(fields)


def test_configuration_survives_a_plain_mapping():
    config = EstrnnConfig(blocks=15, channels=60, future=0, past=3, skip="centre", zero_last=True)
    assert EstrnnConfig.from_dict(config.to_dict()) == config
    assert EstrnnConfig.from_dict({}) == EstrnnConfig(9, 80, 2, 2, "gelu", "none", False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.blocks = 3


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((1, 5, 3, 18, 16), "18x16"),
        ((1, 4, 3, 16, 16), "at least 5"),
        ((5, 3, 16, 16), "N, T, 3, H, W"),
        ((1, 5, 4, 16, 16), "N, T, 3, H, W"),
    ],
)
def test_frames_that_do_not_fit_are_refused(shape, says):
    model = _model(blocks=1, channels=5)
    with pytest.raises(ModelMistake, match=says):
        model(torch.zeros(shape))


def test_every_weight_learns():
    model = _model(blocks=2, channels=10, future=1, past=1)
    model(_frames(4)).square().sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().max() > 0
        for parameter in model.parameters()
    )
