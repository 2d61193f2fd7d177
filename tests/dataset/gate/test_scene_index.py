"""The index names every pair that the full comparison joins, and few others."""

import itertools

import numpy as np
import pytest

from dataset.build.matching import VERDICTS_NAME, Look, matched
from dataset.gate.limits import GateLimits
from dataset.gate.scene import Signature, overlap, signature
from dataset.gate.scene_index import candidates
from tests.dataset.gate.test_scene import LIMITS, NAMES, seen

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def looks():
    """Two views of each photograph."""
    made = []
    for place, name in enumerate(NAMES):
        for view, fields in enumerate(({}, {"turn_deg": 9.0, "zoom": 1.2, "light": 0.3})):
            frame = seen(name, seed=10 * place + view, **fields)
            made.append(Look(f"{name}-{view}", (signature(frame),)))
    return made


def test_every_pair_that_overlaps_is_named_and_hardly_another(looks):
    named = candidates([look.signatures for look in looks])
    pairs = list(itertools.combinations(range(len(looks)), 2))
    same = {
        (b, a)
        for a, b in pairs
        if overlap(looks[b].signatures[0], looks[a].signatures[0]).matches >= LIMITS.overlap_matches
    }
    assert len(same) == len(NAMES)
    assert same <= set(named)
    assert len(set(named) - same) <= 0.02 * len(pairs)


def test_known_clips_are_not_compared_with_each_other(looks):
    named = candidates([look.signatures for look in looks], since=len(looks) - 1)
    assert set(named) == {(len(looks) - 1, len(looks) - 2)}


def test_a_wall_has_no_partner():
    none = Signature(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8))
    assert candidates([[none], [none], []]) == {}


def test_verdicts_are_remembered_by_what_is_seen(looks, tmp_path, monkeypatch):
    some = looks[:4]
    first = matched((), some, LIMITS, 1, tmp_path)
    joined = {each.clips for each in first if each.matches >= LIMITS.overlap_matches}
    assert joined == {frozenset((some[a].clip, some[a + 1].clip)) for a in (0, 2)}
    assert (tmp_path / VERDICTS_NAME).is_file()

    def refuse(*_):
        raise AssertionError("compared again")

    monkeypatch.setattr("dataset.build.matching.overlap", refuse)
    assert matched((), some, LIMITS, 1, tmp_path) == first
    with pytest.raises(AssertionError, match="again"):  # another limit stops elsewhere
        matched((), some, GateLimits(overlap_matches=30), 1, tmp_path)
