"""How much a model's answers to several views of one case differ, and how unsure each is.

`predict` is a function from images (n, size, size) uint8 to class probabilities (n, size,
size, 3), so nothing here knows of a network.
"""

import itertools

import cv2
import numpy as np
import pandas as pd

from . import scores

VIEWS = ("as it is", "mirrored", "darker", "brighter", "smaller")


def members(predict, images):
    """Return the lesion probability by each of VIEWS, float32 (views, n, size, size).

    Each view is answered and its answer moved back, as test-time augmentation does
    (Wang et al. 2019, Neurocomputing 338:34). Grey values are 0.85 or 1.15 times as high.
    The smaller view has 0.9 times the side and lies off the centre, so nothing is cut.
    """
    size = images.shape[1]
    shrink = np.float32([[0.9, 0, 0.08 * size], [0, 0.9, 0.03 * size]])

    def moved(stack, flags=cv2.INTER_LINEAR):
        parts = [cv2.warpAffine(x, shrink, (size, size), flags=flags) for x in stack]
        return np.stack(parts)

    def lesion(view):
        return 1 - predict(view)[..., 0].astype(np.float32)

    return np.stack(
        [
            lesion(images),
            lesion(images[:, :, ::-1])[:, :, ::-1],
            lesion(cv2.convertScaleAbs(images, alpha=0.85)),
            lesion(cv2.convertScaleAbs(images, alpha=1.15)),
            moved(lesion(moved(images)), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP),
        ]
    )


def confidences(answers):
    """Return how sure a case's answer is, by five rules, DataFrame with a row a case.

    answers: of `members`. Higher is surer in each column. agreement: the mean Dice
    between the masks of two members (Roy et al. 2019, NeuroImage 195:11); without a
    lesion in either it is 1. The others look at the mean of the members. inside: mean
    probability where it is above one half, 0 without such a pixel. entropy: 1 - mean
    entropy (bits) there, of all pixels without one. highest: the largest probability.
    view: `inside` of the first member alone, the price of one answer.
    """
    return pd.DataFrame(
        {
            "agreement": _agreement(members),
            "inside": _inside(members.mean(axis=0)),
            "entropy": 1 - _entropy(members.mean(axis=0)),
            "highest": float(members.mean(axis=0).max()),
            "view": _inside(members[0]),
        }
        for members in np.moveaxis(answers, 1, 0)
    )


def _agreement(members):
    pairs = itertools.combinations(members > 0.5, 2)
    return float(np.mean([scores.dice(*pair) for pair in pairs]))


def _inside(p):
    return float(p[p > 0.5].mean()) if (p > 0.5).any() else 0.0


def _entropy(p):
    """Return the mean entropy in bits where p is above one half, or of all pixels."""
    p = p[p > 0.5] if (p > 0.5).any() else p.ravel()
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(np.mean(-p * np.log2(p) - (1 - p) * np.log2(1 - p)))
