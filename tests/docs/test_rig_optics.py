"""The page on the rig's optics: each of its numbers follows from the formula beside it."""

import re
from itertools import product
from math import asin, atan, cos, degrees, hypot, log10, pi, radians, sin, sqrt, tan
from pathlib import Path

import pytest

from acquisition.exposure import CameraTiming, ImpossibleExposure, plan
from acquisition.guide.steps import end_steps, start_steps
from bsd.setting import RATIO, SETTINGS

pytestmark = pytest.mark.unit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "build-rig-optics.md"
WORDS = PAGE.read_text()

F_PX = 1600
PIXEL_UM = 3.45
F_NUMBER = 4
N = 1.5168
CORNER_PX = 400  # hypot(640, 480) / 2


def _section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", WORDS, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def _table(section: str, corner: str) -> dict[str, list[str]]:
    """Cells of the table whose first heading is `corner`, by the first cell of each row."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    begin = next(place for place, row in enumerate(rows) if row[0] == corner)
    found = {"": rows[begin][1:]}
    for row in rows[begin + 2 :]:
        if len(row) != len(rows[begin]):
            break
        found[row[0]] = row[1:]
    return found


def _says(section: str, *words: str) -> None:
    missing = [each for each in words if each not in " ".join(section.split())]
    assert missing == []


def test_worked_camera_is_stated() -> None:
    _says(WORDS, "f = 1,600 px, pixels of 3.45 µm, f/4, glass of n = 1.5168")
    assert hypot(640, 480) / 2 == CORNER_PX


def test_readout_table_is_what_the_plan_allows() -> None:
    table = _table(_section("Cameras"), "setting")
    for setting in SETTINGS.values():
        for rate, cell in zip((15, 30, 60, 120), table[setting.name], strict=True):
            left_ms = 1000 / rate - setting.blurry_us / 1000
            assert cell == (f"{left_ms:.1f}" if left_ms > 0 else "–")
            if left_ms < 1:
                continue

            def camera(readout_ms: float) -> CameraTiming:
                return CameraTiming(exposure="trigger_width", readout_us=int(1000 * readout_ms))

            fits, short = camera(left_ms - 0.1), camera(left_ms + 0.1)
            plan(setting, rate, "centre", fits, fits)
            with pytest.raises(ImpossibleExposure):
                plan(setting, rate, "centre", short, short)


def test_bandwidth_and_disk() -> None:
    section = _section("Cameras")
    table = _table(section, "picture, fps")
    for name, cells in table.items():
        if name:
            width, height, rate = (int(number) for number in re.findall(r"\d+", name))
            samples = 2 * width * height * rate / 1e6
            assert cells == [f"{samples * size:.1f}" for size in (1, 1.5, 2)]
    hour_gb = 2 * 640 * 480 * 15 * 3600 / 1e9
    _says(section, f"{hour_gb:.1f} GB at 8 bit, {2 * hour_gb:.1f} GB at 12")
    _says(section, f"({1280 * 720 * 120 / 1e6:.1f} MB/s a camera")


def test_steps_of_a_timed_exposure() -> None:
    _says(_section("Cameras"), f"{100 * 0.5 / 1000:.2f} %", f"would be {100 * 10 / 1000:.0f} %")


def test_back_focus() -> None:
    section = _section("Lens")
    needed = {a: 2 + 2 + 17.526 + a / N for a in (25, 40)}
    _says(section, f"{needed[25]:.1f} mm for a cube of 25 mm, {needed[40]:.1f} mm for one of 40 mm")
    _says(section, f"{44.0 - needed[25]:.1f} and {46.5 - needed[25]:.1f} mm are left")
    long_px = 14 / (PIXEL_UM / 1000)
    _says(section, f"14 mm is f = {long_px:,.0f} px", f"{2 * degrees(atan(320 / long_px)):.1f}°")
    assert (1440 / 2.25, 1080 / 2.25) == (640, 480)
    _says(section, f"f = {long_px / 2.25:,.0f} px")


def _exact_focus_mm(thickness: float, sine: float) -> float:
    """How far glass moves the focus of a ray of this angle (Snell's law)."""
    return thickness * (1 - cos(asin(sine)) / sqrt(N**2 - sine**2))


def test_spherical_aberration_of_a_cube() -> None:
    table = _table(_section("Lens"), "f/2.8")
    numbers = ["f/2.8", *table[""]]
    cells = next(row for name, row in table.items() if name)
    widths = [next(name for name in table if name), *cells]
    for number, width in zip(numbers, widths, strict=True):
        sine = 1 / (2 * float(number.removeprefix("f/")))
        apart_mm = _exact_focus_mm(25, sine) - _exact_focus_mm(25, 1e-6)
        # third order: the narrowest place is a quarter of the width at the near focus
        blur_um = 1000 * 2 * apart_mm * tan(asin(sine)) / 4
        assert width == f"{blur_um:.1f} µm"


def test_astigmatism_of_a_plate() -> None:
    squared = N**2 - 0.5  # n² - sin² 45°
    apart = (1 - N**2 * 0.5 / squared) / sqrt(squared)
    _says(
        _section("Lens"), f"{apart:.2f} mm apart", f"{1000 * apart / 2 / F_NUMBER:.1f} µm of blur"
    )


def test_parallax() -> None:
    section = _section("Lens")
    table = _table(section, "calibrated at")
    places = {"1 m": 1.0, "2 m": 0.5, "4 m": 0.25, "8 m": 0.125, "far": 0.0}  # 1 / Z
    for calibrated in ("2 m", "4 m", "far"):
        for at, cell in zip(table[""], table[calibrated], strict=True):
            left_px = F_PX * 1e-3 * abs(places[at] - places[calibrated])
            assert cell == f"{left_px:.2f} px"
    _says(section, f"beyond {F_PX * 1e-3 / 0.1:.0f} m", f"allows {0.1 / (F_PX * 0.25e-3):.2f} mm")
    _says(section, f"{CORNER_PX * 1e-3 / 2:.1f} px at 2 m for each mm.")
    _says(_section("Choose the layout"), f"{F_PX * 1e-3 / 2:.1f} px at 2 m for each mm")
    per_mm = F_PX * 1e-3 * (1 / 1.5 - 1 / 4)
    _says(_section("Align, step by step"), f"for 1.5 m and 4 m, {per_mm:.2f} px for each mm")


def test_breathing_aperture_and_size_of_the_splitter() -> None:
    section = _section("Lens")
    focal_mm = F_PX * PIXEL_UM / 1000
    change = focal_mm / (2000 - focal_mm)
    _says(section, f"{100 * change:.2f} % at f = {focal_mm:.2f} mm", f"{CORNER_PX * change:.1f} px")
    more = 100 * (1.025**2 - 1)
    assert more == pytest.approx(5, abs=0.1)
    for width, height in ((640, 480), (1280, 720)):
        slope = hypot(width, height) / 2 / F_PX
        size = (2 + 2 * 15 * slope) / (1 - 2 * slope / N)
        assert f"{size:.1f} mm" in section


def test_ghost_and_split() -> None:
    section = _section("Splitter")
    inside = sqrt(1 - 0.5 / N**2)
    senkrecht = ((sqrt(0.5) - N * inside) / (sqrt(0.5) + N * inside)) ** 2
    bare = (senkrecht + senkrecht**2) / 2  # at 45° Rp is Rs²
    apart = 1 / sqrt(N**2 - 0.5)
    _says(section, f"bare one {100 * bare / 2:.1f} %", f"(0.5 %) {0.5 / 2:.2f} %")
    _says(section, f"{apart:.2f} mm for each mm of glass", f"that is {F_PX * apart / 2000:.1f} px")
    _says(section, f"ratio of {55 / 45:.2f}", f"(5 % is {20 * log10(1.05):.2f} dB)")


def test_filter() -> None:
    section = _section("ND filter")
    passed = 10**-0.9
    _says(section, f"{100 * passed:.2f} %", f"{100 * (passed * RATIO - 1):.1f} % above 1/8")
    eighth = 10**-0.903
    assert eighth == pytest.approx(1 / RATIO, rel=5e-4)
    _says(section, f"{log10(1.05):.3f} in OD is 5 %", f"up to {100 * (10**0.045 - 1):.1f} %")
    for angle, words in ((20, "20° off the axis it passes {} % less"), (5, "{} % of transmission")):
        longer = 1 / cos(asin(sin(radians(angle)) / N)) - 1
        _says(section, words.format(f"{100 * (1 - 10 ** (-0.9 * longer)):.1f}"))


def test_compensating_plate() -> None:
    section = _section("Compensating plate")
    per_mm = 1 - 1 / N
    blur_um = 1000 * 0.34 / F_NUMBER
    _says(
        section, f"{per_mm:.2f} mm for each mm", f"{blur_um:.0f} µm, {blur_um / PIXEL_UM:.0f} pix"
    )
    filter_mm, plate_mm = 2.0 * (1 - 1 / 1.51), 2.0 * per_mm
    apart_um = 1000 * (plate_mm - filter_mm)
    _says(
        section, f"= {filter_mm:.3f} mm", f"by {plate_mm:.3f} mm", f"{apart_um:.0f} µm, is a blur"
    )
    _says(section, f"of {apart_um / F_NUMBER:.1f} µm at f/4", f"be {filter_mm / per_mm:.3f} mm")
    thick_um = 100 * per_mm
    _says(section, f"it is {thick_um:.0f} µm, a blur of {thick_um / F_NUMBER:.1f} µm")
    _says(section, f"or {thick_um / F_NUMBER / PIXEL_UM:.1f} pixels")


def test_mount() -> None:
    section = _section("Mount")
    pixel_urad = 1e6 / F_PX
    _says(
        section, f"{pixel_urad:.0f} µrad; 0.1 px is {pixel_urad / 10:.1f} µrad, 6.2 µm at the end"
    )
    assert 0.1 * pixel_urad * 0.1 == pytest.approx(6.25)
    _says(section, f"tilt by {1000 * 0.1 * PIXEL_UM / (2 * 40):.1f} µrad")
    rows = _table(section, "what moves")
    grown_um = 23e-6 * 50e3
    assert rows["aluminium, 50 mm of it, 1 K (23 × 10⁻⁶)"] == [
        f"{grown_um:.2f} µm",
        f"{grown_um / PIXEL_UM:.2f} px with a shared lens, if one arm has it and the other not",
    ]
    bent_urad = 1e6 * 23e-6 * 0.5 * 100 / 10
    cells = rows["an aluminium plate 10 mm thick, 100 mm long, one face 0.5 K warmer"]
    assert cells == [
        f"bends by {bent_urad:.0f} µrad",
        f"{bent_urad / pixel_urad:.2f} px with two lenses",
    ]
    for thick_mm, name in ((4, "a camera of 0.2 kg"), (10, "the same, 10 mm")):
        sagged_urad = 1e6 * 0.2 * 9.81 * 60**2 / (2 * 70_000 * 40 * thick_mm**3 / 12)
        angle, shift = next(cells for row, cells in rows.items() if row.startswith(name))
        assert angle == f"{sagged_urad:.0f} µrad"
        assert shift.startswith(f"{sagged_urad / pixel_urad:.2f} px")
    turned_urad = 1e6 * 0.25 / 100 / 50
    _says(section, f"moves {turned_urad:.0f} µrad or {turned_urad / pixel_urad:.2f} px")


def _mean_of_flicker(rate_hz: int, exposure_ms: float) -> float:
    """Share of a lamp's modulation left in an exposure about its crest, by summing it up."""
    steps = 20_000
    times = ((place + 0.5) / steps - 0.5 for place in range(steps))
    return sum(cos(2 * pi * rate_hz * exposure_ms / 1000 * time) for time in times) / steps


def test_flicker() -> None:
    section = _section("Light")
    table = _table(section, "setting")
    kept: dict[tuple[str, int], tuple[float, float]] = {}
    for setting, rate in product(SETTINGS.values(), (100, 120)):
        sharp, blurry = (
            _mean_of_flicker(rate, time_us / 1000)
            for time_us in (setting.sharp_us, setting.blurry_us)
        )
        kept[setting.name, rate] = sharp, blurry
        high = 100 * ((1 + 0.3 * sharp) / (1 + 0.3 * blurry) - 1)
        low = 100 * ((1 - 0.3 * sharp) / (1 - 0.3 * blurry) - 1)
        cell = table[setting.name][(100, 120).index(rate)]
        assert cell == f"+{high:.1f} / −{-low:.1f} %"
    sharp, blurry = kept["2ms16ms", 120]
    _says(section, f"under m = {100 * 0.01 / (sharp - blurry):.1f} %")
    assert (120 / 15, 120 / 30) == (8, 4)
    assert 100 * 3 % 15 == 0  # three phases
    _says(section, *(f"{200 / (pi * hz * 2e-3):.1f} % at {hz // 1000} kHz" for hz in (1000, 20000)))


def test_light_in_electrons() -> None:
    lux = 0.9 * 1000 * 0.5 * 0.9 / (4 * F_NUMBER**2)
    per_lux_second = 1 / 683 / (6.626e-34 * 2.998e8 / 555e-9)  # photons per m², 555 nm
    electrons = lux * 2e-3 * per_lux_second * (PIXEL_UM * 1e-6) ** 2 * 0.5
    section = _section("Light")
    _says(
        section, f"about {round(electrons, -1):.0f} electrons", f"{100 * electrons / 1e4:.0f} %, a"
    )
    _says(section, f"ratio of {sqrt(electrons):.0f}")


def test_dust() -> None:
    section = _section("Enclosure, stray light, dust")
    for away_mm, words in (
        (20, "(disc of 5 mm), takes {:.2f} %"),
        (1, "(disc of 0.25 mm), {:.0f} %"),
    ):
        disc_mm = away_mm / F_NUMBER
        _says(section, words.format(100 * (0.1 / disc_mm) ** 2))


def test_costs_agree_with_each_other() -> None:
    section = _section("What errors cost")
    rows = _table(section, "between the views")
    for name, (costs, _) in rows.items():
        sizes = re.findall(r"[\d.]+", name.rpartition(" of ")[2])
        if len(sizes) < 4:
            continue
        decibels = [float(number) for number in re.findall(r"[\d.]+", costs)]
        for size, decibel in zip(sizes[1:], decibels[1:], strict=True):
            expected = decibels[0] - 20 * log10(float(size) / float(sizes[0]))
            assert decibel == pytest.approx(expected, abs=0.5), name
    blur_um = F_NUMBER * PIXEL_UM
    ratio = (16_000 + 14) / (2_000 + 14)
    change = 100 * (ratio / RATIO - 1)
    _says(section, f"make the ratio {ratio:.3f}, −{-change:.1f} %")
    _says(section, f"focus, {blur_um:.1f} µm at f/4", f"{F_PX * 1e-3 / 2:.1f} px")
    _says(section, f"{23e-6 * 50e3 / PIXEL_UM:.2f} px")


def test_weights_are_a_whole() -> None:
    rows = _table(_section("Parts by what matters"), "part")
    assert sum(int(cells[0].split()[0]) for name, cells in rows.items() if name) == 100


def test_the_checklist_asks_for_the_clips_of_the_guide() -> None:
    checklist = re.findall(r"^```\n(.*?)^```", _section("Checklist of a session"), re.M | re.S)[0]
    begin, rest = checklist.split("Calibration, start")[1].split("Takes")
    end = rest.split("Calibration, end")[1]
    setting = SETTINGS["2ms16ms"]
    for part, steps in ((begin, start_steps(setting, 15, None)), (end, end_steps(setting))):
        asked = set(re.findall(r"\[ \] (dark|flat|series|colour|target|sync)\b", part))
        assert asked == {step.purpose for step in steps}
    assert max(len(line) for line in checklist.splitlines()) <= 96  # a sheet's width


def test_nothing_is_claimed_of_real_hardware() -> None:
    assert "The authors have built no rig and held no camera" in WORDS
    rows = _table(_section("Producers"), "vendor")
    assert all(cells[1] for name, cells in rows.items() if name)
    assert sum(cells[1] == "*unverified*" for cells in rows.values()) >= 5
