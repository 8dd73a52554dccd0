"""Whether confidences can be trusted: calibration, ranking and net benefit.

Confidences and probabilities are floats in [0, 1], `correct` and
`ground_truth` bool, one for each case or pixel. Most pixels are background:
give lesion images, or the region around the lesion, a row of their own.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit


def reliability(confidence, correct, bins=15):
    """Return DataFrame[low, high, confidence, accuracy, count], a row a bin.

    Bins are equally wide, (low, high], the first holds 0 too; empty ones are
    left out.

    Raises:
        ValueError: a confidence is outside [0, 1], or the lengths differ.
    """
    confidence = np.ravel(confidence).astype(float)
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(
            "confidences must be in [0, 1]: give probabilities, not logits"
        )
    correct = np.ravel(correct).astype(float)
    if len(confidence) != len(correct):
        raise ValueError(
            f"{len(confidence)} confidences and {len(correct)} outcomes"
        )
    number = np.ceil(confidence * bins).clip(1, bins).astype(int)
    used, count = np.unique(number, return_counts=True)
    columns = {
        "low": (used - 1) / bins,
        "high": used / bins,
        "confidence": np.bincount(number, confidence)[used] / count,
        "accuracy": np.bincount(number, correct)[used] / count,
        "count": count,
    }
    return pd.DataFrame(columns)


def calibration_error(confidence, correct, bins=15):
    """Return the expected calibration error in [0, 1] (Guo et al. 2017, ICML).

    The gap between confidence and accuracy, averaged over `reliability`'s bins
    by count.
    """
    table = reliability(confidence, correct, bins)
    gap = (table["confidence"] - table["accuracy"]).abs()
    return float(np.average(gap, weights=table["count"]))


def summary(probability, ground_truth):
    """Return ECE, Brier score, mean probability and base rate, dict of floats.

    The Brier score is the mean of (probability - ground truth)^2, half of
    Brier's (1950, Mon Weather Rev 78:1), who summed over both classes.
    """
    probability = np.ravel(probability).astype(float)
    ground_truth = np.ravel(ground_truth)
    return {
        "ECE": calibration_error(probability, ground_truth),
        "Brier": float(np.mean((probability - ground_truth) ** 2)),
        "mean probability": float(probability.mean()),
        "share that is lesion": float(ground_truth.mean()),
    }


def fit_temperature(probability, ground_truth):
    """Return the temperature of the least log loss, a float above 0.

    `rescale` divides the logits by it: above 1 all are less sure (Guo et al.
    2017, ICML). Fit it on validation cases and measure on others.
    """
    return 1 / _fit(probability, ground_truth, shifted=False)[0]


def fit_scaling(probability, ground_truth):
    """Return temperature, platt_temperature and platt_shift, a dict of floats.

    The first is of `fit_temperature`. Platt scaling (Platt 1999) also adds a
    shift to the logits: a temperature alone cannot correct a probability that
    is too high, or too low, everywhere.
    """
    slope, shift = _fit(probability, ground_truth, shifted=True)
    return {
        "temperature": fit_temperature(probability, ground_truth),
        "platt_temperature": 1 / slope,
        "platt_shift": shift,
    }


def rescale(probability, temperature, shift=0.0):
    """Return probabilities with logits / temperature + shift, float."""
    return expit(_logits(probability) / temperature + shift)


def _logits(probability):
    return logit(np.clip(np.asarray(probability, float), 1e-6, 1 - 1e-6))


def _fit(probability, ground_truth, shifted):
    """Return (slope > 0.01, shift) of a logistic regression on the logits."""
    x = _logits(np.ravel(probability))
    y = np.ravel(ground_truth).astype(float)

    def loss_and_gradient(parameters):
        z = parameters[0] * x + parameters[1]
        slack = expit(z) - y
        gradient = np.array([np.mean(slack * x), np.mean(slack) * shifted])
        return np.mean(np.logaddexp(0, z) - y * z), gradient

    bounds = [(0.01, 100), (-20, 20)]
    found = minimize(loss_and_gradient, [1.0, 0.0], jac=True, bounds=bounds)
    return found.x.tolist()


def risk_coverage(confidence, loss):
    """Return (coverage, risk), float (n,): the mean loss of the k surest.

    Geifman & El-Yaniv (2017, NeurIPS). loss: e.g. 1 - Dice. Equally sure cases
    share their mean loss, so the order of the rows does not matter.
    """
    _, rank, count = np.unique(
        -np.ravel(confidence), return_inverse=True, return_counts=True
    )
    shared = np.repeat(np.bincount(rank, np.ravel(loss)) / count, count)
    kept = np.arange(1, len(shared) + 1)
    return kept / len(shared), shared.cumsum() / kept


def aurc(confidence, loss):
    """Return (area, excess): mean risk over all coverages, avoidable part.

    excess is what an ordering by the loss itself would save: 0 is perfect
    (AURC and E-AURC of Geifman, Uziel & El-Yaniv 2019, ICLR).
    """
    area = float(risk_coverage(confidence, loss)[1].mean())
    best = float(risk_coverage(-np.ravel(loss), loss)[1].mean())
    return area, area - best


def threshold_for_sensitivity(probability, ground_truth, sensitivity=0.95):
    """Return the highest threshold that flags `sensitivity` of the positives.

    Flagged is probability >= threshold. Choose it on cases that take no part
    in the report.

    Raises:
        ValueError: no case is positive.
    """
    positive = np.ravel(ground_truth).astype(bool)
    ordered = np.sort(np.ravel(probability)[positive])
    if not len(ordered):
        raise ValueError(
            "a threshold for a sensitivity needs positive cases, and has none"
        )
    return float(ordered[int(round((1 - sensitivity) * len(ordered), 6))])


def net_benefit(probability, ground_truth, thresholds):
    """Return DataFrame[threshold, model, all]: a decision curve.

    Benefit is (true - false positives * t / (1 - t)) / n, positive from
    probability t on (Vickers & Elkin 2006, Med Decis Making 26:565); to treat
    none has 0. thresholds: floats in [0, 1), or a ValueError.
    """
    probability = np.ravel(probability)
    ground_truth = np.ravel(ground_truth).astype(bool)
    t = np.asarray(thresholds, float)
    if not ((t >= 0) & (t < 1)).all():
        raise ValueError("thresholds of a decision must be in [0, 1)")
    flagged, odds = probability >= t[:, None], t / (1 - t)
    true_positives = (flagged & ground_truth).mean(axis=1)
    false_positives = (flagged & ~ground_truth).mean(axis=1)
    everyone = ground_truth.mean() - (1 - ground_truth.mean()) * odds
    model = true_positives - false_positives * odds
    return pd.DataFrame({"threshold": t, "model": model, "all": everyone})


def froc(cases):
    """Return DataFrame[threshold, sensitivity, false_per_image], surest first.

    cases: one `metrics.candidates` an image, normal images too. A row keeps
    the predicted lesions of at least that confidence: the fraction of all
    reference lesions that they match, and the false positives per image
    (free-response ROC: Bunch et al. 1977, Proc SPIE 127:124).
    """
    confidence, found, n = zip(*cases, strict=True)
    found = pd.Series(np.concatenate(found))
    by_level = found.groupby(np.concatenate(confidence))
    counts = by_level.agg(["sum", "count"])[::-1].cumsum()
    true, predicted = counts["sum"].to_numpy(), counts["count"].to_numpy()
    columns = {
        "threshold": counts.index,
        "sensitivity": true / (sum(n) or np.nan),
        "false_per_image": (predicted - true) / len(n),
    }
    return pd.DataFrame(columns)
