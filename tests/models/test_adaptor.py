import math

import numpy as np
import pytest
import torch

from models.adaptor import FrameAdaptor, normalise, quantise, restore_stream
from models.errors import ModelMistake
from models.estrnn import Estrnn, EstrnnConfig

pytestmark = pytest.mark.unit


def _model(**fields):
    torch.manual_seed(4)
    return Estrnn(EstrnnConfig(**{"blocks": 1, "channels": 10, **fields}))


def _clip(length, height=13, width=18, seed=5):
    return np.random.default_rng(seed).integers(0, 256, (length, height, width, 3), np.uint8)


def test_every_code_value_survives():
    codes = torch.arange(256, dtype=torch.uint8)
    x = normalise(codes)
    assert x.dtype == torch.float32
    assert (x[0].item(), x[255].item()) == (-0.5, 0.5)
    assert torch.equal(quantise(x), codes)


@pytest.mark.parametrize(
    ("x", "code"),
    [
        (-0.7, 0),
        (0.7, 255),
        (0.0, 128),  # 127.5 rounds up
        (3.4990 / 255 - 0.5, 3),
        (3.5010 / 255 - 0.5, 4),
        (254.4990 / 255 - 0.5, 254),
        (254.5010 / 255 - 0.5, 255),
    ],
)
def test_rounding(x, code):
    assert quantise(torch.tensor([x])).item() == code
    assert code == math.floor(255 * min(max(x + 0.5, 0), 1) + 0.5)


def test_a_diverged_output_is_not_turned_into_grey():
    with pytest.raises(ModelMistake, match="not finite"):
        quantise(torch.tensor([0.0, float("nan")]))


@pytest.mark.parametrize(
    ("height", "width", "padded"),
    [(540, 960, (540, 960)), (481, 639, (484, 640)), (4, 5, (4, 8)), (1, 1, None), (2, 8, None)],
)
def test_sizes(height, width, padded):
    if padded is None:
        with pytest.raises(ModelMistake, match="too small"):
            FrameAdaptor(height, width)
        return
    clip = _clip(1, height, width)
    adaptor = FrameAdaptor(height, width)
    x = adaptor.encode(torch.from_numpy(clip))
    assert x.shape == (1, 1, 3, *padded)
    bottom, right = padded[0] - height, padded[1] - width
    mirrored = np.pad(clip, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="reflect")
    assert np.array_equal(quantise(x)[0].permute(0, 2, 3, 1).numpy(), mirrored)
    assert np.array_equal(adaptor.decode(x).numpy(), clip)


@pytest.mark.parametrize(("height", "width"), [(540, 960), (481, 639)])
def test_odd_sizes_run_through_a_model(height, width):
    model = _model(channels=5, future=1, past=0, skip="centre", zero_last=True)
    clip = _clip(2, height, width)
    restored = list(restore_stream(model, clip))
    assert [t for t, _ in restored] == [0, 1]
    assert all(np.array_equal(frame.numpy(), clip[t]) for t, frame in restored)


def test_wrong_frames_are_refused():
    adaptor = FrameAdaptor(8, 8)
    for frames in (
        torch.zeros(1, 8, 8, 3),
        torch.zeros(1, 8, 9, 3, dtype=torch.uint8),
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
    ):
        with pytest.raises(ModelMistake, match="frames are"):
            adaptor.encode(frames)
    with pytest.raises(ModelMistake, match="restored frames are"):
        adaptor.decode(torch.zeros(1, 1, 3, 8, 12))


@torch.no_grad()
def _whole(model, clip):
    adaptor = FrameAdaptor(*clip.shape[1:3])
    return adaptor.decode(model(adaptor.encode(torch.from_numpy(clip)))).numpy()


@pytest.mark.parametrize(("future", "past"), [(2, 2), (0, 1), (3, 1), (1, 0)])
def test_no_boundary_rule_gives_the_inner_frames_of_forward(future, past):
    model, clip = _model(future=future, past=past), _clip(9)
    restored = list(restore_stream(model, iter(clip), boundary="none"))
    assert [t for t, _ in restored] == list(range(past, 9 - future))
    assert np.array_equal(np.stack([frame.numpy() for _, frame in restored]), _whole(model, clip))


@pytest.mark.parametrize(("future", "past"), [(2, 2), (0, 1), (3, 1), (1, 0)])
@pytest.mark.parametrize("length", [1, 2, 6])
def test_replication_gives_every_frame(future, past, length):
    model, clip = _model(future=future, past=past), _clip(length)
    restored = list(restore_stream(model, iter(clip), boundary="replicate"))
    assert [t for t, _ in restored] == list(range(length))
    longer = np.concatenate([clip[:1]] * past + [clip] + [clip[-1:]] * future)
    assert np.array_equal(np.stack([frame.numpy() for _, frame in restored]), _whole(model, longer))


def test_frames_are_taken_one_by_one():
    taken = []

    def frames():
        for t, frame in enumerate(_clip(8)):
            taken.append(t)
            yield torch.from_numpy(frame)

    for t, _ in restore_stream(_model(future=2, past=1), frames(), boundary="none"):
        assert taken[-1] == t + 2


def test_views_with_negative_strides_are_read():
    clip = _clip(3)
    flipped = [frame[:, :, ::-1] for frame in clip]
    model = _model(future=1, past=1, skip="centre", zero_last=True)
    for t, frame in restore_stream(model, flipped):
        assert np.array_equal(frame.numpy(), clip[t][:, :, ::-1])


def test_a_model_in_half_precision_is_fed_its_own_type():
    model = _model(future=1, past=0, skip="centre", zero_last=True).to(torch.bfloat16)
    clip = _clip(2)
    for t, frame in restore_stream(model, clip):
        assert np.abs(frame.numpy().astype(int) - clip[t]).max() <= 1


@pytest.mark.parametrize(
    ("frames", "boundary", "says"),
    [
        (_clip(4), "none", "has 4 frames"),
        ([], "replicate", "no frames"),
        ([_clip(1)[0], _clip(1, 12, 18)[0]], "replicate", r"give \(T, 13, 18, 3\)"),
        (_clip(5).astype(np.float32), "replicate", "torch.uint8"),
        (_clip(5)[..., 0], "replicate", "a frame is"),
    ],
)
def test_sequences_that_cannot_be_restored_are_refused(frames, boundary, says):
    frames = [frames] if isinstance(frames, np.ndarray) and frames.ndim == 2 else frames
    with pytest.raises(ModelMistake, match=says):
        list(restore_stream(_model(), frames, boundary=boundary))


def test_an_unknown_boundary_is_refused_at_the_call():
    with pytest.raises(ModelMistake, match="none, replicate"):
        restore_stream(_model(), _clip(5), boundary="reflect")
