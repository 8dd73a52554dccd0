"""Pixel probabilities become a mask at the original size."""

import numpy as np
import pandas as pd
import pytest

from helpers.data import masks
from helpers.evaluation import postprocessing

SHAPE = (60, 90)
BOX = masks.Letterbox.of(*SHAPE, 32)


def square(p=0.9, malignant=0.5, patch=np.s_[20:28, 10:22]):
    """Return class probabilities (32, 32, 3) with a lesion in `patch`."""
    classes = np.zeros((32, 32, 3), np.float32)
    classes[..., 0] = 1
    classes[patch] = [1 - p, p * (1 - malignant), p * malignant]
    return classes


def lesion_mask(classes, **rule):
    mask = postprocessing.lesion_mask(classes, BOX, **rule)
    assert mask.shape == SHAPE and mask.dtype == bool
    return mask


def test_mask_has_the_original_size_and_place():
    classes = square()
    mask = lesion_mask(classes)
    expected = masks.restore(1 - classes[..., 0], BOX) > 0.5
    assert mask.any() and np.array_equal(mask, expected)


def test_small_parts_are_dropped_and_both_thresholds_count():
    classes = square()
    classes[14, 28] = [0, 1, 0]
    both = lesion_mask(classes)
    one = lesion_mask(classes, minimum_area=0.005)
    assert 0 < one.sum() < both.sum()
    assert not lesion_mask(classes, threshold=0.95)[:, :70].any()
    assert not lesion_mask(square(0.0)).any()
    assert lesion_mask(square(0.7), image_threshold=0.6).any()
    assert not lesion_mask(square(0.7), image_threshold=0.8).any()


def test_masks_of_many_cases_follow_the_rule_of_their_fold():
    strong, weak = square(0.9), square(0.55)
    cases = pd.DataFrame({"height": 60, "width": 90, "fold": [0, 1, 1]})
    rules = pd.DataFrame({**postprocessing.RULE, "note": "kept"}, index=[0, 1])
    rules.loc[1, "threshold"] = 0.6
    squares = np.stack([weak, weak, strong])
    found = postprocessing.lesion_masks(cases, squares, rules)
    assert [mask.any() for mask in found] == [True, False, True]
    assert np.array_equal(found[2], lesion_mask(strong, threshold=0.6))


def test_lesion_pixels_get_the_likelier_class():
    classes = square(0.9, 0.8)
    third = classes[20:28, 10:14]
    third[..., 1:] = third[..., :0:-1].copy()  # a third is benign
    mask = lesion_mask(classes)
    cases = pd.DataFrame({"height": [SHAPE[0]], "width": [SHAPE[1]]})
    (full,) = postprocessing.restored(cases, [classes])
    found = postprocessing.class_mask(mask, full)
    assert found.dtype == np.uint8 and np.array_equal(found > 0, mask)
    counts = np.bincount(found[mask], minlength=3)
    assert counts[2] > counts[1] > 0 == counts[0]


@pytest.fixture
def validation():
    """Thirty lesions, surer and surer, and ten normals, hardly suspect."""
    sure = np.r_[np.linspace(0.55, 0.99, 30), np.linspace(0.3, 0.6, 10)]
    classes = np.stack([square(p) for p in sure])
    labels = (classes[..., 0] < 1).astype(np.uint8)
    labels[30:] = 0
    classes[:, 2, 2] = [0.3, 0.7, 0]  # a false speck in every prediction
    return classes, labels


def test_a_fitted_rule_weighs_lesions_against_normals(validation):
    rule = postprocessing.fit_rule(*validation)
    assert list(rule) == list(postprocessing.RULE)
    assert rule["minimum_area"] > 0  # no speck
    found = postprocessing.judged(*validation, **rule)
    assert found["empty"] >= 0.6 and found["marked"] >= 0.8
    assert found["dice"] > 0.8 and found["missed"] == 1 - found["marked"]


def test_the_frontier_has_the_outcome_of_each_rule(validation):
    tried = postprocessing.frontier(*validation)
    assert len(tried) == len(postprocessing.IMAGE_THRESHOLDS) * 25
    rule = tried.loc[500, list(postprocessing.RULE)]
    found = postprocessing.judged(*validation, **rule)
    assert tried.loc[500, list(found)].to_dict() == pytest.approx(found)
    surer = tried[tried["threshold"] == 0.5].groupby("image_threshold")
    assert surer["marked"].max().is_monotonic_decreasing
    assert surer["empty"].min().is_monotonic_increasing


def test_the_utility_is_dice_less_misses_plus_empty_normals():
    has_lesion = np.array([True, True, True, True, False, False])
    confidence = np.array([0.9, 0.8, 0.5, 0.4, 0.7, -1])
    dice = np.array([0.9, 0.7, 0.05, 0.8, 0.0, 1.0])
    found = postprocessing.outcome(has_lesion, confidence, dice, 0.5)
    expected = {"dice": 1.65 / 4, "marked": 0.75, "missed": 0.5, "empty": 0.5}
    utility = 1.65 / 4 - 1 * 0.5 + 0.5 * 0.5
    assert found == pytest.approx(expected | {"utility": utility})
    four = (x[:4] for x in (has_lesion, confidence, dice))
    some = postprocessing.outcome(*four, 0.5)
    assert some["utility"] == pytest.approx(1.65 / 4 - 0.5)


def test_a_fitted_threshold_beats_one_half():
    classes = np.stack([square(0.4), square(0.45)])
    labels = (classes[..., 0] < 0.9).astype(np.uint8)
    assert postprocessing.fit_rule(classes, labels)["threshold"] == 0.3
    with pytest.raises(ValueError, match="lesion"):
        postprocessing.fit_rule(classes, labels * 0)


def test_a_lone_peak_of_utility_does_not_choose_the_rule(validation):
    tried = postprocessing.frontier(*validation)
    n = len(postprocessing.IMAGE_THRESHOLDS)
    u = tried["utility"].to_numpy()[:n]
    around = [u[max(0, k - 1) : k + 2].mean() for k in range(n)]
    assert tried["smooth"][:n].tolist() == pytest.approx(around)
    lone = tried.assign(utility=0.0, smooth=0.0)
    lone.loc[3, "utility"], lone.loc[7, "smooth"] = 9, 1
    names = list(postprocessing.RULE)
    assert postprocessing.best(lone) == tried.loc[7, names].to_dict()
