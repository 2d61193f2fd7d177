"""Means and intervals against SciPy, closed forms and simulated truth."""

import dataclasses
import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmark import statistics
from benchmark.statistics import (
    Estimate,
    bootstrap_interval,
    mean_over_frames,
    mean_over_sequences,
    paired_difference,
    sequence_means,
    t_interval,
)

pytestmark = pytest.mark.unit

SCORES = {"000": [30.0, 31.0, 32.0], "001": [20.0], "002": [25.0, 27.0]}


def test_means_by_hand():
    assert sequence_means(SCORES) == {"000": 31.0, "001": 20.0, "002": 26.0}
    assert mean_over_frames(SCORES) == pytest.approx(165 / 6, rel=1e-15)
    assert mean_over_sequences(SCORES) == pytest.approx(77 / 3, rel=1e-15)


def test_means_do_not_depend_on_order():
    generator = np.random.default_rng(0)
    scores = {f"{i:03d}": list(generator.normal(30, 3, 20)) for i in range(11)}
    turned = {name: values[::-1] for name, values in reversed(scores.items())}
    assert mean_over_frames(scores) == mean_over_frames(turned)
    assert mean_over_sequences(scores) == mean_over_sequences(turned)


values = st.lists(st.floats(-100, 100, allow_subnormal=False), min_size=2, max_size=40)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(values=values, level=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_t_interval_equals_scipy(values, level):
    estimate = t_interval(values, level=level)
    spread = stats.sem(values)
    half = stats.t(len(values) - 1).ppf(0.5 + level / 2) * spread
    assert estimate.mean == pytest.approx(np.mean(values), rel=1e-12, abs=1e-12)
    assert estimate.high - estimate.mean == pytest.approx(half, rel=1e-9, abs=1e-12)
    assert estimate.mean - estimate.low == pytest.approx(half, rel=1e-9, abs=1e-12)
    assert (estimate.n, estimate.method, estimate.level) == (len(values), "t", level)


@pytest.mark.parametrize("n", [2, 3, 10, 20, 100])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_paired_t_equals_scipy_tests(n, level):
    generator = np.random.default_rng(np.random.SeedSequence([1, n]))
    reference = generator.normal(28, 3, n)
    model = reference + generator.normal(0.4, 0.3, n)
    names = [f"{i:03d}" for i in range(n)]
    ours = paired_difference(
        dict(zip(names, model, strict=True)), dict(zip(names, reference, strict=True)), level=level
    )
    related = stats.ttest_rel(model, reference).confidence_interval(level)
    single = stats.ttest_1samp(model - reference, 0).confidence_interval(level)
    for expected in (related, single):
        assert ours.low == pytest.approx(expected.low, rel=1e-10)
        assert ours.high == pytest.approx(expected.high, rel=1e-10)
    assert ours.n == n


def test_pairs_are_matched_by_name_in_any_order():
    model = {"a": 31.0, "b": 22.0, "c": 27.5}
    reference = {"c": 27.0, "a": 30.0, "b": 20.0}
    for method in ("t", "bootstrap"):
        estimate = paired_difference(model, reference, method=method)
        turned = paired_difference(dict(reversed(model.items())), reference, method=method)
        assert estimate == turned
        assert estimate.mean == pytest.approx((1 + 2 + 0.5) / 3)


def test_a_difference_is_antisymmetric():
    generator = np.random.default_rng(2)
    model = {str(i): float(value) for i, value in enumerate(generator.normal(30, 2, 9))}
    reference = {str(i): float(value) for i, value in enumerate(generator.normal(29, 2, 9))}
    forth, back = paired_difference(model, reference), paired_difference(reference, model)
    assert (forth.mean, forth.low, forth.high) == (-back.mean, -back.high, -back.low)


def test_bootstrap_agrees_with_scipy_within_its_noise():
    sample = np.random.default_rng(3).gamma(1.5, 1.0, 15)
    ours = bootstrap_interval(list(sample), seed=1)
    theirs = stats.bootstrap(
        (sample,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(2)
    ).confidence_interval
    # Ends of two runs of 10,000 differ by about 1.5 % of the width (one standard deviation).
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.06 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.06 * width)


def test_bootstrap_of_two_values_has_the_closed_form():
    # Redrawn means are 0, 1/2, 1 with chances 1/4, 1/2, 1/4: the quartiles' neighbours are known.
    wide = bootstrap_interval([0.0, 1.0], level=0.95)
    assert (wide.low, wide.mean, wide.high) == (0.0, 0.5, 1.0)
    narrow = bootstrap_interval([0.0, 1.0], level=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_bootstrap_is_seeded():
    sample = list(np.random.default_rng(4).normal(0, 1, 12))
    assert bootstrap_interval(sample, seed=[7, 1]) == bootstrap_interval(sample, seed=[7, 1])
    assert bootstrap_interval(sample, seed=[7, 1]) != bootstrap_interval(sample, seed=[7, 2])


def test_bootstrap_shifts_and_scales_with_its_values():
    sample = np.random.default_rng(5).normal(0, 1, 12)
    plain = bootstrap_interval(list(sample))
    moved = bootstrap_interval(list(4 * sample + 30))
    assert moved.low == pytest.approx(4 * plain.low + 30, rel=1e-12)
    assert moved.high == pytest.approx(4 * plain.high + 30, rel=1e-12)


def _coverage(interval, draw, truth, trials, n, seed):
    generator = np.random.default_rng(seed)
    hits = 0
    for _ in range(trials):
        estimate = interval(draw(generator, n))
        hits += estimate.low <= truth <= estimate.high
    return hits / trials


def test_t_covers_as_it_says_on_normal_values():
    share = _coverage(t_interval, lambda g, n: list(g.normal(0.3, 1, n)), 0.3, 1500, 10, 6)
    assert share == pytest.approx(0.95, abs=3.5 * math.sqrt(0.95 * 0.05 / 1500))


def test_on_skewed_values_t_covers_more_than_bootstrap():
    # A gamma of shape 1.5 has a skewness of 1.6; both fall short of 95 %, bootstrap by more.
    def draw(generator, n):
        return list(generator.gamma(1.5, 1.0, n))

    def bootstrap(values):
        return bootstrap_interval(values, resamples=400)

    t_share = _coverage(t_interval, draw, 1.5, 1500, 12, 7)
    bootstrap_share = _coverage(bootstrap, draw, 1.5, 1500, 12, 7)
    assert 0.90 < t_share < 0.95
    assert 0.85 < bootstrap_share < 0.92
    assert bootstrap_share < t_share


@pytest.mark.parametrize("interval", [t_interval, bootstrap_interval])
def test_one_sequence_has_a_mean_and_no_interval(interval):
    estimate = interval([31.5])
    assert (estimate.mean, estimate.low, estimate.high, estimate.n) == (31.5, None, None, 1)


@pytest.mark.parametrize("interval", [t_interval, bootstrap_interval])
def test_equal_values_have_an_interval_of_no_width(interval):
    estimate = interval([0.1] * 7)
    assert estimate.low == pytest.approx(0.1, abs=1e-15)
    assert estimate.high == pytest.approx(0.1, abs=1e-15)


@pytest.mark.parametrize("interval", [t_interval, bootstrap_interval])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(interval, wrong):
    with pytest.raises(ValueError, match="value 1 is"):
        interval([1.0, wrong, 2.0])
    with pytest.raises(ValueError, match="sequence 004: value 1 is"):
        mean_over_frames({"003": [1.0], "004": [1.0, wrong]})


@pytest.mark.parametrize("interval", [t_interval, bootstrap_interval])
def test_what_cannot_be_averaged_is_refused(interval):
    with pytest.raises(ValueError, match="no value"):
        interval([])
    for level in (0.0, 1.0, 95, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            interval([1.0, 2.0], level=level)
    with pytest.raises(ValueError, match="no sequence"):
        mean_over_sequences({})
    with pytest.raises(ValueError, match="sequence 001: no value"):
        sequence_means({"000": [1.0], "001": []})
    with pytest.raises(ValueError, match="at least 1, got 0"):
        bootstrap_interval([1.0, 2.0], resamples=0)


def test_models_scored_on_other_sequences_are_refused():
    with pytest.raises(ValueError, match="same sequences: 001, 002"):
        paired_difference({"000": 1.0, "001": 2.0}, {"000": 1.0, "002": 2.0})
    with pytest.raises(ValueError, match="unknown method 'z'"):
        paired_difference({"000": 1.0}, {"000": 1.0}, method="z")


def test_an_estimate_cannot_be_changed():
    estimate = Estimate(1.0, 0.5, 1.5, 10, "t", 0.95)
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimate.mean = 2.0


def test_examples_in_docstrings_run():
    result = doctest.testmod(statistics)
    assert result.attempted >= 8
    assert result.failed == 0
