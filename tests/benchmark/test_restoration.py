import numpy as np
import pytest
import torch

from benchmark import protocol, restoration
from models.errors import ModelMistake
from models.registry import create

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _one_thread():
    """Threads that wait for each other cost more than these tiny convolutions."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small_model(past=2, future=2, seed=3, skip="centre"):
    torch.manual_seed(seed)
    config = {"blocks": 1, "channels": 5, "past": past, "future": future, "skip": skip}
    return create("estrnn", config).eval()


def noise(length, height=16, width=16, seed=5):
    generator = np.random.default_rng(seed)
    return generator.integers(60, 196, (length, height, width, 3), dtype=np.uint8)


def whole_sequence(model, frames):
    """Restored values 0..255 before rounding, by one call of forward on the reflected frames."""
    height, width = frames.shape[1:3]
    edges = ((0, 0), (0, -height % 4), (0, -width % 4), (0, 0))
    padded = np.pad(frames, edges, mode="reflect").astype(np.float32)
    planes = ((padded - np.float32(127.5)) / np.float32(255.0)).transpose(0, 3, 1, 2)
    # One memory layout on both sides: another one may run another convolution kernel.
    x = torch.from_numpy(np.ascontiguousarray(planes))
    with torch.no_grad():
        y = model(x[None])[0].permute(0, 2, 3, 1).numpy()
    return y[:, :height, :width]


def test_streaming_equals_the_whole_sequence_at_once():
    model, frames = small_model(), noise(9, 18, 21)
    restored = dict(restoration.restore(model, frames))
    values = np.clip(whole_sequence(model, frames) + np.float32(0.5), 0, 1)
    expected = np.floor(values * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    assert sorted(restored) == list(range(2, 7))
    for index, frame in restored.items():
        np.testing.assert_array_equal(frame, expected[index - 2])


def test_copies_at_the_ends_are_those_of_a_longer_sequence():
    model, frames = small_model(past=3, future=3), noise(7)
    plan = protocol.primary_pass(7, 3, 3)
    restored = dict(restoration.restore(model, frames, plan.before, plan.after))
    longer = np.concatenate([frames[:1], frames, frames[-1:]])
    expected = dict(restoration.restore(model, longer))
    assert sorted(restored) == list(plan.frames) == [2, 3, 4]
    for index, frame in restored.items():
        np.testing.assert_array_equal(frame, expected[index + 1])


def test_all_frames_pass_gives_every_frame_and_has_a_state_of_its_own():
    model, frames = small_model(), noise(8)
    plan = protocol.all_frames_pass(8, 2, 2)
    whole = dict(restoration.restore(model, frames, plan.before, plan.after))
    plain = dict(restoration.restore(model, frames))
    assert sorted(whole) == list(range(8))
    assert any((whole[i] != plain[i]).any() for i in plain)


def test_identity_gives_every_frame_back():
    frames = noise(6)
    assert [i for i, _ in restoration.restore(None, frames)] == list(range(6))
    for index, frame in restoration.restore_windows(None, lambda i: frames[i % 6], 25):
        np.testing.assert_array_equal(frame, frames[index % 6])


def upstream_loop(model, frames, past, future):
    """The released test code's control flow, written from its description: first version kept."""
    kept, start, end = {}, 0, 20
    while True:
        values = whole_sequence(model, frames[start:end]) * np.float32(255) + np.float32(127.5)
        for k, image in enumerate(np.clip(values, 0, 255)):
            kept.setdefault(start + past + k, image)
        if end == len(frames):
            return kept
        start, end = end - future - past, end - future - past + 20
        if end > len(frames):
            start, end = len(frames) - 20, len(frames)


@pytest.mark.parametrize(("length", "past", "future"), [(150, 2, 2), (39, 3, 3), (41, 1, 2)])
def test_windows_equal_an_independent_loop_and_truncate(length, past, future):
    model, frames = small_model(past, future), noise(length)
    restored = dict(restoration.restore_windows(model, frames.__getitem__, length))
    kept = upstream_loop(model, frames, past, future)
    assert len(restored) == length - past - future
    assert sorted(restored) == sorted(kept)
    rounded = 0
    for index, frame in restored.items():
        np.testing.assert_array_equal(frame, kept[index].astype(np.uint8))
        rounded += int((frame != np.floor(kept[index] + 0.5)).sum())
    assert rounded / (len(restored) * frame.size) == pytest.approx(0.5, abs=0.05)


def test_windows_reset_the_state():
    model, frames = small_model(), noise(36)
    first = dict(restoration.restore_windows(model, frames.__getitem__, 36))
    second = dict(restoration.restore_windows(model, lambda i: frames[i + 16], 20))
    for index, frame in second.items():
        np.testing.assert_array_equal(frame, first[index + 16])


def test_truncate_cuts_and_clips():
    values = torch.tensor([-0.7, -0.5, 0.99 / 255 - 0.5, 254.9 / 255 - 0.5, 0.5, 0.9])
    planes = values.expand(3, 1, -1)
    assert restoration.truncate(planes)[0, :, 0].tolist() == [0, 0, 0, 254, 255, 255]
    with pytest.raises(ModelMistake, match="diverged"):
        restoration.truncate(torch.full((3, 1, 1), float("nan")))
