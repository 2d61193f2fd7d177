"""What the scene shows, read back from the picture and held against pinhole arithmetic."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bsd.errors import UserMistake
from hardware.ledbar import pattern
from hardware.twin import targets
from hardware.twin.pictures import decode_srgb
from hardware.twin.presets import SCENES
from hardware.twin.renderer import Renderer
from hardware.twin.world_config import SceneConfig, WorldConfig

pytestmark = pytest.mark.unit
STILL = {"shake": {"rotation_rms_mrad": (0, 0, 0)}}
MS = 1_000_000
ALIGN = {"shift_px": (3.3, -2.1), "rotation_mrad": 6.0, "scale": 1.002}


def world(layers: list[dict], size: tuple[int, int] = (320, 240), **fields: object) -> WorldConfig:
    sensor = {"width_px": size[0], "height_px": size[1]}
    plain = {
        "format_version": 1,
        "scene": {"layers": layers},
        "rig_motion": STILL,
        "sensor_1": sensor,
        "sensor_2": sensor,
        "optics": {
            "alignment": ALIGN,
            "splitter": {"transmitted": 1.0, "reflected": 0.0},
            "view_1": {"nd_transmission": 0.125},
            "view_2": {"path": "transmitted", "mirror": "horizontal"},
        },
    }
    return WorldConfig.model_validate({**plain, **fields})


def c2_of_c1(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """C1's pixels → C2's raw pixels: the similarity undone, then the mirror; complex arithmetic."""
    middle = (size[0] - 1) / 2 + 1j * (size[1] - 1) / 2
    z = points[:, 0] + 1j * points[:, 1]
    z = (z - middle - (3.3 - 2.1j)) / (1.002 * np.exp(0.006j)) + middle
    return np.stack([size[0] - 1 - z.real, z.imag], axis=1)


def centroids(image: np.ndarray, near: np.ndarray, reach: int) -> np.ndarray:
    light = image[..., 1].astype(np.float64)
    found = []
    for x0, y0 in np.round(near).astype(int):
        part = light[y0 - reach : y0 + reach + 1, x0 - reach : x0 + reach + 1]
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        found.append([x0 + (part * x).sum() / part.sum(), y0 + (part * y).sum() / part.sum()])
    return np.array(found)


def saddles(image: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Corners where all gradients about them point across the way to them, by least squares."""
    along_y, along_x = np.gradient(image)
    found = []
    for px, py in near:
        x0, y0 = round(px), round(py)
        part = (slice(y0 - 7, y0 + 8), slice(x0 - 7, x0 + 8))
        y, x = np.mgrid[y0 - 7 : y0 + 8, x0 - 7 : x0 + 8]
        weight = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 3.5**2))
        a, b = along_x[part], along_y[part]
        xx, xy, yy = ((weight * one).sum() for one in (a * a, a * b, b * b))
        right = [(weight * (a * a * x + a * b * y)).sum(), (weight * (a * b * x + b * b * y)).sum()]
        found.append(np.linalg.solve([[xx, xy], [xy, yy]], right))
    return np.array(found)


def test_dots_stand_where_the_homography_says_in_both_views() -> None:
    picture = {"kind": "dots", "columns": 7, "rows": 5, "pitch_mm": 45, "diameter_mm": 14}
    w = world([{"picture": picture, "distance_mm": 2000.0, "centre_mm": (3.7, -1.9)}])
    x, y = np.meshgrid((np.arange(7) - 3) * 45 + 3.7, (np.arange(5) - 2) * 45 - 1.9)
    millimetres = np.stack([x.ravel(), y.ravel()], axis=1)
    first = np.array([159.5, 119.5]) + millimetres * 1600 / 2000
    renderer = Renderer(w, threads=1)
    for camera, expected in [(1, first), (2, c2_of_c1(first, (320, 240)))]:
        got = centroids(renderer.irradiance(camera, 0, MS), expected, 14)
        assert np.abs(got - expected).max() < 0.01


def test_chessboard_corners_of_a_tilted_board() -> None:
    picture = {"kind": "chessboard", "columns": 8, "rows": 6, "square_mm": 36}
    tilt = (150.0, -200.0, 60.0)
    w = world([{"picture": picture, "distance_mm": 2000.0, "rotation_mrad": tilt}])
    x, y = np.meshgrid((np.arange(1, 8) - 4) * 36.0, (np.arange(1, 6) - 3) * 36.0)
    board = np.stack([x.ravel(), y.ravel(), np.zeros(35)], axis=1)
    space = Rotation.from_rotvec(np.array(tilt) / 1000).apply(board) + np.array([0, 0, 2000])
    expected = np.array([159.5, 119.5]) + 1600 * space[:, :2] / space[:, 2:]
    image = Renderer(w, threads=1).irradiance(1, 0, MS)[..., 1]
    corners = saddles(image.astype(np.float64) / image.max(), expected)
    assert np.abs((corners - expected).mean(axis=0)).max() < 0.001
    assert np.sqrt(((corners - expected) ** 2).mean()) < 0.01
    # The homography of the target: fitted on corners, held against the pinhole's at every one.
    fitted, _ = cv2.findHomography(board[:, :2], corners)
    moved = np.column_stack([board[:, :2], np.ones(35)]) @ fitted.T
    assert np.abs(moved[:, :2] / moved[:, 2:] - expected).max() < 0.01


def test_charuco_is_found_in_the_plain_view_and_not_in_the_mirrored_one() -> None:
    picture = {"kind": "charuco", "columns": 9, "rows": 7, "square_mm": 50}
    w = world([{"picture": picture}], size=(480, 360))
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_100)
    board = cv2.aruco.CharucoBoard((9, 7), 50.0, 37.5, dictionary)
    detector = cv2.aruco.CharucoDetector(board)
    renderer = Renderer(w, threads=1)
    found = []
    for camera in (1, 2):
        image = renderer.irradiance(camera, 0, MS)
        corners, ids, _, _ = detector.detectBoard((image / image.max() * 255).astype(np.uint8))
        found.append(0 if ids is None else len(ids))
        if camera == 1:
            x, y = (ids.ravel() % 8 + 1 - 4.5) * 50, (ids.ravel() // 8 + 1 - 3.5) * 50
            expected = np.stack([239.5 + x * 0.8, 179.5 + y * 0.8], axis=1)
            error = corners.reshape(-1, 2) - expected
            assert np.abs(error.mean(axis=0)).max() < 0.01
            assert np.abs(error).max() < 0.1  # the finder's own, beside markers and at 8 bit
    assert found == [48, 0]


def test_chart_patches_have_their_stated_reflectance() -> None:
    w = world([{"picture": {"kind": "chart", "patch_mm": 60}}])
    image = Renderer(w, threads=1).irradiance(1, 0, 2 * MS) / (0.002 * 0.125)
    for index, colour in enumerate(targets.CHART_REFLECTANCE):
        x = 159.5 + (index % 6 - 2.5) * 48
        y = 119.5 + (index // 6 - 1.5) * 48
        shade = (1 + ((x - 159.5) ** 2 + (y - 119.5) ** 2) / 1600**2) ** -2
        assert image[int(y), int(x)] == pytest.approx(np.array(colour) * shade, rel=1e-3)
    assert len(targets.CHART_REFLECTANCE) == 24
    assert np.linalg.matrix_rank(np.array(targets.CHART_REFLECTANCE)) == 3


@pytest.mark.parametrize("window_us", [(1_000.0, 3_000.0), (28_500.0, 44_500.0)])
def test_led_bar_reads_back_its_exposure(window_us: tuple[float, float]) -> None:
    bar = {"kind": "led_bar", "pitch_mm": 16, "diameter_mm": 7, "clock_ppm": 40, "offset_us": 777}
    w = world([{"picture": bar, "distance_mm": 1600.0}])
    begin, end = (int(t * 1000) for t in window_us)
    lit = Renderer(w, threads=1).irradiance(1, begin, end)
    board = world([{"picture": {**bar, "radiance": 0.0}, "distance_mm": 1600.0}])
    light = (lit - Renderer(board, threads=1).irradiance(1, begin, end))[..., 1]
    sums = []
    for row, column in targets.led_cells():
        x = 159.5 + (column + 0.5 - targets.LED_COLUMNS / 2) * 16
        y = 119.5 + (row + 0.5 - targets.LED_ROWS / 2) * 16
        sums.append(light[round(y) - 7 : round(y) + 8, round(x) - 7 : round(x) + 8].sum())
    reference = np.mean(sums[72:]) / ((end - begin) / 1000 * (1 + 40e-6))
    matrix, counter = pattern.fractions(np.array(sums) / reference)
    reading = pattern.read_exposure(matrix, counter)
    assert reading.begin_us == pytest.approx(window_us[0] * (1 + 40e-6) + 777, abs=3.0)
    assert reading.end_us == pytest.approx(window_us[1] * (1 + 40e-6) + 777, abs=3.0)


def test_the_mirror_turns_the_reflected_view() -> None:
    align = {"shift_px": (0, 0), "rotation_mrad": 0, "scale": 1}
    splitter = {"transmitted": 0.0, "reflected": 1.0}
    pictures = {}
    for mirror in ("none", "horizontal", "vertical"):
        view = {"mirror": mirror, "path": "reflected"}
        optics = {"alignment": align, "splitter": splitter, "view_2": view}
        scene = [{"picture": {"kind": "noise", "size_px": 64, "width_mm": 80}}]
        w = world(scene, size=(48, 32), optics=optics)
        pictures[mirror] = Renderer(w, threads=1).irradiance(2, 0, MS)
    plain = pictures["none"]
    assert pictures["horizontal"] == pytest.approx(plain[:, ::-1], abs=1e-7)
    assert pictures["vertical"] == pytest.approx(plain[::-1], abs=1e-7)
    assert np.abs(plain - plain[:, ::-1]).max() > 1e-5


def test_nearer_layers_hide_farther_ones_in_any_order() -> None:
    near = {"picture": {"kind": "dots", "columns": 1, "rows": 1, "pitch_mm": 60, "diameter_mm": 30}}
    far = {"picture": {"kind": "flat", "reflectance": (0.5, 0.5, 0.5)}, "distance_mm": 5000.0}
    a, b = (
        Renderer(world(layers, size=(64, 48)), threads=1).irradiance(1, 0, 8 * MS)
        for layers in ([near, far], [far, near])
    )
    assert np.array_equal(a, b)
    assert a[24, 32, 0] == pytest.approx(0.9 * 0.001, rel=1e-3)
    assert a[24, 32 - 18, 0] == pytest.approx(0.0, abs=1e-6)  # the dots' dark ground is solid
    assert a[24, 2, 0] == pytest.approx(0.5 * 0.001, rel=2e-3)


def test_every_ready_scene_can_be_rendered() -> None:
    for name in SCENES:
        scene = SceneConfig.preset(name, number=3).model_dump()
        renderer = Renderer(world([], size=(24, 16), scene=scene), threads=1)
        image = renderer.irradiance(1, 0, MS)
        assert np.isfinite(image).all()
        assert (image.max() > 0) == (name != "dark")
    with pytest.raises(ValueError, match="no scene 'sea'"):
        SceneConfig.preset("sea")


def test_a_picture_of_the_users_own(tmp_path: Path) -> None:
    code = np.zeros((20, 30, 4), dtype=np.uint8)
    code[..., 2], code[..., 3] = 188, 255  # red, opaque
    code[:, 15:, 3] = 0
    path = tmp_path / "own.png"
    cv2.imwrite(str(path), code)
    picture = {"kind": "file", "path": str(path), "width_mm": 75.0}
    image = Renderer(world([{"picture": picture}], size=(64, 48)), threads=1).irradiance(1, 0, MS)
    linear = float(decode_srgb(np.array([188], np.uint8))[0])
    assert linear == pytest.approx(((188 / 255 + 0.055) / 1.055) ** 2.4)
    assert image[24, 20] == pytest.approx([linear * 0.001 * 0.125, 0, 0], rel=1e-3, abs=1e-9)
    assert image[24, 44].max() == 0.0
    lost = {"picture": {"kind": "file", "path": str(tmp_path / "gone.png")}}
    with pytest.raises(UserMistake, match=r"gone\.png: no such picture"):
        Renderer(world([lost]), threads=1)


def test_world_documents_come_back_as_they_went(tmp_path: Path) -> None:
    w = world([{"picture": {"kind": "chart"}}])
    w.write(tmp_path / "world.yaml")
    assert WorldConfig.read(tmp_path / "world.yaml") == w
    with pytest.raises(UserMistake, match="no photograph 'nobody'"):
        WorldConfig.from_fields(
            {
                "format_version": 1,
                "scene": {"layers": [{"picture": {"kind": "photograph", "name": "nobody"}}]},
            },
            "world.yaml",
        )
