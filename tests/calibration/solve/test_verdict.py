"""Figures against their limits, and what is told of those that are broken."""

import pytest

from calibration.bundle.document import CalibrationDocument, Item
from calibration.solve.options import SolveOptions
from calibration.solve.verdict import judge
from calibration.solve.way_out import way_out

pytestmark = pytest.mark.unit


def _judged(document: CalibrationDocument, **changes: object) -> dict[str, Item]:
    cameras = changes.get("cameras", document.cameras)
    settings = changes.get("settings", document.settings)
    items = judge(document.geometry, cameras, settings, document.rig, SolveOptions())  # type: ignore[arg-type]
    return {item.name: item for item in items}


def _with_black(document: CalibrationDocument, moved_dn: float, sigma_dn: float):
    """Settings whose sharp black level moved by so much, known to so much."""
    name, found = next(iter(document.settings.items()))
    black = found.start.black["sharp"].model_copy(update={"sigma_dn": (sigma_dn,) * 4})
    later = black.model_copy(
        update={"value_dn": tuple(value + moved_dn for value in black.value_dn)}
    )
    ends = {
        "start": found.start.model_copy(update={"black": found.start.black | {"sharp": black}}),
        "end": found.end.model_copy(update={"black": found.end.black | {"sharp": later}}),
    }
    return {name: found.model_copy(update=ends)}


@pytest.mark.parametrize(
    ("moved_dn", "sigma_dn", "passed"),
    [(0.0, 0.02, True), (2.0, 0.02, False), (0.0, 5.0, None), (6.0, 5.0, None), (20.0, 5.0, False)],
)
def test_a_black_level_that_is_not_known_has_no_known_drift(solved, moved_dn, sigma_dn, passed):
    document = solved.document
    item = _judged(document, settings=_with_black(document, moved_dn, sigma_dn))[
        "drift of the black level, sharp"
    ]
    assert item.passed is passed
    assert ("not known better than" in item.text) == (passed is None)
    assert ("switch on 30 minutes earlier" in item.way_out) == (passed is False)


def test_a_black_level_that_is_cut_off_at_0_is_told(solved):
    name, found = next(iter(solved.document.settings.items()))
    black = found.start.black["sharp"].model_copy(update={"cut_share": 0.31, "is_bound": True})
    start = found.start.model_copy(update={"black": found.start.black | {"sharp": black}})
    settings = {name: found.model_copy(update={"start": start})}
    item = _judged(solved.document, settings=settings)["black level, sharp"]
    assert "31 % of the samples are cut off at 0" in item.text
    assert "raise the camera's black level" in item.text


def test_a_series_that_bends_is_the_reason_and_not_the_bits(solved):
    camera = solved.document.cameras["blurry"]
    bent = {"offset_us": 4.0, "offset_sigma_us": 9.0, "curvature_percent": -1.9}
    line = camera.linearity.model_copy(update=bent)
    cameras = solved.document.cameras | {"blurry": camera.model_copy(update={"linearity": line})}
    items = _judged(solved.document, cameras=cameras)
    assert items["exposure offset, blurry"].passed is None
    assert "± 18.0 µs (two σ); the series bends" in items["exposure offset, blurry"].text
    assert "bends, by -1.9 %" in items["linearity, blurry"].text


def test_every_broken_figure_tells_a_way_out(solved):
    for item in _judged(solved.document).values():
        words = way_out(item.name)
        assert words
        if item.limit is not None:
            assert words != way_out("something else"), item.name


def test_a_version_1_document_says_what_cannot_be_used_in_its_text(solved):
    fields = solved.document.model_dump(mode="json") | {"format_version": 1}
    told = {"setting": "", "limit": None, "unit": "px", "passed": False, "value": None}
    for item in fields["items"]:
        del item["unusable"], item["way_out"]
    for camera in fields["cameras"].values():
        del camera["linearity"]["curvature_percent"]
    fields["items"] += [
        {**told, "name": "drift of the map", "text": "end: clip-9: soft"},
        {**told, "name": "parallax", "text": "near: clip-8: no board"},
        {**told, "name": "order of the clips", "text": "end: of text", "value": 1.0},
    ]
    read = CalibrationDocument.from_fields(fields, "old")
    assert read.format_version == 2
    last = [(item.text, item.unusable) for item in read.items[-3:]]
    assert last == [("clip-9: soft", True), ("clip-8: no board", True), ("end: of text", False)]
    assert not any(item.unusable for item in read.items[:-3])
    assert read.items[-3].summary().startswith("drift of the map: recorded, and cannot be used: ")
