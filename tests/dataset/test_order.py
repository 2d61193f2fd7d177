"""Numbered names: by value, and no gap goes unnoticed."""

from pathlib import Path

import pytest

from dataset.order import first_gap, natural

pytestmark = pytest.mark.unit


def ordered(*names):
    return sorted(map(Path, names), key=natural)


def test_numbers_count_by_their_value():
    assert [path.name for path in ordered("a10", "a9", "b1", "a09", "a", "2", "²")] == [
        "2", "a", "a09", "a9", "a10", "b1", "²",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "gap"),
    [
        (["0.png", "1.png", "2.png", "7.png", "8.png"], ("2.png", "7.png", 3, 4)),
        (["clip2_0007.png", "clip2_0009.png"], ("clip2_0007.png", "clip2_0009.png", 8, 1)),
        (["f1.png", "f01.png"], ("f01.png", "f1.png", 2, -1)),
        (["f1.png", "f1.jpg"], ("f1.jpg", "f1.png", 2, -1)),
    ],
)
def test_a_gap_in_running_numbers_is_found(names, gap):
    found = first_gap(ordered(*names))
    if gap[3] < 0:
        assert found is None  # one number in all names: it does not run
        found = first_gap(ordered(*names, names[0].replace("1", "2")))
    assert (found.before.name, found.after.name, *found[2:]) == gap


@pytest.mark.parametrize(
    "names",
    [
        ["9.png", "10.png", "11.png"],
        ["left.png", "right.png"],
        ["a1.png", "b7.png"],
        ["12-59-58.png", "13-00-01.png"],
        ["5.png"],
        [],
    ],
)
def test_whole_runs_and_names_that_do_not_tell_have_no_gap(names):
    assert first_gap(ordered(*names)) is None
