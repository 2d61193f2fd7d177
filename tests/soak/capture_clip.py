"""A sealed clip of prepared frames, looked at frame by frame."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from acquisition.arrival import ArrivalFlag
from acquisition.clip.reader import Clip
from acquisition.ledger.row import PREFIX, Verdict
from acquisition.rig import ROLES

READY_FRAMES = 4
"""The virtual rig sends so many prepared frames in turn."""

_NS_PER_S = 10**9
_STEP_NS = 100_000


@dataclass(frozen=True)
class Whole:
    """What a clip without a fault shows.

    Attributes
    ----------
    pairs
        In it.
    residual_ns
        Largest distance of a frame's device time from a straight line through all of its camera.
    """

    pairs: int
    residual_ns: float


def require_whole(path: Path, pairs: int, rate_hz: Fraction) -> Whole:
    """Read all of a clip; fails where anything is missing, doubled or out of step."""
    with Clip(path) as clip:
        assert clip.tail.verdict == "good", clip.tail.findings
        assert clip.tail.findings == []
        assert len(clip) == clip.pair_count == pairs
        rows, pulses = clip.ledger, clip.pulses
        order = np.arange(pairs, dtype=np.uint64)
        assert np.all(rows["verdict"] == Verdict.PAIRED)
        assert np.array_equal(rows["pulse"], order)
        assert np.array_equal(pulses["n"], order)
        period_ns = _NS_PER_S / rate_hz
        expected_ns = np.array([round(n * period_ns) for n in range(pairs)])
        assert abs(rows["pulse_ns"] - expected_ns).max() <= clip.head.tick_ns
        residual_ns = 0.0
        for role in ROLES:
            arrivals, prefix = clip.arrivals(role), PREFIX[role]
            frames = clip.frames(role)
            assert len(arrivals) == len(frames) == pairs, role
            assert np.array_equal(rows[f"{prefix}_index"], order)
            assert np.array_equal(arrivals["index"], order)
            assert np.all(np.diff(arrivals["frame_id"].astype(np.int64)) == 1), role
            assert np.array_equal(rows[f"{prefix}_frame_id"], arrivals["frame_id"])
            assert np.array_equal(rows[f"{prefix}_device_ns"], arrivals["device_ns"])
            assert np.all(arrivals["flags"] == ArrivalFlag.COMPLETE)
            assert not arrivals["skipped"].any()
            assert len(np.unique(arrivals["arming"])) == 1
            steps_ns = np.diff(arrivals["device_ns"])
            assert abs(steps_ns - float(period_ns)).max(initial=0) < _STEP_NS, role
            residual_ns = max(residual_ns, _residual_ns(arrivals["device_ns"]))
            sums = [zlib.crc32(frame.data) for frame in frames]
            turn = sums[:READY_FRAMES]
            assert len(set(turn)) == min(pairs, READY_FRAMES)
            assert sums == [turn[n % READY_FRAMES] for n in range(pairs)], role
    return Whole(pairs, residual_ns)


def _residual_ns(device_ns: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """From the straight line through all times, over the first of them."""
    passed = (device_ns - device_ns[0]).astype(np.float64)
    if len(passed) < 3:
        return 0.0
    order = np.arange(len(passed))
    line = np.polynomial.Polynomial.fit(order, passed, 1)
    return float(abs(passed - line(order)).max())
