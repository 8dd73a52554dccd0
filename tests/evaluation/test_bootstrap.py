"""Intervals cover what they say, tests keep their level, groups stay whole."""

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from helpers.evaluation import bootstrap


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng, covered = np.random.default_rng(0), 0
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


def test_resamples_in_blocks_are_the_same_resamples(monkeypatch):
    rng = np.random.default_rng(3)
    (a, b), groups = rng.uniform(0, 1, (2, 50)), rng.integers(0, 20, 50)

    def found():
        median = bootstrap.interval(a, groups, np.median, 100)
        test = bootstrap.paired_test(a, b, groups)
        return [*bootstrap.interval(a, groups), *median, *test]

    at_once = found()
    monkeypatch.setattr(bootstrap, "AT_ONCE", 77)
    assert found() == pytest.approx(at_once)


def test_a_statistic_sees_the_same_resamples_as_the_mean():
    rng = np.random.default_rng(2)
    values, groups = rng.uniform(0, 1, 50), rng.integers(0, 20, 50).astype(str)
    mean = pytest.approx(bootstrap.interval(values, groups, resamples=400))
    assert bootstrap.interval(values, groups, np.mean, 400) == mean
    rows = np.stack([values, np.ones(50)], axis=1)
    assert bootstrap.interval(rows, groups, bootstrap.ratio, 400) == mean
    rows = rng.integers(0, 4, (50, 2))
    slow = bootstrap.interval(rows, groups, lambda r: bootstrap.ratio(r), 500)
    fast = bootstrap.interval(rows, groups, bootstrap.ratio, 500)
    assert fast == pytest.approx(slow)


def test_interval_agrees_with_scipys_bootstrap():
    values = np.random.default_rng(3).beta(5, 2, 80)
    options = {"method": "percentile", "random_state": 0}
    scipys = stats.bootstrap((values,), np.median, **options)
    _, *ends = bootstrap.interval(values, range(80), np.median)
    assert ends == pytest.approx(list(scipys.confidence_interval), abs=0.01)
    _, *ends = bootstrap.interval(values, range(80))
    half = bootstrap.half_width(80, values.std(ddof=1))
    expected = values.mean() + half * np.array([-1, 1])
    assert ends == pytest.approx(expected, abs=0.01)


def test_interval_of_an_auc_and_of_a_difference():
    rng = np.random.default_rng(4)
    positive = np.arange(60) % 2 == 0
    rows = np.stack([positive, positive + rng.normal(0, 1, 60)], axis=1)
    value, low, high = bootstrap.interval(rows, range(60), bootstrap.auc, 300)
    assert 0.5 < low < value < high < 1

    def gap(v):
        one, two = v[v[:, 0] == 1, 1], v[v[:, 0] == 0, 1]
        return one.mean() - two.mean() if len(one) and len(two) else np.nan

    value, low, high = bootstrap.interval(rows[:4], range(4), gap, 300)
    assert low < value < high


@pytest.mark.parametrize("seed", range(5))
def test_auc_equals_scikit_learn_with_ties_and_repeated_rows(seed):
    rng = np.random.default_rng(seed)
    positive, scores = rng.random(80) < 0.4, rng.integers(0, 9, 80)
    rows, weights = np.stack([positive, scores], 1), rng.integers(0, 4, 80)
    expected = roc_auc_score(positive, scores)
    assert bootstrap.auc(rows) == pytest.approx(expected)
    expected = roc_auc_score(positive, scores, sample_weight=weights)
    repeated = np.repeat(rows, weights, axis=0)
    assert bootstrap.auc(repeated) == pytest.approx(expected)
    assert np.isnan(bootstrap.auc(rows[positive]))


def test_one_group_has_no_width_to_show():
    mean, low, high = bootstrap.interval([0.2, 0.4], ["a", "a"])
    assert mean == pytest.approx(0.3) and np.isnan(low) and np.isnan(high)
    assert np.isnan(bootstrap.interval([], [])).all()


WRONG = ([0.1, np.nan], "ab"), ([0.1, 0.2], "a")


@pytest.mark.parametrize("values, groups", WRONG)
def test_a_case_without_value_or_group_is_not_dropped_silently(values, groups):
    message = "every case needs one value and one group"
    with pytest.raises(ValueError, match=message):
        bootstrap.interval(values, groups)
    with pytest.raises(ValueError, match=message):
        bootstrap.paired_test(values, [0, 0], groups)


def test_paired_test_is_close_to_all_possible_swaps():
    rng = np.random.default_rng(5)
    groups = np.array([0, 0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9])
    a, b = rng.normal(0.4, 1, 12), rng.normal(0, 1, 12)
    sums = [(a - b)[groups == g].sum() for g in range(10)]
    swaps = np.array(list(itertools.product([-1, 1], repeat=10))) @ sums
    exact = np.mean(np.abs(swaps) >= abs(sum(sums)) - 1e-12)
    difference, p = bootstrap.paired_test(a, b, groups)
    assert difference == pytest.approx((a - b).mean())
    assert p == pytest.approx(exact, abs=0.02)


def test_paired_test_is_never_certain_and_keeps_its_level():
    found = bootstrap.paired_test([1] * 40, [0] * 40, range(40))
    assert found == (1, 1 / 10_001)
    assert bootstrap.paired_test([1] * 5, [1] * 5, range(5)) == (0, 1)
    rng, p = np.random.default_rng(6), []
    groups = np.repeat(range(25), 3)
    for _ in range(300):  # every case three times
        a, b = np.repeat(rng.normal(size=(2, 25)), 3, axis=1)
        p.append(bootstrap.paired_test(a, b, groups, 400)[1])
    # About 0.27 if copies were flipped one by one.
    assert np.mean(np.array(p) <= 0.05) < 0.09


def test_subgroups_get_the_interval_of_their_own_rows():
    values = np.random.default_rng(8).uniform(0, 1, 60)
    groups, columns = np.arange(60) // 2, ["value", "low", "high"]
    odd = groups % 2 == 1
    parts = {"odd": odd, "none": odd & ~odd}
    table = bootstrap.by_subgroup(values, groups, parts)
    assert table["n"].to_dict() == {"odd": 30, "none": 0}
    expected = bootstrap.interval(values[odd], groups[odd])
    assert table.loc["odd", columns].tolist() == pytest.approx(expected)
    assert table.loc["none", columns].isna().all()


def test_intervals_narrow_with_the_root_of_the_cases():
    values, cases = np.random.default_rng(9).beta(4, 1.5, 400), range(400)
    table = bootstrap.interval_widths(values, cases, (25, 100, 400, 900))
    assert table["n"].tolist() == [25, 100, 400]  # there are no 900
    seen = table["seen"].to_numpy()
    assert seen == pytest.approx(table["expected"], rel=0.12)
    assert seen[0] / seen[2] == pytest.approx(4, rel=0.15)
    twice = np.repeat(values, 3), np.repeat(cases, 3)
    copies = bootstrap.interval_widths(*twice, (100,))
    assert copies["seen"][0] == pytest.approx(seen[1], rel=0.1)


def test_a_subgroup_may_have_another_statistic_and_flat_names_its_numbers():
    rows = np.array([[0, 0.1], [0, 0.4], [1, 0.3], [1, 0.9]])
    parts = {"all of it": np.ones(4, bool), "none": np.zeros(4, bool)}
    table = bootstrap.by_subgroup(rows, "abcd", parts, bootstrap.auc, 200)
    assert table["n"].tolist() == [4, 0]
    flat = bootstrap.flat(table)
    assert flat["all of it"] == 0.75 and np.isnan(flat["none low"])
    assert list(flat)[:3] == ["all of it", "all of it low", "all of it high"]


def test_a_part_is_compared_with_the_rest_and_not_with_the_whole():
    rng = np.random.default_rng(0)
    part = np.arange(200) < 50
    values = rng.normal(0, 1, 200) - 0.5 * part
    found = bootstrap.part_minus_rest(values, range(200), part)
    rest = stats.ttest_ind(values[part], values[~part]).confidence_interval()
    assert found == pytest.approx(
        (values[part].mean() - values[~part].mean(), rest.low, rest.high),
        abs=0.04,
    )
    wider = bootstrap.part_minus_rest(values, range(200), part, tests=10)
    assert wider[1] < found[1] and wider[2] > found[2]


def test_a_difference_may_be_shown_though_the_intervals_overlap():
    a, b = (0.853, 0.822, 0.882), (0.899, 0.864, 0.928)
    assert a[2] > b[1]  # they overlap
    value, low, high = bootstrap.difference(a, b)
    assert value == pytest.approx(-0.046) and low < value < high < 0
    even = bootstrap.difference((0, -3, 3), (0, -4, 4))
    assert even == pytest.approx((0, -5, 5))
