"""The scores against brute force, their rules for empty masks, and the interval."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.spatial.distance import cdist

from helpers import scores

SHAPE = (9, 11)
MASKS = hnp.arrays(bool, SHAPE)
EMPTY = np.zeros(SHAPE, bool)


def boundary(mask):
    cross = ndimage.generate_binary_structure(2, 1)
    return np.argwhere(mask & ~ndimage.binary_erosion(mask, cross))


@settings(max_examples=200, deadline=None)
@given(MASKS, MASKS, st.integers(0, 4))
def test_scores_equal_brute_force(a, b, tolerance):
    both, either = sum((a & b).ravel()), sum((a | b).ravel())
    assert scores.iou(a, b) == pytest.approx(both / either if either else 1)
    total = a.sum() + b.sum()
    assert scores.dice(a, b) == pytest.approx(2 * both / total if total else 1)
    if a.any() and b.any():
        distances = cdist(boundary(a), boundary(b))
        to_b, to_a = distances.min(axis=1), distances.min(axis=0)
        expected = max(np.percentile(to_b, 95), np.percentile(to_a, 95))
        assert scores.hd95(a, b) == pytest.approx(expected, abs=1e-4)
        near = (to_b <= tolerance).sum() + (to_a <= tolerance).sum()
        share = near / (len(to_b) + len(to_a))
        assert scores.surface_dice(a, b, tolerance) == pytest.approx(share)


@settings(max_examples=50, deadline=None)
@given(MASKS, MASKS)
def test_scores_are_symmetric_and_bounded(a, b):
    for score in (scores.dice, scores.iou):
        assert score(a, b) == score(b, a)
        assert 0 <= score(a, b) <= 1
    assert scores.hd95(a, b) == scores.hd95(b, a)
    assert scores.dice(a, a) == scores.surface_dice(a, a, 0) == 1


def test_empty_masks_follow_the_stated_rule():
    lesion = EMPTY.copy()
    lesion[2:4, 3:6] = True
    for a, b in ((lesion, EMPTY), (EMPTY, lesion)):
        assert scores.dice(a, b) == scores.iou(a, b) == 0
        assert scores.surface_dice(a, b, 2) == 0
        assert scores.hd95(a, b) == pytest.approx(np.hypot(*SHAPE))
    assert scores.dice(EMPTY, EMPTY) == scores.surface_dice(EMPTY, EMPTY, 2) == 1
    assert scores.hd95(EMPTY, EMPTY) == 0


@pytest.mark.parametrize(
    "a, b",
    [
        (np.zeros((3, 3), bool), np.zeros((3, 4), bool)),
        (np.zeros((3, 3), np.uint8), np.zeros((3, 3), bool)),
        (np.zeros((1, 3, 3), bool), np.zeros((1, 3, 3), bool)),
    ],
)
def test_masks_of_another_kind_are_refused(a, b):
    with pytest.raises(ValueError, match="two 2-D bool masks"):
        scores.dice(a, b)


def test_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        values = rng.normal(0.7, 0.25, 60)
        _, low, high = scores.interval(values, range(60), resamples=500)
        covered += low <= 0.7 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_interval_is_wider_when_cases_are_copies():
    values = np.repeat(np.random.default_rng(1).uniform(0, 1, 30), 4)
    _, low, high = scores.interval(values, range(120))
    _, low_grouped, high_grouped = scores.interval(values, np.repeat(range(30), 4))
    assert high_grouped - low_grouped > 1.5 * (high - low)


def test_interval_of_one_group_has_no_width_to_show():
    mean, low, high = scores.interval([0.2, 0.4], ["a", "a"])
    assert mean == pytest.approx(0.3) and np.isnan(low) and np.isnan(high)
