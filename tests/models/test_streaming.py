import pytest
import torch

from models.errors import ModelMistake
from models.estrnn import Estrnn, EstrnnConfig
from models.streaming import Stream, Streamable

pytestmark = pytest.mark.unit


def _model(**fields):
    torch.manual_seed(2)
    return Estrnn(EstrnnConfig(**fields))


def _frames(length, batch=1):
    generator = torch.Generator().manual_seed(3)
    return torch.rand(batch, length, 3, 24, 32, generator=generator) - 0.5


@pytest.mark.parametrize("skip", ["none", "centre"])
@pytest.mark.parametrize(
    ("blocks", "channels", "future", "past", "activation", "batch"),
    [
        (2, 80, 2, 2, "gelu", 1),
        (3, 20, 0, 1, "relu", 1),
        (1, 15, 3, 3, "gelu", 1),
        (2, 10, 1, 0, "leaky_relu", 2),
        (1, 10, 0, 3, "gelu", 1),
    ],
)
def test_same_bits_as_the_whole_sequence(blocks, channels, future, past, activation, skip, batch):
    model = _model(
        blocks=blocks,
        channels=channels,
        future=future,
        past=past,
        activation=activation,
        skip=skip,
    )
    x = _frames(past + future + 5, batch)
    whole = model(x)
    stream = Stream(model)
    buffer = torch.empty_like(x[:, 0])
    restored = []
    for t in range(x.shape[1]):
        buffer.copy_(x[:, t])  # one buffer for all frames, as a reader may do
        output = stream.step(buffer)
        assert (output is None) == (t < past + future)
        if output is not None:
            restored.append(output)
    assert torch.equal(torch.stack(restored, 1), whole)


@pytest.mark.parametrize(("skip", "frames_held"), [("none", 0), ("centre", 2)])
def test_state_is_bounded_and_counted(skip, frames_held):
    stream = Stream(_model(blocks=1, channels=20, future=2, past=1, skip=skip))
    assert stream.state_bytes == 0
    held = []
    for frame in _frames(9).unbind(1):
        stream.step(frame)
        held.append(stream.state_bytes)
    quarter, full = 6 * 8 * 4, 24 * 32 * 4
    assert held[0] < held[1] < held[2]
    assert set(held[2:]) == {3 * 20 * quarter + 4 * quarter + frames_held * 3 * full}


def test_reset_starts_again_from_zero_state():
    stream = Stream(_model(blocks=1, channels=10, future=1, past=1))
    x = _frames(5)
    first = [stream.step(frame) for frame in x.unbind(1)]
    carried = stream.step(x[:, 0])
    stream.reset()
    assert stream.state_bytes == 0
    again = [stream.step(frame) for frame in x.unbind(1)]
    assert again[:2] == [None, None]
    assert all(torch.equal(a, b) for a, b in zip(first[2:], again[2:], strict=True))
    assert not torch.equal(carried, again[2])


def test_steps_record_no_gradients():
    stream = Stream(_model(blocks=1, channels=10, future=0, past=1))
    outputs = [stream.step(frame) for frame in _frames(3).unbind(1)]
    assert outputs[1].grad_fn is None
    assert not outputs[2].requires_grad


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ([(1, 3, 18, 32)], "multiples of 4"),
        ([(3, 16, 32)], "N, 3, H, W"),
        ([(1, 3, 16, 32), (1, 3, 16, 36)], "the sequence began with"),
    ],
)
def test_frames_that_do_not_fit_are_refused(shapes, says):
    stream = Stream(_model(blocks=1, channels=5))

    def run():
        for shape in shapes:
            stream.step(torch.zeros(shape))

    with pytest.raises(ModelMistake, match=says):
        run()


def test_estrnn_is_streamable_and_a_plain_module_is_not():
    assert isinstance(_model(blocks=1, channels=5), Streamable)
    assert not isinstance(torch.nn.Conv2d(3, 3, 1), Streamable)
