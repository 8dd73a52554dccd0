"""Pixel probabilities become a mask at the original size, and an image's findings."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from helpers.data import busi, masks
from helpers.evaluation import classification, postprocessing

SHAPE = (60, 90)


def answer(
    p=0.9, malignant=0.5, patch=(slice(20, 28), slice(10, 22)), size=32
):
    """Return class probabilities of one square with a lesion in `patch`, and its box."""
    classes = np.zeros((size, size, 3), np.float32)
    classes[..., 0] = 1
    classes[patch] = [1 - p, p * (1 - malignant), p * malignant]
    return classes, masks.letterbox(np.zeros(SHAPE, bool), size)[1]


@pytest.mark.parametrize("p", [0.02, 0.3, 0.95])
def test_image_probability_is_near_that_of_the_surest_pixels(p):
    for patch in (np.s_[10:13, 10:13], np.s_[4:28, 4:28]):
        found = classification.image_probabilities(answer(p, 0.25, patch)[0])
        assert sum(found.values()) == pytest.approx(1)
        assert 1 - found["normal"] == pytest.approx(p, rel=0.1, abs=0.02)
        assert found["malignant"] == pytest.approx(found["benign"] / 3)


def test_no_lesion_anywhere_is_normal():
    classes = answer(0.0)[0]
    assert classification.image_probabilities(classes)[
        "normal"
    ] == pytest.approx(1)


def test_mask_has_the_original_size_and_place():
    classes, box = answer()
    mask = postprocessing.lesion_mask(classes, box)
    assert mask.shape == SHAPE and mask.dtype == bool
    expected = masks.restore(1 - classes[..., 0], box) > 0.5
    assert mask.any() and np.array_equal(mask, expected)


def test_small_parts_are_dropped_and_the_threshold_counts():
    classes, box = answer()
    classes[14, 28] = [0, 1, 0]
    both = postprocessing.lesion_mask(classes, box)
    one = postprocessing.lesion_mask(classes, box, minimum_area=0.005)
    assert 0 < one.sum() < both.sum()
    assert not postprocessing.lesion_mask(classes, box, threshold=0.95)[
        :, :70
    ].any()
    assert not postprocessing.lesion_mask(*answer(0.0)).any()


def test_an_image_that_is_hardly_suspect_stays_empty():
    classes, box = answer(0.7)
    assert postprocessing.lesion_mask(classes, box, image_threshold=0.6).any()
    empty = postprocessing.lesion_mask(classes, box, image_threshold=0.8)
    assert empty.shape == SHAPE and empty.dtype == bool and not empty.any()


def test_masks_of_many_cases_follow_the_rule_of_their_fold():
    (classes, box), (weak, _) = answer(0.9), answer(0.55)
    cases = pd.DataFrame({"height": 60, "width": 90, "fold": [0, 1, 1]})
    rules = pd.DataFrame({**postprocessing.RULE, "note": "kept"}, index=[0, 1])
    rules.loc[1, "threshold"] = 0.6
    found = postprocessing.lesion_masks(
        cases, np.stack([weak, weak, classes]), rules
    )
    assert [mask.any() for mask in found] == [True, False, True]
    assert np.array_equal(
        found[2], postprocessing.lesion_mask(classes, box, 0.6)
    )


def test_marked_pixels_get_the_likelier_class_and_the_whole_one_name():
    classes, box = answer(0.9, 0.8)
    classes[20:28, 10:14, 1:] = classes[
        20:28, 10:14, :0:-1
    ]  # a third says benign
    mask = postprocessing.lesion_mask(classes, box)
    told = postprocessing.class_mask(
        mask, postprocessing.restore_probabilities(classes, *SHAPE)
    )
    assert told.dtype == np.uint8 and np.array_equal(told > 0, mask)
    counts = np.bincount(told[mask], minlength=3)
    assert counts[2] > counts[1] > 0 == counts[0]
    assert postprocessing.majority_class(classes, mask) == "malignant"
    assert postprocessing.majority_class(classes, mask & False) == "nothing"
    assert postprocessing.majority_class(answer(0.9, 0.2)[0], mask) == "benign"


def test_a_fitted_rule_keeps_the_wanted_share_of_lesions():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.55, 0.99, 40)
    classes = np.stack([answer(p)[0] for p in sure])
    labels = (classes[..., 0] < 0.5).astype(np.uint8)
    classes[:, 2, 2] = [0, 1, 0]  # a false speck in every answer
    labels[30:], classes[30:] = 0, answer(0.3)[0]
    rule = postprocessing.fit_rule(classes, labels, sensitivity=0.9)
    assert list(rule) == list(postprocessing.RULE)
    assert rule["minimum_area"] > 0
    kept = [
        classification.lesion_probability(c) >= rule["image_threshold"]
        for c in classes
    ]
    assert sum(kept[:30]) == 27 and not any(kept[30:])


def test_a_fitted_threshold_beats_one_half():
    classes = np.stack([answer(0.4)[0], answer(0.45)[0]])
    labels = (classes[..., 0] < 0.9).astype(np.uint8)
    assert postprocessing.fit_rule(classes, labels)["threshold"] == 0.3
    with pytest.raises(ValueError, match="lesion"):
        postprocessing.fit_rule(classes, labels * 0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"p": 0.55}, "unsure whether"),
        ({"p": 0.99, "malignant": 0.5}, "class"),
        ({"p": 0.6, "malignant": 0.0}, "vague"),
        ({"p": 0.99, "malignant": 0.0, "patch": np.s_[12:18, :9]}, "edge"),
    ],
)
def test_each_doubt_is_named(options, reason):
    classes, box = answer(**options)
    mask = postprocessing.lesion_mask(classes, box)
    found = classification.review_reasons(
        classes, mask, classification.image_probabilities(classes)
    )
    assert any(reason in text for text in found)


def test_a_lesion_that_was_dropped_is_a_doubt():
    classes, box = answer(0.99, 0.0, np.s_[12:14, 10:12])
    mask = postprocessing.lesion_mask(classes, box, minimum_area=0.5)
    found = classification.review_reasons(
        classes, mask, classification.image_probabilities(classes)
    )
    assert not mask.any() and "outline and probability disagree" in found


@pytest.mark.parametrize(
    ("scale", "shape", "reasons"),
    [
        (1, (100, 120), []),
        (0.2, (100, 120), ["brightness unlike BUSI", "contrast unlike BUSI"]),
        (1, (100, 220), ["width to height unlike BUSI"]),
    ],
)
def test_an_image_outside_the_range_of_busi_is_told(scale, shape, reasons):
    image = np.random.default_rng(0).normal(90, 40, shape).clip(0, 255) * scale
    assert classification.out_of_range(image.astype(np.uint8)) == reasons


def test_hardly_an_image_of_busi_is_unlike_busi(busi_root):
    # Hardly: the range is of 624 images, and whoever has all 780 tests with
    # all.
    paths = sorted(busi_root.glob("*/*).png"))
    unlike = [
        p.name
        for p in paths
        if classification.out_of_range(busi.read_image(p))
    ]
    assert len(unlike) <= 0.02 * len(paths), unlike


def test_a_clear_answer_leaves_no_doubt():
    classes, box = answer(0.99, 0.0, np.s_[12:20, 10:22])
    mask = postprocessing.lesion_mask(classes, box)
    assert (
        classification.review_reasons(
            classes, mask, classification.image_probabilities(classes)
        )
        == []
    )


def test_quantities_measure_the_predicted_lesion():
    classes, _ = answer(0.9, 0.25, np.s_[8:20, 4:28])
    found = classification.image_features(classes)
    shape = masks.describe(classes[..., 0] < 0.5)
    assert (
        found["area"]
        == shape["area_fraction"]
        == pytest.approx(12 * 24 / 32**2)
    )
    assert found["circularity"] == pytest.approx(shape["circularity"])
    assert {
        k: found[k] for k in classification.LABELS
    } == classification.image_probabilities(classes)


@pytest.mark.parametrize("patch", [np.s_[0:0, 0:0], np.s_[5:6, 5:6]])
def test_without_a_shape_it_is_that_of_a_smooth_spot(patch):
    found = classification.image_features(answer(0.9, 0.5, patch)[0])
    assert (found["solidity"], found["circularity"]) == (1, 1)
    assert not any(np.isnan(list(found.values())))


def told(n, seed):
    """Return a table of quantities with labels, whose malignant lesions are ragged."""
    rng = np.random.default_rng(seed)
    label = rng.choice(classification.LABELS, n, p=[0.2, 0.5, 0.3])
    lesion = np.where(label == "normal", 0.3, 0.8) + rng.uniform(-0.2, 0.2, n)
    table = pd.DataFrame({"label": label, "normal": 1 - lesion})
    table["benign"] = table["malignant"] = lesion / 2  # knows no class at all
    table["area"] = np.where(label == "normal", 0, 0.1)
    ragged = (label == "malignant") * 0.2 + rng.uniform(0, 0.1, n)
    return table.assign(solidity=1 - ragged, circularity=0.9 - ragged)


def test_fitted_probabilities_use_the_shape_and_keep_the_order_of_labels():
    validation, cases = told(60, 0), told(200, 1)
    found = classification.logistic_regression(
        validation, cases.drop(columns="label")
    )
    assert found.shape == (200, 3) and found.sum(axis=1) == pytest.approx(1)
    names = np.array(classification.LABELS)[found.argmax(axis=1)]
    assert (names == cases["label"]).mean() > 0.9
    plain = np.array(classification.LABELS)[
        cases[list(classification.LABELS)].to_numpy().argmax(1)
    ]
    assert (plain == cases["label"]).mean() < 0.8


def test_a_validation_part_without_a_class_fits_nothing():
    validation, cases = told(60, 0), told(20, 1)
    validation = validation[validation["label"] != "malignant"]
    found = classification.logistic_regression(validation, cases)
    assert np.array_equal(found, cases[list(classification.LABELS)])


def test_notebook_7_opens_neither_images_nor_masks():
    text = (ROOT / "notebooks" / "07_from_pixels_to_findings.py").read_text()
    code = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    assert not re.search(
        r"arrays\.npz|scores\.csv|\bbusi\b|\bmasks\b|data\.root", code
    )
