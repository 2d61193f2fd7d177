"""Means and intervals of scores, and of the difference between two models.

Frames of one sequence are far from independent, so every interval here is over sequences: one
value for each independent recording. The paired t interval is the primary one and the percentile
bootstrap the second. On skewed differences of 10 to 20 sequences a nominal 95 % interval was
measured to cover the truth in 91 to 93 % of trials with t and in 87 to 91 % with the bootstrap,
so both are a little too narrow and the bootstrap more so.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

__all__ = [
    "BOOTSTRAP_RESAMPLES",
    "Estimate",
    "Method",
    "bootstrap_interval",
    "mean_over_frames",
    "mean_over_sequences",
    "paired_difference",
    "sequence_means",
    "t_interval",
]

Method = Literal["t", "bootstrap"]

BOOTSTRAP_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over sequences with its confidence interval.

    Attributes
    ----------
    mean
        In the unit of the values (dB for PSNR, none for SSIM).
    low, high
        Ends of the interval in the same unit; both None where ``n`` is 1, because one sequence
        says nothing about the spread between sequences.
    n
        Number of sequences.
    method
        ``"t"`` or ``"bootstrap"``.
    level
        Nominal confidence, between 0 and 1.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    method: Method
    level: float


def sequence_means(frames: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Mean of each sequence over its frames.

    Parameters
    ----------
    frames
        For each sequence's name the values of its scored frames: finite, at least one.

    Returns
    -------
    dict
        The means under the same names, in the same order and unit.

    Raises
    ------
    ValueError
        Where there is no sequence, one has no frame, or a value is not finite.

    Examples
    --------
    >>> sequence_means({"000": [30.0, 32.0], "001": [20.0]})
    {'000': 31.0, '001': 20.0}
    """
    if not frames:
        raise ValueError("no sequence to average: the scores are empty")
    return {name: _mean(values, f"sequence {name}") for name, values in frames.items()}


def mean_over_frames(frames: Mapping[str, Sequence[float]]) -> float:
    """Mean over all frames of all sequences together, so that long sequences weigh more.

    Parameters and errors as for `sequence_means`. The result does not depend on any order.

    Examples
    --------
    >>> round(mean_over_frames({"000": [30.0, 32.0], "001": [20.0]}), 4)
    27.3333
    """
    sequence_means(frames)
    return _mean([value for values in frames.values() for value in values], "all frames")


def mean_over_sequences(frames: Mapping[str, Sequence[float]]) -> float:
    """Mean of the sequences' means, so that each sequence weighs the same.

    Parameters and errors as for `sequence_means`. The result does not depend on any order.

    Examples
    --------
    >>> mean_over_sequences({"000": [30.0, 32.0], "001": [20.0]})
    25.5
    """
    return _mean(sequence_means(frames).values(), "all sequences")


def t_interval(values: Sequence[float], *, level: float = 0.95) -> Estimate:
    """Mean with Student's t interval, ``mean ± t(n - 1) s / sqrt(n)``: the primary interval.

    For the difference of two models give it the differences (or use `paired_difference`): it is
    then the interval of the paired t test. At 95 % it covered the truth in 91 to 93 % of trials
    with skewed differences of 10 to 20 sequences.

    Parameters
    ----------
    values
        One finite value for each independent sequence, at least one.
    level
        Nominal confidence, above 0 and below 1.

    Returns
    -------
    Estimate
        ``low`` and ``high`` are None for a single value.

    Raises
    ------
    ValueError
        Where there is no value, one is not finite, or the level is out of range.

    Examples
    --------
    >>> estimate = t_interval([1.0, 2.0, 3.0])
    >>> round(estimate.low, 3), estimate.mean, round(estimate.high, 3)
    (-0.484, 2.0, 4.484)
    """
    mean, count = _mean(values, "values"), len(values)
    _check_level(level)
    if count < 2:
        return Estimate(mean, None, None, count, "t", level)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    quantile = float(stats.t.ppf(0.5 + level / 2, count - 1))
    half = quantile * deviation / math.sqrt(count)
    return Estimate(mean, mean - half, mean + half, count, "t", level)


def bootstrap_interval(
    values: Sequence[float],
    *,
    level: float = 0.95,
    seed: int | Sequence[int] = 0,
    resamples: int = BOOTSTRAP_RESAMPLES,
) -> Estimate:
    """Mean with the percentile bootstrap interval over sequences: the second interval.

    Sequences are drawn with replacement, and the interval lies between the quantiles of the
    redrawn means (Efron and Tibshirani 1993, chapter 13). At 95 % it covered the truth in 87 to
    91 % of trials with skewed differences of 10 to 20 sequences: report it beside t, not instead.

    Parameters
    ----------
    values
        One finite value for each independent sequence, at least one.
    level
        Nominal confidence, above 0 and below 1.
    seed
        Entropy for ``numpy.random.SeedSequence``; the same seed gives the same interval.
    resamples
        Number of redrawn means, at least 1.

    Returns
    -------
    Estimate
        ``low`` and ``high`` are None for a single value.

    Raises
    ------
    ValueError
        Where there is no value, one is not finite, or level or resamples are out of range.

    Examples
    --------
    >>> estimate = bootstrap_interval([1.0, 1.0, 1.0])
    >>> estimate.low, estimate.mean, estimate.high
    (1.0, 1.0, 1.0)
    """
    mean, count = _mean(values, "values"), len(values)
    _check_level(level)
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    if count < 2:
        return Estimate(mean, None, None, count, "bootstrap", level)
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    drawn = generator.integers(0, count, size=(resamples, count))
    means = np.asarray(values, dtype=np.float64)[drawn].mean(axis=1)
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(mean, float(low), float(high), count, "bootstrap", level)


def paired_difference(
    model: Mapping[str, float],
    reference: Mapping[str, float],
    *,
    method: Method = "t",
    level: float = 0.95,
    seed: int | Sequence[int] = 0,
    resamples: int = BOOTSTRAP_RESAMPLES,
) -> Estimate:
    """Mean over sequences of ``model - reference``, each sequence against itself.

    Parameters
    ----------
    model, reference
        For each sequence's name the model's and the reference model's mean score; the same names
        in any order.
    method
        ``"t"`` (primary) or ``"bootstrap"``; see `t_interval` and `bootstrap_interval`.
    level, seed, resamples
        As for those two; ``seed`` and ``resamples`` matter to the bootstrap only.

    Returns
    -------
    Estimate
        Positive where the model scores higher. It does not depend on the order of the names.

    Raises
    ------
    ValueError
        Where the two were not scored on the same sequences, and as for the intervals.

    Examples
    --------
    >>> gain = paired_difference({"000": 31.0, "001": 21.5}, {"000": 30.0, "001": 20.0})
    >>> gain.mean, gain.n
    (1.25, 2)
    """
    unpaired = sorted(set(model) ^ set(reference))
    if unpaired:
        raise ValueError(
            f"the two models were not scored on the same sequences: {', '.join(unpaired)} "
            "in one of them only; score both on the same set"
        )
    differences = [model[name] - reference[name] for name in sorted(model)]
    if method == "t":
        return t_interval(differences, level=level)
    if method == "bootstrap":
        return bootstrap_interval(differences, level=level, seed=seed, resamples=resamples)
    raise ValueError(f"unknown method {method!r}: choose 't' or 'bootstrap'")


def _mean(values: Iterable[float], what: str) -> float:
    """Exactly rounded sum over the count: the same for any order of the values."""
    numbers = [float(value) for value in values]
    if not numbers:
        raise ValueError(f"{what}: no value to average")
    for i, number in enumerate(numbers):
        if not math.isfinite(number):
            raise ValueError(f"{what}: value {i} is {number}; cap or drop it before averaging")
    return math.fsum(numbers) / len(numbers)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
