"""The audit finds what was planted: leaks, a second outline, marks, a telling feature."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from helpers.data import busi, duplicates, marks, splits
from helpers.evaluation import baselines, leakage, robustness


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A phantom with known copies: (cases with groups, true pairs, marked cases)."""
    from helpers.data.phantom import dataset

    home = tmp_path_factory.mktemp("copies")
    root = dataset.write_dataset(
        home, n_benign=30, n_malignant=20, n_normal=10, seed=4
    )
    told = json.loads((root / "PHANTOM.json").read_text())
    cases = busi.index(root)
    pairs = pd.DataFrame(told["near_duplicates"], columns=["a", "b", "kind"])
    pairs["mirrored"] = pairs["kind"] == "mirrored"
    cases["group"] = duplicates.assign_groups(cases, pairs)
    return cases, pairs, set(told["marks"])


def test_a_leak_is_a_group_in_two_folds():
    found = leakage.leaked(["x", "x", "y", "y", "z"], [0, 1, 2, 2, 0])
    assert found.tolist() == [True, True, False, False, False]


def test_the_nearest_is_the_copy_and_never_of_the_same_fold():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (6, 64, 64)).astype(np.uint8)
    images[3:] = images[:3] // 2 + 20  # copies at another gain
    assert baselines.nearest_in_training(
        images, [0, 0, 0, 1, 1, 1]
    ).tolist() == [3, 4, 5, 0, 1, 2]
    together = baselines.nearest_in_training(images, [0, 1, 2, 0, 1, 2])
    assert all(together[i] % 3 != i % 3 for i in range(6))


def test_copying_masks_pays_only_where_the_split_leaks(copies):
    cases, *_ = copies
    images, labels = busi.load_arrays(cases, 64)
    lesion = (cases["label"] != "normal").to_numpy()
    paired = (
        lesion
        & (cases.groupby("group")["case"].transform("size") > 1).to_numpy()
    )
    apart = splits.assign_folds(cases, n_folds=5)
    leaking = np.arange(len(cases)) % 5
    honest = baselines.copy_nearest(cases, images, labels, apart)[
        paired
    ].mean()
    leaky = baselines.copy_nearest(cases, images, labels, leaking)[
        paired
    ].mean()
    assert not leakage.leaked(cases["group"], apart).any()
    assert leaky > honest + 0.1


def test_two_outlines_of_one_frame_are_compared_after_registration(copies):
    cases, pairs, _ = copies
    found = leakage.outline_agreement(cases, pairs)
    assert (
        len(found) >= 0.6 * (pairs["a"].str.split().str[0] != "normal").sum()
    )
    assert (found["correlation"] >= leakage.SAME_FRAME).all()
    assert (
        found["dice"].median() > 0.8
    )  # outlined twice, with small differences


def test_unrelated_frames_are_not_compared(copies):
    cases, *_ = copies
    names = cases["case"]
    wrong = pd.DataFrame(
        {"a": names[:8].to_numpy(), "b": names[20:28].to_numpy()}
    )
    assert leakage.outline_agreement(cases, wrong.assign(mirrored=False)).empty


def test_the_mean_shape_is_that_of_the_other_folds():
    labels = np.zeros((6, 32, 32), np.uint8)
    labels[:2, 4:12, 4:12], labels[2:5, 16:24, 16:24] = (
        1,
        2,
    )  # the last is normal
    label_folds = [0, 0, 1, 1, 1, 0]
    left, right = (
        np.kron(labels[i] > 0, np.ones((3, 3), bool)) for i in (0, 2)
    )
    dice = baselines.mean_shape(
        [left, right, left], [0, 0, 1], labels, label_folds
    )
    assert dice == pytest.approx([0, 1, 1], abs=0.01)


def test_drawn_marks_are_told_from_speckle(copies):
    cases, _, marked = copies
    found = {c.case for c in cases.itertuples() if marks.count(c.image) >= 2}
    assert len(found & marked) > 0.5 * len(marked)
    assert len(found - marked) <= 0.05 * len(cases)


def test_marks_are_painted_over_and_the_rest_is_left_alone(tmp_path):
    tissue = np.full((300, 400), 30, np.uint8)
    tissue += np.linspace(0, 20, 400).astype(np.uint8)
    drawn = robustness.marks(tissue, 2, np.random.default_rng(3))
    clean, where = marks.inpaint(drawn)
    assert 0 < where.mean() < 0.05 and (clean[~where] == drawn[~where]).all()
    assert np.abs(clean.astype(int) - tissue)[where].mean() < 12
    for name, image in (("drawn", drawn), ("clean", clean)):
        (tmp_path / name).write_bytes(cv2.imencode(".png", image)[1])
    assert (
        marks.count(tmp_path / "drawn") > marks.count(tmp_path / "clean") == 0
    )
    assert not marks.inpaint(tissue)[1].any()


def test_auc_equals_the_reference_with_ties_and_weights():
    rng = np.random.default_rng(0)
    truth, values = rng.random(80) < 0.4, rng.integers(0, 9, 80).astype(float)
    weights = rng.integers(0, 4, 80)
    assert leakage.auc(truth, values) == pytest.approx(
        roc_auc_score(truth, values)
    )
    expected = roc_auc_score(truth, values, sample_weight=weights)
    assert leakage.auc(truth, values, weights) == pytest.approx(expected)
    assert np.isnan(leakage.auc(np.ones(4, bool), np.arange(4)))


def test_a_telling_feature_is_found_and_noise_is_not():
    rng = np.random.default_rng(1)
    truth = rng.random(200) < 0.4
    members, folds = np.arange(200).astype(str), np.arange(200) % 5
    telling = truth + rng.normal(0, 0.3, 200)
    value, low, high = leakage.shortcut_auc(
        telling[:, None], truth, members, folds
    )
    assert low > 0.9 and low < value < high
    noise = rng.normal(size=(200, 1))
    _, low, high = leakage.shortcut_auc(noise, truth, members, folds)
    assert low < 0.5 < high
