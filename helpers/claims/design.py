"""A fractional design of short trainings, and what explains their spread.

`codes` is, throughout, what `half_fraction` returns, and `means` what
`run_means` does: the mean Dice of each run, (settings, seeds).
"""

import itertools

import numpy as np
import pandas as pd


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


def run_means(dice, settings):
    """Return the mean Dice of each run, of the cases that all runs scored.

    dice: as in `checks`, with columns "design-0 s0", "design-0 s1" and so on;
    settings: how many. KeyError unless each was run, with equally many seeds,
    two or more.
    """
    prefixes = [f"design-{k} s" for k in range(settings)]
    names = [c for prefix in prefixes for c in dice if c.startswith(prefix)]
    seeds = {sum(c.startswith(prefix) for c in names) for prefix in prefixes}
    if min(seeds) < 2 or len(seeds) > 1:
        raise KeyError("the design is not complete")
    return dice[names].dropna().to_numpy().mean(axis=0).reshape(settings, -1)


def effects(means, codes):
    """Return for each factor the mean Dice at its level 1 minus that at -1."""
    return 2 * codes.T @ means.mean(axis=1) / len(codes)


def variance_shares(means, codes):
    """Return what the factors, their interplay and the seed explain.

    Omega squared (Hays 1963) of a balanced design with two levels, float
    (factors + 2,): shares of the variance, less what chance alone would seem
    to explain, so one that explains nothing may lie a little below 0.
    """
    settings, seeds = means.shape
    spread = means - means.mean()
    by_setting = spread.mean(axis=1)
    factors = means.size * (codes.T @ by_setting / settings) ** 2
    seed = ((spread - by_setting[:, None]) ** 2).sum()
    total = (spread**2).sum()
    sums = np.array([*factors, total - factors.sum() - seed])
    freedom = np.array([*np.ones(len(factors)), settings - 1 - len(factors)])
    noise = seed / (settings * (seeds - 1))
    shares = (sums - freedom * noise) / (total + noise)
    return np.array([*shares, 1 - shares.sum()])


def interval(means, statistic):
    """Return (value, low, high): a number, or several, and 95 % of trainings.

    Each training is drawn anew: its setting's mean plus the deviation of some
    training from the mean of its setting, enlarged for the few seeds that
    made that mean (Davison & Hinkley 1997, section 3.3).
    """
    centre, seeds = means.mean(axis=1, keepdims=True), means.shape[1]
    apart = (means - centre).ravel() * np.sqrt(seeds / (seeds - 1))
    rng = np.random.default_rng(0)
    drawn = centre + rng.choice(apart, (2000, *means.shape))
    found = [statistic(one) for one in drawn]
    return statistic(means), *np.quantile(found, [0.025, 0.975], axis=0)


def shares_of_variance(dice, factors, codes):
    """Return DataFrame[value, low, high] of `variance_shares`, by name."""
    means = run_means(dice, len(codes))
    found = interval(means, lambda m: variance_shares(m, codes))
    names = [*factors, "their interplay", "the seed"]
    return pd.DataFrame(np.transpose(found), names, ["value", "low", "high"])
