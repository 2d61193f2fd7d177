"""How often intervals over twelve sequences cover the truth where differences are skewed."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from benchmark.statistics import paired_difference

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

TRIALS, SEQUENCES, LEVEL = 2000, 12, 0.95
BANDS = {"t": (0.90, 0.96), "bootstrap": (0.85, 0.93)}
Draw = Callable[[np.random.Generator], np.ndarray]
# Both have a skewness of about 1.7: gains of a few hard sequences stick out.
DRAWS: dict[str, tuple[Draw, float]] = {
    "gamma": (lambda random: random.gamma(1.5, 0.4, SEQUENCES), 0.6),
    "log-normal": (lambda random: random.lognormal(-0.5, 0.5, SEQUENCES), math.exp(-0.375)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_coverage_on_skewed_differences(
    name: str, count: Callable[[int], int], figure: Callable[[str], None]
) -> None:
    draw, truth = DRAWS[name]
    trials = count(TRIALS)
    names = [f"{number:03d}" for number in range(SEQUENCES)]
    hits = dict.fromkeys(BANDS, 0)
    for trial in range(trials):
        random = np.random.default_rng(np.random.SeedSequence([48, len(name), trial]))
        reference = random.normal(28, 3, SEQUENCES)
        model = dict(zip(names, reference + draw(random), strict=True))
        before = dict(zip(names, reference, strict=True))
        for method in ("t", "bootstrap"):
            found = paired_difference(model, before, method=method, level=LEVEL, seed=trial)
            assert found.low is not None
            assert found.high is not None
            hits[method] += found.low <= truth <= found.high
    shares = {method: number / trials for method, number in hits.items()}
    figure(
        f"intervals at {LEVEL:.0%}, {trials} sets of {SEQUENCES} {name} differences: t covers the"
        f" truth in {shares['t']:.1%}, the bootstrap in {shares['bootstrap']:.1%}"
    )
    for method, (low, high) in BANDS.items():
        # The bands are for the full count; fewer trials are allowed their own noise on top.
        deviation = math.sqrt(low * (1 - low))
        slack = max(0.0, 3.5 * deviation * (trials**-0.5 - TRIALS**-0.5))
        assert low - slack <= shares[method] <= high + slack, f"{method}: {shares[method]}"
