import pytest

from bsd.phrase import counted, times

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 frames"), (1, "1 frame"), (2, "2 frames"), (2920, "2920 frames")],
)
def test_a_noun_agrees_with_its_number(number: int, expected: str) -> None:
    assert counted(number, "frame") == expected


def test_once_is_not_one_times() -> None:
    assert [times(number) for number in (0, 1, 2)] == ["0 times", "once", "2 times"]
