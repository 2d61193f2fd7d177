"""From clips to a dataset: the same files however it was run, marks, refusals."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsd import command
from bsd.errors import FoundBad, UserMistake
from bsd.provenance import sha256_file
from dataset import synthesis
from dataset import synthesize as verb
from dataset.blur import average, plan_windows
from dataset.executor import Advance
from dataset.probe import sampled_places
from dataset.recipe import Recipe, load_recipe
from dataset.scenejob import SceneJob, make_scene
from dataset.synthesis import SynthesisOptions, parse_splits, synthesize
from dataset.tree import SequenceWriter, Tree, held_tree
from dataset.video import VideoFile
from tests.dataset.clips import moving_texture, write_ffv1, write_folder, write_h264
from tests.mounts import mounted

pytestmark = pytest.mark.unit
ROOT = Path(__file__).resolve().parents[2]
TWO = SynthesisOptions(workers=2, only="train")


def tree_bytes(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two clips of 240 fps: 80 frames lossless, 58 frames H.264."""
    folder = tmp_path_factory.mktemp("clips")
    one = write_ffv1(folder / "one.mkv", moving_texture(80), 240, "bsd shutter_us=500")
    return [one, write_h264(folder / "two.mp4", moving_texture(58, seed=2), 240, g="20")]


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe("gopro").override(["window.frames=7"])


def test_pairs_are_windows_of_the_source(tmp_path: Path, clips: list[Path], recipe: Recipe) -> None:
    frames = moving_texture(80)
    found = synthesize(clips[:1], recipe, tmp_path / "out", TWO)
    tree = Tree.open(tmp_path / "out")
    (sequence,) = tree.sequences("train")
    assert (len(sequence), sequence.scene) == (11, "one")
    table = recipe.response.sum_table(7)
    for k in range(11):
        assert np.array_equal(sequence.read_blurry(k), average(frames[7 * k : 7 * k + 7], table))
        assert np.array_equal(sequence.read_sharp(k), frames[7 * k + 3])
    assert sequence.sources is not None
    assert (sequence.sources[2].first_frame, sequence.sources[2].sharp_frame) == (14, 17)  # type: ignore[union-attr]
    assert sequence.sources[2].marks == ()
    assert found.rate_hz == pytest.approx(240 / 7)
    assert found.times is not None
    assert found.times["one"]["effective_exposure_us"] == pytest.approx(25_500)
    assert found.recipe == recipe.model_dump(mode="json")


@pytest.mark.parametrize("name", ["gopro", "gopro-blur", "high-fps"])
def test_a_window_of_one_frame_returns_the_input(tmp_path: Path, name: str) -> None:
    every = np.arange(256, dtype=np.uint8).repeat(12).reshape(48, 64)
    frames = [np.stack([np.roll(every, k, axis=1)] * 3, axis=-1) for k in range(4)]
    folder = write_folder(tmp_path / "clip", frames)
    one = ["window.frames=1", "window.allowed_frames=[]", "window.output_rate_hz=null"]
    chosen = load_recipe(name).override(one)
    options = TWO.model_copy(update={"rate_hz": chosen.source.rate_hz, "keep_stepped": True})
    synthesize([folder], chosen, tmp_path / "out", options)
    (sequence,) = Tree.open(tmp_path / "out").sequences("train")
    for k, frame in enumerate(frames):
        assert np.array_equal(sequence.read_blurry(k), frame)
        assert np.array_equal(sequence.read_sharp(k), frame)


def test_high_fps_takes_every_64th(tmp_path: Path) -> None:
    frames = moving_texture(80, 0.3)
    clip = write_ffv1(tmp_path / "fast.mkv", frames, 960, "bsd shutter_us=1000")
    found = synthesize([clip], load_recipe("high-fps"), tmp_path / "out", TWO)
    (sequence,) = Tree.open(tmp_path / "out").sequences("train")
    assert (len(sequence), found.rate_hz) == (2, 15.0)
    total = np.sum(np.stack(frames[64:79]).astype(int), axis=0)
    assert np.array_equal(sequence.read_blurry(1), (2 * total + 15) // 30)
    assert np.array_equal(sequence.read_sharp(1), frames[71])


def test_workers_do_not_change_a_file(tmp_path: Path, clips: list[Path], recipe: Recipe) -> None:
    for workers in (1, 2, 3):
        options = SynthesisOptions(workers=workers, sequence_frames=4)
        synthesize(clips, recipe, tmp_path / str(workers), options)
    one = tree_bytes(tmp_path / "1")
    assert len(one) == 3 + 2 * 16  # 11 and 8 pairs make 2 and 2 sequences of 4
    assert one == tree_bytes(tmp_path / "2") == tree_bytes(tmp_path / "3")


KILL_AFTER = """
import os, signal, sys
from dataset import tree, synthesis
from dataset import synthesize as verb
from bsd import command
left = [int(sys.argv.pop(1))]
append = tree.SequenceWriter.append
def counted(self, *arguments):
    append(self, *arguments)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
tree.SequenceWriter.append = counted
command.run(verb.app, "dataset.synthesize")
"""


def test_kill_and_resume(tmp_path: Path, clips: list[Path], recipe: Recipe) -> None:
    options = SynthesisOptions(workers=1, sequence_frames=4)
    synthesize(clips, recipe, tmp_path / "whole", options)
    out = tmp_path / "killed"
    arguments = [*map(str, clips), "--recipe", "gopro", "--set", "window.frames=7"]
    arguments += ["--out", str(out), "--sequence-frames", "4", "--workers", "1"]
    for pairs in (3, 6):
        run = subprocess.run(
            [sys.executable, "-c", KILL_AFTER, str(pairs), *arguments],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert run.returncode == -signal.SIGKILL, run.stderr.decode()
        assert (out / ".work").is_dir()
        assert not (out / "dataset.json").exists()
    synthesize(clips, recipe, out, options.model_copy(update={"workers": 2}))
    assert tree_bytes(out) == tree_bytes(tmp_path / "whole")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    synthesize(clips, recipe, out, options)  # complete: nothing is touched
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    with pytest.raises(UserMistake, match="other inputs or"):
        synthesize(clips[:1], recipe, out, options)


def test_orphans_end_with_their_parent(tmp_path: Path, clips: list[Path]) -> None:
    """Workers of a run that was killed must not hold its folder."""
    script = (
        "import os, signal, sys, time\n"
        "from dataset import executor\n"
        "from tests.dataset.test_synthesis import report_and_wait\n"
        "executor.run_jobs(report_and_wait, sys.argv[1:], 2)\n"
    )
    names = [str(tmp_path / name) for name in ("a", "b")]
    with subprocess.Popen([sys.executable, "-c", script, *names], cwd=ROOT) as parent:
        pids = [wait_for_pid(Path(name)) for name in names]
        parent.kill()
    for pid in pids:
        wait_until_gone(pid)


def report_and_wait(job: str, _threads: int, _advance: object) -> None:
    import threading

    part = Path(job + ".part")
    part.write_text(str(os.getpid()))
    part.rename(job)
    threading.Event().wait(50)


def wait_for_pid(path: Path) -> int:
    import time

    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, "the worker did not start"
        time.sleep(0.02)
    return int(path.read_text())


def wait_until_gone(pid: int) -> None:
    import time

    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in state_of(pid):
        assert time.monotonic() < end, "the worker outlived its parent"
        time.sleep(0.02)


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def test_wrong_rate(tmp_path: Path, recipe: Recipe) -> None:
    clip = write_ffv1(tmp_path / "slow.mkv", moving_texture(40, 9.0), 30)
    with pytest.raises(UserMistake, match=r"30 fps.*needs 240 fps.*moves up to \d+\.\d px"):
        synthesize([clip], recipe, tmp_path / "out", TWO)
    allowed = TWO.model_copy(update={"allow_rate_mismatch": True})
    with pytest.raises(FoundBad, match="above 4 px"):
        synthesize([clip], recipe, tmp_path / "out", allowed)
    assert not (tmp_path / "out").exists()
    kept = allowed.model_copy(update={"keep_stepped": True})
    found = synthesize([clip], recipe, tmp_path / "out", kept)
    assert found.marks == ("rate-mismatch", "shutter-unknown", "stepped")
    (sequence,) = Tree.open(tmp_path / "out").sequences("train")
    assert sequence.sources is not None
    assert sequence.sources[0].marks == ("rate-mismatch", "shutter-unknown", "stepped")


@pytest.mark.parametrize("name", ["karma.mp4", "max-heromode.mp4"])
def test_real_clips_are_refused(real_data: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserMistake, match=r"29\.97 fps.*needs 240 fps.*moves up to \d+\.\d px"):
        synthesize([real_data / "video" / name], load_recipe("gopro"), tmp_path / "out", TWO)
    assert not (tmp_path / "out").exists()


def test_a_stepped_sequence_is_left_out(tmp_path: Path, recipe: Recipe) -> None:
    still, fast = moving_texture(28, 0.5), moving_texture(28, 8.0, seed=1)
    clip = write_ffv1(tmp_path / "clip.mkv", still + fast, 240)
    options = TWO.model_copy(update={"sequence_frames": 4})
    found = synthesize([clip], recipe, tmp_path / "out", options)
    assert found.counts["train"].sequences == 1
    (left,) = found.frames_left_out
    assert left.scene == "clip"
    assert left.reason.startswith("pairs 4 to 7: the picture moves up to")


def swing(count: int, peak_px: float, at: int, width: int) -> list[np.ndarray]:
    """A texture that rests but for one swing of `width` frames around frame `at`."""
    near = np.abs(np.arange(count) - at) < width / 2
    far = moving_texture(1, shape=(48, 64 + 400))[0]
    places = np.cumsum(np.where(near, peak_px, 0.05))
    return [np.ascontiguousarray(far[:, int(x) : int(x) + 64]) for x in places]


@pytest.mark.parametrize("group", ["1", "7", "250"])
def test_a_short_swing_is_noticed_wherever_key_frames_lie(
    tmp_path: Path, recipe: Recipe, group: str
) -> None:
    """20 pairs are spread over 280 frames; half a period of 8 Hz takes 15."""
    clip = write_h264(tmp_path / "clip.mkv", swing(280, 8.0, at=129, width=15), 240, g=group)
    with pytest.raises(FoundBad, match=r"moves up to \d+\.\d px .* in 20 sampled pairs"):
        synthesize([clip], recipe, tmp_path / "out", TWO)
    kept = TWO.model_copy(update={"keep_stepped": True})
    (step,) = synthesize([clip], recipe, tmp_path / "out", kept).steps
    assert (step.split, step.sequence, step.pairs) == ("train", "000", 20)
    assert step.step_px == pytest.approx(8.0, abs=0.6)


def test_only_pairs_within_windows_are_sampled() -> None:
    windows = plan_windows(64 * 60, 15, 64)
    places = sampled_places(windows)
    assert len(places) == 24
    assert all(place % 64 < 14 for place in places)
    assert max(np.diff(places)) <= 64 * 60 / 24 + 64
    assert len(sampled_places(windows[:2])) == 3
    assert sampled_places(plan_windows(9, 1, 1)) == []


def test_steps_are_written_for_every_sequence(
    tmp_path: Path, clips: list[Path], recipe: Recipe
) -> None:
    options = SynthesisOptions(workers=2, sequence_frames=4)
    found = synthesize(clips, recipe, tmp_path / "out", options)
    assert [(step.split, step.sequence) for step in found.steps] == [
        ("train", "000"), ("train", "001"), ("test", "000"), ("test", "001"),
    ]  # fmt: skip
    for step in found.steps:
        assert step.step_px == pytest.approx(1.0, abs=0.5)
        assert step.pairs == 3


@pytest.mark.parametrize(("shutter_us", "marks"), [(4100.0, ("long-sharp-shutter",)), (900.0, ())])
def test_long_shutter_is_marked(
    tmp_path: Path, recipe: Recipe, shutter_us: float, marks: tuple[str, ...]
) -> None:
    clip = write_ffv1(tmp_path / "clip.mkv", moving_texture(14), 240)
    options = TWO.model_copy(update={"shutter_us": shutter_us})
    assert synthesize([clip], recipe, tmp_path / "out", options).marks == marks


def test_inputs_must_fit_together(tmp_path: Path, clips: list[Path], recipe: Recipe) -> None:
    (tmp_path / "other").mkdir()
    twin = write_ffv1(tmp_path / "other" / "one.mkv", moving_texture(14, seed=7), 240)
    copied = tmp_path / "copy.mkv"
    copied.write_bytes(clips[0].read_bytes())
    large = write_ffv1(tmp_path / "large.mkv", moving_texture(14, shape=(64, 80)), 240)
    short = write_ffv1(tmp_path / "short.mkv", moving_texture(5), 240)
    for second, message in (
        (twin, "both are scene 'one'"),
        (copied, "the same recording"),
        (large, "80×64"),
    ):
        with pytest.raises(UserMistake, match=message):
            synthesize([clips[0], second], recipe, tmp_path / "out", TWO)
    with pytest.raises(FoundBad, match="5 frames, fewer than one window of 7"):
        synthesize([short], recipe, tmp_path / "out", TWO)
    assert not (tmp_path / "out").exists()
    found = synthesize([clips[0], short], recipe, tmp_path / "out", TWO)
    assert [item.scene for item in found.frames_left_out] == ["short"]


def test_split_rules() -> None:
    assert parse_splits([]) == {}
    assert parse_splits(["valid"]) == {"only": "valid"}
    assert parse_splits(["50:25:25", "a=test", "b=c=train"]) == {
        "ratio": (50.0, 25.0, 25.0),
        "splits": {"a": "test", "b=c": "train"},
    }
    for wrong in (
        ["nan:1:1"],
        ["inf:1:1"],
        ["half"],
        ["train", "test"],
        ["1:2"],
        ["1:2:x"],
        ["a=exam"],
    ):
        with pytest.raises(UserMistake, match="--split"):
            parse_splits(wrong)


def run_verb(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as leaving:
        command.run(verb.app, "dataset.synthesize", [str(argument) for argument in arguments])
    printed = capfd.readouterr()
    assert isinstance(leaving.value.code, int)
    return leaving.value.code, printed.out, printed.err


def test_the_verb(tmp_path: Path, clips: list[Path], capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    code, answer, told = run_verb(
        capfd, *clips, "--recipe", "gopro", "--out", out, "--split", "one=train",
        "--split", "two=test", "--json", "--workers", "2", "--name", "small",
    )  # fmt: skip
    assert code == 0
    described = json.loads(answer)
    assert described["name"] == "small"
    assert {k: v["frames"] for k, v in described["counts"].items()} == {
        "train": 7, "valid": 0, "test": 5,
    }  # fmt: skip
    assert "centre residual 0.0 µs" in " ".join(told.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "goprp"], "unknown; known are gopro"),
        (["--recipe", "gopro", "--set", "window.frames=8"], "2083 µs"),
        (["--recipe", "gopro", "--set", "window.size=8"], "unknown field 'size'"),
        (["--recipe", "gopro", "--split", "exam"], "--split exam"),
        (["--recipe", "gopro", "--rate-hz", "-3"], "--rate-hz -3"),
        (["--recipe", "gopro", "--rate-hz", "inf"], "--rate-hz inf"),
        (["--recipe", "gopro", "--rate-hz", "nan"], "--rate-hz nan"),
        (["--recipe", "gopro", "--shutter-us", "inf"], "--shutter-us inf"),
        (["--recipe", "gopro", "--split", "nan:1:1"], "--split nan:1:1"),
        (["--recipe", "gopro", "--name", "../x"], "field 'name'"),
        (["--recipe", "gopro", "--name", ""], "field 'name'"),
        (["--recipe", "gopro", "--set", "name=a/b"], "field 'name'"),
        (["--recipe", "gopro", "--rate-hz", "30"], "needs 240 fps"),
        (["--recipe", "gopro", "--workers", "0"], "workers"),
        ([], "--recipe"),
    ],
)
def test_mistakes_end_in_one_line(
    tmp_path: Path,
    clips: list[Path],
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    code, answer, told = run_verb(capfd, clips[0], "--out", tmp_path / "out", *arguments)
    assert code == 2
    assert not answer
    (line,) = [line for line in told.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not (tmp_path / "out").exists()


def test_bad_output_folders(
    tmp_path: Path, clips: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "file").touch()
    for out, message in (("full", "holds 'thesis.txt'"), ("file", "is a file")):
        code, _, told = run_verb(capfd, clips[0], "--recipe", "gopro", "--out", tmp_path / out)
        assert code == 2
        assert message in told


def test_brackets_in_a_path_are_printed_as_they_are(
    tmp_path: Path, clips: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o[" / "x]"
    code, answer, _ = run_verb(capfd, clips[0], "--recipe", "gopro", "--out", out)
    assert code == 0
    assert answer.startswith(f"{out}: gopro-blur_gamma")


def test_a_second_run_at_once_is_refused_and_changes_nothing(
    tmp_path: Path, clips: list[Path], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run starts while the first one writes: all its sequences may be closed then."""
    refused: list[str] = []

    def meanwhile(job: SceneJob, threads: int, advance: Advance) -> None:
        part = tmp_path / "out/train/000/Blur/RGB/00000000.png.part"
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"being written")
        with pytest.raises(UserMistake, match="another run writes here now") as caught:
            held_tree(tmp_path / "out", (tmp_path / "out/.work/plan.json").read_text()).__enter__()
        refused.append(str(caught.value))
        assert part.exists()
        make_scene(job, threads, advance)

    monkeypatch.setattr(synthesis, "make_scene", meanwhile)
    synthesize(clips[:1], recipe, tmp_path / "out", TWO)
    assert len(refused) == 1
    assert len(Tree.open(tmp_path / "out").sequences("train")) == 1


def test_a_source_that_ends_early_is_never_complete(
    tmp_path: Path, clips: list[Path], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """80 frames hold 11 windows of 7 and three more, in which the damage lies."""
    frames = VideoFile.frames

    def short(source: VideoFile, *arguments: Any) -> Iterator[Any]:
        yield from frames(source, *arguments)
        raise UserMistake("79 of 80 frames can be decoded")

    monkeypatch.setattr(VideoFile, "frames", short)
    for _ in range(2):  # the second run goes on, and asks again
        with pytest.raises(UserMistake, match="79 of 80"):
            synthesize(clips[:1], recipe, tmp_path / "out", TWO)
        assert not (tmp_path / "out/dataset.json").exists()
    journal = (tmp_path / "out/.work/train-000.jsonl").read_bytes()
    assert 0 < journal.count(b"\n") <= 10
    monkeypatch.undo()
    synthesize(clips[:1], recipe, tmp_path / "out", TWO)
    assert len(Tree.open(tmp_path / "out").sequences("train")[0]) == 11


def test_a_resumed_run_hashes_each_file_once(
    tmp_path: Path, clips: list[Path], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, hashed = SequenceWriter.append, []

    def interrupted(writer: SequenceWriter, *arguments: Any) -> None:
        append(writer, *arguments)
        if arguments[2].first_frame == 7 * 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SequenceWriter, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            synthesize(clips[:1], recipe, tmp_path / "out", TWO)
    done = (tmp_path / "out/.work/train-000.jsonl").read_bytes().count(b"\n")
    assert done >= 1
    monkeypatch.setattr(
        "dataset.writer.sha256_file", lambda path: (hashed.append(path), sha256_file(path))[1]
    )
    synthesize(clips[:1], recipe, tmp_path / "out", TWO)
    assert len(hashed) == len(set(hashed)) == 2 * done


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk_and_read_only_output_end_in_one_line(
    tmp_path: Path, clips: list[Path], capfd: pytest.CaptureFixture[str], workers: int
) -> None:
    arguments = [*clips, "--recipe", "gopro", "--set", "window.frames=7", "--workers", workers]
    for options, words in (("size=64k", "no space left"), ("ro,size=1m", "read-only")):
        with mounted(tmp_path / "disk", options) as disk:
            code, answer, told = run_verb(capfd, *arguments, "--out", disk / "out")
            assert (code, answer) == (3, "")
            (line,) = [line for line in told.splitlines() if line.startswith("error: ")]
            assert line.startswith(f"error: {disk}")
            assert words in line
            assert "Traceback" not in told
            assert not list(disk.rglob("*.part"))
