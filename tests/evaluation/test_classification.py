"""What is said of a whole image: probabilities, features, review reasons."""

import numpy as np
import pandas as pd
import pytest
from test_postprocessing import square

from helpers.data import busi, masks
from helpers.evaluation import classification, pooling, postprocessing

LABELS = list(classification.LABELS)


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
    expected = [(0.729 + 0.216) / (0.81 + 0.36 + 1e-3), 0]
    assert pooling.lehmer_mean(p, axis=1) == pytest.approx(expected)

    def total(values, axis):  # stands in for another array library's
        return sum(values[axis].tolist())

    assert pooling.lehmer_mean(p, total, axis=0) == expected[0]


def reasons(classes, **rule):
    box = masks.Letterbox.of(60, 90, 32)
    mask = postprocessing.lesion_mask(classes, box, **rule)
    probabilities = classification.image_probabilities(classes)
    return classification.review_reasons(classes, mask, probabilities)


MIDDLE = np.s_[12:20, 10:22]


@pytest.mark.parametrize(
    "p, malignant, patch, reason",
    [
        (0.55, 0.5, MIDDLE, "unsure whether there is a lesion"),
        (0.99, 0.5, MIDDLE, "unsure of its class"),
        (0.6, 0, MIDDLE, "vague outline"),
        (0.99, 0.5, np.s_[12:18, :9], "touches the edge"),
        (0.99, 0.5, np.s_[12:18, 4:28:6], "several parts"),
    ],
)
def test_each_reason_for_a_review_is_named(p, malignant, patch, reason):
    assert reason in reasons(square(p, malignant, patch))


EDGES = np.s_[5:10, 10:16], np.s_[21:27, 10:16], np.s_[12:18, :9]
EDGES += (np.s_[12:18, 23:],)


@pytest.mark.parametrize("patch", EDGES)
def test_each_edge_is_a_reason_and_a_clear_normal_has_none(patch):
    assert "touches the edge" in reasons(square(0.99, 0, patch))
    assert reasons(square(0.0, 0, patch)) == []
    assert "unsure of its class" not in reasons(square(0.55, 0.5, MIDDLE))


def test_a_dropped_lesion_is_a_reason_and_a_clear_one_is_none():
    clear = square(0.99, 0, MIDDLE)
    assert reasons(clear) == []
    found = reasons(clear, minimum_area=0.5)
    assert found == ["outline and probability disagree"]


def test_the_mean_inside_an_outline():
    found = classification.mean_inside(np.array([0.9, 0.7, 0.2]))
    assert found == pytest.approx(0.8)
    assert classification.mean_inside(np.array([0.5, 0.1])) == 0


@pytest.mark.parametrize(
    "scale, width, expected",
    [
        (1, 120, []),
        (0.2, 120, ["brightness unlike BUSI", "contrast unlike BUSI"]),
        (1, 220, ["width to height unlike BUSI"]),
    ],
)
def test_an_image_unlike_busi_is_reported(scale, width, expected):
    image = np.random.default_rng(0).normal(90, 40, (100, width))
    image = (image.clip(0, 255) * scale).astype(np.uint8)
    assert classification.out_of_range(image) == expected


def test_hardly_an_image_of_busi_is_unlike_busi(busi_root):
    # Hardly: the range is of 624 images, and others may have all 780.
    images = map(busi.read_image, busi_root.glob("*/*).png"))
    unlike = [bool(classification.out_of_range(image)) for image in images]
    assert np.mean(unlike) <= 0.02


def test_features_measure_the_predicted_lesion():
    classes = square(0.9, 0.25, np.s_[8:20, 4:28])
    found = classification.image_features(classes)
    shape = masks.describe(classes[..., 0] < 0.5)
    assert found["area"] == pytest.approx(12 * 24 / 32**2)
    assert found["solidity"] == pytest.approx(shape["solidity"])
    assert found["circularity"] == pytest.approx(shape["circularity"])
    probabilities = classification.image_probabilities(classes)
    assert {name: found[name] for name in LABELS} == probabilities


def test_the_class_of_an_image_follows_its_mask():
    unsure = {"normal": 0.52, "benign": 0.2, "malignant": 0.28}
    assert classification.image_class(unsure, marked=True) == "malignant"
    assert classification.image_class(unsure, marked=False) == "normal"
    sure = {"normal": 0.1, "benign": 0.6, "malignant": 0.3}
    assert classification.image_class(sure, marked=True) == "benign"
    assert classification.image_class(sure, marked=False) == "normal"


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
    both = found, cases[LABELS].to_numpy()
    names = [np.array(LABELS)[p.argmax(axis=1)] for p in both]
    fitted, plain = (np.mean(name == label) for name in names)
    assert plain < 0.8 and fitted > 0.9
    cases.loc[0, ["normal", "benign", "malignant"]] = 1, 0, 0  # quite sure
    found = classification.logistic_regression(validation, cases)
    assert np.isfinite(found).all() and found[0].argmax() == 0
    without = validation[validation["label"] != "malignant"]
    found = classification.logistic_regression(without, cases)
    assert np.array_equal(found, cases[LABELS])


def test_each_fold_is_fitted_on_its_own_validation_cases():
    rng = np.random.default_rng(0)
    cases = pd.DataFrame({"fold": rng.integers(0, 3, 12)})
    own = pd.DataFrame({"fold": [0, 1, 2]})

    def fit(validation, part):
        assert set(part["fold"]) == set(validation["fold"])
        return np.full((len(part), 3), validation["fold"].item())

    found = classification.by_fold(fit, own, cases)
    assert list(found) == LABELS and (found["benign"] == cases["fold"]).all()


def test_questions_are_those_of_a_lesion_and_of_a_malignant_one():
    numbers = {"normal": [0.9, 0.2], "malignant": [0.05, 0.7]}
    table = pd.DataFrame({"label": ["normal", "malignant"]} | numbers)
    asked = classification.questions(table)
    assert asked["any lesion"][0].tolist() == [False, True]
    assert asked["any lesion"][1] == pytest.approx([0.1, 0.8])
    assert asked["malignant"][1].tolist() == [0.05, 0.7]
