import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from bsd import command
from bsd.document import PART_SUFFIX
from bsd.errors import UserMistake
from bsd.lock import locked
from bsd.provenance import sha256_file
from dataset.recipe import load_recipe
from dataset.render import (
    LOCK_NAME,
    Job,
    app,
    render_frames,
    render_scene,
    render_scenes,
    truth_path,
)
from dataset.rendering.scene import ObjectLayer, SceneConfig, Truth
from tests.mounts import mounted

pytestmark = pytest.mark.unit

CONFIG = SceneConfig(
    seed=5,
    frames=24,
    width_px=64,
    height_px=48,
    layer=ObjectLayer(width_px=20, height_px=16),
)


def texture(seed: int, height: int = 200, width: int = 240) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.2))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as leaving:
        command.run(app, "dataset.render", list(arguments))
    printed = capsys.readouterr()
    return int(leaving.value.code or 0), printed.out, printed.err


@pytest.mark.parametrize("rate_hz", [960, 1000, 1920])
def test_the_video_holds_the_frames_bit_for_bit(tmp_path: Path, rate_hz: int) -> None:
    config = CONFIG.model_copy(update={"rate_hz": rate_hz, "frames": 40})
    out = tmp_path / "a.mkv"
    render_scene(config, texture(1), out)
    expected = list(render_frames(config, texture(1)))
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate_hz
        assert stream.codec_context.name == "ffv1"
        tags = {key.lower(): value for key, value in container.metadata.items()}
        assert tags["comment"] == "bsd shutter_us=0.0"
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    np.testing.assert_array_equal(np.stack(decoded), np.stack(expected))


def test_same_seed_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    hashes = []
    for name, workers in (("one", 1), ("two", 2), ("again", 2)):
        folder = tmp_path / name
        folder.mkdir()
        jobs = [
            Job(CONFIG.model_copy(update={"scene": k}), texture(k), texture(9), folder / f"{k}.mkv")
            for k in range(3)
        ]
        assert len(list(render_scenes(jobs, workers))) == 3
        hashes.append([sha256_file(path) for path in sorted(folder.iterdir())])
    assert hashes[0] == hashes[1] == hashes[2]
    assert len(set(hashes[0])) == 6


def test_the_truth_tells_what_was_rendered(tmp_path: Path) -> None:
    out = tmp_path / "a.mkv"
    truth = render_scene(CONFIG, texture(1), out, texture(2))
    assert Truth.read(truth_path(out)) == truth
    assert truth_path(out).name == "a.truth.json"
    assert truth.video.sha256 == sha256_file(out)
    assert truth.object is not None
    assert len(truth.camera) == len(truth.object) == 24
    assert len(truth.blur_px) == int(np.sum(np.arange(24) + 14 <= 23))
    assert truth.blur is not None
    assert truth.blur.maximum_px == max(truth.blur_px) <= 16.0
    affines = np.array(truth.camera).reshape(-1, 2, 3)
    inside = np.linalg.inv(affines[0][:, :2]) @ (np.array([31.5, 23.5]) - affines[0][:, 2])
    moves = np.diff(affines @ np.append(inside, 1.0), axis=0)
    assert np.linalg.norm(moves, axis=1).max() <= truth.largest_step_px * 1.05
    assert np.linalg.norm(moves, axis=1)[:15].sum() == pytest.approx(truth.blur_px[0], rel=0.1)


def test_blur_lengths_are_those_of_the_recipe_for_rendered_clips() -> None:
    times = load_recipe("rendered").times(960.0, CONFIG.shutter_us)
    assert CONFIG.exposure_us == pytest.approx(times.effective_exposure_us, abs=0.01)
    assert SceneConfig(frames=times.window_frames).frames == 15  # one window fits just so


def test_a_complete_clip_is_kept_and_one_of_another_scene_replaced(tmp_path: Path) -> None:
    out = tmp_path / "a.mkv"
    first = render_scene(CONFIG, texture(1), out)
    stamp = out.stat().st_mtime_ns
    assert render_scene(CONFIG, texture(1), out) == first
    assert out.stat().st_mtime_ns == stamp
    assert render_scene(CONFIG, texture(2), out).picture != first.picture
    assert render_scene(CONFIG, texture(1), out) == first
    assert sha256_file(out) == first.video.sha256
    out.unlink()  # the truth alone: killed just before the video was renamed
    assert render_scene(CONFIG, texture(1), out) == first


def test_what_was_not_rendered_here_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "a.mkv"
    refused = r"a\.mkv: is not as it was rendered here"
    out.write_bytes(b"a wedding")
    with pytest.raises(UserMistake, match=refused):
        render_scene(CONFIG, texture(1), out)
    assert out.read_bytes() == b"a wedding"
    out.unlink()
    first = render_scene(CONFIG, texture(1), out)
    out.write_bytes(out.read_bytes()[:-100])
    with pytest.raises(UserMistake, match=refused):
        render_scene(CONFIG, texture(1), out)
    assert out.stat().st_size == first.video.bytes - 100
    out.unlink()
    truth_path(out).write_text("{}")
    with pytest.raises(UserMistake, match=r"a\.truth\.json: .*move it away"):
        render_scene(CONFIG, texture(1), out)
    assert truth_path(out).read_text() == "{}"


def test_a_kill_at_any_step_can_be_rendered_again(tmp_path: Path) -> None:
    out = tmp_path / "a.mkv"
    whole = render_scene(CONFIG, texture(1), out)
    replace = Path.replace
    for scene in ("new", "other"):
        for steps in (0, 1):  # before the truth stands, and before the video does
            left = [steps]

            def killed(path: Path, target: Path, left: list[int] = left) -> Path:
                if left[0] == 0:
                    raise KeyboardInterrupt
                left[0] -= 1
                return replace(path, target)

            if scene == "new":
                out.unlink(missing_ok=True)
                truth_path(out).unlink(missing_ok=True)
            else:
                render_scene(CONFIG, texture(2), out)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Path, "replace", killed)
                with pytest.raises(KeyboardInterrupt):
                    render_scene(CONFIG, texture(1), out)
            assert render_scene(CONFIG, texture(1), out) == whole


def test_a_failure_leaves_no_half_files(tmp_path: Path) -> None:
    jobs = [
        Job(CONFIG, texture(1), None, tmp_path / "good.mkv"),
        Job(CONFIG, texture(1, 30, 30), None, tmp_path / "bad.mkv"),
    ]
    with pytest.raises(UserMistake, match="too small"):
        list(render_scenes(jobs, 2))
    assert not list(tmp_path.glob("*" + PART_SUFFIX))
    with pytest.raises(UserMistake, match=r"name it a\.mkv"):
        render_scene(CONFIG, texture(1), tmp_path / "a.mp4")


def test_frames_stream_in_bounded_memory() -> None:
    config = CONFIG.model_copy(update={"frames": 400})
    frames = render_frames(config, texture(1))
    next(frames)
    tracemalloc.start()
    held = 0
    for frame in frames:
        held += frame.nbytes
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held > 3_000_000
    assert peak < 400_000


def test_the_verb_renders_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(2):
        cv2.imwrite(str(tmp_path / f"{k}.png"), texture(k))
    small = ["--set", "width_px=64", "--set", "height_px=48", "--set", "frames=20"]
    small += ["--set", "layer.width_px=20", "--set", "layer.height_px=16"]
    out = tmp_path / "sources"
    pictures = ["--picture", str(tmp_path / "0.png"), "--picture", str(tmp_path / "1.png")]
    code, answer, _ = run(
        capsys, *pictures, *small, "--scenes", "3", "--seed", "7", "--out", str(out), "--json"
    )
    assert code == 0
    clips = json.loads(answer)["clips"]
    assert [clip["video"] for clip in clips] == [f"scene-{k:03d}.mkv" for k in range(3)]
    assert all(4.0 <= clip["blur_median_px"] <= 16.0 for clip in clips)
    truth = Truth.read(out / "scene-002.truth.json")
    assert (truth.config.seed, truth.config.scene, truth.config.frames) == (7, 2, 20)
    code, answer, _ = run(
        capsys, *pictures, *small, "--scenes", "3", "--seed", "7", "--out", str(out)
    )
    assert code == 0
    assert "scene-001.mkv: 20 frames" in answer


def small_scene(tmp_path: Path) -> list[str]:
    """Arguments of the verb for one small scene."""
    cv2.imwrite(str(tmp_path / "0.png"), texture(0))
    sizes = ("width_px=64", "height_px=48", "frames=20", "layer=null")
    return ["--picture", str(tmp_path / "0.png"), *(w for size in sizes for w in ("--set", size))]


def test_the_verb_leaves_other_peoples_files_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    others = ["movie.mkv.part", "sub/movie.mkv.part", "sub/scene-000.mkv.part"]
    others += ["scene-007.mkv.part"]
    for name in (*others, "scene-000.mkv.part", "scene-000.truth.json.part"):
        (out / name).write_bytes(b"x")
    assert run(capsys, *small_scene(tmp_path), "--out", str(out))[0] == 0
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == {*others, "scene-000.mkv", "scene-000.truth.json"}


def test_the_verb_refuses_a_foreign_clip_before_it_renders_any(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "scene-001.mkv").write_bytes(b"a wedding")
    code, _, said = run(capsys, *small_scene(tmp_path), "--scenes", "2", "--out", str(out))
    assert code == 2
    assert "scene-001.mkv: is not as it was rendered here" in said
    assert len(said.strip().splitlines()) == 1
    assert [path.name for path in out.iterdir()] == ["scene-001.mkv"]


def test_brackets_in_a_path_are_printed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o[" / "x]"
    code, answer, _ = run(capsys, *small_scene(tmp_path), "--out", str(out))
    assert code == 0
    assert f"{out / 'scene-000.mkv'}: 20 frames" in answer


def test_full_disk_and_read_only_output_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*small_scene(tmp_path), "--set", "frames=200", "--scenes", "2"]
    for options, words in (("size=256k", "no space left"), ("ro,size=1m", "read-only")):
        with mounted(tmp_path / "disk", options) as disk:
            code, _, said = run(capsys, *arguments, "--out", str(disk / "out"))
            assert code == 3
            (line,) = said.strip().splitlines()
            assert line.startswith(f"error: {disk}")
            assert words in line
            assert not list(disk.rglob("*" + PART_SUFFIX))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--picture"),
        (["--picture", "none.png"], "no such file"),
        (["--picture", "shipped:nobody"], "unknown picture"),
        (["--picture", "shipped:brick", "--set", "rate_hz=240"], "rate_hz"),
        (["--picture", "shipped:brick", "--set", "speed=1"], "unknown field"),
        (["--picture", "shipped:brick", "--set", "frames=3"], "shorter than exposure_us"),
        (["--picture", "shipped:brick", "--set", "width_px=2000"], "too small"),
    ],
)
def test_mistakes_are_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    if any("shipped:brick" in word for word in arguments):
        pytest.importorskip("skimage", reason="scikit-image is not installed")
    code, _, said = run(capsys, *arguments, "--out", str(tmp_path / "out"))
    assert code == 2
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_a_second_render_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "sources"
    out.mkdir()
    words = [sys.executable, "-m", "dataset.render", "--picture", "shipped:coffee"]
    words += ["--set", "frames=20", "--set", "width_px=64", "--set", "height_px=48", "--out", out]
    with locked(out / LOCK_NAME):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "another run writes here now" in done.stderr
    assert not list(out.glob("*.mkv*"))
