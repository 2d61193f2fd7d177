"""The demo: it fails where the model does harm, and no picture of its test was trained on."""

import json
import shlex
import subprocess
import sys
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmark import demo
from benchmark.demonstration import (
    DATASET,
    FULL,
    QUICK,
    SHOWN_FRAMES,
    SPLITS,
    Scale,
    pictures_of,
    recording,
    steps,
    twin,
)
from benchmark.result import Result
from benchmark.virtual_rig import Recorded, VirtualRig
from bsd.errors import EnvironmentFault, FoundBad, UserMistake
from dataset.build.config import BuildConfig
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


def _recorded(scale: Scale) -> Recorded:
    """A session with every scene, as `acquisition inspect` tells it."""
    number = count(30)
    clips = [
        {"clip": f"clip-{next(number):03d}", "plan": {"purpose": "scene", "notes": split}}
        for split in SPLITS
        for _ in range(scale.clips[split])
    ]
    dark = {"clip": "clip-000", "plan": {"purpose": "dark", "notes": ""}}
    steps = [{"step": "dark", "when": "end", "status": "ok"}]
    return Recorded.from_fields({"clips": [dark, *clips], "steps": steps})


def _check_held_out(pictures: dict[str, list[str]], out: Path, scale: Scale) -> None:
    """Pictures and scenes stand in one split each, and the test is what is scored."""
    every = [name for split in SPLITS for name in pictures[split]]
    contents = [Path(name).read_bytes() for name in every]
    assert len(set(contents)) == len(every)
    typed = list(recording(out, out / "rig.yaml", pictures, scale.clips, scale, Recorded()))
    shown = {}
    for words in (words for _, words in typed if words[:3] == ["hardware", "twin", "place"]):
        (script,) = _values(words, "--launcher")
        shown[script] = _values(words, "--picture")
    for words in (words for _, words in typed if "--clips" in words):
        (split,) = _values(words, "--notes")
        assert shown[_values(words, "--before-step")[0]] == pictures[split]
        assert int(_values(words, "--clips")[0]) == scale.clips[split]
    done = {words[1]: words for _, words in steps(out, _recorded(scale), scale)}
    scenes = dict(item.split("=") for item in _values(done["build"], "--scene"))
    homes = dict(item.split("=") for item in _values(done["build"], "--split"))
    assert {scenes[clip] for clip in scenes} == set(homes)
    for split in SPLITS:
        clips = _recorded(scale).scenes[split]
        assert [homes[scenes[clip]] for clip in clips] == [split] * scale.clips[split]
    assert "--split" not in done["evaluate"]  # what it then takes is test
    kept = [item.split(":") for item in _values(done["evaluate"], "--keep-frames")]
    assert len(kept) == SHOWN_FRAMES * scale.clips["test"]
    assert all(2 <= int(frame) <= scale.pairs - 3 for _, frame in kept)


@pytest.mark.parametrize("scale", [FULL, QUICK])
def test_no_shipped_picture_is_in_two_splits(tmp_path: Path, scale: Scale) -> None:
    _check_held_out(pictures_of(None, tmp_path), tmp_path, scale)


def test_the_build_takes_all_that_is_recorded(tmp_path: Path) -> None:
    """Its options are those that the build itself reads."""
    done = {words[1]: words for _, words in steps(tmp_path, _recorded(QUICK), QUICK)}
    config = BuildConfig.of(
        None,
        size=_values(done["build"], "--size")[0],
        assignments=_values(done["build"], "--set"),
    )
    assert config.frame_size == QUICK.size_px
    assert config.shape.train.sequences == QUICK.clips["train"]
    assert {config.shape.of(split).frames for split in SPLITS} == {QUICK.pairs}
    assert config.least_frames <= QUICK.pairs


def test_pictures_of_a_clip_are_split_by_time(tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    rng = np.random.default_rng(3)
    for index in range(120):
        frame = rng.integers(0, 100, (48, 64, 3), dtype=np.uint8)
        frame[:8, :8] = index  # survives: pictures are written without loss
        (clip / f"{index:08d}.png").write_bytes(encode_png(frame))
    video = _as_video(clip, tmp_path / "clip.mkv")
    chosen = pictures_of(video, tmp_path / "out")
    _check_held_out(chosen, tmp_path / "out", QUICK)
    times = []
    for split in SPLITS:
        found = [Path(path).read_bytes() for path in chosen[split]]
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


def test_only_missing_scenes_are_recorded_again(tmp_path: Path) -> None:
    told = _recorded(QUICK)
    assert told.complete
    assert not any(told.missing(QUICK.clips).values())
    some = Recorded(True, False, {"train": told.scenes["train"][:1]})
    missing = some.missing(QUICK.clips)
    assert missing == {"train": 2, "valid": 1, "test": 2}
    pictures = {split: [f"{split}.png"] for split in SPLITS}
    typed = [w for _, w in recording(tmp_path, tmp_path / "r", pictures, missing, QUICK, some)]
    assert [_values(words, "--guided") for words in typed if "--guided" in words] == [["end"]]
    assert [_values(w, "--clips") for w in typed if "--clips" in w] == [["2"], ["1"], ["2"]]
    assert Recorded.of(tmp_path / "no session") == Recorded()


def test_the_rig_is_ended_whatever_happens(tmp_path: Path) -> None:
    """A step that fails, and a rig that never becomes ready."""
    out = tmp_path / "rig.yaml"
    words = twin(out, QUICK)
    rig = VirtualRig(words, out, tmp_path / "rig.log")

    def fail() -> None:
        with rig:
            assert out.exists()
            raise RuntimeError("a step failed")

    with pytest.raises(RuntimeError, match="a step failed"):
        fail()
    assert rig._process is not None
    assert rig._process.poll() is not None
    assert not out.exists()
    none = VirtualRig(twin(tmp_path / "no" / "r.yaml", QUICK), out, tmp_path / "rig.log")
    with pytest.raises(EnvironmentFault, match="did not start") as caught:
        none.__enter__()
    assert "no such folder" in str(caught.value)


def test_the_note_says_what_is_not_independent() -> None:
    note = demo._note(Path("deep") / "walk.mp4", quick=False)
    assert "one clip, walk.mp4" in note
    assert "not independent recordings" in note
    assert "cut short" not in note
    assert "independent" not in demo._note(None, quick=True)
    assert "cut short" in demo._note(None, quick=True)


def test_a_failure_names_its_step_and_has_its_exit_code(tmp_path: Path) -> None:
    out = tmp_path / "[/x]"
    demo._claim(out, demo.Plan(quick=True, video_sha256=None))
    (out / "rig.yaml").write_text("name: a rig of steel\n")
    words = [sys.executable, "-m", "benchmark.demo", "--quick", "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 3
    assert done.stderr.startswith("error: the virtual rig did not start")
    assert done.stderr.count("\n") == 1
    assert "is no virtual rig's file" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Calibrate" not in done.stdout  # no step after the one that failed
    assert "the demo ended at: Start the virtual rig" in done.stdout
    (typed,) = [line for line in done.stdout.splitlines() if line.startswith("bsd ")]
    assert shlex.split(typed)[:4] == ["bsd", "hardware", "twin", "--rig-file"]


def test_a_step_that_fails_ends_the_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_run", lambda _: 1)
    walk = demo.Walk()
    with pytest.raises(demo.StepFailed, match="Build aligned pairs") as caught:
        walk.take("Build aligned pairs", ["dataset", "build"])
    assert caught.value.code == 1
    assert walk.typed == ["bsd dataset build"]


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
    (tmp_path / DATASET).parent.mkdir()
    own_tree.rename(tmp_path / DATASET)
    identity = Tree.open(tmp_path / DATASET).identity
    assert demo._stem(tmp_path) == (
        f"estrnn_{card.weights_sha256[:8]}_BSD-2ms16ms_{identity[:8]}_test_seed4_VDB-1_primary"
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
