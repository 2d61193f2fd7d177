"""The ledger against all assignments of frames to pulses that there are, on short takes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from acquisition.ledger.joining import NO_PULSE, Verdict, reconcile
from tests.acquisition.ledger.truth import Bench, Fault, take

pytestmark = pytest.mark.unit

WITHIN_NS = 250_000.0
RATE_MOST = 6e-3


def on_one_line(pulse_ns: NDArray[np.float64], device_ns: NDArray[np.float64]) -> bool:
    """Whether stamps are a linear function of pulse times, at a rate a resonator may have."""
    ones = np.ones(len(pulse_ns))
    above = np.stack([ones, pulse_ns], axis=1)
    limits = np.concatenate([device_ns + WITHIN_NS / 2, -(device_ns - WITHIN_NS / 2)])
    bounds = [(None, None), (1 - RATE_MOST, 1 + RATE_MOST)]
    scale = 1e6  # in ms, or the solver's tolerances are those of ns
    above[:, 1] /= scale
    found = linprog([0, 0], np.concatenate([above, -above]), limits / scale, bounds=bounds)
    return bool(found.status == 0)


def best_assignments(pulses: int, period_ns: float, stamps: NDArray[np.float64]) -> list[dict]:
    """All ways to give the most frames a pulse, in order, that two clocks could have made."""
    pulse_ns = np.arange(pulses) * period_ns
    for size in range(min(pulses, len(stamps)), 1, -1):
        found = []
        for frames in itertools.combinations(range(len(stamps)), size):
            for at in itertools.combinations(range(pulses), size):
                steps = np.diff(stamps[list(frames)]), np.diff(pulse_ns[list(at)])
                apart = np.abs(steps[0] - steps[1])
                if (apart > steps[1] * RATE_MOST + WITHIN_NS).any():
                    continue
                if on_one_line(pulse_ns[list(at)], stamps[list(frames)]):
                    found.append(dict(zip(at, frames, strict=True)))
        if found:
            return found
    return []


CASES: list[tuple[Fault, ...]] = [
    (),
    (Fault("miss", "sharp", 0),),
    (Fault("miss", "sharp", 2),),
    (Fault("miss", "sharp", 5),),
    (Fault("lose", "sharp", 1), Fault("miss", "sharp", 3)),
    (Fault("extra", "sharp", 2, 0.4),),
    (Fault("extra", "sharp", 5, 0.5),),
    (Fault("extra", "sharp", -1, 0.6),),
    (Fault("miss", "sharp", 2), Fault("extra", "sharp", 4, 0.3)),
    (Fault("miss", "sharp", 0), Fault("extra", "sharp", 5, 0.7)),
    (Fault("miss", "sharp", 0), Fault("extra", "sharp", 5, 1.0)),
    (Fault("extra", "sharp", 5, 1.0),),
    (Fault("miss", "sharp", 1), Fault("miss", "sharp", 2), Fault("miss", "sharp", 3)),
    (Fault("early", "sharp", 2),),
    (Fault("early", "sharp", 1),),
]


@pytest.mark.parametrize("faults", CASES, ids=lambda faults: "+".join(f.kind for f in faults))
@pytest.mark.parametrize("seed", [0, 1])
def test_what_all_assignments_say(faults, seed) -> None:
    pulses = 6
    rng = np.random.default_rng(seed)
    bench = Bench(resonator_ppm=float(rng.uniform(-5_000, 5_000)), jitter_ns=10_000)
    made = take(bench, pulses, faults, seed=seed)
    stamps = made.arrivals["sharp"]["device_ns"]
    best = best_assignments(
        pulses, float(bench.period * 500), (stamps - stamps[0]).astype(np.float64)
    )
    ledger = reconcile(made.expected, made.pulses, made.arrivals)
    rows = ledger.rows[ledger.rows["pulse"] != NO_PULSE]
    ours = {int(row["pulse"]): int(row["c2_index"]) for row in rows if row["c2_index"] >= 0}
    if len(best) == 1:
        assert ours == best[0]
        paired = rows["verdict"] == Verdict.PAIRED
        assert paired.sum() == len(ours)
    else:
        assert ours == {}
        assert len(best) > 1 or len(stamps) < 2
