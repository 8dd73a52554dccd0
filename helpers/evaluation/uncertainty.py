"""How much a model's answers to several views of one case differ, and how unsure each is.

`predict` is a function from images (n, size, size) uint8 to class
probabilities (n, size, size, 3), so nothing here knows of a network.
"""

import itertools

import cv2
import numpy as np
import pandas as pd

from . import bootstrap, calibration, metrics, postprocessing

VIEWS = ("as it is", "mirrored", "darker", "brighter", "smaller")


def tta_probabilities(predict, images):
    """Return the lesion probability by each of VIEWS, float32 (views, n, size, size).

    Each view is answered and its answer moved back, as test-time augmentation
    does (Wang et al. 2019, Neurocomputing 338:34). Grey values are 0.85 or
    1.15 times as high. The smaller view has 0.9 times the side and lies off
    the centre, so nothing is cut.
    """
    size = images.shape[1]
    shrink = np.float32([[0.9, 0, 0.08 * size], [0, 0.9, 0.03 * size]])

    def moved(stack, flags=cv2.INTER_LINEAR):
        parts = [
            cv2.warpAffine(x, shrink, (size, size), flags=flags) for x in stack
        ]
        return np.stack(parts)

    def lesion(view):
        return 1 - predict(view)[..., 0].astype(np.float32)

    return np.stack(
        [
            lesion(images),
            lesion(images[:, :, ::-1])[:, :, ::-1],
            lesion(cv2.convertScaleAbs(images, alpha=0.85)),
            lesion(cv2.convertScaleAbs(images, alpha=1.15)),
            moved(
                lesion(moved(images)), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            ),
        ]
    )


def confidences(answers):
    """Return how sure a case's answer is, by five rules, DataFrame with a row a case.

    answers: of `members`. Higher is surer in each column. agreement: the mean
    Dice between the masks of two members (Roy et al. 2019, NeuroImage 195:11).
    The others look at the mean of the members. inside: of `inside`. entropy: 1
    - mean entropy (bits) of the pixels above one half. highest: the largest
    probability. view: `inside` of the first member alone, at the price of one
    answer. Where nothing is above one half there is nothing to be sure of:
    agreement, inside and entropy are 0 then.
    """
    return pd.DataFrame(
        {
            "agreement": _agreement(members),
            "inside": postprocessing.mean_inside(members.mean(axis=0)),
            "entropy": _certainty(members.mean(axis=0)),
            "highest": float(members.mean(axis=0).max()),
            "view": postprocessing.mean_inside(members[0]),
        }
        for members in np.moveaxis(answers, 1, 0)
    )


def rank(confidences, loss, groups):
    """Return the AURC of each column of confidences, DataFrame[value, low, high].

    loss: float (n,), e.g. 1 - Dice; low, high: 95 % bootstrap interval over
    groups.
    """
    rows = {
        name: bootstrap.interval(
            np.stack([confidences[name], loss], axis=1),
            groups,
            lambda pair: calibration.aurc(pair[:, 0], pair[:, 1])[0],
            resamples=1000,
        )
        for name in confidences
    }
    return pd.DataFrame(rows, ["value", "low", "high"]).T


def _agreement(members):
    pairs = itertools.combinations(members > 0.5, 2)
    return float(
        np.mean([metrics.dice(a, b) * (a | b).any() for a, b in pairs])
    )


def _certainty(p):
    p = np.clip(p[p > 0.5], None, 1 - 1e-6)
    bits = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    return 1 - float(bits.mean()) if p.size else 0.0
