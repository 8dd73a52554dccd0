"""Whether confidences can be trusted: calibration, ranking and net benefit.

Confidences and probabilities are floats in [0, 1], `correct` and
`ground_truth` bool, one a case or pixel. Most pixels are background: give
lesion images, or the region around the lesion, a row of their own.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit

from . import bootstrap


def reliability(confidence, correct, bins=15, least=1):
    """Return DataFrame[low, high, confidence, accuracy, count], a row a bin.

    Bins are equally wide, (low, high], the first holds 0, too. One of fewer
    than `least` values is left out.
    ValueError: a confidence is outside [0, 1], or the lengths differ.
    """
    confidence = np.ravel(confidence).astype(float)
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError("give probabilities in [0, 1], not logits")
    correct = np.ravel(correct).astype(float)
    if len(correct) != (n := len(confidence)):
        raise ValueError(f"{n} confidences and {len(correct)} outcomes")
    number = np.ceil(confidence * bins).clip(1, bins).astype(int)
    used, count = np.unique(number, return_counts=True)
    columns = {
        "low": (used - 1) / bins,
        "high": used / bins,
        "confidence": np.bincount(number, confidence)[used] / count,
        "accuracy": np.bincount(number, correct)[used] / count,
        "count": count,
    }
    return pd.DataFrame(columns)[count >= least]


def calibration_error(confidence, correct, bins=15):
    """Return the expected calibration error, a float (Guo et al. 2017)."""
    table = reliability(confidence, correct, bins)
    gap = (table["confidence"] - table["accuracy"]).abs()
    return float(np.average(gap, weights=table["count"]))


def gaps(confidence, correct, bins=15):
    """Return by how much confidence exceeds truth in each bin, (bins,).

    In units of all values given. Of cases of as many values each, the mean
    over the cases has `calibration_error` as the sum of its absolute values:
    so the error can be resampled by case, as `error_of_gaps`.
    """
    confidence = np.ravel(confidence).astype(float)
    number = np.ceil(confidence * bins).clip(1, bins).astype(int) - 1
    over = confidence - np.ravel(correct)
    return np.bincount(number, over, bins) / max(1, len(over))


def error_of_gaps(rows):
    """Return the calibration error of cases, given their `gaps` (n, bins)."""
    return float(np.abs(np.mean(rows, axis=0)).sum())


def summary(probability, ground_truth):
    """Return ECE, Brier score, mean probability and base rate, dict of floats.

    Brier: half of his own (1950, Mon Weather Rev 78:1), over both classes.
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
    """Return the temperature of the least log loss (Guo et al. 2017, ICML).

    A float; above 1 `rescale` makes all less sure. Fit it on validation cases.
    """
    return 1 / _fit(probability, ground_truth, shifted=False)[0]


def fit_scaling(probability, ground_truth):
    """Return temperature, platt_temperature and platt_shift, a dict of floats.

    Platt's shift (1999) also corrects what is too high, or low, everywhere.
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

    Of Geifman & El-Yaniv (2017, NeurIPS); equally sure cases share a mean.
    """
    _, rank = np.unique(-np.ravel(confidence), return_inverse=True)
    count = np.bincount(rank)
    shared = np.repeat(np.bincount(rank, np.ravel(loss)) / count, count)
    kept = np.arange(1, len(shared) + 1)
    return kept / len(shared), shared.cumsum() / kept


def aurc(confidence, loss):
    """Return (area, excess): mean risk over all coverages, avoidable part.

    excess: what ordering by the loss itself would save (AURC and E-AURC of
    Geifman, Uziel & El-Yaniv 2019, ICLR).
    """
    area = float(risk_coverage(confidence, loss)[1].mean())
    best = float(risk_coverage(-np.ravel(loss), loss)[1].mean())
    return area, area - best


def referral(confidence, wrong, costly, groups, limits):
    """Return what is left if cases below a limit of confidence are referred.

    costly: bool (n,), cases that must not be missed; groups: of near copies.
    Returns DataFrame[refer below, share referred, accuracy of the rest, low,
    high, errors left, malignant missed (errors left that are costly)].
    """
    rest = {limit: np.asarray(confidence) >= limit for limit in limits}
    table = bootstrap.by_subgroup(~wrong, groups, rest)
    table.insert(0, "share referred", 1 - table.pop("n") / len(wrong))
    table["errors left"] = [(wrong & part).sum() for part in rest.values()]
    missed = [(wrong & costly & part).sum() for part in rest.values()]
    table = table.rename(columns={"value": "accuracy of the rest"})
    table = table.assign(**{"malignant missed": missed})
    return table.reset_index(names="refer below")


def threshold_for_sensitivity(
    probability, ground_truth, sensitivity=0.95, otherwise=None
):
    """Return the highest threshold that flags `sensitivity` of the positives.

    Flagged is probability >= threshold. Choose it on cases outside the report.
    ValueError: no case is positive, and there is no threshold `otherwise`.
    """
    positive = np.ravel(ground_truth).astype(bool)
    ordered = np.sort(np.ravel(probability)[positive])
    if not len(ordered):
        if otherwise is not None:
            return otherwise
        raise ValueError("a threshold for a sensitivity needs positive cases")
    return float(ordered[int(round((1 - sensitivity) * len(ordered), 6))])


def net_benefit(probability, ground_truth, thresholds):
    """Return DataFrame[threshold, model, all]: a decision curve.

    Benefit: (true - false positives * t / (1 - t)) / n, positive from t on
    (Vickers & Elkin 2006, Med Decis Making 26:565); to treat none has 0.
    ValueError: a threshold is not in [0, 1).
    """
    ground_truth = np.ravel(ground_truth).astype(bool)
    t = np.asarray(thresholds, float)
    if not ((t >= 0) & (t < 1)).all():
        raise ValueError("thresholds of a decision must be in [0, 1)")
    flagged, odds = np.ravel(probability) >= t[:, None], t / (1 - t)
    true_positives = (flagged & ground_truth).mean(axis=1)
    false_positives = (flagged & ~ground_truth).mean(axis=1)
    everyone = ground_truth.mean() - (1 - ground_truth.mean()) * odds
    model = true_positives - false_positives * odds
    return pd.DataFrame({"threshold": t, "model": model, "all": everyone})


def froc(cases):
    """Return DataFrame[threshold, sensitivity, false_per_image], surest first.

    cases: the `metrics.candidates` of each image, normal ones too. A row is of
    the predicted lesions of at least that confidence (free-response ROC: Bunch
    et al. 1977, Proc SPIE 127:124).
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
