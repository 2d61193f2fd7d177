"""The report: its numbers are the result's, its pictures the scored ones, its words honest."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.charts import Bar, Line, bar_chart, line_chart
from benchmark.origins import caution
from benchmark.report import app, write_report
from benchmark.result import (
    FrameScore,
    ModelFacts,
    Result,
    SequenceScore,
    SetFacts,
    TrainingSet,
)
from benchmark.showcase import choose, frames_to_keep, mean_gain_db, ranked
from benchmark.summary import summarise
from bsd import command
from bsd.errors import UserMistake
from bsd.page import MINUS
from bsd.provenance import environment
from calibration.fidelity import psnr, ssim
from dataset.manifest import SyntheticSource
from dataset.png import encode_png
from dataset.splits import Assignment, Splits
from dataset.tree import (
    DatasetDescription,
    LeftOut,
    SequenceWriter,
    Tree,
    finish_tree,
    open_tree,
)

pytestmark = pytest.mark.unit
SCENES = ("harbour", "<script>alert(1)</script>", "stairs", "orchard")
GAINS = (0.5, 0.3, 0.1, -0.2)  # share of the way to the sharp frame that the "model" goes
LENGTH, KEPT = 7, (2, 4)
Picture = NDArray[np.uint8]


def pair(scene: int, frame: int) -> tuple[Picture, Picture, Picture]:
    """Blurry, restored and sharp frame, 24 x 32 px, from a seed."""
    rng = np.random.default_rng([scene, frame])
    sharp = rng.integers(40, 216, (24, 32, 3))
    blurry = sharp + rng.normal(0, 12, sharp.shape)
    restored = blurry + GAINS[scene] * (sharp - blurry)
    blurry8, restored8 = (np.clip(np.round(x), 0, 255).astype(np.uint8) for x in (blurry, restored))
    return blurry8, restored8, sharp.astype(np.uint8)


def make_dataset(root: Path) -> Tree:
    open_tree(root, "{}")
    for number, scene in enumerate(SCENES):
        with SequenceWriter(root, "test", f"{number:03d}") as writer:
            for frame in range(LENGTH):
                source = SyntheticSource(
                    scene=scene,
                    input_name="clip.mkv",
                    input_sha256="1" * 64,
                    recipe="rendered/960hz",
                    recipe_sha256="2" * 64,
                    first_frame=frame * 8,
                    frame_count=7,
                    sharp_frame=frame * 8 + 3,
                    rate_hz=960.0,
                    shutter_us=0.0,
                )
                blurry, _, sharp = pair(number, frame)
                writer.append(blurry, sharp, source)
    numbered = [(f"{number:03d}", scene) for number, scene in enumerate(SCENES)]
    splits = Splits(
        sequences=tuple(Assignment(split="test", sequence=n, scene=s) for n, s in numbered)
    )
    finish_tree(
        root,
        DatasetDescription(
            name="SMALL",
            kind="synthetic",
            rate_hz=120.0,
            recipe={"name": "rendered", "window": {"frames": 7}},
            times={"exposure_us": 6250.0},
            frames_left_out=(LeftOut(scene="pier", reason="step of 3.2 px"),),
        ),
        splits,
    )
    return Tree.open(root)


def make_result(identity: str, **changes: object) -> Result:
    sequences = []
    for number, scene in enumerate(SCENES):
        frames: list[FrameScore] = []
        blurries: list[FrameScore] = []
        for index in range(2, LENGTH - 2):
            blurry, restored, sharp = pair(number, index)
            for picture, scores in ((restored, frames), (blurry, blurries)):
                score = FrameScore(
                    index=index, psnr_db=psnr(picture, sharp), ssim=ssim(picture, sharp)
                )
                scores.append(score)
        sequences.append(
            SequenceScore(
                name=f"{number:03d}",
                scene=scene,
                length=LENGTH,
                frames=tuple(frames),
                identity=tuple(blurries),
            )
        )
    fields: dict[str, object] = {
        "mode": "primary",
        "model": ModelFacts(
            name="estrnn",
            config={"blocks": 1},
            skip="centre",
            past=2,
            future=2,
            multiple=4,
            parameters=12345,
        ),
        "checkpoint_sha256": "ab" * 32,
        "training_sets": (TrainingSet(name="SMALL", identity=identity),),
        "seed": 3,
        "test_set": SetFacts(
            name="SMALL",
            identity=identity,
            split="test",
            width_px=32,
            height_px=24,
            sequences=len(SCENES),
            frames=len(SCENES) * (LENGTH - 4),
        ),
        "quantise": "round",
        "boundary_rule": "none",
        "replicated_before": 0,
        "replicated_after": 0,
        "summary": summarise(sequences),
        "sequences": tuple(sequences),
        "environment": environment(["numpy"]),
        "toolkit": "0.1.0",
    }
    return Result.model_validate(fields | changes)


def make_run(folder: Path, weights_sha256: str = "ab" * 32) -> Path:
    folder.mkdir()
    card = {
        "format": "bsd-model",
        "format_version": 1,
        "model": "estrnn",
        "config": {"blocks": 1},
        "seed": 3,
        "iterations": 40,
        "weights_sha256": weights_sha256,
    }
    (folder / "model.json").write_text(json.dumps(card))
    (folder / "config.yaml").write_text("iterations: 40\n")
    lines = [
        {"kind": "train", "iteration": i, "loss": 0.1 / (i + 1), "lr": 1e-3} for i in range(40)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return make_dataset(tmp_path_factory.mktemp("small") / "SMALL")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    for number in range(len(SCENES)):
        for index in KEPT:
            path = folder / f"{number:03d}" / f"{index:08d}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encode_png(pair(number, index)[1]))
    return folder


def test_a_result_alone_makes_a_page(tmp_path: Path) -> None:
    result = make_result("c" * 64)
    write_report([result], tmp_path / "deep" / "report.html")
    html = (tmp_path / "deep" / "report.html").read_text()
    gain = result.summary.difference.psnr_db[0]
    assert f"{gain.mean:+.2f} dB".replace("-", MINUS) in html
    assert f"{gain.low:+.2f} to {gain.high:+.2f} dB".replace("-", MINUS) in html
    assert "3 of 4" in html
    assert "4 recordings are few" in html
    assert re.findall(r'<h2 id="[^"]+">([^<]+)', html) == [
        "Every sequence",
        "Means and intervals",
        "Against frame number",
        "Model",
        "How it was made",
    ]


def test_everything_given_stands_in_the_page(tmp_path: Path, tree: Tree, frames: Path) -> None:
    out = tmp_path / "report.html"
    write_report(
        [make_result(tree.identity)],
        out,
        run=make_run(tmp_path / "run"),
        dataset=tree.root,
        frames=frames,
        title="A & B",
        note="Rendered from stills.",
        commands="make demo",
        pictures=3,
    )
    html = out.read_text()
    assert not re.search(r"https?:|src=[\"']?//", html)
    assert html.count("<script") == 1
    assert html.count('<figure class="comparison"') == 3
    assert "<title>A &amp; B</title>" in html
    assert "Rendered from stills. This material is controlled, not real" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    for said in ("pier", "step of 3.2 px", "times.exposure_us", "6250", "recipe", "make demo"):
        assert said in html
    for name in ("iteration", "Training loss, mean", "Learning rate."):
        assert name in html
    assert "excerpts of the validation split" not in html  # the run measured none
    write_report([make_result(tree.identity)], tmp_path / "again.html", dataset=tree.root)
    write_report([make_result(tree.identity)], out, dataset=tree.root)
    assert out.read_bytes() == (tmp_path / "again.html").read_bytes()


@pytest.mark.parametrize(
    ("recipe", "kind", "said", "unsaid"),
    [
        ("rendered", "synthetic", "scenes and motion are known", "of a faster video"),
        ("gopro", "synthetic", "averages of frames of a faster video", "are known"),
        (None, "synthetic", "averages of frames of a faster video", "are known"),
        (None, "capture", "", "averages"),
    ],
)
def test_only_rendered_material_is_called_known(
    tree: Tree, recipe: str | None, kind: str, said: str, unsaid: str
) -> None:
    assert tree.description is not None
    fields = {"recipe": {"name": recipe} if recipe else None, "kind": kind}
    text = caution(replace(tree, description=tree.description.model_copy(update=fields)))
    assert said in text
    assert unsaid not in text


def test_a_changed_frame_of_the_test_set_is_not_shown(tmp_path: Path) -> None:
    tree = make_dataset(tmp_path / "SMALL")
    view = tree.root / "test" / "000" / "Blur" / "RGB"
    (choice,) = choose(make_result(tree.identity), None, 1)
    path = tree.root / "test" / choice.sequence.name / "Blur" / "RGB"
    path = path / f"{choice.restored.index:08d}.png"
    path.write_bytes((view / "00000000.png").read_bytes())
    with pytest.raises(UserMistake, match=path.name):
        write_report(
            [make_result(tree.identity)], tmp_path / "a.html", dataset=tree.root, pictures=1
        )
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize("name", ["metrics.jsonl", "config.yaml"])
def test_a_file_of_the_run_that_is_no_text_is_named(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "run")
    (run / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserMistake, match=f"{name}: is not a text file"):
        write_report([make_result("c" * 64)], tmp_path / "report.html", run=run)


def test_the_table_holds_every_sequence_good_or_bad(tmp_path: Path) -> None:
    result = make_result("c" * 64)
    write_report([result], tmp_path / "report.html")
    rows = re.findall(
        r"<tr>\s*<td[^>]*>(00\d)</td>.*?</tr>", (tmp_path / "report.html").read_text(), re.S
    )
    assert rows == ["000", "001", "002", "003"]
    html = (tmp_path / "report.html").read_text()
    worst = mean_gain_db(result.sequences[3])
    assert worst < 0
    assert f'class="number below" data-value="{worst}">{MINUS}{-worst:.2f}<' in html


def test_best_middle_and_worst_are_shown_with_the_median_frame() -> None:
    result = make_result("c" * 64)
    assert [sequence.name for sequence in ranked(result)] == ["000", "001", "002", "003"]
    chosen = choose(result, None, 3)
    assert [choice.rank for choice in chosen] == [1, 3, 4]
    for choice in chosen:
        pairs = zip(choice.sequence.frames, choice.sequence.identity, strict=True)
        gains = sorted(ours.psnr_db - theirs.psnr_db for ours, theirs in pairs)
        assert choice.restored.psnr_db - choice.blurry.psnr_db == gains[1]
        assert choice.restored.index == choice.blurry.index
    assert [choice.rank for choice in choose(result, {"001": (3,), "002": (9,)}, 3)] == [2]
    assert [choice.rank for choice in choose(result, None, 9)] == [1, 2, 3, 4]


def test_frames_to_keep_are_scored_ones() -> None:
    assert frames_to_keep({"000": 20, "001": 5}, 3) == {
        ("000", 2),
        ("000", 10),
        ("000", 17),
        ("001", 2),
    }


def test_pictures_of_another_run_are_refused(tmp_path: Path, tree: Tree, frames: Path) -> None:
    folder = tmp_path / "frames" / "000"
    folder.mkdir(parents=True)
    (folder / f"{2:08d}.png").write_bytes((frames / "001" / f"{2:08d}.png").read_bytes())
    with pytest.raises(UserMistake, match=r"00000002\.png: its PSNR is .* another run"):
        write_report(
            [make_result(tree.identity)],
            tmp_path / "report.html",
            dataset=tree.root,
            frames=tmp_path / "frames",
        )
    assert not (tmp_path / "report.html").exists()


def test_what_does_not_belong_together_is_refused(tmp_path: Path, tree: Tree) -> None:
    out = tmp_path / "report.html"
    with pytest.raises(UserMistake, match="is not that of the result's test set"):
        write_report([make_result("c" * 64)], out, dataset=tree.root)
    with pytest.raises(UserMistake, match="holds other weights"):
        write_report([make_result("c" * 64)], out, run=make_run(tmp_path / "run", "cd" * 32))
    with pytest.raises(UserMistake, match="give the test set by --dataset"):
        write_report([make_result("c" * 64)], out, frames=tmp_path)
    with pytest.raises(UserMistake, match=r"holds no SEQUENCE/00000000\.png"):
        write_report(
            [make_result(tree.identity)], out, dataset=tree.root, frames=tree.root / "test"
        )
    with pytest.raises(UserMistake, match="at least one result"):
        write_report([], out)


def test_a_damaged_line_of_the_metrics_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"iteration": 40, "lo')
    with pytest.raises(UserMistake, match=r"metrics\.jsonl: line 41 is not JSON"):
        write_report([make_result("c" * 64)], tmp_path / "report.html", run=run)


def test_the_blurry_input_alone_claims_no_gain(tmp_path: Path) -> None:
    result = make_result("c" * 64)
    sequences = [s.model_copy(update={"frames": s.identity}) for s in result.sequences]
    facts = result.model.model_copy(update={"name": "identity", "skip": None})
    blurry = make_result(
        "c" * 64,
        model=facts,
        checkpoint_sha256=None,
        seed=None,
        sequences=sequences,
        summary=summarise(sequences),
    )
    write_report([blurry], tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert "PSNR of the blurry input" in html
    assert "Mean PSNR gain" not in html
    assert "No model: the blurry frames themselves were scored." in html


def test_two_results_stand_side_by_side_and_a_single_sequence_has_no_interval(
    tmp_path: Path,
) -> None:
    result = make_result("c" * 64)
    one = make_result(
        "c" * 64,
        checkpoint_sha256="ef" * 32,
        test_set=result.test_set.model_copy(update={"sequences": 1, "frames": LENGTH - 4}),
        sequences=result.sequences[:1],
        summary=summarise(result.sequences[:1]),
    )
    write_report([one, result], tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert "There is one recording only" in html
    assert "no interval: one recording only" in html
    assert "Results side by side" in html
    assert "estrnn efefef" in html
    assert "estrnn ababab" in html


def test_the_verb_writes_the_page_and_names_a_file_that_is_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_result("c" * 64).write(tmp_path / "result.json")
    out = tmp_path / "report.html"
    arguments = ["--results", str(tmp_path / "result.json"), "--out", str(out)]
    with pytest.raises(SystemExit) as done:
        command.run(app, "benchmark.report", arguments)
    assert done.value.code == 0
    assert out.read_text().startswith("<!DOCTYPE html>")
    (tmp_path / "other.json").write_text('{"format": "bsd-splits", "format_version": 1}')
    with pytest.raises(SystemExit) as refused:
        command.run(app, "benchmark.report", ["--results", str(tmp_path / "other.json")])
    assert refused.value.code == 2
    assert "other.json: is a 'bsd-splits' file" in capsys.readouterr().err


def test_charts_are_the_same_each_time_and_follow_the_pages_ink() -> None:
    line = Line("a <b> $x$", [0, 1, 2], [1.0, float("nan"), 3.0], [0.5] * 3, [3.5] * 3)
    chart = line_chart([line, Line("b", [0, 2], [2, 2], role=1)], "frame number", "PSNR, dB")
    assert chart == line_chart(
        [line, Line("b", [0, 2], [2, 2], role=1)], "frame number", "PSNR, dB"
    )
    assert "PSNR, dB</text>" in chart
    assert "a &lt;b&gt; $x$</text>" in chart
    assert "currentColor" in chart
    assert "#000000" not in chart
    bars = bar_chart([Bar("x", 1.0, 0.5, 1.5), Bar("y", -1.0)], "gain, dB", mean=Bar("m", 0.0))
    assert "#2b83d6" in bars
    assert "#d9640c" in bars
    loss = line_chart([Line("loss", [1, 2], [0.1, 0.01])], "iteration", "loss", log_y=True)
    assert ">0.1</text>" in loss
    with pytest.raises(ValueError, match="at least one line"):
        line_chart([], "x", "y")
    with pytest.raises(ValueError, match="at least one bar"):
        bar_chart([], "x")


def test_the_verb_writes_pages_only(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("not a page")
    words = [sys.executable, "-m", "benchmark.report", "--results", "a.json", "--out", str(mine)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "a page is an .html file" in done.stderr
    assert mine.read_text() == "not a page"
