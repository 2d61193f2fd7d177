"""Steps of an exposure: cut so that nothing in view moves by more than half a pixel in one."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bsd.errors import UserMistake

LONGEST_STEP_PX = 0.5
MOST_STEPS = 4096
_TARGET_PX = 0.45
_PROBE_NS = 250_000
_FEWEST_PROBES = 8

FromRay = Callable[[int], NDArray[np.float64]]
"""World time [ns] → homographies (L, 3, 3) from a ray to millimetres on each layer."""


def step_bounds(
    from_ray: FromRay, view: NDArray[np.float64], focal_px: float, begin_ns: int, end_ns: int
) -> NDArray[np.int64]:
    """Bounds of the steps of an exposure, (S + 1,) int64 nanoseconds.

    The longest way of any layer in the picture is measured between close probes; the bounds
    stand at equal parts of that way, and in time where nothing moves.

    Parameters
    ----------
    from_ray
        Where each layer stands, by time.
    view
        (P, 2) slopes of the rays that are followed: corners, edges and middle of the picture.
    focal_px
        Pixels per unit of slope.
    begin_ns, end_ns
        The exposure; the end lies after the beginning.

    Raises
    ------
    UserMistake
        The motion would need more than `MOST_STEPS` steps.
    """
    probes = max(_FEWEST_PROBES, math.ceil((end_ns - begin_ns) / _PROBE_NS))
    times = np.linspace(begin_ns, end_ns, probes + 1).round().astype(np.int64)
    poses = [from_ray(int(time)) for time in times]
    ways = [way_px(earlier, later, view, focal_px) for earlier, later in pairwise(poses)]
    travelled = np.concatenate([[0.0], np.cumsum(ways)])
    steps = max(1, math.ceil(travelled[-1] / _TARGET_PX))
    if steps > MOST_STEPS:
        raise UserMistake(
            f"the scene moves by {travelled[-1]:.0f} px within one exposure of"
            f" {(end_ns - begin_ns) / 1e6:.3g} ms; at most {MOST_STEPS * _TARGET_PX:.0f} px can be"
            " integrated: slow the motion down in the world's file"
        )
    if steps == 1:
        return np.array([begin_ns, end_ns], dtype=np.int64)
    # A standing stretch has no way of its own: a trace of time keeps the bounds apart.
    trace = np.linspace(0.0, 1e-9 * travelled[-1], probes + 1)
    parts = np.linspace(0.0, travelled[-1] + trace[-1], steps + 1)
    bounds = np.interp(parts, travelled + trace, (times - begin_ns).astype(np.float64))
    return np.unique(np.asarray(bounds.round(), dtype=np.int64) + begin_ns)


def way_px(
    earlier: NDArray[np.float64],
    later: NDArray[np.float64],
    view: NDArray[np.float64],
    focal_px: float,
) -> float:
    """The longest displacement in the picture, in pixels, between two times.

    Parameters
    ----------
    earlier, later
        (L, 3, 3) ray → millimetres on the layer.
    view
        (P, 2) slopes.
    focal_px
        Pixels per unit of slope.
    """
    if len(earlier) == 0:
        return 0.0
    rays = np.column_stack([view, np.ones(len(view))])
    moved = np.linalg.solve(later, earlier) @ rays.T  # (L, 3, P)
    slopes = moved[:, :2] / moved[:, 2:]
    distance = np.hypot(slopes[:, 0] - view[:, 0], slopes[:, 1] - view[:, 1])
    return float(distance.max() * focal_px)
