"""Times of frames, from whatever a producer gives."""

from types import SimpleNamespace

import pytest

from acquisition.arrival import NO_TIME
from acquisition.camera.frame_clock import FrameClock, latch
from tests.acquisition.camera.fake_tree import FakeTree

pytestmark = pytest.mark.unit


class Buffer:
    """Of a producer without `timestamp_ns`."""

    def __init__(self, ticks: int) -> None:
        self.timestamp = ticks

    @property
    def timestamp_ns(self) -> int:
        raise LookupError


def clock(tree: FakeTree | None = None) -> FrameClock:
    return FrameClock(tree or FakeTree(), (LookupError, AttributeError))


def test_nanoseconds_are_taken_as_they_are() -> None:
    read = clock().read
    assert read(SimpleNamespace(timestamp_ns=2**62 + 1)) == 2**62 + 1
    assert read(SimpleNamespace(timestamp_ns=5)) == 5


def test_ticks_are_converted_without_rounding_errors() -> None:
    read = clock(FakeTree(GevTimestampTickFrequency=125_000_000)).read
    assert read(Buffer(2**55 + 1)) == (2**55 + 1) * 8


@pytest.mark.parametrize("buffer", [Buffer(7), SimpleNamespace(timestamp_ns=0), object()])
def test_no_clock_is_no_time(buffer: object) -> None:
    read = clock().read
    assert read(buffer) == NO_TIME
    assert read(SimpleNamespace(timestamp_ns=9)) == NO_TIME  # one arming, one answer


def test_a_latch_reads_ticks_or_nanoseconds() -> None:
    modern = FakeTree(TimestampLatch=True, TimestampLatchValue=42)
    older = FakeTree(
        GevTimestampControlLatch=True, GevTimestampValue=42, GevTimestampTickFrequency=10**8
    )
    assert latch(FakeTree()) is None
    for tree, expected in ((modern, 42), (older, 420)):
        reading = latch(tree)
        assert reading is not None
        assert reading[0] == expected
        assert 0 <= reading[2] - reading[1] < 10**9
