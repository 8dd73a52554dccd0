"""Views and their way back, and confidences by hand."""

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation import calibration, uncertainty


def test_every_view_comes_back_to_its_place():
    images, seen = np.zeros((2, 64, 64), np.uint8), []
    images[0, 10:30, 36:60] = 180
    images[1, 2:62, 2:62] = 160  # nearly all of it

    def predict(view):  # the brighter, the likelier
        seen.append(view)
        p = view.astype(np.float32) / 255
        return np.stack([1 - p, p, 0 * p], axis=-1)

    found = uncertainty.tta_probabilities(predict, images)
    assert found.shape == (5, 2, 64, 64)
    assert found.dtype == np.float32
    assert (seen[1] == images[:, :, ::-1]).all()
    assert (found[1] == found[0]).all()
    assert seen[2].max() == 153 and seen[3].max() == 207
    assert (seen[4][1] > 80).sum() == pytest.approx(0.81 * 60 * 60, rel=0.05)
    masks, expected = found > 0.5, images > 0
    area = masks.sum(axis=(2, 3)) + expected.sum(axis=(1, 2))
    assert (2 * (masks & expected).sum(axis=(2, 3)) / area > 0.95).all()


def test_confidences_by_hand():
    views = np.zeros((2, 3, 4, 4), np.float32)
    views[:, 0, :2] = 0.9  # both alike
    views[0, 1, :2] = views[1, 1, 1:3] = 0.9  # half of it shared
    table = uncertainty.confidences(views)
    assert table["agreement"].tolist() == pytest.approx([1, 0.5, 0])
    for name in ("mean inside", "highest", "single view"):
        assert table[name].tolist() == pytest.approx([0.9, 0.9, 0])
    sure = 1 + 0.9 * np.log2(0.9) + 0.1 * np.log2(0.1)
    expected = pytest.approx([sure, sure, 0], abs=1e-4)
    assert table["entropy"].tolist() == expected


def test_an_order_by_the_loss_ranks_best():
    loss = np.random.default_rng(0).uniform(0, 1, 40)
    orders = pd.DataFrame({"best": -loss, "none": 1.0, "worst": loss})
    table = uncertainty.rank(orders, loss, range(40))
    assert table["value"].is_monotonic_increasing
    assert table.loc["best", "value"] == calibration.aurc(-loss, loss)[0]
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    assert table.loc["best", "high"] < table.loc["none", "low"]
