"""What was recorded and cannot be used is no missing step: it is told, and withholds."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from calibration.bundle.calibration import Calibration
from calibration.solve.material import Material
from calibration.solve.options import SolveOptions
from calibration.solve.solution import solve
from tests.calibration.worlds import LEAN, LEAN_OPTIONS, LEAN_WORDS, NEAR, forget, told
from tests.twin_session import twin_session

pytestmark = pytest.mark.unit

FAR = tuple(f"target-far-{number}" for number in range(1, 9))
MOST = SolveOptions(allow_missing=("series", "near", "end"))
BARE = replace(LEAN, missing=(*LEAN.missing, "series"))
SOFT = "optics.view_2.defocus_sigma_px=6.0"


def item(document, name):
    (found,) = [each for each in document.items if each.name == name]
    return found


def rewrite(session, change):
    """Entries of a copied session's journal, each as `change` gives it."""
    journal = session.folder / "journal.jsonl"
    entries = [change(json.loads(line)) for line in journal.read_text().splitlines()]
    journal.write_text("".join(json.dumps(each) + "\n" for each in entries))


@pytest.mark.parametrize("left", [0, 2])
def test_end_targets_that_give_no_map_withhold_and_the_start_stands(tmp_path, left):
    spoilt = tuple((f"end:{step}", SOFT) for step in FAR[left:])
    session = twin_session(replace(BARE, end=True, step_sets=spoilt))
    calibration = solve(session.folder, tmp_path / "cal", MOST)
    found = item(calibration.document, "drift of the map")
    assert (found.passed, found.value) == (False, None)
    assert found.unusable
    assert ("clip-" in found.text) == (left == 0)
    assert calibration.document.verdict == "withheld"
    assert calibration.document.geometry.end is None
    assert calibration.document.geometry.start.poses
    with pytest.raises(Exception, match="withheld: drift of the map: recorded, and"):
        calibration.require_good()


def test_an_end_flat_that_is_spoilt_withholds_and_the_start_stands(tmp_path):
    flat = "{picture: {kind: flat, reflectance: [0.9,0.9,0.9]}, brightness: 2.2}"
    spoilt = (("end:flat", f"scene.layers=[{flat}]"),)
    session = twin_session(
        replace(BARE, end=True, missing=(*BARE.missing, *FAR[4:]), step_sets=spoilt)
    )
    document = solve(session.folder, tmp_path / "cal", MOST).document
    found = item(document, "drift of the gains")
    assert (found.passed, "(flat, end)" in found.text, "clipped" in found.text) == (
        False,
        True,
        True,
    )


@pytest.mark.parametrize(("lens", "passed"), [("shared_lens", None), ("two_lenses", False)])
def test_near_targets_that_fail_are_told(tmp_path, lens, passed):
    spoilt = tuple((step, SOFT) for step in NEAR)
    missing = ("sync", "colour", "series")
    session = twin_session(replace(LEAN, lens=lens, missing=missing, step_sets=spoilt))
    found = item(solve(session.folder, tmp_path / "cal", MOST).document, "parallax")
    assert (found.passed, found.value) == (passed, None)
    assert found.unusable
    assert found.text.startswith("clip-")


def test_missing_steps_are_refused_by_name_unless_they_are_allowed(solve_verb, tmp_path):
    session = twin_session(BARE)
    code, _, stderr = solve_verb(session.folder, "--out", tmp_path / "cal")
    (line,) = told(stderr)
    assert code == 1
    for words in (
        "no exposure series",
        "no near target",
        "no far target at the end",
        "no flat field at the end at 2ms16ms",
        "--purpose series",
        "--guided end",
        "'--set allow_missing=[series,near,end]'",
    ):
        assert words in line
    code, _, stderr = solve_verb(session.folder, "--out", tmp_path / "cal", *LEAN_WORDS)
    assert (code, "near target" in stderr, "no exposure series" in stderr) == (1, False, True)
    document = solve(session.folder, tmp_path / "cal", MOST).document
    assert document.verdict == "good"
    for name in ("drift of the map", "drift of the gains", "parallax", "linearity, sharp"):
        assert item(document, name).passed is None


def test_a_ratio_flat_that_drifts_is_withheld_though_the_gains_stand(tmp_path):
    changed = (
        ("end:flat", "optics.view_2.edge_loss=0.15"),
        ("end:flat", "optics.splitter.reflected=0.505"),
        ("end:flat", "optics.splitter.transmitted=0.495"),
    )
    session = twin_session(replace(BARE, end=True, step_sets=changed))
    document = solve(session.folder, tmp_path / "cal", MOST).document
    found = item(document, "drift of the ratio flat")
    assert (found.passed, found.limit) == (False, 1.0)
    assert 1.5 < found.value < 15.0
    steady = twin_session(replace(BARE, end=True))
    document = solve(steady.folder, tmp_path / "steady", MOST).document
    assert item(document, "drift of the ratio flat").value < 0.5
    assert document.verdict == "good"


def test_distances_of_a_tape_measure_are_one_and_others_are_named(tmp_path):
    session = twin_session(replace(BARE, end=True))
    material = Material.read(session.folder)

    def at(distance_mm):
        return replace(
            material,
            recordings=tuple(
                replace(each, head=each.head.model_copy(update={"distance_mm": distance_mm}))
                if each.when == "end" and each.head.purpose == "target"
                else each
                for each in material.recordings
            ),
        )

    for close in (3930.0, 4070.0):
        assert len(at(close).targets("far", "start")) == 8
        assert len(at(close).targets("far", "end")) == 8
        assert at(close).targets("near", "start") == ()
    from calibration.solve import solution

    def patched(_folder):
        return at(3500.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solution.Material, "read", patched)
        document = solve(session.folder, tmp_path / "cal", MOST).document
    found = item(document, "drift of the map")
    assert found.passed is False
    assert "4.00 m" in found.text
    assert "3.50 m" in found.text


def test_a_start_step_taken_again_behind_a_scene_withholds(whole, tmp_path):
    copy = whole.copy(tmp_path / "session")
    (scene,) = [each for each in copy.record.clips if each.plan.purpose == "scene"]
    later = datetime.fromisoformat(scene.begun_utc) + timedelta(milliseconds=1)

    def change(entry):
        if entry.get("clip") == "clip-001" and entry["kind"] == "take_begun":
            return entry | {"utc": later.isoformat()}
        return entry

    assert Material.read(copy.folder).disorder is None
    rewrite(copy, change)
    disorder = Material.read(copy.folder).disorder
    assert "clip-001 (flat) after " + scene.clip in disorder
    forget(copy, *FAR, "flat", "dark", when="end")
    lone = Material.read(copy.folder)
    assert lone.disorder == disorder


def test_a_scene_that_cannot_be_read_costs_the_ceiling_alone(whole, tmp_path):
    copy = whole.copy(tmp_path / "session")
    copy.scene(0).unlink()
    document = solve(copy.folder, tmp_path / "cal").document
    assert document.verdict == "good"
    assert document.settings[whole.spec.setting].ceilings is None
    found = item(document, "ceiling, systematic")
    assert (found.passed, found.value) == (None, None)
    assert found.text.startswith("not predicted: ")
    assert [each for each in document.left_out if each == copy.scene(0).stem]


def test_even_light_on_a_dark_clip_is_no_black_level(solve_verb, tmp_path):
    layer = "{picture: {kind: flat, reflectance: [0.9,0.9,0.9]}, brightness: 0.04}"
    leak = (("dark", f"scene.layers=[{layer}]"), ("dark", "scene.cap=false"))
    session = twin_session(replace(LEAN, step_sets=leak))
    code, _, stderr = solve_verb(session.folder, "--out", tmp_path / "cal", *LEAN_WORDS)
    (line,) = told(stderr)
    assert code == 1
    for words in ("clip-000 (dark)", "light came into the dark clip", "caps on"):
        assert words in line


def test_eight_bits_that_do_not_tell_an_offset_do_not_withhold(tmp_path):
    sets = ("sensor_1.black_level_dn12=69.6", "sensor_2.black_level_dn12=69.6")
    session = twin_session(replace(LEAN, bits=8, sets=sets))
    document = solve(session.folder, tmp_path / "cal", LEAN_OPTIONS).document
    found = item(document, "exposure offset, blurry")
    assert found.passed is None
    assert "not known better than" in found.text
    assert "12 bit" in found.text
    assert document.verdict == "good"


@pytest.mark.parametrize(
    ("rig_sets", "words"),
    [
        (("optics.nd_transmission=0.06",), "nd_transmission is 0.06, calibrated 0.125"),
        (("cameras.sharp.timing.end_latency_ns=60000",), "timing.end_latency_ns is 60000"),
    ],
)
def test_a_changed_rig_file_needs_another_calibration(solved, rig_sets, words):
    from acquisition.clip.reader import Clip

    spec = replace(LEAN, rig_sets=rig_sets, missing=(*BARE.missing, *FAR, "flat"))
    with (
        Clip(twin_session(spec).clip("dark")) as clip,
        pytest.raises(Exception, match=words) as why,
    ):
        Calibration.read(solved.folder).check_rig(clip.head)
    assert "calibrate again after rig.yaml was changed" in str(why.value)
