import numpy as np
import pytest

from benchmark.cache import CachedSequence
from benchmark.sampler import CropSampler
from bsd.errors import UserMistake

pytestmark = pytest.mark.unit


def _sequence(name: str, frames: int, height: int = 20, width: int = 28) -> CachedSequence:
    """Red is the frame's number, green the row, blue the column; sharp has 100 more in red."""
    blurry = np.zeros((frames, height, width, 3), np.uint8)
    blurry[..., 0] = np.arange(frames)[:, None, None]
    blurry[..., 1] = np.arange(height)[:, None]
    blurry[..., 2] = np.arange(width)
    sharp = blurry.copy()
    sharp[..., 0] += 100
    return CachedSequence(name, None, blurry, sharp)


def _sampler(**changes) -> CropSampler:
    settings = {
        "sequences": (_sequence("a", 12), _sequence("b", 3), _sequence("c", 6)),
        "frames": 5,
        "crop_px": 8,
        "batch": 6,
        "seed": 11,
        "past": 2,
        "future": 1,
    }
    return CropSampler(**{**settings, **changes})


def test_a_batch_is_a_function_of_seed_and_iteration() -> None:
    first, again = _sampler().load(7), _sampler().load(7)
    assert np.array_equal(first.blurry, again.blurry)
    assert np.array_equal(first.sharp, again.sharp)
    assert not np.array_equal(first.blurry, _sampler().load(8).blurry)
    assert not np.array_equal(first.blurry, _sampler(seed=12).load(7).blurry)


def test_a_sample_does_not_depend_on_the_batch_it_is_in() -> None:
    assert np.array_equal(_sampler(batch=2).load(3).blurry, _sampler().load(3).blurry[:2])


def test_every_crop_is_a_mirrored_window_of_one_sequence() -> None:
    sampler = _sampler()
    seen = set()
    for iteration in range(1, 30):
        batch = sampler.load(iteration)
        for slot in range(sampler.batch):
            choice = sampler.choose(iteration, slot)
            seen.add((choice.flip_x, choice.flip_y))
            rows = np.arange(choice.top_px, choice.top_px + 8)[:: -1 if choice.flip_y else 1]
            columns = np.arange(choice.left_px, choice.left_px + 8)[:: -1 if choice.flip_x else 1]
            for t in range(5):
                frame = batch.blurry[slot, t]
                assert np.array_equal(frame[..., 0], np.full((8, 8), choice.start + t))
                assert np.array_equal(frame[..., 1], np.repeat(rows[:, None], 8, axis=1))
                assert np.array_equal(frame[..., 2], np.repeat(columns[None], 8, axis=0))
            for t in range(2):  # frames P to T - 1 - F
                expected = batch.blurry[slot, t + 2].astype(int) + np.array([100, 0, 0])
                assert np.array_equal(batch.sharp[slot, t], expected)
    assert len(seen) == 4


def test_windows_are_drawn_uniformly_and_short_sequences_never() -> None:
    sampler = _sampler()
    drawn = [sampler.choose(i, s) for i in range(200) for s in range(10)]
    assert {choice.sequence for choice in drawn} == {0, 2}
    starts = {(choice.sequence, choice.start) for choice in drawn}
    assert starts == {(0, start) for start in range(8)} | {(2, 0), (2, 1)}
    share = sum(choice.sequence == 0 for choice in drawn) / len(drawn)
    assert share == pytest.approx(8 / 10, abs=0.04)  # 4.5 standard deviations
    assert {choice.top_px for choice in drawn} == set(range(13))
    assert {choice.left_px for choice in drawn} == set(range(21))


def test_without_flips_nothing_is_mirrored_and_places_stay() -> None:
    plain = _sampler(flips=False)
    for slot in range(20):
        choice, mirrored = plain.choose(1, slot), _sampler().choose(1, slot)
        assert (choice.flip_x, choice.flip_y) == (False, False)
        assert choice[:4] == mirrored[:4]


def test_crops_or_windows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UserMistake, match=r"data\.crop_px: 24 .* sequence a of 28x20"):
        _sampler(crop_px=24)
    with pytest.raises(UserMistake, match=r"data\.frames: windows of 13 .* has 12"):
        _sampler(frames=13)
    with pytest.raises(UserMistake, match=r"longest training sequence has 0"):
        _sampler(sequences=())
