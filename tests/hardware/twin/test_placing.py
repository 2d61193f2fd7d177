"""What stands before the virtual rig for a clip: levels, poses, scenes; what a capture tells."""

from pathlib import Path

import numpy as np
import pytest

from bsd.errors import UserMistake
from hardware.twin.placing import Occasion, Told, brightness, keeps, placed, view_mm
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator
from hardware.twin.stagehand import write_launcher
from hardware.twin.studio import Studio
from hardware.twin.world_config import WorldConfig

pytestmark = pytest.mark.unit

TOLD = {
    "BSD_PURPOSE": "scene",
    "BSD_STEP": "",
    "BSD_DISTANCE_MM": "",
    "BSD_SETTING": "1ms8ms",
    "BSD_CLIP": "clip-031",
    "BSD_FRAMES": "20",
    "BSD_BOOKEND": "5",
    "BSD_RATE_HZ": "15",
}


def _world(*sets: str) -> WorldConfig:
    small = [f"sensor_{n}.{name}" for n in (1, 2) for name in ("width_px=64", "height_px=48")]
    pitch = [f"sensor_{n}.pixel_pitch_um=50" for n in (1, 2)]
    return WorldConfig().override([*small, *pitch, *sets])


@pytest.mark.parametrize("sharp_us", [1000, 3000])
@pytest.mark.parametrize("nd_error", [0.0, 0.2])
def test_a_flat_stands_at_60_to_85_percent(sharp_us: int, nd_error: float) -> None:
    world = _world(f"optics.view_1.nd_error={nd_error}")
    shown = placed(world, Occasion("flat", "flat", sharp_us=sharp_us))
    levels = []
    for camera, width_us in ((1, 8 * sharp_us), (2, sharp_us)):
        light = Renderer(shown, threads=1).irradiance(camera, 0, 1000 * width_us)
        sensor = Sensor(shown.sensor(camera), 0, camera)
        frame = sensor.expose(light, width_us, frame_generator(0, 0, camera, 0), bits=12)
        levels.append(float(np.percentile(frame, 99)) / 4095)
    assert 0.6 < max(levels) < 0.85


def test_the_board_fills_the_same_share_of_the_view_at_either_distance() -> None:
    world = WorldConfig()
    shares = []
    for distance_mm in (1500.0, 4000.0):
        board = placed(world, Occasion("target", "target-near-4", distance_mm)).scene.layers[-1]
        wide, high = view_mm(world, distance_mm)
        shares.append((board.picture.square_mm / wide, board.centre_mm[0] / wide,
                       board.centre_mm[1] / high, board.distance_mm))  # fmt: skip
    np.testing.assert_allclose(shares[0][:3], shares[1][:3], rtol=1e-9)
    assert [share[3] for share in shares] == [1500.0, 4000.0]
    assert shares[0][0] > 0.06
    assert shares[0][1] > 0.1
    assert shares[0][2] > 0.1


def test_eight_poses_reach_all_four_corners_of_the_view() -> None:
    world = WorldConfig()
    at = [
        placed(world, Occasion("target", f"target-far-{pose}", 4000.0)).scene.layers[-1]
        for pose in range(1, 9)
    ]
    quadrants = {(np.sign(b.centre_mm[0]), np.sign(b.centre_mm[1])) for b in at[1:5]}
    assert len(quadrants) == 4
    assert len({b.rotation_mrad for b in at}) == 8


def test_a_small_view_keeps_squares_that_can_be_read() -> None:
    world = _world()
    board = placed(world, Occasion("target", "target-far-1", 4000.0)).scene.layers[-1]
    wide, _ = view_mm(world, 4000.0)
    assert board.picture.square_mm / wide * 64 == pytest.approx(26.0)


def test_neighbouring_scenes_share_no_picture_and_move() -> None:
    world = WorldConfig()
    names = []
    for number in range(5):
        made = placed(world, Occasion("scene", number=number))
        names.append({getattr(layer.picture, "name", "noise") for layer in made.scene.layers})
        assert made.rig_motion.shake.rotation_rms_mrad == (4.0, 4.0, 2.0)
        assert made.scene.layers[-1].motion.velocity_mm_s != (0.0, 0.0, 0.0)
    assert all(not names[n] & names[m] for n in range(5) for m in range(n))
    still = placed(world, Occasion("flat", "flat"))
    assert still.rig_motion.shake.rotation_rms_mrad == (0.0, 0.0, 0.0)


def test_the_later_levels_of_a_series_are_left_alone() -> None:
    asked = [Occasion("series", step) for step in ("series-1", "series-2", "series-9")]
    assert [keeps(each) for each in [*asked, Occasion("flat", "flat")]] == [
        False, True, True, False,
    ]  # fmt: skip


def test_light_follows_the_lamps_and_the_exposure() -> None:
    world = _world("light.components=[{share: 2.0}]")
    assert brightness(world, 2000) == pytest.approx(brightness(_world(), 2000) / 2)
    assert brightness(world, 1000) == pytest.approx(brightness(world, 2000) * 2)


def test_a_scene_moves_between_its_bookends_alone() -> None:
    told = Told.of(TOLD)
    assert told.occasion == Occasion("scene", "", None, 1000, 31)
    assert told.moves_s == pytest.approx((4.75 / 15, 24.75 / 15))
    assert Told.of({**TOLD, "BSD_PURPOSE": "flat", "BSD_STEP": "flat"}).moves_s is None


@pytest.mark.parametrize("changed", [{"BSD_SETTING": "soon"}, {"BSD_RATE_HZ": "0"}])
def test_what_a_capture_did_not_tell_is_named(changed: dict[str, str]) -> None:
    with pytest.raises(UserMistake):
        Told.of({**TOLD, **changed})
    with pytest.raises(UserMistake, match="BSD_BOOKEND: is not in the environment"):
        Told.of({name: value for name, value in TOLD.items() if name != "BSD_BOOKEND"})


def test_the_motion_begins_with_each_acquisition() -> None:
    """Both cameras' first exposures see one motion; the next take has its own."""
    studio = Studio(_world(), threads=1)
    studio.rearrange(None, ["scene.layers=[{picture: {kind: flat}}]"], (0.5, 2.0))
    first = studio.exposed(0, 7_000_000_000)
    assert studio.exposed(0, 7_007_000_000) is first
    assert studio.exposed(9, 7_600_000_000) is first
    assert first.world.rig_motion.begin_s == pytest.approx(7.5)
    assert first.world.rig_motion.end_s == pytest.approx(9.0)
    assert first.scene.rig.clock_s(7_400_000_000) == 0.0
    later = studio.exposed(0, 30_000_000_000)
    assert later is not first
    assert later.world.rig_motion.begin_s == pytest.approx(30.5)


def test_the_launcher_runs_place_with_the_pictures(tmp_path: Path) -> None:
    picture = tmp_path / "it's mine.png"
    picture.write_bytes(b"x")
    script = tmp_path / "place.sh"
    write_launcher(script, tmp_path / "rig.yaml", [str(picture), "coffee"])
    assert script.stat().st_mode & 0o111
    text = script.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert f"--rig-file {tmp_path}/rig.yaml" in text
    assert "--picture coffee" in text
    with pytest.raises(UserMistake, match=r"gone\.png: no such file"):
        write_launcher(script, tmp_path / "rig.yaml", ["gone.png"])
