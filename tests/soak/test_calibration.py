"""Calibrations of rigs drawn by a seed against the truth, in both lens kinds and both hands."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from calibration.solve.solution import solve
from tests.calibration.solve.truth import LIMITS, Errors, errors_of, world_of
from tests.twin_session import twin_session

pytestmark = [pytest.mark.soak, pytest.mark.timeout(4 * 3600)]

LENSES = ("shared_lens", "two_lenses")
MIRRORS = (("none", "horizontal"), ("vertical", "none"))
SEEDS = 10


def test_calibrations_meet_the_tolerances(
    count: Callable[[int], int], figure: Callable[[str], None], tmp_path: Path
) -> None:
    """12 bit, 1280 × 720; each seed is another rig in every world."""
    worlds = [(seed, *world) for seed in range(SEEDS) for world in product(LENSES, MIRRORS)]
    chosen = worlds[: count(len(worlds))]
    worst = dict.fromkeys(Errors.__dataclass_fields__, 0.0)
    for seed, lens, mirrors in chosen:
        folder = tmp_path / "world"
        session = twin_session(world_of(seed, lens, mirrors), folder=folder / "session")
        found = errors_of(session, solve(folder / "session", folder / "cal"))
        shutil.rmtree(folder)
        for name in worst:
            value, limit = getattr(found, name), getattr(LIMITS, name)
            assert value <= limit, f"seed {seed}, {lens}, {mirrors}: {name}: {found.text()}"
            worst[name] = max(worst[name], value)
    figures = ", ".join(f"{name} {value:.4f}" for name, value in worst.items())
    figure(f"calibrations against the truth: {len(chosen)} rigs, worst {figures}")
