"""Pixel probabilities become a mask at the original size."""

import numpy as np
import pandas as pd
import pytest

from helpers.data import masks
from helpers.evaluation import classification, postprocessing

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


def test_small_parts_are_dropped_and_the_threshold_counts():
    classes = square()
    classes[14, 28] = [0, 1, 0]
    both = lesion_mask(classes)
    one = lesion_mask(classes, minimum_area=0.005)
    assert 0 < one.sum() < both.sum()
    assert not lesion_mask(classes, threshold=0.95)[:, :70].any()
    assert not lesion_mask(square(0.0)).any()


@pytest.mark.parametrize("limit, kept", [(0.6, True), (0.8, False)])
def test_an_image_that_is_hardly_suspect_stays_empty(limit, kept):
    assert lesion_mask(square(0.7), image_threshold=limit).any() == kept


def test_masks_of_many_cases_follow_the_rule_of_their_fold():
    strong, weak = square(0.9), square(0.55)
    cases = pd.DataFrame({"height": 60, "width": 90, "fold": [0, 1, 1]})
    rules = pd.DataFrame({**postprocessing.RULE, "note": "kept"}, index=[0, 1])
    rules.loc[1, "threshold"] = 0.6
    squares = np.stack([weak, weak, strong])
    found = postprocessing.lesion_masks(cases, squares, rules)
    assert [mask.any() for mask in found] == [True, False, True]
    assert np.array_equal(found[2], lesion_mask(strong, threshold=0.6))


def test_lesion_pixels_get_the_likelier_class_and_the_whole_the_majority():
    classes = square(0.9, 0.8)
    third = classes[20:28, 10:14]
    third[..., 1:] = third[..., :0:-1].copy()  # a third is benign
    mask = lesion_mask(classes)
    full = postprocessing.restore_probabilities(classes, *SHAPE)
    found = postprocessing.class_mask(mask, full)
    assert found.dtype == np.uint8 and np.array_equal(found > 0, mask)
    counts = np.bincount(found[mask], minlength=3)
    assert counts[2] > counts[1] > 0 == counts[0]
    majority = postprocessing.majority_class
    assert majority(classes, mask) == "malignant"
    assert majority(classes, mask & False) == "nothing"
    assert majority(square(0.9, 0.2), mask) == "benign"


def test_a_fitted_rule_keeps_the_wanted_sensitivity():
    rng = np.random.default_rng(0)
    classes = np.stack([square(p) for p in rng.uniform(0.55, 0.99, 40)])
    labels = (classes[..., 0] < 0.5).astype(np.uint8)
    classes[:, 2, 2] = [0, 1, 0]  # a false speck in every prediction
    labels[30:], classes[30:] = 0, square(0.3)
    rule = postprocessing.fit_rule(classes, labels, sensitivity=0.9)
    assert list(rule) == list(postprocessing.RULE)
    assert rule["minimum_area"] > 0
    lesion = np.array([classification.lesion_probability(c) for c in classes])
    kept = lesion >= rule["image_threshold"]
    assert sum(kept[:30]) == 27 and not any(kept[30:])


def test_a_fitted_threshold_beats_one_half():
    classes = np.stack([square(0.4), square(0.45)])
    labels = (classes[..., 0] < 0.9).astype(np.uint8)
    assert postprocessing.fit_rule(classes, labels)["threshold"] == 0.3
    with pytest.raises(ValueError, match="lesion"):
        postprocessing.fit_rule(classes, labels * 0)
