"""One build of clips of two settings, and of the older preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsd.errors import UserMistake
from dataset.build.config import BuildConfig
from dataset.build.construction import build
from dataset.build.request import BuildRequest
from dataset.splits import Splits
from tests.dataset.build.sessions import SIZE, scene, session
from tests.dataset.build.truth_calibration import TruthCalibration, serve

pytestmark = pytest.mark.unit

HARD = (10.0, 10.0, 5.0)  # a short exposure of a small view blurs little else


def test_two_settings_are_two_trees_and_scenes_keep_their_split(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One build writes both; the older preset gives both names of their own, with a size."""
    twin = session(
        scene(0),
        scene(1),
        scene(2),
        *[scene(each, setting="1ms8ms", shake_mrad=HARD) for each in (0, 5)],
    )
    truth = TruthCalibration(twin, settings=("1ms8ms", "2ms16ms"))
    serve(monkeypatch, {twin.folder: truth})
    for preset, prefix, suffix in (("bsd", "BSD", ""), ("bsd-2020", "BSD2020", "_15fps")):
        config = BuildConfig.of(None, preset=preset, size=SIZE, formats="rgb")
        out = tmp_path / preset
        folders = (twin.folder,)
        answer = build(BuildRequest(folders, folders, out, config))
        names = [f"{prefix}_{setting}{suffix}" for setting in ("1ms8ms", "2ms16ms")]
        assert [tree.name for tree in answer.trees] == names
        homes: dict[str, set[str]] = {}
        for name in names:
            for item in Splits.read(out / name / "splits.json").sequences:
                homes.setdefault(item.scene, set()).add(item.split)
        assert all(len(splits) == 1 for splits in homes.values())
    config = BuildConfig.of(None, preset="bsd-2020")
    with pytest.raises(UserMistake, match=r"no common area of 1280 × 720 px: .* smaller size"):
        build(BuildRequest(folders, folders, tmp_path / "large", config))
