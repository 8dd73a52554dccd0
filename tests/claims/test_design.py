"""The fractional design is balanced, and its variance is split as put in."""

import numpy as np
import pandas as pd
import pytest

from helpers.claims import design


def test_a_half_fraction_is_balanced():
    levels = {"a": (1, 2), "b": (3, 4), "c": (5, 6), "d": (7, 8)}
    settings, codes = design.half_fraction(levels)
    assert len(settings) == len({tuple(s.values()) for s in settings}) == 8
    assert (codes.T @ codes == 8 * np.eye(4)).all()
    lower, higher = np.array(list(levels.values())).T
    wanted = np.where(codes < 0, lower, higher).tolist()
    assert [list(s.values()) for s in settings] == wanted
    assert all(list(s) == list(levels) for s in settings)


def test_effects_and_shares_of_variance_are_what_was_put_in():
    _, codes = design.half_fraction(dict.fromkeys("abcd", (0, 1)))
    half_effects = np.array([0.3, 0.1, 0, 0])
    means = 0.6 + codes @ half_effects[:, None] + [[-0.05, 0.05]]
    assert design.effects(means, codes) == pytest.approx(2 * half_effects)
    shares = design.variance_shares(means, codes)
    # sums of squares, each less one or three mean squares of the seeds
    wanted = np.array([1.435, 0.155, -0.005, -0.005, -0.015]) / 1.645
    assert shares[:-1] == pytest.approx(wanted)
    assert shares.sum() == pytest.approx(1)


def test_settings_without_effect_explain_nothing_on_average():
    _, codes = design.half_fraction(dict.fromkeys("abcd", (0, 1)))
    rng = np.random.default_rng(0)
    noise = rng.normal(0.7, 0.1, (400, 8, 2))
    shares = [design.variance_shares(m, codes)[:4].sum() for m in noise]
    assert abs(np.mean(shares)) < 0.03


def test_one_training_that_failed_widens_the_interval():
    _, codes = design.half_fraction(dict.fromkeys("abcd", (0, 1)))
    means = 0.6 + 0.1 * codes[:, :1] + [[-0.01, 0.01]]
    failed = means.copy()
    failed[0, 0] = 0.0

    def share(means):
        return design.variance_shares(means, codes)[:4].sum()

    steady, shaken = (design.interval(m, share) for m in (means, failed))
    assert steady[1] > 0.9 and steady[1] <= steady[0] <= steady[2]
    assert shaken[1] < 0.5 < shaken[2]


def test_a_design_that_is_not_complete_is_refused():
    one = pd.DataFrame({"design-0 s0": [1.0], "design-1 s0": [1.0]})
    unequal = one.assign(**{"design-0 s1": 1.0})
    for dice in (one, unequal, unequal.drop(columns="design-1 s0")):
        with pytest.raises(KeyError, match="not complete"):
            design.run_means(dice, 2)
