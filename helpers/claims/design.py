"""A fractional design of short trainings, and what explains their spread.

`codes` is, throughout, what `half_fraction` returns, and `rows` what `runs`
does: the Dice of each case in each run, (cases, settings x seeds).
"""

import itertools

import numpy as np
import pandas as pd

from ..evaluation import bootstrap


def half_fraction(levels):
    """Return (settings, codes): half of all combinations of two levels each.

    levels: {factor: (one, other)}. settings: list of dicts; codes: -1 or 1,
    (settings, factors), the last the product of all others (Box & Hunter
    1961), so each factor's levels meet those of every other equally often.
    """
    free = itertools.product((-1, 1), repeat=len(levels) - 1)
    codes = np.array([(*row, np.prod(row)) for row in free])
    settings = [
        {name: levels[name][i] for name, i in zip(levels, row, strict=True)}
        for row in (codes > 0).astype(int)
    ]
    return settings, codes


def runs(dice, settings):
    """Return (rows, groups) of a design, of the cases that all runs scored.

    dice: as in `checks`, with columns "design-0 s0", "design-0 s1" and so on;
    settings: how many. KeyError unless each was run, with equally many seeds.
    """
    prefixes = [f"design-{k} s" for k in range(settings)]
    names = [c for prefix in prefixes for c in dice if c.startswith(prefix)]
    seeds = [sum(c.startswith(prefix) for c in names) for prefix in prefixes]
    if min(seeds) == 0 or len(set(seeds)) > 1:
        raise KeyError("the design is not complete")
    scored = dice[[*names, "group"]].dropna()
    return scored[names].to_numpy(), scored["group"]


def effects(rows, codes):
    """Return for each factor the mean Dice at its level 1 minus that at -1."""
    means = rows.mean(axis=0).reshape(len(codes), -1)
    return 2 * codes.T @ means.mean(axis=1) / len(codes)


def variance_shares(rows, codes):
    """Return what the factors, their interplay and the seed explain.

    Shares of the variance of the runs' means, float (factors + 2,): sums of
    squares of a balanced design with two levels (Fisher 1935).
    """
    means = rows.mean(axis=0).reshape(len(codes), -1)
    spread = means - means.mean()
    by_setting = spread.mean(axis=1)
    factors = means.size * (codes.T @ by_setting / len(codes)) ** 2
    seed = ((spread - by_setting[:, None]) ** 2).sum()
    total = (spread**2).sum()
    return np.array([*factors, total - factors.sum() - seed, seed]) / total


def shares_of_variance(dice, factors, codes):
    """Return DataFrame[value, low, high] of `variance_shares`, by name."""
    rows, groups = runs(dice, len(codes))
    names = [*factors, "their interplay", "the seed"]
    places = range(len(names))
    shares = [lambda r, k=k: variance_shares(r, codes)[k] for k in places]
    table = [bootstrap.interval(rows, groups, s) for s in shares]
    return pd.DataFrame(table, names, ["value", "low", "high"])
