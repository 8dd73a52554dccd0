"""Members see the views they should, their answers come back to place, and rules by hand."""

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation import calibration, uncertainty


def bright(images):
    """A stand-in for a network: the brighter a pixel, the likelier a lesion."""
    p = np.clip(images.astype(np.float32) / 255, 0, 1)
    return np.stack([1 - p, p, 0 * p], axis=-1)


def pictures():
    images = np.zeros((2, 64, 64), np.uint8)
    images[0, 10:30, 36:60] = 180
    images[1, 2:62, 2:62] = 160  # nearly all of it
    return images


def test_every_view_comes_back_to_its_place():
    seen = []

    def predict(images):
        seen.append(images)
        return bright(images)

    images = pictures()
    answers = uncertainty.tta_probabilities(predict, images)
    assert (
        answers.shape == (len(uncertainty.VIEWS), 2, 64, 64)
        and answers.dtype == np.float32
    )
    assert (seen[1] == images[:, :, ::-1]).all() and (
        answers[1] == answers[0]
    ).all()
    assert seen[2].max() == 153 and seen[3].max() == 207
    assert (seen[4][1] > 80).sum() == pytest.approx(0.81 * 60 * 60, rel=0.05)
    for name, member in zip(uncertainty.VIEWS, answers, strict=True):
        for found, wanted in zip(member > 0.5, images > 0, strict=True):
            share = 2 * (found & wanted).sum() / (found.sum() + wanted.sum())
            assert share > 0.95, name


def test_confidences_by_hand():
    same = np.zeros((2, 3, 4, 4), np.float32)
    same[:, 0, :2] = 0.9  # both members alike
    same[0, 1, :2], same[1, 1, 1:3] = 0.9, 0.9  # half of it shared
    table = uncertainty.confidences(same)
    assert table["agreement"].tolist() == pytest.approx([1, 0.5, 0])
    assert table["inside"].tolist() == pytest.approx([0.9, 0.9, 0])
    assert table["highest"].tolist() == pytest.approx([0.9, 0.9, 0])
    assert table["view"].tolist() == pytest.approx([0.9, 0.9, 0])
    bits = -0.9 * np.log2(0.9) - 0.1 * np.log2(0.1)
    assert table["entropy"].tolist() == pytest.approx(
        [1 - bits, 1 - bits, 0], abs=1e-4
    )


def test_a_surer_case_is_surer_by_every_rule():
    unsure = np.full((2, 1, 4, 4), 0.1)
    sure = unsure.copy()
    unsure[0, 0, :2], unsure[1, 0, 1:3] = 0.55, 0.6
    sure[:, 0, :2] = 0.99
    both = uncertainty.confidences(np.concatenate([unsure, sure], axis=1))
    assert (both.loc[1] > both.loc[0]).all()


def test_an_order_by_the_loss_ranks_best():
    loss = np.random.default_rng(0).uniform(0, 1, 40)
    orders = pd.DataFrame({"best": -loss, "none": 1.0, "worst": loss})
    table = uncertainty.rank(orders, loss, range(40))
    assert table["value"].is_monotonic_increasing
    assert table.loc["best", "value"] == calibration.aurc(-loss, loss)[0]
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    assert table.loc["best", "high"] < table.loc["none", "low"]
