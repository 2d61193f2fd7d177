"""Calibrations of rigs drawn by a seed against the truth, in both lens kinds and both hands."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from bsd.threads import available_cores
from calibration.solve.solution import solve
from dataset.executor import run_jobs
from tests.calibration.solve.truth import LIMITS, Errors, errors_of, world_of
from tests.twin_session import twin_session

pytestmark = [pytest.mark.soak, pytest.mark.timeout(4 * 3600)]

C2_MIRRORED, C1_MIRRORED = ("none", "horizontal"), ("vertical", "none")
KINDS = (
    ("shared_lens", C2_MIRRORED),
    ("two_lenses", C1_MIRRORED),
    ("two_lenses", C2_MIRRORED),
    ("shared_lens", C1_MIRRORED),
)
SEEDS = 10


def test_calibrations_meet_the_tolerances(
    count: Callable[[int], int], figure: Callable[[str], None], tmp_path: Path
) -> None:
    """12 bit, 1280 × 720; each seed is another rig in every world."""
    worlds = [(seed, *kind) for seed in range(SEEDS) for kind in KINDS]
    chosen = worlds[: count(len(worlds))]
    answers = run_jobs(_errors, [(tmp_path, *world) for world in chosen], available_cores())
    found = dict(zip(chosen, answers, strict=True))
    limits = asdict(LIMITS)
    broken = [
        f"seed {seed}, {lens}, {mirrors}: {name} {value:.4f}, limit {limits[name]}"
        for (seed, lens, mirrors), errors in found.items()
        for name, value in asdict(errors).items()
        if not value <= limits[name]
    ]
    assert not broken, "\n".join(broken)
    worst = {name: max(getattr(errors, name) for errors in found.values()) for name in limits}
    figures = ", ".join(f"{name} {value:.4f}" for name, value in worst.items())
    figure(f"calibrations against the truth: {len(chosen)} rigs, worst {figures}")


def _errors(job: tuple[Path, int, str, tuple[str, str]], _threads: int, _advance: object) -> Errors:
    """Record the rig's session, solve it, compare, and leave nothing on the disk."""
    folder, seed, lens, mirrors = job
    own = folder / f"{seed}-{lens}-{'-'.join(mirrors)}"
    try:
        session = twin_session(world_of(seed, lens, mirrors), folder=own / "session")
        return errors_of(session, solve(own / "session", own / "cal"))
    finally:
        shutil.rmtree(own, ignore_errors=True)
