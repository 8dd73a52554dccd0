"""Whether confidences can be trusted: calibration, ranking, and what decisions gain.

`confidence` and `probability` are floats in [0, 1], `correct` and `truth`
bool, one for each case or pixel. Calibration of pixels says most about
background, the many: give lesion images, or the region around the lesion, a
row of their own.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit


def reliability(confidence, correct, bins=15):
    """Return DataFrame[low, high, confidence, accuracy, count], a row a bin with answers.

    Bins are equally wide, (low, high], the first holds 0 too. For lesion
    against background give the lesion probability and whether the pixel is
    lesion; for classes the largest probability and whether that class is
    right.
    """
    sure = np.ravel(confidence).astype(float)
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError(
            "confidences must be in [0, 1]: give probabilities, not logits"
        )
    right = np.ravel(correct).astype(float)
    if len(sure) != len(right):
        raise ValueError(f"{len(sure)} confidences and {len(right)} answers")
    place = np.ceil(sure * bins).clip(1, bins).astype(int)
    count, told, true = (
        np.bincount(place, weights, bins + 1)
        for weights in (None, sure, right)
    )
    used = np.flatnonzero(count)
    return pd.DataFrame(
        {
            "low": (used - 1) / bins,
            "high": used / bins,
            "confidence": told[used] / count[used],
            "accuracy": true[used] / count[used],
            "count": count[used],
        }
    )


def calibration_error(confidence, correct, bins=15):
    """Return the expected calibration error, a float in [0, 1] (Guo et al. 2017, ICML).

    The gap between confidence and accuracy, averaged over `reliability`'s bins
    by count.
    """
    table = reliability(confidence, correct, bins)
    gap = (table["confidence"] - table["accuracy"]).abs()
    return float(np.average(gap, weights=table["count"]))


def brier(probabilities, truth):
    """Return the mean squared distance to the one-hot truth, a float in [0, 2].

    probabilities: float (..., classes); truth: int (...). Summed over classes,
    as Brier (1950, Mon Weather Rev 78:1) did; two classes give twice the
    one-column score.
    """
    probabilities, truth = np.asarray(probabilities, float), np.asarray(truth)
    right = np.take_along_axis(probabilities, truth[..., None], axis=-1)[
        ..., 0
    ]
    return float(np.mean((probabilities**2).sum(axis=-1) - 2 * right + 1))


def summary(probability, truth):
    """Return ECE, Brier score, mean probability and share that is true, a dict of floats.

    For one yes or no: lesion or not. The Brier score is the mean of
    (probability - truth)^2, half of what `brier` gives for the two classes.
    """
    probability, truth = np.ravel(probability).astype(float), np.ravel(truth)
    return {
        "ECE": calibration_error(probability, truth),
        "Brier": float(np.mean((probability - truth) ** 2)),
        "mean probability": float(probability.mean()),
        "share that is lesion": float(truth.mean()),
    }


def fit_temperature(probability, truth):
    """Return the temperature that suits some cases or pixels, a float above 0.

    `rescale` divides the logits by it: above 1 makes all answers less sure
    (Guo et al. 2017, ICML). It has the least log loss here: so fit it on
    validation cases and measure on others.
    """
    return 1 / _fit(probability, truth, shifted=False)[0]


def fit_platt(probability, truth):
    """Return (temperature, shift) of the least log loss: Platt scaling (Platt 1999).

    The shift is added to the logits: a temperature alone cannot mend a
    probability that is too high, or too low, everywhere.
    """
    slope, shift = _fit(probability, truth, shifted=True)
    return 1 / slope, shift


def fit_scaling(probability, truth):
    """Return both fits as a dict: temperature; platt_temperature and platt_shift."""
    temperature, shift = fit_platt(probability, truth)
    return {
        "temperature": fit_temperature(probability, truth),
        "platt_temperature": temperature,
        "platt_shift": shift,
    }


def rescale(probability, temperature, shift=0.0):
    """Return probabilities with logits / temperature + shift, float, of the same shape."""
    return expit(_logits(probability) / temperature + shift)


def _logits(probability):
    return logit(np.clip(np.asarray(probability, float), 1e-6, 1 - 1e-6))


def _fit(probability, truth, shifted):
    """Return (slope, shift) of a logistic regression on the logits; slope above 0.01."""
    x, y = _logits(np.ravel(probability)), np.ravel(truth).astype(float)

    def loss(at):
        z = at[0] * x + at[1]
        slack = expit(z) - y
        gradient = np.array([np.mean(slack * x), np.mean(slack) * shifted])
        return np.mean(np.logaddexp(0, z) - y * z), gradient

    bounds = [(0.01, 100), (-20, 20)]
    return minimize(loss, [1.0, 0.0], jac=True, bounds=bounds).x.tolist()


def risk_coverage(confidence, loss):
    """Return (coverage, risk), float (n,): the mean loss of the k surest cases, k = 1..n.

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
    """Return (area, excess): the mean risk over all coverages, and its part in vain.

    excess is what an ordering by the loss itself would save: 0 is perfect
    (AURC and E-AURC of Geifman, Uziel & El-Yaniv 2019, ICLR).
    """
    area = float(risk_coverage(confidence, loss)[1].mean())
    best = float(risk_coverage(-np.ravel(loss), loss)[1].mean())
    return area, area - best


def threshold_for_sensitivity(probability, truth, sensitivity=0.95):
    """Return the highest cut that still calls `sensitivity` of the positives, a float.

    A case is called from the cut on (probability >= cut). Take it from cases
    that take no part in the report: on others it will keep more or fewer.

    Raises:
        ValueError: no case is positive.
    """
    sure = np.sort(np.ravel(probability)[np.ravel(truth).astype(bool)])
    if not len(sure):
        raise ValueError(
            "a cut for a sensitivity needs positive cases, and has none"
        )
    return float(sure[int(round((1 - sensitivity) * len(sure), 6))])


def net_benefit(probability, truth, thresholds):
    """Return DataFrame[threshold, model, all]: a decision curve; to treat none gains 0.

    Benefit is (true - false positives * t / (1 - t)) / n, positive from
    probability t on (Vickers & Elkin 2006, Med Decis Making 26:565).
    thresholds: floats in [0, 1).
    """
    probability, truth = np.ravel(probability), np.ravel(truth).astype(bool)
    t = np.asarray(thresholds, float)
    if not ((t >= 0) & (t < 1)).all():
        raise ValueError("thresholds of a decision must be in [0, 1)")
    positive, odds = probability >= t[:, None], t / (1 - t)
    model = (positive & truth).mean(axis=1) - (positive & ~truth).mean(
        axis=1
    ) * odds
    everyone = truth.mean() - (1 - truth.mean()) * odds
    return pd.DataFrame({"threshold": t, "model": model, "all": everyone})


def froc(cases):
    """Return DataFrame[threshold, sensitivity, false_per_image], surest lesions first.

    cases: one `metrics.candidates` an image, normal images too. A row keeps
    the predicted lesions of at least that confidence: the share of all
    reference lesions they find, and the false ones an image (free-response
    ROC: Bunch et al. 1977, Proc SPIE 127:124).
    """
    sure, found, n = zip(*cases, strict=True)
    table = pd.DataFrame(
        {"sure": np.concatenate(sure), "found": np.concatenate(found)}
    )
    counts = (
        table.groupby("sure")["found"].agg(["sum", "count"])[::-1].cumsum()
    )
    columns = {
        "threshold": counts.index,
        "sensitivity": counts["sum"].to_numpy() / (sum(n) or np.nan),
        "false_per_image": (counts["count"] - counts["sum"]).to_numpy()
        / len(n),
    }
    return pd.DataFrame(columns)
