"""Scenes to splits: shares, room, settings together, and nothing that moves."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsd.errors import UserMistake
from dataset.build.assignment import Candidate, Placed, place
from dataset.build.preset import PRESETS, Shape

pytestmark = pytest.mark.unit

BSD = PRESETS["bsd"].shape


def candidates(count: int, tree: str = "T", frames: int = 150) -> list[Candidate]:
    """Clips of one scene each, in the order of their recording."""
    return [
        Candidate(f"{tree}-{n:03d}", f"scene-{n:03d}", tree, frames, f"{n:05d}")
        for n in range(count)
    ]


def counts(placed: Placed, tree: str = "T") -> dict[str, int]:
    """Sequences of each split."""
    return dict(Counter(each.split for each in placed.of_tree(tree)))


def test_a_hundred_scenes_make_the_papers_table() -> None:
    """60/20/20, of 100, 100 and 150 frames: 11 000 pairs."""
    placed = place((), candidates(100), BSD)
    assert counts(placed) == {"train": 60, "valid": 20, "test": 20}
    assert sum(each.frames for each in placed.placements) == 11_000
    numbers = [each.sequence for each in placed.of_tree("T") if each.split == "test"]
    assert numbers == [f"{n:03d}" for n in range(20)]


def test_more_than_asked_for_is_not_built_and_named() -> None:
    """The shape is a limit; what has no room says which split was full."""
    placed = place((), candidates(103), BSD)
    assert counts(placed) == {"train": 60, "valid": 20, "test": 20}
    assert len(placed.without) == 3
    assert all("sequences already" in reason for reason in placed.without.values())


def test_the_preset_of_2020_has_no_valid_split() -> None:
    """18/6 of 50 frames."""
    placed = place((), candidates(24), PRESETS["bsd-2020"].shape)
    assert counts(placed) == {"train": 18, "test": 6}
    assert {each.frames for each in placed.placements} == {50}


@pytest.mark.parametrize("count", [3, 4, 5, 10])
def test_few_scenes_reach_every_split(count: int) -> None:
    """With three scenes or more no split is empty, and train has at least as many as any."""
    found = counts(place((), candidates(count), BSD))
    assert set(found) == {"train", "valid", "test"}
    assert found["train"] == max(found.values())


def test_a_scene_has_one_split_in_all_settings() -> None:
    """Thirty scenes recorded at three settings: each scene's split is the same in all trees."""
    trees = ("A", "B", "C")
    clips = [clip for tree in trees for clip in candidates(30, tree)]
    placed = place((), clips, BSD)
    homes: dict[str, set[str]] = {}
    for each in placed.placements:
        homes.setdefault(each.scene, set()).add(each.split)
    assert all(len(splits) == 1 for splits in homes.values())
    assert all(counts(placed, tree) == {"train": 18, "valid": 6, "test": 6} for tree in trees)


def test_long_scenes_go_to_the_test_split() -> None:
    """Of ten scenes two have 150 frames: both are tests, although they came last."""
    clips = candidates(8, frames=100) + [
        Candidate(f"long-{n}", f"long-{n}", "T", 150, f"9{n}") for n in range(2)
    ]
    placed = place((), clips, BSD)
    assert {each.scene for each in placed.of_tree("T") if each.split == "test"} == {
        "long-0",
        "long-1",
    }
    assert counts(placed) == {"train": 6, "valid": 2, "test": 2}


def test_what_is_published_never_moves() -> None:
    """Adding clips leaves every earlier place as it was, and numbers go on."""
    first = place((), candidates(10), BSD).placements
    later = place(first, candidates(25)[10:], BSD)
    assert later.placements[: len(first)] == first
    assert len({(each.split, each.sequence) for each in later.placements}) == 25
    assert later.splits("T").sequences[0].scene == "scene-000"


def test_a_known_scene_goes_to_its_split_again() -> None:
    """Another setting of a published test scene is a test there too."""
    first = place((), candidates(10), BSD)
    test = next(each for each in first.placements if each.split == "test")
    clip = Candidate("new", test.scene, "U", 150, "99999")
    assert place(first.placements, [clip], BSD).of_tree("U")[0].split == "test"


def test_a_choice_holds_and_cannot_move_what_is_published() -> None:
    """`--split` decides of new scenes only."""
    placed = place((), candidates(3), BSD, {"scene-000": "test"})
    assert placed.placements[0].split == "test"
    with pytest.raises(UserMistake, match="published in test and never moves"):
        place(placed.placements, [], BSD, {"scene-000": "train"})
    with pytest.raises(UserMistake, match="no such scene"):
        place((), candidates(1), BSD, {"elsewhere": "train"})


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(0, 40))
def test_any_order_of_growth_keeps_places_and_never_splits_a_scene(
    scenes: list[int], cut: int
) -> None:
    """Random scenes, built in two steps."""
    clips = [
        Candidate(f"c{n}", f"s{scene}", "T", 100, f"{n:03d}") for n, scene in enumerate(scenes)
    ]
    shape = Shape.model_validate(
        {split: {"sequences": 6, "frames": 100} for split in ("train", "valid", "test")}
    )
    first = place((), clips[:cut], shape)
    second = place(first.placements, clips[cut:], shape)
    assert second.placements[: len(first.placements)] == first.placements
    homes = {each.scene: each.split for each in second.placements}
    assert all(homes[each.scene] == each.split for each in second.placements)
    assert len(second.placements) + len(second.without) + len(first.without) == len(clips)
    assert second.splits("T").sequences is not None
