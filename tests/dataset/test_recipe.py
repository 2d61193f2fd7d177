"""Recipes as files: times, refusals, overrides."""

from pathlib import Path

import pytest

from bsd.errors import UserMistake
from dataset.recipe import Gamma, Identity, Recipe, load_recipe, recipe_names

pytestmark = pytest.mark.unit


def test_the_shipped_recipes() -> None:
    assert recipe_names() == ("gopro", "gopro-blur", "high-fps", "rendered")
    assert load_recipe("gopro").response == Gamma(exponent=2.2)
    assert load_recipe("gopro-blur").response == Identity()
    assert load_recipe("gopro-blur").title == "gopro/blur"


@pytest.mark.parametrize("frames", [7, 11, 13])
def test_gopro_times(frames: int) -> None:
    recipe = load_recipe("gopro").override([f"window.frames={frames}"])
    times = recipe.times(240.0, 2000.0)
    assert times.period_us == pytest.approx(4166.667, abs=1e-3)
    assert times.output_rate_hz == pytest.approx(240 / frames)
    assert times.effective_exposure_us == pytest.approx((frames - 1) * 1e6 / 240 + 2000)
    assert times.sharp_exposure_us == 2000.0
    assert times.centre_residual_us == 0.0


def test_high_fps_times_at_960_and_940() -> None:
    recipe = load_recipe("high-fps")
    full = recipe.times(960.0, 1041.0)
    assert (full.hop_frames, full.output_rate_hz) == (64, 15.0)
    assert full.effective_exposure_us == pytest.approx(15_624, abs=1)
    other = recipe.times(940.0, 1063.0)
    assert other.hop_frames == 63
    assert other.effective_exposure_us == pytest.approx(15_957, abs=1)
    assert recipe.source.accepts(940.0)
    assert not recipe.source.accepts(900.0)
    assert not recipe.source.accepts(240.0)


def test_rate_of_gopro() -> None:
    source = load_recipe("gopro").source
    assert source.accepts(240.0)
    assert source.accepts(240_000 / 1001)
    assert not source.accepts(30_000 / 1001)
    assert not source.accepts(238.0)


def test_unknown_shutter_gives_no_exposure() -> None:
    times = load_recipe("gopro").times(240.0, None)
    assert times.effective_exposure_us is None
    assert "shutter unknown" in times.sentence()


@pytest.mark.parametrize(("shutter_us", "is_long"), [(4166.0, True), (3500.0, False)])
def test_long_sharp_shutter(shutter_us: float, is_long: bool) -> None:
    recipe = load_recipe("gopro").override(["window.frames=7"])
    assert recipe.sharp_is_long(recipe.times(240.0, shutter_us)) is is_long


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("window.frames=8", "no centre frame.* 2083 µs"),
        ("window.frames=9", "7, 11, 13"),
        ("window.frames=eleven", r"window\.frames"),
        ("window.frmes=7", "unknown field 'frmes'"),
        ("bounds.max_step_px=0", r"bounds\.max_step_px"),
        ("response.kind=film", "film"),
    ],
)
def test_what_a_recipe_refuses(assignment: str, message: str) -> None:
    with pytest.raises(UserMistake, match=message):
        load_recipe("gopro").override([assignment])


def test_both_hops_are_refused() -> None:
    with pytest.raises(UserMistake, match="both set"):
        load_recipe("high-fps").override(["window.hop_frames=64"])


def test_unknown_recipe_names_the_known() -> None:
    with pytest.raises(UserMistake, match="gopro, gopro-blur, high-fps, rendered"):
        load_recipe("goprp")


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    load_recipe("gopro").override(["response.exponent=2.4", "name=mine"]).write(path)
    assert load_recipe(str(path)).response == Gamma(exponent=2.4)
    path.write_text(path.read_text() + "speed: 3\n")
    with pytest.raises(UserMistake, match=r"mine\.yaml: unknown field 'speed'"):
        load_recipe(str(path))
    with pytest.raises(UserMistake, match="no such file"):
        load_recipe(str(tmp_path / "other.yaml"))


def test_round_trip(tmp_path: Path) -> None:
    for name in recipe_names():
        recipe = load_recipe(name)
        recipe.write(tmp_path / f"{name}.json")
        assert Recipe.read(tmp_path / f"{name}.json") == recipe
