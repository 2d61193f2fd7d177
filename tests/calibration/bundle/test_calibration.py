"""A calibration read back: damage is found, other rigs are refused, drift is interpolated."""

import json
import shutil
from datetime import datetime, timedelta

import numpy as np
import pytest

from acquisition.clip.reader import Clip
from bsd.errors import UserMistake
from calibration.bundle.array_file import write_array
from calibration.bundle.calibration import Calibration
from calibration.bundle.document import CALIBRATION_NAME
from calibration.geometry.view_map import as_matrix

pytestmark = pytest.mark.unit

SETTING = "2ms16ms"
RATIO = f"ratio-{SETTING}"


@pytest.fixture
def copy(solved, tmp_path):
    """A folder that a test may damage."""
    return shutil.copytree(solved.folder, tmp_path / "cal")


def one_line(caught, *words):
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert caught.value.exit_code == 2


def test_no_calibration_and_a_damaged_document(copy, tmp_path):
    with pytest.raises(UserMistake) as caught:
        Calibration.read(tmp_path)
    one_line(caught, str(tmp_path), "calibration.solve")
    path = copy / CALIBRATION_NAME
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(UserMistake) as caught:
        Calibration.read(copy)
    one_line(caught, str(path))
    path.write_text(json.dumps(json.loads(whole) | {"format_version": 99}))
    with pytest.raises(UserMistake) as caught:
        Calibration.read(copy)
    one_line(caught, str(path), "99")
    path.write_text(json.dumps(json.loads(whole) | {"geometry": {}}))
    with pytest.raises(UserMistake) as caught:
        Calibration.read(copy)
    one_line(caught, str(path), "geometry")


def test_a_changed_a_missing_and_an_exchanged_array(copy):
    read = Calibration.read(copy)
    path = copy / f"{RATIO}.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserMistake) as caught:
        read.pair_model(SETTING, read.document.settings[SETTING].start.utc)
    one_line(caught, str(path), "changed")
    path.unlink()
    with pytest.raises(UserMistake) as caught:
        read.array(RATIO)
    one_line(caught, str(path), "missing")
    with pytest.raises(UserMistake) as caught:
        read.array("ratio-9ms9ms")
    one_line(caught, "ratio-9ms9ms")
    told = write_array(copy, RATIO, np.zeros((4, 4, 3), dtype=np.float32))
    said = read.document.arrays[RATIO].model_copy(update={"sha256": told.sha256})
    changed = read.document.model_copy(update={"arrays": {RATIO: said}})
    with pytest.raises(UserMistake) as caught:
        Calibration(copy, changed, "").array(RATIO)
    one_line(caught, str(path), "float32 (4, 4, 3)")


def test_the_same_array_gives_the_same_file(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    first = write_array(tmp_path, "a", array)
    again = write_array(tmp_path, "b", np.asfortranarray(array))
    assert (first.sha256, first.shape, first.dtype) == (again.sha256, (3, 4), "float32")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("identity.serial", "SN-OTHER", "sharp camera's serial is SN-OTHER"),
        ("identity.model", "BSD-Twin-9", "sharp camera's model is BSD-Twin-9"),
        ("configured.width", 640, "sharp camera's width_px is 640"),
        ("configured.pixel_format", "BayerRG10", "sharp camera's pixel_format is BayerRG10"),
        ("configured.gain_db", 6.0, "sharp camera's gain_db is 6.0"),
        ("rig.flip", "none", "sharp camera's flip is none, calibrated horizontal"),
        ("rig.lens", "two-lenses", "lens two-lenses"),
    ],
)
def test_another_rig_is_refused_by_its_field(solved, whole, field, value, words):
    with Clip(whole.scene(0)) as clip:
        head = clip.head
    solved.check_rig(head)
    part, name = field.split(".")
    fields = head.model_dump(mode="json")
    if part != "rig":
        fields["cameras"]["sharp"][part][name] = value
    elif name == "lens":
        fields["rig"]["optics"]["lens"] = value
    else:
        fields["rig"]["cameras"]["sharp"][name] = value
    with pytest.raises(UserMistake) as caught:
        solved.check_rig(type(head).model_validate(fields))
    one_line(caught, str(solved.folder), words)


def _drifted(solved, folder):
    """Ends an hour apart: the map moved by 0.4 px, C1 lost 1 %, C2's black level rose by 2 DN."""
    document = solved.document
    start = document.settings[SETTING].start
    begin = datetime.fromisoformat(start.utc)
    last = (begin + timedelta(hours=1)).isoformat()
    black = start.black["sharp"]
    end = start.model_copy(
        update={
            "utc": last,
            "gains": start.gains.model_copy(
                update={"gain": tuple(0.99 * each for each in start.gains.gain)}
            ),
            "black": start.black
            | {
                "sharp": black.model_copy(
                    update={"value_dn": tuple(each + 2.0 for each in black.value_dn)}
                )
            },
        }
    )
    setting = document.settings[SETTING].model_copy(update={"end": end})
    first = document.geometry.start.model_copy(update={"utc": start.utc})
    moved = np.array([[1.0, 0.0, 0.4], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    matrix = as_matrix(moved @ np.array(first.view_map.c2_to_c1))
    there = first.view_map.model_copy(update={"c2_to_c1": matrix})
    geometry = document.geometry.model_copy(
        update={
            "start": first,
            "end": first.model_copy(update={"utc": last, "view_map": there}),
        }
    )
    ratio = solved.array(RATIO)
    arrays = dict(document.arrays)
    arrays[f"ratio-end-{SETTING}"] = write_array(folder, f"ratio-end-{SETTING}", 1.02 * ratio)
    changed = document.model_copy(
        update={"geometry": geometry, "settings": {SETTING: setting}, "arrays": arrays}
    )
    return Calibration(folder, changed, ""), begin


@pytest.mark.parametrize(("minutes", "share"), [(-5, 0.0), (0, 0.0), (15, 0.25), (90, 1.0)])
def test_a_pair_model_lies_between_the_ends(solved, copy, minutes, share):
    drifted, begin = _drifted(solved, copy)
    at = (begin + timedelta(minutes=minutes)).isoformat()
    found = drifted.pair_model(SETTING, at)
    first = solved.pair_model(SETTING, solved.document.settings[SETTING].start.utc)
    np.testing.assert_allclose(found.matrix, first.matrix * (1 - 0.01 * share), rtol=1e-9)
    np.testing.assert_allclose(found.ratio, first.ratio * (1 + 0.02 * share), rtol=1e-5)
    black = np.array(solved.document.settings[SETTING].start.black["sharp"].value_dn)
    np.testing.assert_allclose(found.black_dn["sharp"], black + 2 * share, atol=1e-4)
    view_map = solved.document.geometry.start.view_map
    moved = drifted.view_map(at).to_c1(np.array([[160.0, 120.0]])) - view_map.to_c1(
        np.array([[160.0, 120.0]])
    )
    np.testing.assert_allclose(moved, [[0.4 * share, 0.0]], atol=2e-3)
    assert found.map_xy["G"].shape == (*found.shape_1, 2)


def test_a_setting_that_is_not_covered(solved):
    with pytest.raises(UserMistake) as caught:
        solved.pair_model("1ms8ms", solved.document.settings[SETTING].start.utc)
    one_line(caught, "1ms8ms", SETTING, "dark clip and a flat field")
