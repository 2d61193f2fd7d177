"""Each gate through a whole build: a clip that one gate must refuse, and no other gate does."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset.build.config import BuildConfig
from dataset.build.construction import BuildAnswer, build
from dataset.build.request import BuildRequest
from tests.dataset.build.sessions import ONLY_SCENES, scene
from tests.dataset.build.truth_calibration import TruthCalibration, serve
from tests.twin_session import twin_session

pytestmark = pytest.mark.rig

SPOILT = {
    "bookend-alignment": scene(1, sets=("optics.alignment.shift_px=[4.0,-2.0]",)),
    "flicker": scene(2, sets=("light.components=[{frequency_hz: 100, modulation: 0.15}]",)),
    "clipping": scene(3, sets=("light.components=[{share: 3.0}]",)),
    "focus-sharp": scene(4, sets=("optics.view_2.defocus_sigma_px=1.8",)),
    "static": scene(5, moves=False),
    "duplicates": scene(6, repeats=((12, "sharp"),)),
    "ledger": scene(7, losses=((12, "blurry"),)),
}
"""Gate → a clip that only this one refuses; clip 0 of the session is a good one, shaken hard."""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> BuildAnswer:
    """One build of all of them."""
    twin = twin_session(scenes=(scene(0), *SPOILT.values()), missing=ONLY_SCENES, end=False)
    config = BuildConfig.of(
        None, size="240x176", formats="rgb", assignments=["least_frames=5", "gate_every=2"]
    )
    with pytest.MonkeyPatch.context() as patch:
        serve(patch, {twin.folder: TruthCalibration(twin)})
        out: Path = tmp_path_factory.mktemp("out") / "built"
        return build(BuildRequest((twin.folder,), (twin.folder,), out, config))


def test_a_clip_that_was_shaken_hard_is_built(answer: BuildAnswer) -> None:
    """Alone: all others are refused."""
    (described,) = answer.descriptions.values()
    (facts,) = described.sequences
    assert facts.clip == "clip-000"
    assert [each.gate for each in facts.gates if each.passed is False] == []
    assert facts.blurry_blur_px is not None
    assert facts.blurry_blur_px.median_px > 1.5


@pytest.mark.parametrize("gate", SPOILT)
def test_a_spoilt_clip_fails_one_gate_alone(answer: BuildAnswer, gate: str) -> None:
    """The reason and the gate's name stand in the answer."""
    number = list(SPOILT).index(gate) + 1
    (left,) = [each for each in answer.left_out if each.clip.endswith(f"clip-{number:03d}")]
    assert left.gates == (gate,), left.reason
    assert left.reason.startswith(gate)
