"""From pixel probabilities to a lesion mask.

Nothing here may read a reference mask but `fit_rule`, on validation cases.
"""

import cv2
import numpy as np

from ..data import masks
from . import calibration, metrics
from .classification import lesion_probability

# How probabilities become a mask, where nothing was fitted.
RULE = {"threshold": 0.5, "minimum_area": 0.0, "image_threshold": 0.0}
THRESHOLDS = (
    0.5,
    0.4,
    0.6,
    0.3,
    0.7,
)  # that a rule may take; the first wins a tie
MINIMUM_AREAS = (0.0, 0.001, 0.002, 0.005, 0.01)  # share of the image


def lesion_mask(
    classes, box, threshold=0.5, minimum_area=0.0, image_threshold=0.0
):
    """Return the predicted lesion mask at the image's original size, 2-D bool.

    classes: (size, size, 3); box: the `masks.Letterbox` of the image. The
    lesion probability, benign plus malignant, is restored first and cut at
    `threshold` then; 8-connected parts smaller than `minimum_area` (share of
    the image) are dropped. The mask is empty where the image's probability of
    a lesion is below `image_threshold`.
    """
    if lesion_probability(classes) < image_threshold:
        return np.zeros((box.height, box.width), bool)
    mask = (
        masks.restore(1 - classes[..., 0].astype(np.float32), box) > threshold
    )
    return large_parts(mask, minimum_area)


def lesion_masks(cases, classes, rules):
    """Return the predicted mask of each held-out case at its original size, a list.

    cases: DataFrame with height, width and fold; classes: (n, size, size, 3),
    in the same order; rules: DataFrame indexed by fold with the columns of
    RULE, and perhaps others.
    """
    rule_of = rules[list(RULE)].to_dict("index")
    size = classes.shape[1]
    return [
        lesion_mask(
            p,
            masks.Letterbox.of(case.height, case.width, size),
            **rule_of[case.fold],
        )
        for case, p in zip(cases.itertuples(), classes, strict=True)
    ]


def restore_probabilities(classes, height, width):
    """Return class probabilities at an image's original size, float32 (height, width, 3)."""
    box = masks.Letterbox.of(height, width, classes.shape[0])
    return masks.restore(classes.astype(np.float32), box)


def class_mask(mask, classes):
    """Return the class of each pixel, uint8, as `masks.target`: where marked, the likelier.

    mask: bool (h, w); classes: float (h, w, 3), as of `restore_probabilities`.
    """
    return np.where(mask, 1 + (classes[..., 2] > classes[..., 1]), 0).astype(
        np.uint8
    )


def majority_class(classes, mask):
    """Return the class that the lesion pixels get on the whole, or "nothing".

    classes: (size, size, 3); mask: of `lesion_mask`; if it is empty nothing
    was said.
    """
    inside = classes[..., 0] < 0.5
    if not (inside.any() and mask.any()):
        return "nothing"
    total = classes[inside].astype(np.float32).sum(axis=0)
    return masks.CLASSES[1 + int(total[2] > total[1])]


def large_parts(mask, minimum_area):
    """Return a mask without its 8-connected parts below a share of the image."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8)
    )
    small = stats[:, cv2.CC_STAT_AREA] < minimum_area * mask.size
    small[0] = True  # the background
    return ~small[parts]


def fit_rule(classes, labels, sensitivity=0.95):
    """Return the rule for `lesion_mask` that suits some validation cases, a dict.

    classes: (n, size, size, 3); labels: (n, size, size), 0 is background. Only
    the cases with a lesion are asked: threshold and minimum_area are those of
    their highest mean Dice, image_threshold the highest that leaves
    `sensitivity` of them their mask. How many normal images it then leaves
    empty must be measured on other cases.

    Raises:
        ValueError: no case has a lesion.
    """
    ill = labels.any(axis=(1, 2))
    if not ill.any():
        raise ValueError("a rule needs validation cases with a lesion")
    lesion, truth = (
        1 - classes[ill][..., 0].astype(np.float32),
        labels[ill] > 0,
    )

    def mean_dice(rule):
        answers = [large_parts(p > rule[0], rule[1]) for p in lesion]
        return np.mean(list(map(metrics.dice, truth, answers)))

    rules = [(cut, area) for area in MINIMUM_AREAS for cut in THRESHOLDS]
    threshold, minimum_area = max(rules, key=mean_dice)
    sure = list(map(lesion_probability, classes[ill]))
    return {
        "threshold": threshold,
        "minimum_area": minimum_area,
        "image_threshold": calibration.threshold_for_sensitivity(
            sure, np.ones(len(sure)), sensitivity
        ),
    }


def mean_inside(p):
    """Return the mean of the probabilities above one half, a float, 0 without any."""
    return float(p[p > 0.5].mean()) if (p > 0.5).any() else 0.0
