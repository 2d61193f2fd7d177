"""Which clips may show one scene: points of all clips in tables, those that fall together vote.

Descriptors that differ in few of their 256 bits agree in some 24 of them: each table sorts all
points by three bytes of their descriptors (multi-index hashing, Norouzi et al., CVPR 2012). What
falls into one place and differs in no more than 32 bits is one vote. Clips with few votes share no
scene and need not be compared; the work grows with the clips, not with their pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dataset.gate.scene import Signature

_TABLES: Final = 64
_BYTES: Final = 3
_NEIGHBOURS: Final = 8  # in one place of a table: bounds the work where many clips are alike
_NEAR_BITS: Final = 32  # points of one place; by chance one pair of views in a hundred has 3
_LEAST_VOTES: Final = 12
"""Views with 20 points that agree on one motion have 50 and more."""

_MOST_PAIRS: Final = 2
_SEED: Final = 20201
_INDEX_BITS: Final = 24
_CLIP_BITS: Final = 16

Codes = NDArray[np.uint64]
Candidates = dict[tuple[int, int], tuple[tuple[int, int], ...]]
"""(clip, earlier clip) → numbers of their signatures, those with the most votes first."""


def candidates(clips: Sequence[Sequence[Signature]], since: int = 0) -> Candidates:
    """Pairs of clips that are to be compared, and by which of their signatures.

    Parameters
    ----------
    clips
        Signatures of each clip.
    since
        Clips before this one are not compared with each other.

    Raises
    ------
    ValueError
        There are more than 65 536 clips.
    """
    if len(clips) > 1 << _CLIP_BITS:
        raise ValueError(f"{len(clips)} clips: at most {1 << _CLIP_BITS} can be compared")
    points = _Points(clips)
    if not len(points.words):
        return {}
    generator = np.random.default_rng(_SEED)
    found = [points.together(generator, since) for _ in range(_TABLES)]
    return points.voted(np.unique(np.concatenate(found)))


class _Points:
    """The points of all clips: descriptor, signature and clip of each."""

    def __init__(self, clips: Sequence[Sequence[Signature]]) -> None:
        every = [
            (clip, at, own[at]) for clip, own in enumerate(clips) for at in _looked_at(len(own))
        ]
        count = sum(len(each.points) for _, _, each in every)
        step = -(-count // (1 << _INDEX_BITS)) or 1
        parts = [each.descriptors[::step] for _, _, each in every]
        sizes = [len(each) for each in parts]
        whole = np.concatenate([np.zeros((0, 32), np.uint8), *parts])
        self._bytes: NDArray[np.uint8] = np.ascontiguousarray(whole)
        self.words: Codes = self._bytes.view(np.uint64)
        self._signatures = [(clip, at) for clip, at, _ in every]
        self._signature = np.repeat(np.arange(len(every)), sizes)
        self._clip = np.repeat(np.array([clip for clip, _, _ in every], dtype=np.int64), sizes)
        self._clips = len(clips)

    def together(self, generator: np.random.Generator, since: int) -> NDArray[np.int64]:
        """(n,) points that one table brings together: one of the later clip × all + the other."""
        chosen = generator.choice(self._bytes.shape[1], _BYTES, replace=False)
        rank = generator.permutation(self._clips).astype(np.uint64)
        key = np.zeros(len(self.words), dtype=np.uint64)
        for column in chosen:
            key = key << np.uint64(8) | self._bytes[:, column].astype(np.uint64)
        key = key << np.uint64(_CLIP_BITS) | rank[self._clip]
        places = np.sort(key << np.uint64(_INDEX_BITS) | np.arange(len(key), dtype=np.uint64))
        owner = places >> np.uint64(_INDEX_BITS)
        places = places[np.flatnonzero(np.diff(owner, prepend=owner[:1] + np.uint64(1)))]
        place = places >> np.uint64(_INDEX_BITS + _CLIP_BITS)
        index = (places & np.uint64((1 << _INDEX_BITS) - 1)).astype(np.int64)
        found = []
        for away in range(1, _NEIGHBOURS + 1):
            at = np.flatnonzero(place[away:] == place[:-away])
            one, other = index[at], index[at + away]
            swapped = self._clip[one] < self._clip[other]
            later, earlier = np.where(swapped, other, one), np.where(swapped, one, other)
            known = self._clip[later] >= since
            later, earlier = later[known], earlier[known]
            bits = np.bitwise_count(self.words[later] ^ self.words[earlier]).sum(axis=1)
            found.append((later * len(self.words) + earlier)[bits <= _NEAR_BITS])
        return np.concatenate(found)

    def voted(self, met: NDArray[np.int64]) -> Candidates:
        """Clips with enough votes; a point that has many partners in a clip has one vote there."""
        later, earlier = np.divmod(met, max(1, len(self.words)))
        pairs = self._clip[later] * self._clips + self._clip[earlier]
        kinds, kind = np.unique(pairs, return_inverse=True)
        votes = np.minimum(*(_counts(kind, points, len(kinds)) for points in (later, earlier)))
        wanted = votes[kind] >= _LEAST_VOTES
        ballots: dict[tuple[int, int], dict[tuple[int, int], int]] = {}
        views = len(self._signatures)
        codes = self._signature[later[wanted]] * views + self._signature[earlier[wanted]]
        chosen, counts = np.unique(codes, return_counts=True)
        for code, count in zip(chosen.tolist(), counts.tolist(), strict=True):
            one, other = divmod(code, views)
            (clip, at), (before, there) = self._signatures[one], self._signatures[other]
            ballots.setdefault((clip, before), {})[at, there] = count
        return {
            pair: tuple(islice(sorted(told, key=lambda each: (-told[each], each)), _MOST_PAIRS))
            for pair, told in sorted(ballots.items())
        }


def _looked_at(count: int) -> list[int]:
    """The first, the middle and the last of a clip's signatures."""
    return sorted({0, count // 2, count - 1}) if count else []


def _counts(kind: NDArray[np.int64], points: NDArray[np.int64], kinds: int) -> NDArray[np.int64]:
    """(kinds,) how many different points each kind has."""
    most = int(points.max(initial=0)) + 1
    return np.bincount(np.unique(kind * most + points) // most, minlength=kinds)
