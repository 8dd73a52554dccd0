"""Intervals cover what they say; the paired test against all swaps; groups stay whole."""

import itertools
import time

import numpy as np
import pytest
from scipy import stats

from helpers.evaluation import bootstrap, leakage


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        values = rng.normal(0.7, 0.25, 60)
        _, low, high = bootstrap.interval(values, range(60), resamples=500)
        covered += low <= 0.7 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_interval_is_wider_when_cases_are_copies():
    values = np.repeat(np.random.default_rng(1).uniform(0, 1, 30), 4)
    _, low, high = bootstrap.interval(values, range(120))
    grouped = bootstrap.interval(values, np.repeat(range(30), 4))
    assert grouped[2] - grouped[1] > 1.5 * (high - low)


def test_a_statistic_sees_the_same_resamples_as_the_mean():
    rng = np.random.default_rng(2)
    values, groups = (
        rng.uniform(0, 1, 50),
        [f"g{i}" for i in rng.integers(0, 20, 50)],
    )
    fast = bootstrap.interval(values, groups, resamples=400)
    assert bootstrap.interval(values, groups, np.mean, 400) == pytest.approx(
        fast
    )
    both = np.stack([values, np.ones(50)], axis=1)
    assert bootstrap.interval(
        both, groups, bootstrap.ratio, 400
    ) == pytest.approx(fast)


def test_interval_agrees_with_scipys_bootstrap():
    values = np.random.default_rng(3).beta(5, 2, 80)
    theirs = stats.bootstrap(
        (values,), np.median, method="percentile", random_state=0
    ).confidence_interval
    _, low, high = bootstrap.interval(values, range(80), np.median)
    assert [low, high] == pytest.approx([theirs.low, theirs.high], abs=0.01)
    low, high = bootstrap.interval(values, range(80))[1:]
    half = bootstrap.half_width(80, values.std(ddof=1))
    assert [low, high] == pytest.approx(
        values.mean() + half * np.array([-1, 1]), abs=0.01
    )


def test_interval_of_an_auc_and_of_a_difference():
    rng = np.random.default_rng(4)
    truth = np.arange(60) % 2 == 0
    rows = np.stack([truth, truth + rng.normal(0, 1, 60)], axis=1)
    value, low, high = bootstrap.interval(
        rows, range(60), lambda v: leakage.auc(v[:, 0], v[:, 1]), 300
    )
    assert 0.5 < low < value < high < 1

    def gap(v):
        one, two = v[v[:, 0] == 1, 1], v[v[:, 0] == 0, 1]
        return one.mean() - two.mean() if len(one) and len(two) else np.nan

    value, low, high = bootstrap.interval(rows[:4], range(4), gap, 300)
    assert low < value < high


def test_one_group_has_no_width_to_show():
    mean, low, high = bootstrap.interval([0.2, 0.4], ["a", "a"])
    assert mean == pytest.approx(0.3) and np.isnan(low) and np.isnan(high)
    assert np.isnan(bootstrap.interval([], [])).all()


@pytest.mark.parametrize(
    "values, groups", [([0.1, np.nan], "ab"), ([0.1, 0.2], "a")]
)
def test_a_case_without_value_or_group_is_not_dropped_silently(values, groups):
    with pytest.raises(
        ValueError, match="every case needs one value and one group"
    ):
        bootstrap.interval(values, groups)
    with pytest.raises(
        ValueError, match="every case needs one value and one group"
    ):
        bootstrap.paired_test(values, [0, 0], groups)


def test_paired_test_is_close_to_all_possible_swaps():
    rng = np.random.default_rng(5)
    groups = np.array([0, 0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9])
    a, b = rng.normal(0.4, 1, 12), rng.normal(0, 1, 12)
    sums = [(a - b)[groups == g].sum() for g in range(10)]
    swaps = [
        abs(np.dot(s, sums)) for s in itertools.product([-1, 1], repeat=10)
    ]
    exact = np.mean(np.array(swaps) >= abs(sum(sums)) - 1e-12)
    difference, p = bootstrap.paired_test(a, b, groups)
    assert difference == pytest.approx((a - b).mean())
    assert p == pytest.approx(exact, abs=0.02)


def test_paired_test_is_never_certain_and_keeps_its_level():
    assert bootstrap.paired_test([1] * 40, [0] * 40, range(40)) == (
        1,
        1 / 10_001,
    )
    assert bootstrap.paired_test([1] * 5, [1] * 5, range(5)) == (0, 1)
    rng, rejected = np.random.default_rng(6), 0
    for _ in range(300):
        a, b = np.repeat(
            rng.normal(size=(2, 25)), 3, axis=1
        )  # every case three times
        rejected += (
            bootstrap.paired_test(a, b, np.repeat(range(25), 3), 400)[1]
            <= 0.05
        )
    assert (
        rejected / 300 < 0.09
    )  # about 0.27 if copies were flipped one by one


def test_ten_thousand_resamples_take_seconds():
    values, groups = (
        np.random.default_rng(7).uniform(size=624),
        np.arange(624) // 1.1,
    )
    start = time.process_time()
    bootstrap.interval(values, groups)
    bootstrap.paired_test(values, values[::-1], groups)
    assert time.process_time() - start < 5


def test_half_width_of_known_sizes():
    assert bootstrap.half_width(78, 0.25) == pytest.approx(0.055, abs=0.001)
    assert bootstrap.half_width(647, 0.25) == pytest.approx(0.019, abs=0.001)


@pytest.mark.parametrize(
    "k, n", [(0, 10), (10, 10), (3, 7), (17, 21), (1, 1000)]
)
def test_wilson_equals_scipy(k, n):
    theirs = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert bootstrap.wilson(k, n) == pytest.approx(theirs, abs=1e-4)


def test_wilson_of_nothing_and_of_nonsense():
    assert bootstrap.wilson(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="no share"):
        bootstrap.wilson(5, 4)


def test_the_fast_ratio_is_the_ratio_of_each_resample():
    rng = np.random.default_rng(0)
    values, code = rng.integers(0, 4, (40, 2)), rng.integers(0, 12, 40)
    slow = bootstrap.interval(
        values, code, lambda rows: bootstrap.ratio(rows), 500
    )
    assert np.allclose(
        bootstrap.interval(values, code, bootstrap.ratio, 500), slow
    )


def test_parts_get_the_interval_of_their_own_rows():
    rng = np.random.default_rng(8)
    values, groups = rng.uniform(0, 1, 60), np.arange(60) // 2
    odd = groups % 2 == 1
    table = bootstrap.by_subgroup(
        values, groups, {"odd": odd, "none": odd & ~odd}
    )
    assert table.loc["odd", "n"] == 30 and table.loc["none", "n"] == 0
    expected = bootstrap.interval(values[odd], groups[odd])
    assert table.loc[
        "odd", ["value", "low", "high"]
    ].tolist() == pytest.approx(expected)
    assert table.loc["none", ["value", "low", "high"]].isna().all()
    rows = np.stack([values, np.ones(60)], axis=1)
    share = bootstrap.by_subgroup(rows, groups, {"odd": odd}, bootstrap.ratio)
    assert share.loc["odd", "value"] == pytest.approx(values[odd].mean())


def test_intervals_narrow_with_the_root_of_the_cases():
    values = np.random.default_rng(9).beta(4, 1.5, 400)
    table = bootstrap.interval_widths(values, range(400), (25, 100, 400, 900))
    assert table["n"].tolist() == [25, 100, 400]  # there are no 900
    assert table["seen"].to_numpy() == pytest.approx(
        table["expected"], rel=0.12
    )
    assert table["seen"][0] / table["seen"][2] == pytest.approx(4, rel=0.15)
    copies = bootstrap.interval_widths(
        np.repeat(values, 3), np.repeat(range(400), 3), (100,)
    )
    assert copies["seen"][0] == pytest.approx(table["seen"][1], rel=0.1)
