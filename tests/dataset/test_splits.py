"""Splits: by scene, by the largest remainder, append-only."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsd.errors import UserMistake
from dataset.splits import Assignment, Splits, assign

pytestmark = pytest.mark.unit


def scenes_per_split(splits):
    return Counter(split for split, _ in {(i.split, i.scene) for i in splits.sequences})


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, (1, 0, 0)),
        (2, (1, 0, 1)),
        (3, (1, 1, 1)),
        (4, (2, 1, 1)),
        (5, (3, 1, 1)),
        (7, (4, 1, 2)),
        (100, (60, 20, 20)),
    ],
)
def test_equal_scenes_follow_the_largest_remainder(count, expected):
    found = scenes_per_split(assign(None, [(f"s{i:03d}", 1) for i in range(count)]))
    assert tuple(found[split] for split in ("train", "valid", "test")) == expected


def test_order_of_the_inputs_does_not_matter_and_numbers_run_on():
    scenes = [(f"s{i}", 2) for i in range(6)]
    splits = assign(None, scenes)
    assert splits == assign(None, scenes[::-1])
    for split in ("train", "valid", "test"):
        names = [item.sequence for item in splits.sequences if item.split == split]
        assert names == [f"{number:03d}" for number in range(len(names))]


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=12),
    st.lists(st.integers(1, 5), max_size=8),
)
def test_extending_moves_nothing_and_keeps_scenes_whole(first, more):
    before = assign(None, [(f"a{i:02d}", n) for i, n in enumerate(first)])
    scenes = [(f"a{i:02d}", n + i % 2) for i, n in enumerate(first)]
    after = assign(before, scenes + [(f"b{i:02d}", n) for i, n in enumerate(more)])
    assert set(before.sequences) <= set(after.sequences)
    homes = {}
    for item in after.sequences:
        assert homes.setdefault(item.scene, item.split) == item.split
    assert len(after.sequences) == sum(n for _, n in scenes) + sum(more)


def test_more_than_999_sequences_sort_by_number():
    splits = assign(None, [("s", 1002)], only="train")
    assert [item.sequence for item in splits.sequences[-3:]] == ["999", "1000", "1001"]


def test_only_and_chosen_decide():
    splits = assign(None, [("a", 1), ("b", 1), ("c", 1)], chosen={"a": "test"})
    assert splits.of_scene("a")[0].split == "test"
    assert {i.split for i in assign(None, [("a", 1), ("b", 1)], only="valid").sequences} == {
        "valid"
    }
    with pytest.raises(UserMistake, match="scene 'a': is in test already"):
        assign(splits, [("a", 1)], chosen={"a": "train"})
    with pytest.raises(UserMistake, match="scene 'x', which is not among: a"):
        assign(None, [("a", 1)], chosen={"x": "train"})


@pytest.mark.parametrize("ratio", [(0, 0, 0), (-1, 1, 1)])
def test_impossible_ratios_are_refused(ratio):
    with pytest.raises(UserMistake, match="split ratio"):
        assign(None, [("a", 1)], ratio)


def test_two_recordings_of_one_name_are_refused():
    with pytest.raises(UserMistake, match="scene 'a': named twice"):
        assign(None, [("a", 1), ("a", 2)])


def test_a_scene_in_two_splits_is_refused_when_read():
    items = [
        Assignment(split="train", sequence="000", scene="a"),
        Assignment(split="test", sequence="000", scene="a"),
    ]
    fields = Splits().model_dump() | {"sequences": [item.model_dump() for item in items]}
    with pytest.raises(UserMistake, match=r"splits\.json: .*scene 'a' is in both train and test"):
        Splits.from_fields(fields, "splits.json")
