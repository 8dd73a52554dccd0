"""How sure we are of a number: intervals and paired tests that keep near copies together.

Near-duplicates are not independent evidence, so whole groups are drawn or
flipped, never single images. All intervals are of 95 %.
"""

import numpy as np
import pandas as pd

Z = 1.96  # standard errors on either side of a 95 % interval


def interval(values, groups, statistic=None, resamples=10_000, seed=0):
    """Return (value, low, high): a statistic and its bootstrap interval over groups.

    values: float (n,), or (n, k) where a case has several, e.g. truth and
    score. statistic: takes such rows and returns a float (np.median, an AUC
    ...); without it the mean, which is faster, as is `ratio`. The cluster
    bootstrap with percentile interval (Davison & Hinkley 1997, section 3.8).
    Resamples in which the statistic is nan are left out; fewer than two groups
    show no spread: low and high are nan.

    Raises:
        ValueError: a value is nan (decide first what such a case means), or
        values and
            groups differ in length.
    """
    values, code, n = _grouped(values, groups)
    if not len(values):
        return np.nan, np.nan, np.nan
    value = float(statistic(values) if statistic else values.mean())
    if n < 2:
        return value, np.nan, np.nan
    draws = np.random.default_rng(seed).multinomial(
        n, np.full(n, 1 / n), resamples
    )
    if statistic is ratio:
        top, bottom = (
            draws @ np.bincount(code, column) for column in values.T
        )
        with np.errstate(invalid="ignore"):
            spread = top / bottom
    elif statistic:
        rows = np.arange(len(values))
        spread = [
            statistic(values[np.repeat(rows, draw[code])]) for draw in draws
        ]
    else:
        spread = (
            draws @ np.bincount(code, values) / (draws @ np.bincount(code))
        )
    low, high = np.nanquantile(spread, [0.025, 0.975])
    return value, float(low), float(high)


def by_subgroup(values, groups, parts, statistic=None):
    """Return DataFrame[n, value, low, high]: `interval` of each part, indexed by its name.

    parts: {name: bool (n,), which rows}; a part without rows has nan. The
    other arguments are those of `interval`.
    """
    values, groups = np.asarray(values, float), np.asarray(list(groups))
    rows = {}
    for name, part in parts.items():
        part = np.asarray(part, bool)
        found = interval(values[part], groups[part], statistic)
        rows[name] = (int(part.sum()), *found)
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["n", "value", "low", "high"]
    )


def interval_widths(values, groups, sizes, draws=20, seed=0):
    """Return DataFrame[n, seen, expected]: how far the interval of a mean reaches.

    For each of sizes draw so many groups at random, `draws` times, without
    replacement. seen: half the mean width of the intervals of these parts;
    expected: `half_width` at the standard deviation of all values. Sizes above
    the number of groups are left out.
    """
    values, code, n = _grouped(values, groups)
    rng, rows = np.random.default_rng(seed), []
    for size in (size for size in sizes if size <= n):
        found = []
        for _ in range(draws):
            part = np.isin(code, rng.permutation(n)[:size])
            _, low, high = interval(values[part], code[part], resamples=1000)
            found.append((high - low) / 2)
        rows.append((size, np.mean(found), half_width(size, values.std())))
    return pd.DataFrame(rows, columns=["n", "seen", "expected"])


def ratio(rows):
    """Return the sum of the first column over that of the second, e.g. found / lesions."""
    return rows[:, 0].sum() / rows[:, 1].sum() if rows[:, 1].any() else np.nan


def paired_test(a, b, groups, flips=10_000, seed=0):
    """Return (difference, p): mean of a - b over the same cases, and its two-sided p.

    If two models were alike, swapping them in a whole group would change
    nothing: p is the share of random swaps with a difference as large, the one
    seen counted among them, so it is never 0 (Phipson & Smyth 2010, Stat Appl
    Genet Mol Biol 9:39).
    """
    differences = np.asarray(a, float) - np.asarray(b, float)
    differences, code, n = _grouped(differences, groups)
    sums = np.bincount(code, differences, n)
    signs = np.random.default_rng(seed).integers(0, 2, (flips, n)) * 2 - 1
    seen = (
        abs(sums.sum()) - 1e-9 * np.abs(sums).sum()
    )  # ties, in spite of rounding
    as_large = np.count_nonzero(np.abs(signs @ sums) >= seen)
    return float(differences.mean()), (as_large + 1) / (flips + 1)


def half_width(n, sd):
    """Return about how far the interval of a mean reaches to either side.

    n: independent cases (groups, not images); sd: standard deviation between
    them. At an sd of 0.25, common for Dice, 100 cases give 0.05: a gain of
    0.02 cannot be seen.
    """
    return Z * sd / n**0.5


def wilson(k, n):
    """Return (low, high), the interval of a share k / n (Wilson 1927, JASA 22:209)."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return 0.0, 1.0
    centre, half = k + Z * Z / 2, Z * np.sqrt(k * (n - k) / n + Z * Z / 4)
    return tuple(float((centre + s * half) / (n + Z * Z)) for s in (-1, 1))


def _grouped(values, groups):
    """Return the values, the number of each one's group from 0 on, and how many."""
    values, groups = np.asarray(values, float), np.asarray(list(groups))
    if len(values) != len(groups) or np.isnan(values).any():
        raise ValueError(
            f"{len(values)} values, {np.isnan(values).sum()} of them nan, for "
            f"{len(groups)} groups: every case needs one value and one group"
        )
    names, code = np.unique(groups, return_inverse=True)
    return values, code, len(names)
