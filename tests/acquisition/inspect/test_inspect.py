"""What an inspection tells of a clip or a session, as numbers, text, page and picture."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from acquisition.clip.reader import Clip
from acquisition.inspect.__main__ import app
from acquisition.inspect.clip_inspection import clock_residuals, inspect_clip, pulse_times_ns
from acquisition.inspect.clip_page import clip_page
from acquisition.inspect.clip_picture import Studio, chosen_pairs, png
from acquisition.inspect.session_inspection import inspect_session
from acquisition.inspect.session_page import session_page
from acquisition.inspect.timeline import Band, Lane, bands, timeline
from acquisition.ledger.row import Verdict
from acquisition.picture.animation import animated_png
from acquisition.rig import ROLES
from acquisition.session.journal_entry import Consent, TakePlan
from acquisition.session.session import Session
from bsd.command import _outcome
from bsd.errors import EXIT_DONE, EXIT_FOUND_BAD, EXIT_USER_MISTAKE
from bsd.page import png_size
from tests.acquisition.small_clips import (
    HEIGHT,
    PERIOD_NS,
    WIDTH,
    Content,
    recorded,
    write_clip,
    write_part,
    write_rig,
)

pytestmark = pytest.mark.unit

LOSSY = Content(
    pulses=40,
    bookend=5,
    losses=[(9, "sharp", Verdict.MISSED), (20, "blurry", Verdict.INCOMPLETE)],
    verdict="marked",
    findings=["the sharp camera missed <pulse 9>"],
)
SCENE = TakePlan(purpose="scene", frames=30, setting="2ms16ms", motion="hand shake")


@pytest.fixture
def lossy(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip-000.h5", LOSSY)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    rig = write_rig(tmp_path / "rig.yaml")
    nobody = Consent(persons=False)
    with Session.create(tmp_path / "day", rig, operator="A", consent=nobody) as made:
        recorded(made, made.begin_take(SCENE), LOSSY)
        take = made.begin_take(SCENE)
        write_part(take.part, Content(pulses=4), take)
        made.discard(take, "stopped by the operator")
        recorded(made, made.begin_take(SCENE), Content(pulses=6))
        made.note("rain")
        yield made


def _run(*words: object) -> int:
    return _outcome(app, "acquisition.inspect", [str(word) for word in words])


def test_the_ledger_is_told_in_full(lossy: Path) -> None:
    with Clip(lossy) as clip:
        seen = inspect_clip(clip)
    assert (seen.rows, seen.pairs, seen.scene_pairs) == (40, 38, 28)
    assert seen.cameras["blurry"].verdicts == {"incomplete": 1, "paired": 38, "unpaired": 1}
    assert seen.cameras["sharp"].verdicts == {"missed": 1, "paired": 38, "unpaired": 1}
    assert [(loss.pulse, loss.blurry, loss.sharp) for loss in seen.losses] == [
        (9, "unpaired", "missed"),
        (20, "incomplete", "unpaired"),
    ]
    assert [loss.blurry_frame_id for loss in seen.losses] == [9, None]
    assert seen.losses[0].time_s == pytest.approx(9 * PERIOD_NS / 1e9)
    assert [seen.cameras[role].stored for role in ROLES] == [39, 39]


def test_rates_and_clocks_follow_from_the_times(lossy: Path) -> None:
    with Clip(lossy) as clip:
        seen = inspect_clip(clip)
        residuals = clock_residuals(clip, "blurry")
    assert seen.pulses is not None
    assert seen.pulses.rate_hz == pytest.approx(1e9 / PERIOD_NS, rel=1e-6)
    assert seen.pulses.jitter_us < 0.3, "the period is not whole ticks"
    for role in ROLES:
        clock = seen.cameras[role].clock
        assert clock is not None
        assert clock.ppm == pytest.approx(20.0, abs=0.8)
        assert 0.4 < clock.jitter_us < 1.3, "0.8 µs were put in"
        assert clock.points == 38
    assert residuals is not None
    assert abs(residuals[1].mean()) < 1e-6


def test_large_device_times_lose_nothing(tmp_path: Path) -> None:
    """2^62 ns: floats of that size are 512 ns apart."""
    from acquisition.inspect.clip_inspection import _line

    x = np.arange(100, dtype=np.int64) * 66_666_667
    (slope, _), rest = _line(x, x + 2**62 + np.arange(100) % 2)
    assert slope == pytest.approx(1.0, abs=1e-9)
    assert np.abs(rest).max() < 0.6


def test_a_free_running_clip_claims_nothing(tmp_path: Path) -> None:
    import h5py

    from acquisition.ledger.row import LEDGER
    from tests.acquisition.small_clips import seal_part

    content = Content(verdict="free-running", head={"sync": "none", "trigger": None, "plan": None})
    part = tmp_path / "clip-000.h5.part"
    write_part(part, content)
    with h5py.File(part, "r") as file:
        assert len(file["c1/frames"]) == 10
    path = seal_part(part, np.zeros(0, LEDGER), content)
    with Clip(path) as clip:
        seen = inspect_clip(clip)
        html = clip_page(clip).to_html()
    assert (seen.pairs, seen.losses) == (0, [])
    assert "no partner claimed" in html
    assert "nothing here is a pair" in html
    assert _run(path, "--picture", tmp_path / "x.png") == EXIT_USER_MISTAKE


def test_the_page_shows_every_loss_and_escapes_words(lossy: Path) -> None:
    with Clip(lossy) as clip:
        page = clip_page(clip)
    html = page.to_html()
    assert "missed &lt;pulse 9&gt;" in html
    assert "<pulse 9>" not in html
    assert html.count("data:image/png") == 4 * 3 + 1, "three pairs in four ways, one blinks"
    assert "Every row that is not paired. The other 38 are pairs." in html
    assert "LUTEnable: the camera has no such feature" in html
    assert len(re.findall(r"<svg", html)) == 2
    assert page.to_html() == html


def test_pictures_are_upright_and_alike(lossy: Path) -> None:
    with Clip(lossy) as clip:
        pairs = chosen_pairs(clip)
        studio = Studio.of(clip)
        blurry, sharp = (view.astype(int) for view in studio.views(pairs["middle"]))
    assert list(pairs) == ["first", "middle", "last"]
    assert [pairs["first"].pulse, pairs["last"].pulse] == [0, 39]
    assert blurry.shape == sharp.shape == (HEIGHT // 2, WIDTH // 2, 3)
    alike, mirrored = (np.abs(blurry - each).mean() for each in (sharp, sharp[:, ::-1]))
    assert alike < 0.3 * mirrored


def test_a_blinking_picture_is_two_frames(tmp_path: Path) -> None:
    first = np.full((6, 8, 3), 40, np.uint8)
    second = np.full((6, 8, 3), 200, np.uint8)
    made = animated_png(png(first), png(second), 600)
    assert png_size(made) == (8, 6)
    assert made.count(b"fcTL") == 2
    path = tmp_path / "blink.png"
    path.write_bytes(made)
    shown = cv2.imread(str(path))
    assert shown is not None
    assert shown.mean() == 40, "who knows no animation sees the first"
    from PIL import Image

    with Image.open(path) as animation:
        assert animation.n_frames == 2
        animation.seek(1)
        assert np.asarray(animation.convert("RGB")).mean() == 200
    with pytest.raises(ValueError, match="unlike size"):
        animated_png(png(first), png(second[:4]), 600)


def test_one_loss_among_54000_is_seen() -> None:
    time_s = np.arange(54_000) / 15
    well = np.ones(54_000, bool)
    well[20_000] = False
    lane = Lane("C1", time_s[well], {"missed": time_s[~well]})
    text = timeline([Lane("pulses", time_s), lane], (0.0, 3600.0))
    assert len(text) < 6000
    assert "missed · 1" in text
    marks = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"[^>]*#c0392b', text)
    assert len(marks) == 1
    left, width = (float(each) for each in marks[0])
    assert width >= 2.5
    share = (left - 150) / (640 - 150 - 24)
    assert share == pytest.approx(20_000 / 54_000, abs=0.004)
    whole = re.findall(r'<rect [^>]*width="466.0" height="20.0"', text)
    assert len(whole) == 2, "what is well is one bar"


def test_a_gap_of_frames_is_a_gap_in_the_bar() -> None:
    time_s = np.arange(10) / 15
    text = timeline([Lane("C1", np.delete(time_s, [4]), {"missed": time_s[4:5]})], (0.0, 9 / 15))
    bars = re.findall(r'<rect x="([\d.]+)" [^>]*width="([\d.]+)" height="20', text)
    ends = [float(bars[0][0]) + float(bars[0][1]), float(bars[1][0])]
    assert len(bars) == 2
    assert ends[1] - ends[0] == pytest.approx(466 / 10, abs=0.3)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_points_are_drawn_too(count: int) -> None:
    time_s = np.arange(count) / 15
    assert timeline([Lane("pulses", time_s)], (0.0, 0.0)).endswith("</svg>")
    if count:
        assert "polyline" in bands([Band("C1", time_s, time_s * 0)], (0.0, 0.0), "µs")


def test_the_verb_on_a_clip(lossy: Path, tmp_path: Path, capsys: Any) -> None:
    page, picture = tmp_path / "p" / "clip.html", tmp_path / "pair.png"
    assert _run(lossy, "--out", page, "--picture", picture) == EXIT_DONE
    shown = capsys.readouterr().out
    assert "pairs       38 of 40 rows, 10 of them bookends" in shown
    assert "pulse 9: C1 unpaired, C2 missed" in shown
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert png_size(picture.read_bytes()) == (WIDTH + 4, HEIGHT // 2)
    assert _run(lossy, "--json") == EXIT_DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["pairs"], told["losses"][1]["blurry"]) == (38, "incomplete")
    assert _run(lossy, "--out", tmp_path / "page.pdf") == EXIT_USER_MISTAKE


def test_a_clip_that_does_not_count_is_exit_code_1(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip-000.h5", Content(verdict="discarded"))
    assert _run(path) == EXIT_FOUND_BAD


def test_part_absent_and_damaged_files_are_one_line(tmp_path: Path, capsys: Any) -> None:
    part = tmp_path / "clip-001.h5.part"
    write_part(part, Content())
    assert _run(part) == EXIT_USER_MISTAKE
    said = capsys.readouterr().err
    assert "'python -m acquisition.capture' into its session (--out) recovers" in said
    whole = write_clip(tmp_path / "clip-002.h5")
    cut = tmp_path / "clip-003.h5"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert _run(cut) == EXIT_FOUND_BAD
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(cut) in said
    for absent in (tmp_path / "absent.h5", tmp_path):
        assert _run(absent) == EXIT_USER_MISTAKE
        assert capsys.readouterr().err.count("\n") == 1


def test_a_session_is_told_in_full(session: Session) -> None:
    seen = inspect_session(session.folder)
    assert [clip.clip for clip in seen.scenes] == ["clip-000", "clip-001"]
    assert seen.pairs == 38 + 6
    assert [each.why for each in seen.discarded] == ["stopped by the operator"]
    aside = session.folder / "discarded" / "clip-001.1.h5"
    assert seen.discarded_bytes == aside.stat().st_size
    assert seen.sealed_bytes == sum(p.stat().st_size for p in session.folder.glob("*.h5"))
    assert seen.gaps == []
    assert {need.item for need in seen.missing} >= {"dark 2ms16ms", "target far, poses"}


def test_a_session_under_way_can_be_looked_at(session: Session) -> None:
    take = session.begin_take(SCENE)
    write_part(take.part, Content(pulses=2), take)
    seen = inspect_session(session.folder)
    assert (seen.open_takes, seen.gaps) == (["clip-002.1"], [])
    assert "clip-002.1 was begun and has not ended" in session_page(seen).to_html()
    assert take.part.exists()


def test_gaps_are_shown_and_are_exit_code_1(session: Session, tmp_path: Path, capsys: Any) -> None:
    session.close()
    (session.folder / "clip-001.h5").unlink()
    shutil.copy(session.folder / "clip-000.h5", session.folder / "clip-050.h5")
    page = tmp_path / "session.html"
    assert _run(session.folder, "--out", page) == EXIT_FOUND_BAD
    shown = capsys.readouterr().out
    assert "clip-001.h5: is missing" in shown
    assert "clip-050.h5: the session's journal does not know this file" in shown
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/png") == 1
    assert "stopped by the operator" in html
    assert "rain" in html
    assert _run(session.folder, "--json") == EXIT_FOUND_BAD
    told = json.loads(capsys.readouterr().out)
    assert len(told["gaps"]) == 2
    assert told["consent"]["persons"] is False
    assert told["clips"][0]["plan"]["motion"] == "hand shake"


def test_pulse_times_begin_at_zero(lossy: Path) -> None:
    with Clip(lossy) as clip:
        times_ns = pulse_times_ns(clip)
    assert times_ns[0] == 0
    assert np.abs(times_ns - np.arange(40) * PERIOD_NS).max() <= 500


def _head(file: h5py.File, **changes: Any) -> None:
    """Change a head: a path such as ``cameras.sharp.bits`` with ``/`` for the dots."""
    fields = json.loads(bytes(file["head"][()]))
    for path, value in changes.items():
        *names, last = path.split("/")
        place = fields
        for name in names:
            place = place[name]
        if value is None:
            del place[last]
        else:
            place[last] = value
    del file["head"]
    file["head"] = np.frombuffer(json.dumps(fields).encode(), np.uint8)


def _rows(file: h5py.File, name: str, **fields: Any) -> None:
    rows = file[name][()]
    for field, value in fields.items():
        rows[field] = value
    file[name][...] = rows


_CONFIGURED = "cameras/sharp/configured/"
_FOREIGN: dict[str, tuple[Any, bool]] = {  # the edit, and whether a page can be made of it
    "one camera": (lambda f: _head(f, **{"cameras/sharp": None}), False),
    "part 9": (lambda f: _rows(f, "ledger", part=9), True),
    "equal ticks": (lambda f: _rows(f, "pulses", ticks=7), True),
    "constant device time": (lambda f: _rows(f, "ledger", c1_device_ns=0), True),
    "no bits": (lambda f: _head(f, **{_CONFIGURED + "bits": 0}), False),
    "black above white": (lambda f: _head(f, **{_CONFIGURED + "black_level_dn": 10**400}), False),
    "unknown mosaic": (lambda f: _head(f, **{_CONFIGURED + "cfa": "XXXX"}), False),
    "unhashable mosaic": (lambda f: _head(f, **{_CONFIGURED + "cfa": ["RGGB"]}), False),
    "unknown flip": (lambda f: _head(f, **{"rig/cameras/sharp/flip": "zz"}), False),
    "cameras a list": (lambda f: _head(f, **{"rig/cameras": [1]}), False),
    "without a number": (lambda f: _head(f, **{_CONFIGURED + "without": 5}), True),
    "readback a list": (lambda f: _head(f, **{_CONFIGURED + "readback": [1, 2]}), True),
    "no number read back": (
        lambda f: _head(f, **{_CONFIGURED + "readback": {"Gain": float("nan")}}),
        True,
    ),
    "huge rate": (lambda f: _head(f, rate_hz="9" * 400), False),
    "huge tick": (lambda f: _head(f, tick_ns=10**30), False),
}


@pytest.mark.parametrize("name", _FOREIGN)
def test_a_foreign_clip_ends_in_a_page_or_a_line(
    lossy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    edit, has_page = _FOREIGN[name]
    lossy.chmod(0o644)
    with h5py.File(lossy, "r+") as file:
        edit(file)
    code = _run(lossy, "--out", tmp_path / "o.html")
    said = capsys.readouterr().err.strip()
    if has_page:
        assert (code, said) == (EXIT_DONE, "")
    else:
        assert code == EXIT_USER_MISTAKE
        assert len(said.splitlines()) == 1, said


def test_a_clock_that_stands_has_no_rate(lossy: Path) -> None:
    lossy.chmod(0o644)
    with h5py.File(lossy, "r+") as file:
        _rows(file, "ledger", c1_device_ns=0, part=9)
        _rows(file, "pulses", ticks=7)
    with Clip(lossy) as clip:
        seen = inspect_clip(clip)
    assert seen.pulses is None
    assert seen.cameras["blurry"].clock is None
    assert seen.cameras["sharp"].clock is not None
    assert {loss.part for loss in seen.losses} == {"part 9"}


def test_a_session_s_page_survives_a_foreign_clip(session: Session) -> None:
    path = session.folder / "clip-000.h5"
    path.chmod(0o644)
    with h5py.File(path, "r+") as file:
        _head(file, **{"rig/cameras": [1]})
    text = session_page(inspect_session(session.folder)).to_html()
    assert "clip-000 has no picture here" in text
    assert "view of clip-001" in text


def test_a_damaged_last_entry_is_a_gap(session: Session) -> None:
    journal = session.folder / "journal.jsonl"
    entries = journal.read_bytes().count(b"\n")
    assert inspect_session(session.folder).gaps == []
    with journal.open("ab") as file:
        file.write(b"\0" * 30 + b"\n")
    (gap,) = inspect_session(session.folder).gaps
    assert f"its last line (entry {entries}) is damaged" in gap
    assert _run(session.folder) == EXIT_FOUND_BAD
