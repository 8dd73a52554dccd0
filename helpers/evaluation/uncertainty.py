"""How sure a prediction is: test-time augmentation and confidence measures.

`predict` is a function from images (n, size, size) uint8 to class
probabilities (n, size, size, 3), so nothing here knows of a network.
"""

import itertools

import cv2
import numpy as np
import pandas as pd

from . import bootstrap, calibration, metrics
from .classification import mean_inside

VIEWS = ("as it is", "mirrored", "darker", "brighter", "smaller")


def tta_probabilities(predict, images):
    """Return the lesion probability in each of VIEWS, float32.

    Shape (views, n, size, size). Each view is predicted and the prediction
    moved back: test-time augmentation (Wang et al. 2019, Neurocomputing
    338:34). Grey values are 0.85 or 1.15 times as high. The smaller view has
    0.9 times the side and lies off the centre, so nothing is cropped.
    """
    size = images.shape[1]
    shrink = np.float32([[0.9, 0, 0.08 * size], [0, 0.9, 0.03 * size]])

    def moved(stack, flags=cv2.INTER_LINEAR):
        sides = (size, size)
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
    agreement: the mean Dice between the masks of two views (Roy et al. 2019,
    NeuroImage 195:11). The next three look at the mean of the views. mean
    inside: `mean_inside` of it. entropy: 1 - mean entropy (bits) of the pixels
    above one half. highest: the largest probability. single view:
    `mean_inside` of the first view alone, at the price of one prediction.
    Where nothing is above one half agreement, mean inside and entropy are 0.
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
    """Return the AURC of each confidence, DataFrame[value, low, high].

    confidences: DataFrame, a column for each; loss: float (n,), e.g. 1 - Dice;
    low, high: 95 % bootstrap interval over groups.
    """

    def area(rows):
        return calibration.aurc(rows[:, 0], rows[:, 1])[0]

    found = {}
    for name, confidence in confidences.items():
        pairs = np.stack([confidence, loss], axis=1)
        found[name] = bootstrap.interval(pairs, groups, area, resamples=1000)
    return pd.DataFrame(found, ["value", "low", "high"]).T


def _agreement(views):
    pairs = itertools.combinations(views > 0.5, 2)
    dice = [metrics.dice(a, b) * (a | b).any() for a, b in pairs]
    return float(np.mean(dice))


def _certainty(p):
    p = np.clip(p[p > 0.5], None, 1 - 1e-6)
    bits = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    return 1 - float(bits.mean()) if p.size else 0.0
