import json
import math
import tracemalloc

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmark import protocol, restoration
from benchmark.candidate import Candidate
from benchmark.judge import Keep, fidelity
from benchmark.protocol import PatchRule
from benchmark.scoring import evaluate, frames_to_score
from bsd.errors import UserMistake
from dataset.png import encode_png, read_png
from dataset.tree import Tree
from models.registry import create

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def candidate(past=2, future=2, seed=3):
    torch.manual_seed(seed)
    config = {"blocks": 1, "channels": 5, "past": past, "future": future, "skip": "centre"}
    return Candidate.of_module(create("estrnn", config), "estrnn", config)


def write_sequence(root, name, blurry, sharp, split="test"):
    """A sequence of the plain tree as BSD is published."""
    for kind, frames in (("Blur", blurry), ("Sharp", sharp)):
        folder = root / split / name / kind / "RGB"
        folder.mkdir(parents=True)
        for index, frame in enumerate(frames):
            (folder / f"{index:08d}.png").write_bytes(encode_png(frame))


def pair(length, height=22, width=27, seed=5):
    generator = np.random.default_rng(seed)
    sharp = generator.integers(40, 216, (length, height, width, 3), dtype=np.uint8)
    error = generator.normal(0, 12, sharp.shape)
    return np.clip(np.rint(sharp + error), 0, 255).astype(np.uint8), sharp


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "tiny"
    write_sequence(root, "000", *pair(9, seed=1))
    write_sequence(root, "001", *pair(6, seed=2))
    return root


def forward(model, frames):
    """The whole sequence at once: (T, H, W, 3) uint8 to (T - 4, H, W, 3) in [-0.5, 0.5]."""
    height, width = frames.shape[1:3]
    edges = ((0, 0), (0, -height % 4), (0, -width % 4), (0, 0))
    planes = np.pad(frames, edges, mode="reflect").astype(np.float32)
    planes = ((planes - np.float32(127.5)) / np.float32(255)).transpose(0, 3, 1, 2)
    with torch.no_grad():
        output = model(torch.from_numpy(np.ascontiguousarray(planes))[None])[0].numpy()
    return output.transpose(0, 2, 3, 1)[:, :height, :width]


def reference_scores(root, model, name):
    """VDB-1's primary mode, slowly: OpenCV reads, the whole sequence at once, scikit-image."""
    rgb = {
        kind: [
            cv2.imread(str(p))[..., ::-1]
            for p in sorted((root / "test" / name / kind / "RGB").iterdir())
        ]
        for kind in ("Blur", "Sharp")
    }
    output = forward(model, np.stack(rgb["Blur"]))
    unit = np.clip(output + np.float32(0.5), 0, 1)
    rounded = np.floor(unit * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    rows = []
    for index in range(2, len(rgb["Blur"]) - 2):
        sharp = rgb["Sharp"][index]
        row = [index]
        for frame in (rounded[index - 2], rgb["Blur"][index]):
            row.append(peak_signal_noise_ratio(sharp, frame, data_range=255))
            row.append(
                structural_similarity(
                    sharp,
                    frame,
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                    data_range=255,
                    channel_axis=-1,
                )
            )
        rows.append(row)
    return np.array(rows)


def test_primary_mode_equals_a_slow_reference(root):
    ours = candidate()
    result = evaluate(ours, Tree.open(root))
    everything = []
    for sequence in result.sequences:
        expected = reference_scores(root, ours.model, sequence.name)
        pairs = zip(sequence.frames, sequence.identity, strict=True)
        got = [[f.index, f.psnr_db, f.ssim, i.psnr_db, i.ssim] for f, i in pairs]
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
        everything.append(expected)
    assert [len(rows) for rows in everything] == [5, 2]
    table, pooled = result.summary, np.concatenate(everything)
    assert table.model.frame_psnr_db == pytest.approx(pooled[:, 1].mean(), abs=1e-9)
    assert table.identity.frame_ssim == pytest.approx(pooled[:, 4].mean(), abs=1e-9)
    means = np.array([rows.mean(axis=0) for rows in everything])
    assert table.model.sequence_ssim == pytest.approx(means[:, 2].mean(), abs=1e-9)
    gain = (means[:, 1] - means[:, 3]).mean()
    assert table.difference.psnr_db[0].mean == pytest.approx(gain, abs=1e-9)
    assert (result.boundary_rule, result.quantise, result.all_frames_rule) == (
        "none",
        "round",
        None,
    )


def test_identity_of_a_known_offset_has_its_closed_form(tmp_path):
    sharp = np.full((6, 16, 16, 3), 100, np.uint8)
    write_sequence(tmp_path, "000", sharp + np.uint8(3), sharp)
    write_sequence(tmp_path, "001", sharp, sharp)
    result = evaluate(Candidate.identity(), Tree.open(tmp_path))
    c1 = (0.01 * 255) ** 2
    for frame in result.sequences[0].frames:
        assert frame.psnr_db == pytest.approx(20 * math.log10(255 / 3), abs=1e-12)
        ssim = (2 * 100 * 103 + c1) / (100**2 + 103**2 + c1)
        assert frame.ssim == pytest.approx(ssim, abs=1e-12)
    assert {(f.psnr_db, f.ssim) for f in result.sequences[1].frames} == {(100.0, 1.0)}
    assert result.summary.difference.psnr_db[0].mean == 0
    assert result.sequences[0].identity == result.sequences[0].frames
    assert (result.checkpoint_sha256, result.seed, result.model.name) == (None, None, "identity")


def test_all_frames_are_a_run_of_their_own_with_copies(root):
    ours = candidate()
    result = evaluate(ours, Tree.open(root), all_frames=True)
    sequence = result.sequences[1]
    blurry, sharp = pair(6, seed=2)
    padded = np.concatenate([blurry[:1]] * 2 + [blurry] + [blurry[-1:]] * 2)
    for index, frame in restoration.restore(ours.model, padded):
        score = sequence.all_frames[index - 2]
        assert score.index == index - 2
        assert score.psnr_db == fidelity(frame, sharp[index - 2])[0]
    assert len(sequence.all_frames) == len(sequence.all_identity) == 6
    assert result.all_frames_rule == "replicate"
    assert sequence.all_identity[2:4] == sequence.identity
    assert result.sequences[0].frames == evaluate(ours, Tree.open(root)).sequences[0].frames
    assert result.all_frames_summary.model.frame_psnr_db == pytest.approx(
        np.mean([f.psnr_db for s in result.sequences for f in s.all_frames])
    )


def test_a_model_that_needs_more_context_says_so(root):
    result = evaluate(candidate(3, 4), Tree.open(root))
    assert (result.boundary_rule, result.replicated_before, result.replicated_after) == (
        "replicate",
        1,
        2,
    )
    assert [f.index for f in result.sequences[1].frames] == [2, 3]


def test_windows_score_146_of_150_frames_and_truncate(tmp_path):
    blurry, sharp = pair(150, 16, 16)
    write_sequence(tmp_path, "000", blurry, sharp)
    ours = candidate()
    result = evaluate(ours, Tree.open(tmp_path), mode="legacy-window")
    frames = result.sequences[0].frames
    assert [f.index for f in frames] == list(range(2, 148))
    assert (result.test_set.frames, result.quantise, result.boundary_rule) == (
        146,
        "truncate",
        "none",
    )
    restored = dict(restoration.restore_windows(ours.model, blurry.__getitem__, 150))
    expected = [fidelity(restored[f.index], sharp[f.index]) for f in frames]
    assert [(f.psnr_db, f.ssim) for f in frames] == expected


def test_truncation_costs_what_theory_says(tmp_path):
    """It shifts the mean by half a code value: the squared error grows by 1/4, at any content."""
    ours = candidate()
    blurry = pair(20, 64, 64)[0]
    values = forward(ours.model, blurry) * 255 + 127.5
    error = np.random.default_rng(8).normal(0, 7.2, values.shape)
    for name, signed in (("000", error), ("001", -error)):  # what is odd in the error cancels out
        sharp = blurry.copy()
        sharp[2:18] = np.clip(np.rint(values + signed), 0, 255)
        write_sequence(tmp_path, name, blurry, sharp)
    rounded = evaluate(ours, Tree.open(tmp_path)).summary.model.frame_psnr_db
    truncated = evaluate(ours, Tree.open(tmp_path), mode="legacy-window").summary.model
    assert rounded == pytest.approx(31, abs=0.1)
    expected_db = 10 * math.log10(1 + 0.25 / (7.2**2 + 2 / 12))
    assert rounded - truncated.frame_psnr_db == pytest.approx(expected_db, abs=0.001)


def test_patches_are_those_of_the_seeds(tmp_path):
    blurry, sharp = pair(7, 20, 26)
    write_sequence(tmp_path, "000", *pair(5, 20, 26, seed=9))
    write_sequence(tmp_path, "001", blurry, sharp)
    rule = PatchRule(patch_px=16, seeds=20)
    result = evaluate(Candidate.identity(), Tree.open(tmp_path), mode="legacy-patch", patches=rule)
    values = []
    for seed in range(20):
        row, column = protocol.patch_corner(seed, 1, 4, 20, 26, 16)
        window = (4, slice(row, row + 16), slice(column, column + 16))
        values.append(peak_signal_noise_ratio(sharp[window], blurry[window], data_range=255))
    frame = result.sequences[1].frames[2]
    assert (frame.index, frame.psnr_db) == (4, pytest.approx(np.mean(values), abs=1e-9))
    seeds = [seed.psnr_db for seed in result.patches.seeds]
    assert result.patches.psnr_db.mean == pytest.approx(np.mean(seeds))
    assert result.patches.psnr_db.deviation == pytest.approx(np.std(seeds, ddof=1))
    assert 0 < result.patches.psnr_db.deviation < 1
    assert result.summary.model.frame_psnr_db == pytest.approx(np.mean(seeds))
    assert result.patches.patch_px == 16


def test_the_same_bits_with_any_number_of_threads(root):
    texts = {
        evaluate(candidate(), Tree.open(root), threads=threads).to_json() for threads in (1, 3)
    }
    assert len(texts) == 1


def test_progress_counts_what_was_announced(root):
    steps = []
    evaluate(candidate(), Tree.open(root), all_frames=True, advance=steps.append)
    total = frames_to_score(candidate(), Tree.open(root), "test", "primary", all_frames=True)
    assert sum(steps) == total == 7 + 15


def test_kept_frames_are_the_restored_ones(root, tmp_path):
    ours, keep = candidate(), Keep(tmp_path / "kept", frozenset({("000", 4), ("001", 3)}))
    evaluate(ours, Tree.open(root), keep=keep)
    restored = dict(restoration.restore(ours.model, pair(9, seed=1)[0]))
    np.testing.assert_array_equal(read_png(tmp_path / "kept/000/00000004.png"), restored[4])
    assert len(list((tmp_path / "kept").rglob("*.*"))) == 2


def test_memory_does_not_grow_with_the_sequence(tmp_path):
    blurry, sharp = pair(1, 96, 96)
    write_sequence(tmp_path, "000", [blurry[0]] * 200, [sharp[0]] * 200)
    tree = Tree.open(tmp_path)
    evaluate(Candidate.identity(), tree)  # everything loaded and compiled
    tracemalloc.start()
    evaluate(Candidate.identity(), tree, threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * blurry.nbytes


def test_a_truncated_frame_is_named(root):
    for kind in ("Sharp", "Blur"):
        path = root / "test/001" / kind / "RGB/00000003.png"
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UserMistake, match=f"test/001/{kind}/RGB/00000003.png"):
            evaluate(candidate(), Tree.open(root))
        path.write_bytes(whole)


def test_a_frame_of_another_size_is_named(root):
    for kind in ("Sharp", "Blur"):
        path = root / "test/000" / kind / "RGB/00000005.png"
        whole = path.read_bytes()
        path.write_bytes(encode_png(np.zeros((22, 28, 3), np.uint8)))
        with pytest.raises(UserMistake, match=f"000/{kind}/RGB/00000005.png: 28x22 px, .* 27x22"):
            evaluate(candidate(), Tree.open(root))
        path.write_bytes(whole)


def test_sequences_of_two_sizes_are_refused(root):
    write_sequence(root, "002", *pair(6, 24, 24))
    with pytest.raises(UserMistake, match="24x24 px, sequence 000 has 27x22; a test set has one"):
        evaluate(candidate(), Tree.open(root))


def test_what_a_mode_cannot_score_is_refused_before_anything_is_restored(root, monkeypatch):
    monkeypatch.setattr(restoration, "restore", lambda *_: pytest.fail("restored something"))
    tree = Tree.open(root)
    cases = [
        ({"mode": "legacy-window"}, "test/000/Blur/RGB: 9 frames; mode legacy-window"),
        (
            {"mode": "legacy-patch"},
            "27x22 px are smaller than a patch of 256 px; give --patch-px 22",
        ),
        ({"mode": "legacy-patch", "patches": PatchRule(16, 19)}, "19 seeds .* at least 20"),
        ({"patches": PatchRule()}, "patches belong to mode legacy-patch"),
        ({"mode": "legacy-window", "all_frames": True}, "in mode primary only"),
        ({"split": "valid"}, "no sequence in split 'valid'; it has test"),
        ({"split": "tests"}, "no split is called 'tests'; choose train, valid, test"),
    ]
    for options, words in cases:
        with pytest.raises(UserMistake, match=words):
            evaluate(candidate(), tree, **options)
    for name, frame, words in (("000", 7, "frames 2 to 6 of it"), ("009", 2, "no sequence '009'")):
        with pytest.raises(UserMistake, match=words):
            evaluate(candidate(), tree, keep=Keep(root, frozenset({(name, frame)})))
    write_sequence(root, "002", *pair(4))
    with pytest.raises(UserMistake, match="test/002/Blur/RGB: 4 frames; the primary set"):
        evaluate(candidate(), Tree.open(root))


def test_diverged_weights_are_named(root):
    ours = candidate()
    with torch.no_grad():
        next(ours.model.parameters()).fill_(float("nan"))
    with pytest.raises(UserMistake, match=r"000/Blur/RGB: .* diverged"):
        evaluate(ours, Tree.open(root))


def test_a_result_is_readable_json_without_nan(root):
    fields = json.loads(
        evaluate(candidate(), Tree.open(root)).to_json(), parse_constant=pytest.fail
    )
    assert fields["test_set"]["identity"] == Tree.open(root).identity
    assert fields["model"]["parameters"] == sum(p.numel() for p in candidate().model.parameters())
