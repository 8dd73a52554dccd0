"""How sure a prediction is: test-time augmentation and confidence measures."""

import itertools

import cv2
import numpy as np
import pandas as pd

from . import bootstrap, calibration, metrics
from .classification import mean_inside


def tta_probabilities(predict, images):
    """Return each view's lesion probability, float32 (views, n, size, size).

    predict: from images, uint8 (n, size, size), to class probabilities, (n,
    size, size, 3). The image as it is, mirrored, darker, brighter, and smaller
    and off the centre is predicted, and moved back (Wang et al. 2019,
    Neurocomputing 338:34).
    """
    sides = images.shape[1:]
    shrink = np.float32([[0.9, 0, 0.08 * sides[0]], [0, 0.9, 0.03 * sides[0]]])

    def moved(stack, flags=cv2.INTER_LINEAR):
        parts = [cv2.warpAffine(x, shrink, sides, flags=flags) for x in stack]
        return np.stack(parts)

    def lesion(view):
        return 1 - predict(view)[..., 0].astype(np.float32)

    views = [
        lesion(images),
        lesion(images[:, :, ::-1])[:, :, ::-1],
        lesion(cv2.convertScaleAbs(images, alpha=0.85)),
        lesion(cv2.convertScaleAbs(images, alpha=1.15)),
        moved(lesion(moved(images)), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP),
    ]
    return np.stack(views)


def confidences(probabilities):
    """Return five confidences in each case's prediction, a DataFrame.

    probabilities: of `tta_probabilities`. Higher is surer in each column.
    agreement: mean Dice of two views' masks (Roy et al. 2019, NeuroImage
    195:11), 0 for empty ones. Then of the mean view; entropy: 1 - mean entropy
    (bits) above one half, 0 without any. single view: of the first alone.
    """
    ensemble = probabilities.mean(axis=0)
    columns = {
        "agreement": map(_agreement, probabilities.swapaxes(0, 1)),
        "mean inside": map(mean_inside, ensemble),
        "entropy": map(_certainty, ensemble),
        "highest": (float(p.max()) for p in ensemble),
        "single view": map(mean_inside, probabilities[0]),
    }
    return pd.DataFrame({name: list(rows) for name, rows in columns.items()})


def rank(confidences, loss, groups):
    """Return each column's AURC for a loss, DataFrame[value, low, high]."""

    def area(rows):
        return calibration.aurc(rows[:, 0], rows[:, 1])[0]

    found = {}
    for name, confidence in confidences.items():
        pairs = np.stack([confidence, loss], axis=1)
        found[name] = bootstrap.interval(pairs, groups, area)
    return pd.DataFrame(found, ["value", "low", "high"]).T


def _agreement(views):
    pairs = itertools.combinations(views > 0.5, 2)
    dice = [metrics.dice(a, b) * (a | b).any() for a, b in pairs]
    return float(np.mean(dice))


def _certainty(p):
    p = np.clip(p[p > 0.5], None, 1 - 1e-6)
    bits = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    return 1 - float(bits.mean()) if p.size else 0.0
