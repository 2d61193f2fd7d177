"""The demo: it fails where the model does harm, and no picture of its test was trained on."""

import json
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmark import demo
from benchmark.result import Result
from bsd.errors import EnvironmentFault, FoundBad, UserMistake
from dataset.png import decode_png, encode_png
from dataset.tree import Tree

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden" / "result-v1.json"


def _with_gain(mean: float, low: float | None, high: float | None) -> Result:
    fields = json.loads(GOLDEN.read_text())
    fields["summary"]["difference"]["psnr_db"][0].update(mean=mean, low=low, high=high)
    return Result.from_fields(fields, "altered")


@pytest.mark.parametrize("mean", [0.0, -0.001, -3.5])
def test_a_model_that_does_not_help_ends_the_demo_with_1(mean: float) -> None:
    with pytest.raises(FoundBad, match="worse; every sequence is in the report") as caught:
        demo._check_gain(_with_gain(mean, mean - 1, mean + 1))
    assert caught.value.exit_code == 1
    assert f"{mean:+.3f} dB" in str(caught.value)


def test_a_model_that_helps_passes_with_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    demo._check_gain(_with_gain(0.001, -0.5, 0.502))
    text = capsys.readouterr().out
    assert "+0.001 dB (95 % interval -0.500 to +0.502, 2 recordings)" in text
    demo._check_gain(_with_gain(1.25, None, None))
    assert "+1.250 dB\n" in capsys.readouterr().out


def _values(words: list[str], option: str) -> list[str]:
    return [after for word, after in pairwise(words) if word == option]


def _steps(out: Path, video: Path | None, scale: demo.Scale) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for _, words in demo._steps(out, video, scale):
        found.setdefault(words[1], []).append(words)
    return found


def _check_held_out(steps: dict[str, list[list[str]]], scale: demo.Scale) -> None:
    """Pictures and scenes stand in one split each, and the test is what is scored."""
    pictures = [_values(words, "--picture") for words in steps["render"]]
    assert [len(names) > 0 for names in pictures] == [True] * 3
    assert len(set().union(*pictures)) == sum(len(set(names)) for names in pictures)
    (synthesis,) = steps["synthesize"]
    splits = dict(item.split("=") for item in _values(synthesis, "--split"))
    assert len(splits) == sum(scale.scenes.values())
    for clip in (Path(word) for word in synthesis if word.endswith(".mkv")):
        assert splits[clip.stem] == clip.parent.name
    for words, split in zip(steps["render"], demo.SPLITS, strict=True):
        assert Path(_values(words, "--out")[0]).name == split
        first = next(int(v[6:]) for v in _values(words, "--set") if v.startswith("scene="))
        names = {f"scene-{first + n:03d}" for n in range(scale.scenes[split])}
        assert {name for name, where in splits.items() if where == split} == names
    (scoring,) = steps["evaluate"]
    assert "--split" not in scoring  # what it then takes is test
    kept = [item.split(":") for item in _values(scoring, "--keep-frames")]
    assert len(kept) == demo.SHOWN_FRAMES * scale.scenes["test"]
    assert all(2 <= int(frame) <= scale.pairs - 3 for _, frame in kept)


@pytest.mark.parametrize("scale", [demo.FULL, demo.QUICK])
def test_no_shipped_picture_is_in_two_splits(tmp_path: Path, scale: demo.Scale) -> None:
    _check_held_out(_steps(tmp_path, None, scale), scale)


def test_pictures_of_a_clip_are_split_by_time(tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    rng = np.random.default_rng(3)
    for index in range(120):
        frame = rng.integers(0, 100, (48, 64, 3), dtype=np.uint8)
        frame[:8, :8] = index  # survives: pictures are written without loss
        (clip / f"{index:08d}.png").write_bytes(encode_png(frame))
    video = _as_video(clip, tmp_path / "clip.mkv")
    steps = _steps(tmp_path / "out", video, demo.QUICK)
    _check_held_out(steps, demo.QUICK)
    times = []
    for words in steps["render"]:
        found = [Path(path).read_bytes() for path in _values(words, "--picture")]
        times.append([int(decode_png(content, "picture")[0, 0, 0]) for content in found])
    assert times[0] == sorted(times[0])
    assert max(times[0]) < min(times[1]) < min(times[2])


def _as_video(folder: Path, path: Path) -> Path:
    """The frames as a lossless clip of 30 Hz."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for file in sorted(folder.glob("*.png")):
            picture = decode_png(file.read_bytes(), str(file))
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def test_the_note_says_what_is_not_independent() -> None:
    note = demo._note(Path("deep") / "walk.mp4", quick=False)
    assert "one clip, walk.mp4" in note
    assert "not independent recordings" in note
    assert "cut short" not in note
    assert "independent" not in demo._note(None, quick=True)
    assert "cut short" in demo._note(None, quick=True)


def test_the_exit_code_of_a_step_is_the_demos(tmp_path: Path) -> None:
    out = tmp_path / "[/x]"
    demo._claim(out, demo.Plan(quick=True, video_sha256=None))
    (out / "sources").mkdir()
    (out / "sources" / "train").write_text("a file where a folder has to be")
    words = [sys.executable, "-m", "benchmark.demo", "--quick", "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr
    assert "Synthesize" not in done.stdout  # no step after the one that failed
    (typed,) = [line for line in done.stdout.splitlines() if line.startswith("bsd ")]
    assert shlex.split(typed)[:5] == ["bsd", "dataset", "render", "--out", f"{out}/sources/train"]


def test_a_step_that_a_signal_ended_is_a_fault_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed = subprocess.CompletedProcess(["bsd"], returncode=-9)
    monkeypatch.setattr(demo.subprocess, "run", lambda *_, **__: killed)
    with pytest.raises(EnvironmentFault, match="bsd benchmark train: ended by SIGKILL"):
        demo._run(["benchmark", "train", "--run", "x"])


def test_the_result_is_found_by_its_name(own_tree: Path, tmp_path: Path) -> None:
    """Not the first of the checkpoint: a RESULT of another mode or set may lie beside it."""
    import torch

    from benchmark.checkpoint import ModelCard, save_model
    from models.registry import create

    torch.manual_seed(2)
    config = {"blocks": 1, "channels": 5}
    card = save_model(
        tmp_path / "run", create("estrnn", config), ModelCard(model="estrnn", config=config, seed=4)
    )
    (own_tree / "valid").rename(own_tree / "test")
    own_tree.rename(tmp_path / demo.DATASET)
    identity = Tree.open(tmp_path / demo.DATASET).identity
    assert demo._stem(tmp_path) == (
        f"estrnn_{card.weights_sha256[:8]}_BSD-controlled_{identity[:8]}_test_seed4_VDB-1_primary"
        "_all-frames"
    )


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "pictures" / "000.png"
    mine.parent.mkdir()
    mine.write_bytes(b"my holiday")
    with pytest.raises(UserMistake, match="which no demo made"):
        demo._claim(tmp_path, demo.Plan(quick=True, video_sha256=None))
    assert mine.read_bytes() == b"my holiday"


def test_a_folder_is_of_one_demo(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    demo._claim(out, demo.Plan(quick=True, video_sha256=None))
    demo._claim(out, demo.Plan(quick=True, video_sha256=None))
    with pytest.raises(UserMistake, match="other settings"):
        demo._claim(out, demo.Plan(quick=False, video_sha256=None))
