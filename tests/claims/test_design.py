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
    rows = means.reshape(1, -1)
    assert design.effects(rows, codes) == pytest.approx(2 * half_effects)
    shares = design.variance_shares(rows, codes)
    wanted = np.array([0.09, 0.01, 0, 0, 0, 0.0025]) / 0.1025
    assert shares == pytest.approx(wanted) and shares.sum() == pytest.approx(1)


def test_a_design_that_is_not_complete_is_refused():
    dice = pd.DataFrame({"group": ["a"], "design-0 s0": 1.0})
    with pytest.raises(KeyError, match="not complete"):
        design.runs(dice, 2)
