"""Calibration, ranking and decision curves against loops, scikit-learn and by hand."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from helpers.evaluation import calibration


def answers(n=400, seed=0):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0, 1, n).round(
        2
    )  # ties, and values on the edges of bins
    return confidence, rng.uniform(0, 1, n) < confidence**2


def test_calibration_error_equals_a_loop_over_the_bins():
    confidence, correct = answers()
    expected, rows = 0, 0
    for i in range(20):
        low, high = i / 20, (i + 1) / 20
        inside = [
            k
            for k, c in enumerate(confidence)
            if low < c <= high or i == c == 0
        ]
        gap = abs(np.mean(confidence[inside]) - np.mean(correct[inside]))
        expected, rows = (
            expected + gap * len(inside) / len(confidence),
            rows + 1,
        )
    assert calibration.calibration_error(
        confidence, correct, 20
    ) == pytest.approx(expected)
    table = calibration.reliability(confidence, correct, 20)
    assert len(table) == rows and table["count"].sum() == len(confidence)
    assert (table["confidence"] > table["low"] - 1e-9).all()
    assert (table["confidence"] <= table["high"] + 1e-9).all()


def test_calibration_error_of_known_answers():
    ece = calibration.calibration_error
    assert ece([1.0, 1.0, 0.0], [True, True, False]) == 0
    assert ece([0.8] * 5, [True] * 4 + [False]) == pytest.approx(0)
    assert ece([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    picture = np.full((4, 5), 0.25, np.float32)
    assert ece(picture, np.zeros((4, 5), bool)) == pytest.approx(0.25)


@pytest.mark.parametrize("wrong", [[1.2, 0.1], [-0.1, 0.1], [np.nan, 0.1]])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        calibration.reliability(wrong, [True, False])


def test_answers_and_truth_must_be_as_many():
    with pytest.raises(ValueError):
        calibration.reliability([0.1, 0.2], [True])


def test_brier_equals_scikit_learn_and_its_definition():
    confidence, correct = answers()
    two = np.stack([1 - confidence, confidence], axis=1)
    expected = 2 * brier_score_loss(correct, confidence)
    assert calibration.brier(two, correct.astype(int)) == pytest.approx(
        expected
    )
    rng = np.random.default_rng(1)
    three = rng.dirichlet(np.ones(3), (6, 7))
    truth = rng.integers(0, 3, (6, 7))
    expected = np.mean(((three - np.eye(3)[truth]) ** 2).sum(axis=-1))
    assert calibration.brier(three, truth) == pytest.approx(expected)
    assert calibration.brier(np.eye(3)[truth], truth) == 0
    assert calibration.brier(np.eye(3)[truth], (truth + 1) % 3) == 2


def overconfident(n=20_000, temperature=2.0, shift=0.0):
    """Return probabilities whose logits are off by a known factor and shift."""
    rng = np.random.default_rng(3)
    right = rng.normal(-1, 1.5, n)
    truth = rng.random(n) < 1 / (1 + np.exp(-right))
    return 1 / (1 + np.exp(-(right - shift) * temperature)), truth


def test_temperature_and_shift_are_found_again():
    told, truth = overconfident(temperature=2.0)
    assert calibration.fit_temperature(told, truth) == pytest.approx(
        2, rel=0.05
    )
    told, truth = overconfident(temperature=1.5, shift=-0.8)
    found = calibration.fit_platt(
        told.reshape(100, 200), truth.reshape(100, 200)
    )
    assert found == pytest.approx((1.5, -0.8), rel=0.08)
    model = LogisticRegression(C=np.inf).fit(
        np.log(told / (1 - told))[:, None], truth
    )
    assert found == pytest.approx(
        (1 / model.coef_[0, 0], model.intercept_[0]), rel=0.01
    )


def test_rescaling_mends_the_calibration_and_keeps_the_order():
    told, truth = overconfident(temperature=2.0, shift=-0.8)
    before, alone, both = (
        calibration.summary(p, truth)
        for p in (
            told,
            calibration.rescale(
                told, calibration.fit_temperature(told, truth)
            ),
            calibration.rescale(told, *calibration.fit_platt(told, truth)),
        )
    )
    assert both["ECE"] < 0.02 < alone["ECE"] < before["ECE"]
    assert both["Brier"] < alone["Brier"] < before["Brier"]
    assert before["Brier"] == pytest.approx(brier_score_loss(truth, told))
    assert both["mean probability"] == pytest.approx(truth.mean(), abs=1e-3)
    mended = calibration.rescale(told, 3.0, -1.0)
    assert (np.argsort(mended) == np.argsort(told)).all()
    assert calibration.rescale([0.0, 0.3, 1.0], 1) == pytest.approx(
        [0, 0.3, 1], abs=1e-5
    )


@pytest.mark.parametrize("truth", [[False] * 4, [True] * 4])
def test_scaling_of_one_class_alone_stays_finite(truth):
    told = [0.1, 0.4, 0.6, 0.9]
    scaled = calibration.rescale(told, *calibration.fit_platt(told, truth))
    assert np.isfinite(scaled).all()
    assert calibration.fit_scaling(told, truth)["temperature"] > 0


def test_risk_of_tied_cases_is_the_mean_over_their_orders():
    confidence, loss = (
        [0.9, 0.5, 0.5, 0.5, 0.1],
        np.array([0.0, 0.3, 0.9, 0.6, 1.0]),
    )
    curves = [
        np.cumsum(loss[[0, *order, 4]]) / np.arange(1, 6)
        for order in itertools.permutations([1, 2, 3])
    ]
    coverage, risk = calibration.risk_coverage(confidence, loss)
    assert coverage == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert risk == pytest.approx(np.mean(curves, axis=0))
    shuffled = calibration.risk_coverage(confidence[::-1], loss[::-1])[1]
    assert shuffled == pytest.approx(risk)


def test_the_best_ordering_has_no_excess_and_the_worst_the_most():
    loss = np.random.default_rng(2).uniform(0, 1, 50)
    area, excess = calibration.aurc(-loss, loss)
    assert excess == pytest.approx(0) and area < loss.mean()
    assert calibration.aurc(np.ones(50), loss)[0] == pytest.approx(loss.mean())
    orders = [
        calibration.aurc(sure, loss)[1] for sure in (loss, np.ones(50), -loss)
    ]
    assert orders == sorted(orders, reverse=True)
    orders = itertools.permutations([0.1, 0.4, 0.4, 0.9])
    least = min((np.cumsum(o) / [1, 2, 3, 4]).mean() for o in orders)
    area, excess = calibration.aurc([1, 2, 3, 4], [0.9, 0.4, 0.1, 0.4])
    assert area - excess == pytest.approx(least)


@pytest.mark.parametrize("sensitivity", [1, 0.95, 0.9, 0.5])
def test_the_cut_is_the_highest_that_keeps_the_sensitivity(sensitivity):
    probability, truth = answers(300)
    cut = calibration.threshold_for_sensitivity(
        probability, truth, sensitivity
    )
    positives = probability[truth]
    assert (positives >= cut).mean() >= sensitivity > (positives > cut).mean()
    with pytest.raises(ValueError, match="positive cases"):
        calibration.threshold_for_sensitivity(probability, truth & False)


def test_net_benefit_equals_counting():
    probability, truth = answers(60)
    thresholds = [0, 0.1, 0.25, 0.5, 0.9]
    table = calibration.net_benefit(probability, truth, thresholds)
    for row in table.itertuples():
        odds = row.threshold / (1 - row.threshold)
        for name, positive in (
            ("model", [p >= row.threshold for p in probability]),
            ("all", [True] * 60),
        ):
            hits = sum(t and p for t, p in zip(truth, positive, strict=True))
            expected = (hits - (sum(positive) - hits) * odds) / 60
            assert getattr(row, name) == pytest.approx(expected)
    with pytest.raises(ValueError, match="thresholds"):
        calibration.net_benefit(probability, truth, [1.0])


def test_froc_by_hand():
    cases = [
        (np.array([0.9, 0.6]), np.array([True, False]), 2),
        (np.array([0.8]), np.array([False]), 0),
        (np.array([]), np.array([], bool), 1),
        (np.array([0.6]), np.array([True]), 1),
    ]
    table = calibration.froc(cases)
    assert table["threshold"].tolist() == [0.9, 0.8, 0.6]
    assert table["sensitivity"].tolist() == pytest.approx(
        [1 / 4, 1 / 4, 2 / 4]
    )
    assert table["false_per_image"].tolist() == pytest.approx(
        [0, 1 / 4, 2 / 4]
    )


def test_froc_without_lesions_or_answers():
    none = (np.array([]), np.array([], bool), 0)
    assert calibration.froc([none, none]).empty
    table = calibration.froc([none, (np.array([0.7]), np.array([False]), 0)])
    assert table["sensitivity"].isna().all()
    assert table["false_per_image"].tolist() == [0.5]
