"""What the page of a calibration says, and what the verb answers."""

import json
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsd.command import _outcome
from bsd.errors import EXIT_DONE, EXIT_FOUND_BAD, EXIT_USER_MISTAKE
from calibration.bundle.array_file import write_array
from calibration.bundle.calibration import Calibration
from calibration.bundle.document import CALIBRATION_NAME, CalibrationDocument
from calibration.photometry.flat import RatioDrift
from calibration.photometry.response import Response
from calibration.report.__main__ import app
from calibration.report.judgement import item_verdict, number_text
from calibration.report.page import calibration_page
from calibration.solve.options import SolveOptions
from calibration.solve.verdict import judge

pytestmark = pytest.mark.unit

OTHER = "3ms24ms"


@pytest.fixture(scope="module")
def html(solved: Calibration) -> str:
    """The page of `solved`."""
    return calibration_page(solved).to_html()


@pytest.fixture
def cal(solved: Calibration, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    shutil.copytree(solved.folder, tmp_path / "cal")
    return tmp_path / "cal"


def _changed(cal: Path, **fields: Any) -> CalibrationDocument:
    path = cal / CALIBRATION_NAME
    document = CalibrationDocument.read(path).model_copy(update=fields)
    document.write(path)
    return document


def _withheld(cal: Path) -> CalibrationDocument:
    """Judged by limits that its filter breaks."""
    found = CalibrationDocument.read(cal / CALIBRATION_NAME)
    options = SolveOptions(gain_percent=0.01)
    items = judge(found.geometry, found.cameras, found.settings, found.rig, options)
    return _changed(cal, items=items, verdict="withheld")


class _Reader(HTMLParser):
    """Text outside of charts, what charts are called, and what the page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.charts, self.links = "", [], []
        self._inside = 0
        self.feed(page)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        if told.get("role") == "img":
            self.charts.append(told.get("aria-label") or "")
        self.links += [told[name] or "" for name in ("href", "src", "xlink:href") if name in told]
        self._inside += tag in ("svg", "style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag in ("svg", "style", "script")

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.text += data.replace("\xa0", " ") + " "


def test_a_good_calibration_is_shown_whole(cal: Path, capsys: Any) -> None:
    document = CalibrationDocument.read(cal / CALIBRATION_NAME)
    assert document.verdict == "good"

    assert _outcome(app, "calibration.report", [str(cal)]) == EXIT_DONE

    assert capsys.readouterr().out.split() == ["good", str(cal / "report.html")]
    seen = _Reader((cal / "report.html").read_text())
    assert "Good: every limit that could be judged holds." in seen.text
    for item in document.items:
        row = f"{item.name} {item_verdict(item)}"
        value = "–" if item.value is None else f"{number_text(item.value)} {item.unit}"
        assert f"{row} {value}" in seen.text, item.name
        assert item.text in seen.text
    for source in document.sources:
        assert source.uuid in seen.text
    for told in document.arrays.values():
        assert told.sha256 in seen.text
    assert document.session in seen.text
    assert f"bsd-toolkit {document.toolkit}" in seen.text


def test_every_chart_is_there_and_is_told_in_words(solved: Calibration, html: str) -> None:
    seen = _Reader(html)
    residual = solved.document.geometry.start.residual
    setting = solved.document.settings["2ms16ms"]
    starts = (
        "Arrows over C1's view for",
        "Map of the standard error",
        "Map of the standard error",
        "Outline of C2's view",
        "Arrows over C1's view: how far the map moved",
        "Shift against distance",
        "Deviation from linearity",
        "Noise against signal",
        "Black levels of both cameras",
        "Channel gains",
        "Map of the ratio flat in red",
        "Map of the ratio flat in green",
        "Map of the ratio flat in blue",
    )
    assert len(seen.charts) == len(starts)
    for alt, start in zip(seen.charts, starts, strict=True):
        assert alt.startswith(start)
    assert f"RMS {residual.rms_px:.3f} px" in seen.charts[0]
    covered = 100 * setting.start.ratio.covered_share
    assert f"they share {covered:.1f} % of C1's pixels" in seen.charts[3]
    ceilings = setting.ceilings
    assert ceilings is not None
    assert ceilings.total_db is not None
    assert f"systematic {ceilings.systematic_db:.2f} dB" in seen.text
    assert f"total {ceilings.total_db:.2f} dB" in seen.text
    assert ceilings.pictures == 1
    assert "means over one view of this session" in seen.text


def test_the_same_calibration_has_the_same_page(solved: Calibration, html: str) -> None:
    again = calibration_page(Calibration.read(solved.folder)).to_html()
    assert html == again
    assert str(solved.folder) not in html


def test_the_page_asks_for_nothing_outside_itself(html: str) -> None:
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in _Reader(html).links)
    identifiers = re.findall(r'\sid="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))


def test_a_withheld_calibration_is_shown_and_told(cal: Path, capsys: Any) -> None:
    broken = [item for item in _withheld(cal).items if item.passed is False]
    assert [item.name for item in broken] == ["C1 over C2"]

    assert _outcome(app, "calibration.report", [str(cal)]) == EXIT_FOUND_BAD

    out = capsys.readouterr().out
    assert out.startswith("withheld\n  C1 over C2 2ms16ms: ")
    assert "limit 0.01 %" in out
    seen = _Reader((cal / "report.html").read_text())
    assert "Withheld: One limit is broken, and no dataset is built" in seen.text
    assert f"C1 over C2 at 2ms16ms is {number_text(broken[0].value)} %, limit 0.01 %" in seen.text
    assert "C1 over C2 BROKEN" in seen.text
    assert "What to do: look for the wrong ND filter" in seen.text
    assert "look for the wrong ND filter" in out


def test_each_setting_has_its_section(cal: Path) -> None:
    document = CalibrationDocument.read(cal / CALIBRATION_NAME)
    settings, arrays = dict(document.settings), dict(document.arrays)
    settings[OTHER] = settings["2ms16ms"].model_copy(
        update={"exposures_us": (24000.0, 3000.0), "end": None, "ceilings": None}
    )
    arrays[f"ratio-{OTHER}"] = arrays["ratio-2ms16ms"]
    _changed(cal, settings=settings, arrays=arrays)

    seen = _Reader(calibration_page(Calibration.read(cal)).to_html())

    assert "Light at 2ms16ms C1 exposes 16 ms, C2 2 ms as planned." in seen.text
    assert f"Light at {OTHER} C1 exposes 24 ms, C2 3 ms as planned." in seen.text
    assert "Not predicted: that takes a scene of this setting" in seen.text
    assert "There is no flat field of the session's end" in seen.text
    assert "black level, blurry 2ms16ms no limit" in seen.text
    assert sum(alt.startswith("Map of the ratio flat") for alt in seen.charts) == 6


def test_what_is_missing_is_told(cal: Path) -> None:
    document = CalibrationDocument.read(cal / CALIBRATION_NAME)
    geometry = document.geometry.model_copy(update={"end": None, "drift": None, "parallax": None})
    bare = {"linearity": None, "noise": None}
    cameras = {role: each.model_copy(update=bare) for role, each in document.cameras.items()}
    cameras["sharp"] = cameras["sharp"].model_copy(
        update={"rig_advice": "cameras.sharp.timing.end_latency_ns: 1500"}
    )
    left_out = {"clip-007": "its check found a fault: <too dark>"}
    items = judge(geometry, cameras, document.settings, document.rig, SolveOptions())
    _changed(cal, geometry=geometry, cameras=cameras, left_out=left_out, items=items)

    seen = _Reader(calibration_page(Calibration.read(cal)).to_html())

    assert "The target was not recorded at the end of the session" in seen.text
    assert "There was no near target, so parallax is not known." in seen.text
    assert "C1, blurry: there is no exposure series" in seen.text
    assert "in rig.yaml set cameras.sharp.timing.end_latency_ns: 1500" in seen.text
    assert "clip-007 its check found a fault: <too dark>" in seen.text
    assert "Drift of the map: the target was not recorded at the end" in seen.text
    assert "linearity, sharp not known –" in seen.text


def test_clips_that_cannot_be_used_are_told_by_their_reason(cal: Path, capsys: Any) -> None:
    document = CalibrationDocument.read(cal / CALIBRATION_NAME)
    geometry = document.geometry.model_copy(update={"end": None, "drift": None, "parallax": None})
    found = document.settings["2ms16ms"]
    settings = {"2ms16ms": found.model_copy(update={"end": None, "ratio_drift": None})}
    rig = document.rig.model_copy(update={"lens": "two_lenses"})
    reasons = {"end": "clip-9: soft", "near": "clip-8: no board", "2ms16ms": "clip-7: too bright"}
    items = judge(geometry, document.cameras, settings, rig, SolveOptions(), reasons)
    _changed(cal, geometry=geometry, settings=settings, rig=rig, items=items, verdict="withheld")

    assert _outcome(app, "calibration.report", [str(cal)]) == EXIT_FOUND_BAD
    seen = _Reader(calibration_page(Calibration.read(cal)).to_html())

    said = capsys.readouterr()
    for text in (seen.text, said.out + said.err):
        assert "None" not in text
    assert "parallax: recorded, and cannot be used: clip-8: no board" in said.out + said.err
    assert "take that step again before the rig is touched" in said.out + said.err
    assert "Withheld: 3 limits are broken" in seen.text
    assert "Parallax: recorded, and cannot be used: clip-8: no board." in seen.text
    assert "The near target cannot be used: clip-8: no board." in seen.text
    assert "The target of the session's end cannot be used: clip-9: soft." in seen.text
    assert "The flat field of the session's end cannot be used: clip-7: too bright." in seen.text
    for words in ("There was no near target", "was not recorded at the end", "There is no flat"):
        assert words not in seen.text


def test_the_drift_of_the_ratio_flat_is_told_with_its_limit(cal: Path) -> None:
    found = CalibrationDocument.read(cal / CALIBRATION_NAME).settings["2ms16ms"]
    drift = RatioDrift(rms_percent=0.321, p95_percent=0.654)
    _changed(cal, settings={"2ms16ms": found.model_copy(update={"ratio_drift": drift})})

    seen = _Reader(calibration_page(Calibration.read(cal)).to_html())

    assert "Drift of the ratio flat, start against end: 0.32 % RMS" in seen.text
    assert "95 % of the view below 0.65 %" in seen.text


def test_a_response_is_drawn(cal: Path) -> None:
    document = CalibrationDocument.read(cal / CALIBRATION_NAME)
    curve = np.tile(np.linspace(0, 65535, 256, dtype=np.float32)[:, None], (1, 3))
    response = Response(
        method="debevec",
        levels=9,
        deviation_percent=0.42,
        known_from=(20, 22, 18),
        known_to=(231, 240, 222),
    )
    cameras = dict(document.cameras)
    cameras["sharp"] = cameras["sharp"].model_copy(update={"response": response})
    arrays = {**document.arrays, "response-sharp": write_array(cal, "response-sharp", curve)}
    _changed(cal, cameras=cameras, arrays=arrays)

    seen = _Reader(calibration_page(Calibration.read(cal)).to_html())

    assert "Light against code of the sharp camera, red, green and blue." in seen.charts
    assert "debevec, 9 exposures, 0.42 % RMS between them" in seen.text
    assert "The series shows codes 22 to 222; below and above (shaded)" in seen.text


def test_a_map_that_stood_still_has_no_arrows(cal: Path) -> None:
    geometry = CalibrationDocument.read(cal / CALIBRATION_NAME).geometry
    assert geometry.drift is not None
    still = geometry.drift.model_copy(update={"rms_px": 0.0, "max_px": 0.0})
    _changed(cal, geometry=geometry.model_copy(update={"end": geometry.start, "drift": still}))

    seen = _Reader(calibration_page(Calibration.read(cal)).to_html())

    assert not any("how far the map moved" in alt for alt in seen.charts)
    assert "Start against end: 0 px RMS, 0 px at most" in seen.text


def test_json_tells_verdict_items_and_page(cal: Path, tmp_path: Path, capsys: Any) -> None:
    document = _withheld(cal)
    out = tmp_path / "pages" / "cal.html"

    code = _outcome(app, "calibration.report", [str(cal), "--out", str(out), "--json"])

    assert code == EXIT_FOUND_BAD
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "withheld"
    assert told["page"] == str(out)
    assert out.is_file()
    assert [item["name"] for item in told["items"]] == [item.name for item in document.items]
    assert not (cal / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("ratio-2ms16ms.npy", None, "ratio-2ms16ms.npy: missing; restore the calibration"),
        ("defects-sharp.npy", b"no array", "defects-sharp.npy: changed since it was solved"),
        (CALIBRATION_NAME, b"{", "calibration.json: "),
        (CALIBRATION_NAME, b'{"format_version": 99}', "format_version 99 is newer"),
        (CALIBRATION_NAME, None, "is no calibration, it has no calibration.json"),
    ],
)
def test_damage_is_one_line_and_writes_nothing(
    cal: Path, name: str, content: bytes | None, expected: str, capsys: Any
) -> None:
    path = cal / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    assert _outcome(app, "calibration.report", [str(cal)]) == EXIT_USER_MISTAKE

    said = capsys.readouterr()
    assert expected in unescape(said.err)
    assert len(said.err.strip().splitlines()) == 1
    assert said.out == ""
    assert not (cal / "report.html").exists()


def test_a_page_is_an_html_file(cal: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "page.pdf"
    assert _outcome(app, "calibration.report", [str(cal), "--out", str(out)]) == EXIT_USER_MISTAKE
    assert "a page is an .html file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.2281, "−0.2281"), (12.34567, "12.35"), (3.2e-7, "3.2e−07"), (None, None)],
)
def test_numbers_have_four_digits_and_a_minus(value: float | None, text: str | None) -> None:
    assert number_text(value) == text
