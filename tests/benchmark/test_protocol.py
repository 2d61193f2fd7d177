import numpy as np
import pytest

from benchmark import protocol
from benchmark.protocol import ProtocolMistake

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("length", "count"), [(150, 146), (100, 96), (5, 1)])
def test_primary_set_leaves_two_frames_at_each_end(length, count):
    frames = protocol.primary_frames(length)
    assert (frames[0], frames[-1], len(frames)) == (2, length - 3, count)


def test_primary_set_counts_of_the_published_test_sets():
    gopro = [100] * 9 + [134, 77]
    assert sum(len(protocol.primary_frames(n)) for n in gopro) == 1067
    assert 20 * len(protocol.primary_frames(150)) == 2920
    assert 30 * len(protocol.primary_frames(100)) == 2880


def test_primary_set_of_four_frames_is_refused():
    with pytest.raises(ProtocolMistake, match=r"4 frames; .* at least 5"):
        protocol.primary_frames(4)


@pytest.mark.parametrize(
    ("past", "future", "copies"),
    [(0, 0, (0, 0)), (2, 2, (0, 0)), (3, 3, (1, 1)), (5, 0, (3, 0)), (1, 4, (0, 2))],
)
def test_only_a_model_that_needs_more_than_two_frames_gets_copies(past, future, copies):
    plan = protocol.primary_pass(20, past, future)
    assert (plan.before, plan.after) == copies
    assert plan.frames == range(2, 18)


@pytest.mark.parametrize(
    ("length", "past", "future", "starts", "scored"),
    [
        (150, 2, 2, [*range(0, 129, 16), 130], 146),
        (100, 2, 2, [0, 16, 32, 48, 64, 80], 96),
        (150, 0, 0, [*range(0, 121, 20), 130], 150),
        (20, 2, 2, [0], 16),
        (21, 3, 3, [0, 1], 15),
    ],
)
def test_windows(length, past, future, starts, scored):
    assert protocol.window_starts(length, past, future) == starts
    assert len(protocol.window_frames(length, past, future)) == scored


def test_windows_refuse_short_sequences_and_wide_models():
    with pytest.raises(ProtocolMistake, match=r"19 frames; .* windows of 20"):
        protocol.window_starts(19, 2, 2)
    with pytest.raises(ProtocolMistake, match="leave nothing of a window"):
        protocol.window_starts(100, 10, 10)


def test_patch_corners_are_seeded_cover_the_frame_and_stay_inside():
    assert protocol.patch_corner(7, 1, 2, 20, 24, 16) == protocol.patch_corner(7, 1, 2, 20, 24, 16)
    corners = {protocol.patch_corner(seed, 0, 0, 20, 24, 16) for seed in range(600)}
    assert {row for row, _ in corners} == set(range(5))
    assert {column for _, column in corners} == set(range(9))
    generator = np.random.default_rng(np.random.SeedSequence([7, 1, 2]))
    expected = (generator.integers(0, 5), generator.integers(0, 9))
    assert protocol.patch_corner(7, 1, 2, 20, 24, 16) == expected
    assert protocol.patch_corner(0, 0, 0, 16, 16, 16) == (0, 0)


def test_sizes_that_cannot_be_scored():
    protocol.check_size("primary", 11, 11)
    with pytest.raises(ProtocolMistake, match="40x10 px; SSIM needs at least 11"):
        protocol.check_size("primary", 10, 40)
    with pytest.raises(
        ProtocolMistake, match="smaller than a patch of 256 px; give --patch-px 120"
    ):
        protocol.check_size("legacy-patch", 120, 160)
    with pytest.raises(ProtocolMistake, match="patches of 8 px"):
        protocol.check_size("legacy-patch", 120, 160, 8)
