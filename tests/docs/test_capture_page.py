"""The page on capture has a word for each verdict that a ledger can give, and no other."""

import re
from pathlib import Path
from typing import get_args

import pytest

from acquisition.clip.document import ClipVerdict
from acquisition.ledger.record import Policy
from acquisition.ledger.row import Verdict

pytestmark = pytest.mark.unit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanations" / "capture.md"


def _first_cells(heading: str) -> list[str]:
    table = PAGE.read_text().split(heading)[1].split("\n\n")[0]
    return re.findall(r"^\| ([a-z -]+) \|", table, re.MULTILINE)


def test_every_verdict_of_the_ledger_is_explained() -> None:
    words = _first_cells("| word | means |")
    assert len(words) == len(set(words))
    assert set(words) == {verdict.name.lower().replace("_", " ") for verdict in Verdict}


def test_every_fate_of_a_clip_is_explained() -> None:
    assert _first_cells("| a clip is | when |") == list(get_args(ClipVerdict))


def test_every_policy_is_named() -> None:
    words = PAGE.read_text()
    assert all(f"`{policy}`" in words for policy in get_args(Policy))
