"""Calibration, ranking, decision curves: loops, scikit-learn, by hand."""

import itertools

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from helpers.evaluation import calibration


def predictions(n=400):
    """Return confidences with ties and on the edges of bins, and outcomes."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, n).round(2)
    return confidence, rng.uniform(0, 1, n) < confidence**2


def test_calibration_error_equals_a_loop_over_the_bins():
    confidence, correct = predictions()
    expected = 0
    for i in range(20):
        low, high = i / 20, (i + 1) / 20
        inside = (low < confidence) & (confidence <= high)
        inside |= (i == 0) & (confidence == 0)
        gap = abs(confidence[inside].mean() - correct[inside].mean())
        expected += gap * inside.mean()
    squares = confidence.reshape(20, 20), correct.reshape(20, 20)
    found = calibration.calibration_error(*squares, 20)
    assert found == pytest.approx(expected)
    table = calibration.reliability(confidence, correct, 20)
    assert len(table) == 20 and table["count"].sum() == len(confidence)
    assert (table["confidence"] > table["low"] - 1e-9).all()
    assert (table["confidence"] <= table["high"] + 1e-9).all()
    few = calibration.reliability([0.05] * 5 + [0.95], [0] * 6, 10, least=2)
    assert few["count"].tolist() == [5]


@pytest.mark.parametrize("wrong", [1.2, -0.1, np.nan])
def test_what_is_no_probability_or_has_no_outcome_is_refused(wrong):
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        calibration.reliability([wrong, 0.1], [True, False])
    with pytest.raises(ValueError, match="1 confidences and 2"):
        calibration.reliability([0.1], [True, False])


def overconfident(temperature, shift=0.0, n=20_000):
    """Return probabilities whose logits are off by a known scale and shift."""
    rng = np.random.default_rng(3)
    right = rng.normal(-1, 1.5, n)
    positive = rng.random(n) < expit(right)
    return expit((right - shift) * temperature), positive


def test_temperature_and_shift_are_found_again():
    p, positive = overconfident(2.0)
    found = calibration.fit_temperature(p, positive)
    assert found == pytest.approx(2, rel=0.05)
    p, positive = overconfident(1.5, shift=-0.8)
    squares = p.reshape(100, 200), positive.reshape(100, 200)
    alone, *platt = calibration.fit_scaling(*squares).values()
    assert alone == calibration.fit_temperature(p, positive)
    assert platt == pytest.approx((1.5, -0.8), rel=0.08)
    model = LogisticRegression(C=np.inf).fit(logit(p)[:, None], positive)
    expected = 1 / model.coef_[0, 0], model.intercept_[0]
    assert platt == pytest.approx(expected, rel=0.01)


def test_rescaling_improves_the_calibration_and_keeps_the_order():
    p, positive = overconfident(2.0, shift=-0.8)
    temperature, *platt = calibration.fit_scaling(p, positive).values()
    scaled = calibration.rescale(p, temperature)
    versions = p, scaled, calibration.rescale(p, *platt)
    found = [calibration.summary(version, positive) for version in versions]
    before, alone, both = found
    assert both["ECE"] < 0.02 < alone["ECE"] < before["ECE"]
    assert both["Brier"] < alone["Brier"] < before["Brier"]
    assert before["Brier"] == pytest.approx(brier_score_loss(positive, p))
    assert both["mean probability"] == pytest.approx(positive.mean(), abs=1e-3)
    assert both["share that is lesion"] == positive.mean()
    order = np.argsort(calibration.rescale(p, 3.0, -1.0))
    assert (order == np.argsort(p)).all()
    same = calibration.rescale([0.0, 0.3, 1.0], 1)
    assert same == pytest.approx([0, 0.3, 1], abs=1e-5)


@pytest.mark.parametrize("positive", [[False] * 4, [True] * 4])
def test_scaling_of_one_class_alone_stays_finite(positive):
    p = [0.1, 0.4, 0.6, 0.9]
    temperature, *platt = calibration.fit_scaling(p, positive).values()
    assert temperature > 0
    assert np.isfinite(calibration.rescale(p, *platt)).all()


def test_risk_of_tied_cases_is_the_mean_over_their_orders():
    confidence = [0.9, 0.5, 0.5, 0.5, 0.1]
    loss = np.array([0.0, 0.3, 0.9, 0.6, 1.0])
    curves = [
        np.cumsum(loss[[0, *order, 4]]) / np.arange(1, 6)
        for order in itertools.permutations([1, 2, 3])
    ]
    coverage, risk = calibration.risk_coverage(confidence, loss)
    assert coverage == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert risk == pytest.approx(np.mean(curves, axis=0))
    _, reversed_risk = calibration.risk_coverage(confidence[::-1], loss[::-1])
    assert reversed_risk == pytest.approx(risk)


def test_the_best_ordering_has_no_excess_and_the_worst_the_most():
    loss = np.random.default_rng(2).uniform(0, 1, 50)
    orders = -loss, np.ones(50), loss
    area, excess = np.transpose([calibration.aurc(x, loss) for x in orders])
    assert excess[0] == pytest.approx(0) and (np.diff(excess) >= 0).all()
    assert area[0] < area[1] == pytest.approx(loss.mean())
    orders = itertools.permutations([0.1, 0.4, 0.4, 0.9])
    least = min((np.cumsum(o) / [1, 2, 3, 4]).mean() for o in orders)
    area, excess = calibration.aurc([1, 2, 3, 4], [0.9, 0.4, 0.1, 0.4])
    assert area - excess == pytest.approx(least)


@pytest.mark.parametrize("sensitivity", [1, 0.95, 0.9, 0.5])
def test_the_threshold_is_the_highest_that_keeps_the_sensitivity(sensitivity):
    p, positive = predictions(300)
    found = calibration.threshold_for_sensitivity(p, positive, sensitivity)
    flagged, above = p[positive] >= found, p[positive] > found
    assert flagged.mean() >= sensitivity > above.mean()
    with pytest.raises(ValueError, match="positive cases"):
        calibration.threshold_for_sensitivity(p, positive & False)
    given = calibration.threshold_for_sensitivity([0.2], [0], otherwise=0.5)
    assert given == 0.5


@pytest.mark.parametrize("t", [0, 0.1, 0.25, 0.5, 0.9])
def test_net_benefit_equals_counting(t):
    p, positive = predictions(60)
    table = calibration.net_benefit(p, positive, [t])
    for name, flagged in (("model", p >= t), ("all", p >= 0)):
        true = sum(positive & flagged)
        expected = (true - (sum(flagged) - true) * t / (1 - t)) / 60
        assert table[name][0] == pytest.approx(expected)
    with pytest.raises(ValueError, match="thresholds"):
        calibration.net_benefit(p, positive, [1.0])


NONE = (np.array([]), np.array([], bool))


def test_froc_by_hand_and_without_lesions_or_predictions():
    cases = [
        (np.array([0.9, 0.6]), np.array([True, False]), 2),
        (np.array([0.8]), np.array([False]), 0),
        (*NONE, 1),
        (np.array([0.6]), np.array([True]), 1),
    ]
    table = calibration.froc(cases)
    assert table["threshold"].tolist() == [0.9, 0.8, 0.6]
    assert table["sensitivity"].tolist() == [0.25, 0.25, 0.5]
    assert table["false_per_image"].tolist() == [0, 0.25, 0.5]
    assert calibration.froc([(*NONE, 0)] * 2).empty
    false = np.array([0.7]), np.array([False]), 0
    table = calibration.froc([(*NONE, 0), false])
    assert table["sensitivity"].isna().all()
    assert table["false_per_image"].tolist() == [0.5]


def test_referral_counts_what_is_left_above_each_limit():
    wrong, costly = np.array([[1, 0, 1, 0], [1, 1, 0, 0]], bool)
    sure = [0.4, 0.6, 0.7, 0.9]
    table = calibration.referral(sure, wrong, costly, "abcd", (0, 0.5, 0.95))
    assert table["share referred"].tolist() == [0, 0.25, 1]
    assert table["accuracy of the rest"][:2].tolist() == [0.5, 2 / 3]
    assert np.isnan(table["accuracy of the rest"][2])
    assert table["errors left"].tolist() == [2, 1, 0]
    assert table["malignant missed"].tolist() == [1, 0, 0]
