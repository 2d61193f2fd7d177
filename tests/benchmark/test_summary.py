from pathlib import Path
from statistics import fmean, stdev

import pytest
from scipy import stats

from benchmark.result import FrameScore, Result, SeedScore, SequenceScore
from benchmark.summary import by_frame_number, summarise, summarise_patches

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden" / "result-v1.json"


def scores(values, ssim=0.5):
    return tuple(FrameScore(index=2 + i, psnr_db=v, ssim=ssim) for i, v in enumerate(values))


def sequence(name, model, identity, scene=None):
    return SequenceScore(
        name=name, scene=scene, length=40, frames=scores(model, 0.75), identity=scores(identity)
    )


def test_table_of_sequences_of_several_lengths():
    summary = summarise(
        [
            sequence("000", [30.0, 31.0, 32.0], [29.0, 29.0, 29.0]),
            sequence("001", [20.0], [21.0]),
            sequence("002", [25.0, 26.0], [22.0, 23.0]),
        ]
    )
    assert summary.model.frame_psnr_db == pytest.approx((93 + 20 + 51) / 6)
    assert summary.model.sequence_psnr_db == pytest.approx((31 + 20 + 25.5) / 3)
    assert summary.identity.frame_psnr_db == pytest.approx((87 + 21 + 45) / 6)
    t, bootstrap = summary.difference.psnr_db
    gains = [2.0, -1.0, 3.0]
    half = stats.t.ppf(0.975, 2) * stdev(gains) / 3**0.5
    assert (t.method, t.n, t.unit) == ("t", 3, "sequence")
    assert (t.low, t.mean, t.high) == pytest.approx(
        (fmean(gains) - half, fmean(gains), fmean(gains) + half)
    )
    assert bootstrap.method == "bootstrap"
    assert -1 <= bootstrap.low < fmean(gains) < bootstrap.high <= 3
    assert summary.difference.better == 2
    assert summary.difference.ssim[0].mean == pytest.approx(0.25)


def test_sequences_of_one_scene_are_one_recording():
    summary = summarise(
        [
            sequence("000", [30.0], [29.0], "street"),
            sequence("001", [33.0], [29.0], "street"),
            sequence("002", [20.0], [21.0], "tree"),
        ]
    )
    gain = summary.difference.psnr_db[0]
    assert (gain.n, gain.unit, gain.mean) == (2, "recording", pytest.approx((2.5 - 1) / 2))
    assert summary.model.psnr_db[0].mean == pytest.approx((31.5 + 20) / 2)
    assert summary.model.sequence_psnr_db == pytest.approx(83 / 3)
    assert summary.difference.better == 1


def test_one_sequence_has_no_interval():
    gain = summarise([sequence("000", [30.0], [29.0])]).difference.psnr_db[0]
    assert (gain.mean, gain.low, gain.high, gain.n) == (1.0, None, None, 1)


def test_curve_against_frame_number_counts_the_sequences_at_each_frame():
    golden = Result.read(GOLDEN)
    points = by_frame_number(golden)
    assert [(p.index, p.interval.n) for p in points] == [(i, 2) for i in range(5)] + [(5, 1)]
    assert points[3].interval.mean == pytest.approx((30.75 + 33.75) / 2)
    bare = golden.model_copy(
        update={
            "sequences": tuple(
                s.model_copy(update={"all_frames": (), "all_identity": ()})
                for s in golden.sequences
            )
        }
    )
    points = by_frame_number(bare, "difference")
    assert [(p.index, p.interval.n) for p in points] == [(2, 2), (3, 1)]
    assert points[0].interval.mean == pytest.approx((2.0 + 68.5) / 2)
    assert by_frame_number(bare, "identity", "ssim")[1].interval.mean == pytest.approx(0.86)


def test_spread_over_seeds():
    seeds = [
        SeedScore(seed=i, psnr_db=p, ssim=0.5, identity_psnr_db=20.0, identity_ssim=0.4)
        for i, p in enumerate([30.0, 31.0, 32.0])
    ]
    patches = summarise_patches(256, seeds)
    assert (patches.psnr_db.mean, patches.psnr_db.deviation) == (31.0, 1.0)
    assert (patches.identity_psnr_db.mean, patches.identity_psnr_db.deviation) == (20.0, 0.0)
