"""What a build is asked for: file, options, assignments, presets, rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bsd.errors import UserMistake
from dataset.build.balance import LightSum
from dataset.build.config import BuildConfig
from dataset.build.preset import PRESETS
from dataset.build.request import parse_scenes, parse_splits
from dataset.build.table import asked_row, built_tree, plain_table, row_of, shortfall

pytestmark = pytest.mark.unit


def test_options_go_before_the_file_and_assignments_before_options(tmp_path: Path) -> None:
    """One order, and every field reachable."""
    path = tmp_path / "build.yaml"
    path.write_text("format_version: 1\nscale: 0.5\nsize: [320, 240]\ndemosaic: menon\n")
    config = BuildConfig.of(
        path, size="640x480", formats="raw", assignments=["gates.alignment_px=0.3", "scale=0.75"]
    )
    assert (config.frame_size, config.scale, config.demosaic) == ((640, 480), 0.75, "menon")
    assert config.formats == ("rgb", "raw")
    assert config.gates.alignment_px == 0.3
    assert BuildConfig.of(None).frame_size == (640, 480)
    assert BuildConfig.of(None, preset="bsd-2020").frame_size == (1280, 720)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"size": "640"}, "--size 640"),
        ({"size": "641x480"}, "--size"),
        ({"preset": "gopro"}, "there are bsd, bsd-2020"),
        ({"formats": "rgb,jpeg"}, "'jpeg' is none of"),
        ({"assignments": ["gates.alignment=1"]}, "unknown field 'alignment'"),
        ({"assignments": ["scale=2"]}, "field 'scale'"),
    ],
)
def test_what_does_not_fit_is_named(options: dict[str, object], text: str) -> None:
    """One line with the option in it."""
    with pytest.raises(UserMistake, match=text):
        BuildConfig.of(None, **options)  # type: ignore[arg-type]


def test_trees_of_two_data_sets_never_share_a_name() -> None:
    """BSD at another rate, and the one of 2020, say so in their names."""
    bsd, old = PRESETS["bsd"], PRESETS["bsd-2020"]
    names = {
        bsd.tree_name("2ms16ms", "15"),
        bsd.tree_name("2ms16ms", "30000/1001"),
        old.tree_name("2ms16ms", "15"),
        old.tree_name("2ms16ms", "30"),
    }
    assert names == {
        "BSD_2ms16ms",
        "BSD_2ms16ms_29.97fps",
        "BSD2020_2ms16ms_15fps",
        "BSD2020_2ms16ms_30fps",
    }


def test_presets_are_those_of_the_papers() -> None:
    """Zhong et al. 2022: 11 000 pairs a setting; 2020: 24 × 50 at each rate."""
    assert PRESETS["bsd"].shape.pairs == 11_000
    assert PRESETS["bsd-2020"].shape.sequences * 50 == PRESETS["bsd-2020"].shape.pairs == 1200


def test_rules_are_read_or_refused() -> None:
    """``SCENE=SPLIT`` and ``CLIP=NAME``."""
    assert parse_splits(["a/clip-001=test", "b=c=train"]) == {"a/clip-001": "test", "b=c": "train"}
    assert parse_scenes(["s/clip-001=old street"]) == {"s/clip-001": "old street"}
    for rule in ("test", "a=best", "=test"):
        with pytest.raises(UserMistake, match="write SCENE=SPLIT"):
            parse_splits([rule])
    with pytest.raises(UserMistake, match="was given as test too"):
        parse_splits(["a=test", "a=train"])
    with pytest.raises(UserMistake, match="write CLIP=NAME"):
        parse_scenes(["a="])


def test_table_one_tells_counts_and_what_is_short() -> None:
    """Lengths of one split may differ; what lacks is said."""
    tree = built_tree("BSD_2ms16ms", "2ms16ms", 15.0, (640, 480), [
        ("train", 100), ("train", 40), ("test", 150),
    ])  # fmt: skip
    row = row_of(tree)
    assert row == ("2ms16ms", "15", "640 × 480", "2 × 40…100", "–", "1 × 150", "3", "290")
    shape = PRESETS["bsd"].shape
    assert shortfall(shape, tree) == (
        "BSD_2ms16ms: train has 2 of 60 sequences",
        "BSD_2ms16ms: train has sequences of 40 of 100 frames",
        "BSD_2ms16ms: valid has 0 of 20 sequences",
        "BSD_2ms16ms: test has 1 of 20 sequences",
    )
    lines = plain_table([row, asked_row(PRESETS["bsd"], shape, (224, 160))]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "224 × 160" in lines[-1]
    assert "60 × 100" in lines[-1]
    assert "11000" in lines[-1]


def test_white_balance_finds_the_colour_of_the_light() -> None:
    """Grey detail in coloured light, with a saturated part that does not count."""
    rng = np.random.default_rng(3)
    light = np.array([1.5, 1.0, 0.6])
    picture = (rng.uniform(0.05, 0.5, (60, 80, 1)) * light * 1000).astype(np.float32)
    saturated = np.zeros((60, 80), dtype=np.bool_)
    picture[:30], saturated[:30] = 4000.0, True
    sums = LightSum()
    sums.add(picture, saturated, np.full(3, 4000.0))
    assert sums.gains() == pytest.approx((1 / 1.5, 1.0, 1 / 0.6), abs=2e-4)
    assert LightSum().gains() == (1.0, 1.0, 1.0)
