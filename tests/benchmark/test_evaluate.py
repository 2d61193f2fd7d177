"""The verb: what it prints, what it writes, how it ends."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from benchmark import evaluate as verb
from benchmark import judge
from benchmark.checkpoint import ModelCard, save_model
from benchmark.result import Result, TrainingSet
from bsd import command
from dataset.png import encode_png, read_png
from dataset.splits import Assignment, Splits
from dataset.tree import DatasetDescription, SequenceWriter, Tree, finish_tree, open_tree
from models.registry import create
from tests.origins import synthetic_source

pytestmark = pytest.mark.unit


def pairs(seed, length=6, height=22, width=27):
    generator = np.random.default_rng(seed)
    sharp = generator.integers(40, 216, (length, height, width, 3), dtype=np.uint8)
    error = generator.normal(0, 12, sharp.shape)
    return np.clip(np.rint(sharp + error), 0, 255).astype(np.uint8), sharp


@pytest.fixture
def dataset(tmp_path):
    """Three test sequences of two scenes, by the real writer."""
    root, scenes = tmp_path / "tiny", {"000": "street", "001": "street", "002": "tree"}
    open_tree(root, "{}")
    for name, scene in scenes.items():
        with SequenceWriter(root, "test", name) as writer:
            for index, (blurry, sharp) in enumerate(zip(*pairs(int(name)), strict=True)):
                source = synthetic_source(index, scene)
                writer.append(blurry, sharp, source)
    splits = Splits(
        sequences=tuple(
            Assignment(split="test", sequence=name, scene=scene) for name, scene in scenes.items()
        )
    )
    about = DatasetDescription(name="tiny.set", kind="synthetic", marks=("shutter-unknown",))
    finish_tree(root, about, splits)
    return root


@pytest.fixture
def run_folder(tmp_path):
    torch.manual_seed(4)
    config = {"blocks": 1, "channels": 5, "skip": "centre"}
    card = ModelCard(
        model="estrnn",
        config=config,
        seed=11,
        iterations=3,
        training_sets=(TrainingSet(name="other", identity="a" * 64),),
    )
    save_model(tmp_path / "run", create("estrnn", config), card)
    return tmp_path / "run"


@pytest.fixture
def evaluate(monkeypatch, capsys):
    """Run the verb in this process, whose threads it leaves alone; code, stdout, stderr."""
    monkeypatch.setattr(verb, "set_threads", lambda _: None)
    monkeypatch.setattr(command, "configure_logging", lambda: None)
    before = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(*arguments):
        with pytest.raises(SystemExit) as leaving:
            command.run(verb.app, "benchmark.evaluate", [str(a) for a in arguments])
        return leaving.value.code, *capsys.readouterr()

    yield run
    torch.set_num_threads(before)


def test_a_model_from_its_folder_to_result_csv_and_kept_frames(dataset, run_folder, tmp_path):
    arguments = [
        "--model",
        run_folder,
        "--dataset",
        dataset,
        "--out",
        tmp_path / "out",
        "--all-frames",
        "--keep-frames",
        "000:2",
        "--keep-frames",
        "002:3",
        "--threads",
        "1",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmark.evaluate", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "140"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    name = next((tmp_path / "out").glob("*.json")).stem
    identity = Tree.open(dataset).identity[:8]
    sha256 = json.loads((run_folder / "model.json").read_text())["weights_sha256"]
    assert name == f"estrnn_{sha256[:8]}_tiny.set_{identity}_test_seed11_VDB-1_primary_all-frames"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"{name}.csv",
        f"{name}.json",
        f"{name}_frames",
    ]
    result = Result.read(tmp_path / "out" / f"{name}.json")
    assert (result.checkpoint_sha256, result.seed) == (sha256, 11)
    assert result.training_sets[0].name == "other"
    assert (result.model.skip, result.model.past, result.test_set.marks) == (
        "centre",
        2,
        ("shutter-unknown",),
    )
    assert (result.test_set.sequences, result.test_set.frames) == (3, 6)
    assert result.model.config["future"] == 2  # a default that the card does not list
    gain = result.summary.difference.psnr_db[0]
    assert (gain.n, gain.unit) == (2, "recording")
    for text in (
        f"{result.summary.model.frame_psnr_db:.3f}",
        f"{result.summary.identity.frame_ssim:.4f}",
        f"{gain.mean:+.3f} ± {gain.high - gain.mean:.3f}",
        "2 recordings",
        f"bootstrap {result.summary.difference.psnr_db[1].low:+.3f} to",
        "all frames",
        f"{name}.json",
    ):
        assert text in done.stdout
    rows = list(csv.DictReader((tmp_path / "out" / f"{name}.csv").read_text().splitlines()))
    assert len(rows) == 6 + 18
    kept = read_png(tmp_path / "out" / f"{name}_frames" / "002" / "00000003.png")
    sharp = Tree.open(dataset).sequences("test")[2].read_sharp(3)
    assert judge.fidelity(kept, sharp)[0] == result.sequences[2].frames[1].psnr_db


def test_identity_as_json(dataset, tmp_path, evaluate):
    code, out, _ = evaluate(
        "--model", "identity", "--dataset", dataset, "--out", tmp_path / "out", "--json"
    )
    answer = json.loads(out)
    assert code == 0
    assert Result.read(tmp_path / "out" / answer["result"]).model.name == "identity"
    assert answer["summary"]["difference"]["psnr_db"][0]["mean"] == 0
    assert "sequences" not in answer


def test_patches_print_their_spread(dataset, tmp_path, evaluate):
    code, out, _ = evaluate(
        "--model",
        "identity",
        "--dataset",
        dataset,
        "--out",
        tmp_path,
        "--mode",
        "legacy-patch",
        "--patch-px",
        "16",
        "--patch-seeds",
        "21",
    )
    result = Result.read(next(tmp_path.glob("*legacy-patch_16px_21seeds.json")))
    assert code == 0
    assert len(result.patches.seeds) == 21
    assert f"standard deviation {result.patches.psnr_db.deviation:.3f}" in out


def test_more_context_than_the_set_leaves_is_said(dataset, tmp_path, evaluate):
    config = {"blocks": 1, "channels": 5, "past": 3, "future": 3}
    save_model(
        tmp_path / "f3p3", create("estrnn", config), ModelCard(model="estrnn", config=config)
    )
    code, out, _ = evaluate("--model", tmp_path / "f3p3", "--dataset", dataset, "--out", tmp_path)
    assert code == 0
    assert "first frame fed once more, last once" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mode", "secondary"], "--mode secondary: no such mode; choose primary, legacy-window"),
        (["--mode", "legacy-window"], "test/000/Blur/RGB: 6 frames; mode legacy-window"),
        (["--mode", "legacy-patch"], "27x22 px are smaller than a patch of 256 px"),
        (["--mode", "legacy-patch", "--patch-px", "16", "--patch-seeds", "3"], "3 seeds"),
        (["--patch-px", "16"], "patches belong to mode legacy-patch"),
        (["--split", "valid"], "no sequence in split 'valid'; it has test"),
        (["--keep-frames", "000"], "--keep-frames 000: write it as SEQUENCE:FRAME"),
        (["--keep-frames", "000:5"], "frame 000:5 cannot be kept: frames 2 to 3"),
        (["--model", "nowhere"], "nowhere: no such folder"),
        (["--dataset", "nowhere"], "nowhere: no such folder"),
        (["--threads", "0"], "--threads"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(options, words, dataset, tmp_path, evaluate):
    usual = {"--model": "identity", "--dataset": dataset, "--out": tmp_path / "out"}
    for name in options[::2]:
        usual.pop(name, None)
    arguments = [item for pair in usual.items() for item in pair]
    code, out, err = evaluate(*arguments, *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert words in err
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_written_is_refused_first(
    dataset, tmp_path, evaluate, monkeypatch
):
    usual = ("--model", "identity", "--dataset", dataset, "--out")
    (tmp_path / "file").touch()
    code, _, err = evaluate(*usual, tmp_path / "file" / "out")
    assert (code, f"{tmp_path / 'file'} is a file; give a folder" in err) == (2, True)
    monkeypatch.setattr(verb.os, "access", lambda _, mode: mode != os.W_OK)
    code, _, err = evaluate(*usual, tmp_path / "new" / "out")
    assert (code, f"{tmp_path} cannot be written; choose another" in err) == (3, True)


def test_a_model_folder_without_weights_is_named(dataset, run_folder, tmp_path, evaluate):
    (run_folder / "model.safetensors").unlink()
    code, _, err = evaluate("--model", run_folder, "--dataset", dataset, "--out", tmp_path / "out")
    assert code == 2
    assert f"{run_folder / 'model.safetensors'}: no such file" in err


def test_a_truncated_frame_is_named_and_nothing_is_written(dataset, tmp_path, evaluate):
    path = dataset / "test/001/Sharp/RGB/00000003.png"
    path.write_bytes(path.read_bytes()[:-30])
    code, _, err = evaluate("--model", "identity", "--dataset", dataset, "--out", tmp_path / "out")
    assert code == 2
    assert str(path) in err
    assert not (tmp_path / "out").exists()


def test_patches_of_another_size_do_not_replace_a_result(dataset, tmp_path, evaluate):
    usual = ("--model", "identity", "--dataset", dataset, "--out", tmp_path / "out")
    for side in ("16", "12"):
        code, _, err = evaluate(*usual, "--mode", "legacy-patch", "--patch-px", side)
        assert (code, err) == (0, "")
    sides = {Result.read(path).patches.patch_px for path in (tmp_path / "out").glob("*.json")}
    assert sides == {12, 16}


def test_words_in_brackets_are_printed_as_they_are(dataset, tmp_path, evaluate):
    out = tmp_path / "[/x]"
    code, text, err = evaluate("--model", "identity", "--dataset", dataset, "--out", out)
    assert (code, err) == (0, "")
    assert str(out) in text


def test_one_frame_is_not_frames(tmp_path, evaluate):
    blurry, sharp = pairs(5, length=5)
    for view, frames in (("Blur", blurry), ("Sharp", sharp)):
        folder = tmp_path / "[bold]set" / "test" / "000" / view / "RGB"
        folder.mkdir(parents=True)
        for index, frame in enumerate(frames):
            (folder / f"{index:08d}.png").write_bytes(encode_png(frame))
    code, text, err = evaluate(
        "--model", "identity", "--dataset", tmp_path / "[bold]set", "--out", tmp_path / "out"
    )
    assert (code, err) == (0, "")
    assert "1 frame of 1 sequence" in " ".join(text.split())
    assert "1 frames" not in text
    assert "[bold]set" in text


@pytest.mark.parametrize("view", ["Blur", "Sharp"])
def test_a_frame_that_was_replaced_is_refused(view, dataset, tmp_path, evaluate):
    path = dataset / "test" / "001" / view / "RGB" / "00000003.png"
    path.write_bytes(path.with_name("00000002.png").read_bytes())
    code, out, err = evaluate(
        "--model", "identity", "--dataset", dataset, "--out", tmp_path / "out"
    )
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert str(path) in err
    assert not (tmp_path / "out").exists()


def test_an_interrupt_leaves_nothing_half_written(dataset, tmp_path, evaluate, monkeypatch):
    calls = []

    def interrupted(frame, sharp):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 30.0, 0.9

    monkeypatch.setattr(judge, "fidelity", interrupted)
    code, _, err = evaluate(
        "--model",
        "identity",
        "--dataset",
        dataset,
        "--out",
        tmp_path / "out",
        "--keep-frames",
        "000:2",
    )
    assert (code, err) == (130, "error: interrupted\n")
    left = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert [p.name for p in left] == ["00000002.png"]
    assert read_png(left[0]).shape == (22, 27, 3)


def test_results_are_not_written_into_a_dataset(evaluate, dataset, tmp_path):
    code, _, said = evaluate(
        "--model", "identity", "--dataset", dataset, "--out", dataset / "deep" / "results"
    )
    assert code == 2
    assert f"lies in the dataset {dataset.resolve()}" in said
    assert not (dataset / "deep").exists()


def test_a_neighbour_called_work_is_no_dataset(evaluate, dataset, tmp_path):
    (tmp_path / ".work").mkdir()
    arguments = ("--model", "identity", "--dataset", dataset, "--out", tmp_path / "results")
    assert evaluate(*arguments)[0] == 0
    assert list((tmp_path / "results").glob("*.json"))
