"""What is said of a whole image: probabilities, features, review reasons."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from helpers.data import busi, masks
from helpers.evaluation import classification, postprocessing

LABELS = list(classification.LABELS)


def square(p=0.9, malignant=0.5, patch=np.s_[20:28, 10:22]):
    """Return class probabilities (32, 32, 3) with a lesion in `patch`."""
    classes = np.zeros((32, 32, 3), np.float32)
    classes[..., 0] = 1
    classes[patch] = [1 - p, p * (1 - malignant), p * malignant]
    return classes


@pytest.mark.parametrize("p", [0.0, 0.02, 0.3, 0.95])
@pytest.mark.parametrize("patch", [np.s_[10:13, 10:13], np.s_[4:28, 4:28]])
def test_image_probability_is_near_that_of_the_surest_pixels(p, patch):
    classes = square(p, 0.25, patch)
    found = classification.image_probabilities(classes)
    assert sum(found.values()) == pytest.approx(1)
    lesion = classification.lesion_probability(classes)
    assert lesion == pytest.approx(p, rel=0.1, abs=0.02)
    assert found["normal"] == 1 - lesion
    assert found["malignant"] == pytest.approx(found["benign"] / 3)


def test_the_lehmer_mean_by_hand_and_along_axes():
    p = np.array([[0.9, 0.6, 0.0], [0.0, 0.0, 0.0]])
    found = classification.lehmer_mean(p, axis=1)
    assert found == pytest.approx([(0.729 + 0.216) / (0.81 + 0.36 + 1e-3), 0])
    whole = classification.lehmer_mean(p)
    assert whole == classification.lehmer_mean(p[0], sum_of)


def sum_of(values, axis):
    """Stand in for the sum of another array library."""
    assert axis is None
    return sum(values.tolist())


def reasons(classes, **rule):
    box = masks.Letterbox.of(60, 90, 32)
    mask = postprocessing.lesion_mask(classes, box, **rule)
    probabilities = classification.image_probabilities(classes)
    return classification.review_reasons(classes, mask, probabilities)


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"p": 0.55}, "unsure whether there is a lesion"),
        ({"p": 0.99, "malignant": 0.5}, "unsure of its class"),
        ({"p": 0.6, "malignant": 0.0}, "vague outline"),
        ({"p": 0.99, "patch": np.s_[12:18, :9]}, "touches the edge"),
        ({"p": 0.99, "patch": np.s_[12:18, 4:28:6]}, "several parts"),
    ],
)
def test_each_reason_for_a_review_is_named(options, reason):
    assert reason in reasons(square(**options))


def test_a_lesion_that_was_dropped_is_a_reason():
    found = reasons(square(0.99, 0, np.s_[12:14, 10:12]), minimum_area=0.5)
    assert found == ["outline and probability disagree"]


def test_a_clear_prediction_leaves_no_reason():
    assert reasons(square(0.99, 0.0, np.s_[12:20, 10:22])) == []


@pytest.mark.parametrize(
    "p, expected", [([0.9, 0.7, 0.2], 0.8), ([0.5, 0.1], 0)]
)
def test_the_mean_inside_an_outline(p, expected):
    assert classification.mean_inside(np.array(p)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "scale, shape, expected",
    [
        (1, (100, 120), []),
        (0.2, (100, 120), ["brightness unlike BUSI", "contrast unlike BUSI"]),
        (1, (100, 220), ["width to height unlike BUSI"]),
    ],
)
def test_an_image_outside_the_range_of_busi_is_reported(
    scale, shape, expected
):
    image = np.random.default_rng(0).normal(90, 40, shape).clip(0, 255) * scale
    assert classification.out_of_range(image.astype(np.uint8)) == expected


def test_hardly_an_image_of_busi_is_unlike_busi(busi_root):
    # Hardly: the range is of 624 images, and whoever has all 780 tests with
    # all.
    paths = sorted(busi_root.glob("*/*).png"))
    images = map(busi.read_image, paths)
    assert sum(map(bool, map(classification.out_of_range, images))) <= (
        0.02 * len(paths)
    )


def test_features_measure_the_predicted_lesion():
    classes = square(0.9, 0.25, np.s_[8:20, 4:28])
    found = classification.image_features(classes)
    shape = masks.describe(classes[..., 0] < 0.5)
    assert found["area"] == pytest.approx(12 * 24 / 32**2)
    assert found["solidity"] == pytest.approx(shape["solidity"])
    assert found["circularity"] == pytest.approx(shape["circularity"])
    probabilities = classification.image_probabilities(classes)
    assert {name: found[name] for name in LABELS} == probabilities


@pytest.mark.parametrize("patch", [np.s_[0:0, 0:0], np.s_[5:6, 5:6]])
def test_without_a_shape_it_is_that_of_a_smooth_spot(patch):
    found = classification.image_features(square(0.9, 0.5, patch))
    assert (found["solidity"], found["circularity"]) == (1, 1)
    assert not any(np.isnan(list(found.values())))


def features(n, seed):
    """Return features with labels: malignant lesions are ragged."""
    rng = np.random.default_rng(seed)
    label = rng.choice(LABELS, n, p=[0.2, 0.5, 0.3])
    normal = label == "normal"
    lesion = np.where(normal, 0.3, 0.8) + rng.uniform(-0.2, 0.2, n)
    table = pd.DataFrame({"label": label, "normal": 1 - lesion})
    table["benign"] = table["malignant"] = lesion / 2  # knows no class at all
    table["area"] = np.where(normal, 0, 0.1)
    ragged = (label == "malignant") * 0.2 + rng.uniform(0, 0.1, n)
    return table.assign(solidity=1 - ragged, circularity=0.9 - ragged)


def test_fitted_probabilities_use_the_shape_and_keep_the_order_of_labels():
    validation, cases = features(60, 0), features(200, 1)
    label = cases.pop("label").to_numpy()
    found = classification.logistic_regression(validation, cases)
    assert found.shape == (200, 3) and found.sum(axis=1) == pytest.approx(1)
    fitted, plain = (
        (np.array(LABELS)[p.argmax(axis=1)] == label).mean()
        for p in (found, cases[LABELS].to_numpy())
    )
    assert plain < 0.8 and fitted > 0.9


def test_a_validation_part_without_a_class_fits_nothing():
    validation, cases = features(60, 0), features(20, 1)
    validation = validation[validation["label"] != "malignant"]
    found = classification.logistic_regression(validation, cases)
    assert np.array_equal(found, cases[LABELS])


def test_notebook_7_opens_neither_images_nor_masks():
    text = (ROOT / "notebooks" / "07_from_pixels_to_findings.py").read_text()
    code = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    files = r"arrays\.npz|scores\.csv|\bbusi\b|\bmasks\b|data\.root"
    assert not re.search(files, code)
