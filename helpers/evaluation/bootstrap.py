"""95 % intervals and paired tests by group: near-duplicates stay together."""

import functools

import numpy as np
import pandas as pd
from scipy.stats import rankdata

Z = 1.96  # standard errors on either side of a 95 % interval
AT_ONCE = 5_000_000  # numbers of a block of resamples, 40 MB


def interval(values, groups, statistic=None, resamples=None, tests=1):
    """Return (value, low, high): a statistic, its bootstrap interval by group.

    values: float (n,) or (n, k). statistic: from such rows to a float (`auc`,
    np.median ...); the mean, as without it, and `ratio` are faster, and have
    10,000 resamples where no number is given, others 1,000. tests: of how
    many this is one, so that all intervals together hold at 95 % (Bonferroni).
    Cluster bootstrap, percentile interval (Davison & Hinkley 1997, section
    3.8).
    Resamples where the statistic is nan are left out; a value that is nan, and
    fewer than two groups, have low = high = nan.
    ValueError: a value is nan, or values and groups differ in length.
    """
    values, code, n = _grouped(values, groups)
    if not len(values):
        return np.nan, np.nan, np.nan
    value = float(statistic(values) if statistic else values.mean())
    if n < 2 or np.isnan(value):
        return value, np.nan, np.nan
    is_quick = statistic in (None, ratio)
    draws = _blocks(resamples or (10_000 if is_quick else 1000), n, _draw)
    if is_quick:
        columns = values.T if statistic else (values, np.ones(len(values)))
        sums = np.stack([np.bincount(code, column) for column in columns], 1)
        top, bottom = np.concatenate([block @ sums for block in draws]).T
        with np.errstate(invalid="ignore"):
            spread = top / bottom
    else:
        rows = (row[code].astype(int) for block in draws for row in block)
        spread = [statistic(values.repeat(row, 0)) for row in rows]
    outside = 0.025 / tests
    low, high = np.nanquantile(spread, [outside, 1 - outside])
    return value, float(low), float(high)


def by_subgroup(values, groups, parts, statistic=None, resamples=None):
    """Return DataFrame[n, value, low, high]: the `interval` of each part.

    parts: {name: bool (n,), which rows}; a part without rows has nan.
    statistic, resamples: as of `interval`.
    """
    values, groups = np.asarray(values, float), np.asarray(list(groups))
    rows = {}
    for name, part in parts.items():
        part = np.asarray(part, bool)
        own = values[part], groups[part], statistic, resamples
        rows[name] = int(part.sum()), *interval(*own)
    columns = ["n", "value", "low", "high"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def part_minus_rest(values, groups, part, tests=1):
    """Return (difference, low, high): mean of a part minus that of the rest.

    values: float (n,); part: bool (n,), some of them. The `interval` draws
    whole groups, which may have cases in both.
    """

    def statistic(rows):
        own = rows[:, 1] == 1
        if own.all() or not own.any():
            return np.nan
        return rows[own, 0].mean() - rows[~own, 0].mean()

    rows = np.column_stack([values, part])
    return interval(rows, groups, statistic, 2000, tests)


def difference(one, other):
    """Return (value, low, high) of the difference of two independent values.

    one, other: (value, low, high) of different cases. Zou & Donner 2008, Stat
    Med 27:1693: whether two intervals overlap does not tell.
    """
    (a, a_low, a_high), (b, b_low, b_high) = one, other
    below = np.hypot(a - a_low, b_high - b)
    above = np.hypot(a_high - a, b - b_low)
    return a - b, a - b - below, a - b + above


def flat(table):
    """Return {name: value, name low: ..., name high: ...} of `by_subgroup`."""
    ends = {"value": "", "low": " low", "high": " high"}
    return {
        f"{name}{ends[end]}": row[end]
        for name, row in table.iterrows()
        for end in ends
    }


def interval_widths(values, groups, sizes):
    """Return DataFrame[n, seen, expected]: half widths of a mean's interval.

    seen: the mean over 20 draws of n groups; expected: `half_width` at the
    standard deviation of all values. Sizes above the group count drop out.
    """
    values, code, n = _grouped(values, groups)
    rng, rows = np.random.default_rng(0), []
    for size in (size for size in sizes if size <= n):
        halves = []
        for _ in range(20):
            part = np.isin(code, rng.permutation(n)[:size])
            _, low, high = interval(values[part], code[part], resamples=1000)
            halves.append((high - low) / 2)
        rows.append((size, np.mean(halves), half_width(size, values.std())))
    return pd.DataFrame(rows, columns=["n", "seen", "expected"])


def ratio(rows):
    """Return the sum of the first column over that of the second, or nan."""
    return rows[:, 0].sum() / rows[:, 1].sum() if rows[:, 1].any() else np.nan


def auc(rows):
    """Return the area under the ROC curve of rows of (ground truth, score).

    Mann and Whitney (1947), ties counted half; nan where one class is absent.
    Ten times as fast as scikit-learn's, for the bootstrap.
    """
    positive, ranks = rows[:, 0] > 0.5, rankdata(rows[:, 1])
    n = positive.sum()
    pairs = n * (len(rows) - n)
    below = ranks[positive].sum() - n * (n + 1) / 2
    return float(below / pairs) if pairs else np.nan


def paired_test(a, b, groups, flips=10_000):
    """Return (difference, p): mean of a - b over the cases, its two-sided p.

    p: the fraction of random swaps of a and b in whole groups with a
    difference as large, the one seen counted too, so never 0 (Phipson & Smyth
    2010, Stat Appl Genet Mol Biol 9:39).
    """
    differences = np.asarray(a, float) - np.asarray(b, float)
    differences, code, n = _grouped(differences, groups)
    sums = np.bincount(code, differences, n)
    # the margin lets ties count in spite of rounding
    seen = abs(sums.sum()) - 1e-9 * np.abs(sums).sum()
    swapped = [block @ sums for block in _blocks(flips, n, _flip)]
    as_large = np.count_nonzero(np.abs(np.concatenate(swapped)) >= seen)
    return float(differences.mean()), (as_large + 1) / (flips + 1)


def half_width(n, sd):
    """Return about how far the interval of a mean reaches to either side.

    n: groups, not images; sd: standard deviation between them (Dice: 0.25).
    """
    return Z * sd / n**0.5


def _blocks(rows, n, draw):
    """Yield blocks of `rows` random rows of n numbers; draw: _draw, _flip.

    So few at once that memory does not grow with the number of groups.
    """
    if rows * n <= AT_ONCE:
        yield _whole(rows, n, draw)
        return
    rng, most = np.random.default_rng(0), max(1, AT_ONCE // n)
    for first in range(0, rows, most):
        yield draw(rng, min(most, rows - first), n)


@functools.lru_cache(maxsize=6)  # one table asks again for the same rows
def _whole(rows, n, draw):
    return draw(np.random.default_rng(0), rows, n)


def _draw(rng, rows, n):
    """Return how often each of n groups is drawn, float (rows, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), rows).astype(float)


def _flip(rng, rows, n):
    """Return a sign of each of n groups, float (rows, n)."""
    return rng.integers(0, 2, (rows, n)) * 2.0 - 1


def _grouped(values, groups):
    """Return values, the number of each one's group, and how many groups."""
    values, groups = np.asarray(values, float), np.asarray(list(groups))
    if len(values) != len(groups) or np.isnan(values).any():
        raise ValueError(
            f"{len(values)} values, {np.isnan(values).sum()} of them nan, for "
            f"{len(groups)} groups: every case needs one value and one group"
        )
    names, code = np.unique(groups, return_inverse=True)
    return values, code, len(names)
