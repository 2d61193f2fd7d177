"""Scenes from what clips show: chains, names, published scenes, and what would stand in two."""

from __future__ import annotations

import pytest

from dataset.build.scene_group import grouped_scenes

pytestmark = pytest.mark.unit


def same(*pairs: str) -> set[frozenset[str]]:
    """``ab`` says that clips a and b show the same."""
    return {frozenset(pair) for pair in pairs}


def test_a_chain_is_one_scene_with_the_name_of_its_first_clip() -> None:
    """A~c and b~c: all three are one, although a and b have nothing in common."""
    found = grouped_scenes("abcd", same("ac", "bc"), named={}, published={}, homes={})
    assert found.scenes == {"a": "a", "b": "a", "c": "a", "d": "d"}
    assert not found.conflicts


def test_a_name_joins_clips_and_what_shows_the_same() -> None:
    """What a person calls alike is one scene; its other views follow."""
    found = grouped_scenes(
        "abcd", same("bd"), named={"a": "street", "b": "street"}, published={}, homes={}
    )
    assert found.scenes == {"a": "street", "b": "street", "c": "c", "d": "street"}


def test_a_new_clip_joins_the_published_scene() -> None:
    """A published clip keeps its name; the new one takes it over."""
    found = grouped_scenes("pn", same("pn"), named={}, published={"p": "old"}, homes={"p": "test"})
    assert found.scenes == {"p": "old", "n": "old"}


def test_what_shows_two_splits_is_a_conflict() -> None:
    """A clip of a scene in train and of one in test can be in neither."""
    found = grouped_scenes(
        "pqn",
        same("pn", "qn"),
        named={},
        published={"p": "old", "q": "other"},
        homes={"p": "train", "q": "test"},
    )
    assert found.scenes == {"p": "old", "q": "other"}
    assert [(each.clip, dict(each.shown)) for each in found.conflicts] == [
        ("n", {"train": "p", "test": "q"})
    ]


def test_a_chain_between_two_splits_breaks_at_its_last_link() -> None:
    """A shows train, b shows test, and both show each other: the first that came stays."""
    found = grouped_scenes(
        "pqab",
        same("pa", "qb", "ab"),
        named={},
        published={"p": "p", "q": "q"},
        homes={"p": "train", "q": "test"},
    )
    assert found.scenes["a"] == "p"
    assert [each.clip for each in found.conflicts] == ["b"]


def test_published_scenes_of_two_splits_stay_as_they_are() -> None:
    """Even where they are found alike: what was published never moves."""
    found = grouped_scenes(
        "pq",
        same("pq"),
        named={},
        published={"p": "p", "q": "q"},
        homes={"p": "train", "q": "test"},
    )
    assert found.scenes == {"p": "p", "q": "q"}
    assert not found.conflicts
