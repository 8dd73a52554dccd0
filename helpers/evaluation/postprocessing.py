"""From pixel probabilities to a mask: `fit_rule` alone reads references."""

import numpy as np

from ..data import masks
from . import metrics
from .calibration import threshold_for_sensitivity
from .classification import lesion_probability

# How probabilities become a mask, where nothing was fitted.
RULE = {"threshold": 0.5, "minimum_area": 0.0, "image_threshold": 0.0}
# That a fitted rule may take; of a tie the first wins.
THRESHOLDS = 0.5, 0.4, 0.6, 0.3, 0.7
MINIMUM_AREAS = 0.0, 0.001, 0.002, 0.005, 0.01  # fraction of the image


def lesion_mask(
    classes, box, threshold=0.5, minimum_area=0.0, image_threshold=0.0
):
    """Return the predicted lesion mask at the image's original size, 2-D bool.

    classes: (size, size, 3); box: the `masks.Letterbox` of the image;
    minimum_area: of a part, as a fraction of the image. An image with a
    `lesion_probability` below `image_threshold` has an empty mask.
    """
    if lesion_probability(classes) < image_threshold:
        return np.zeros((box.height, box.width), bool)
    p = masks.restore(1 - classes[..., 0].astype(np.float32), box)
    return _thresholded(p, threshold, minimum_area)


def lesion_masks(cases, classes, rules):
    """Return each held-out case's predicted mask at its original size, a list.

    cases: DataFrame[height, width, fold ...]; classes: (n, size, size, 3);
    rules: DataFrame with the columns of RULE ... by fold.
    """
    rule_of, size = rules[list(RULE)].to_dict("index"), classes.shape[1]
    predictions = []
    for case, p in zip(cases.itertuples(), classes, strict=True):
        box = masks.Letterbox.of(case.height, case.width, size)
        predictions.append(lesion_mask(p, box, **rule_of[case.fold]))
    return predictions


def restore_probabilities(classes, height, width):
    """Return probabilities at an image's size, float32 (height, width, 3)."""
    box = masks.Letterbox.of(height, width, classes.shape[0])
    return masks.restore(classes.astype(np.float32), box)


def class_mask(mask, classes):
    """Return the likelier class of each lesion pixel, as `masks.target` does.

    mask: bool (h, w); classes: float (h, w, 3).
    """
    return (mask * (1 + (classes[..., 2] > classes[..., 1]))).astype(np.uint8)


def majority_class(classes, mask):
    """Return the class of the lesion pixels on the whole, or "nothing".

    classes: (size, size, 3); mask: of `lesion_mask`, "nothing" if empty.
    """
    inside = classes[..., 0] < 0.5
    if not (inside.any() and mask.any()):
        return "nothing"
    total = classes[inside].astype(np.float32).sum(axis=0)
    return masks.CLASSES[1 + int(total[2] > total[1])]


def fit_rule(classes, labels, sensitivity=0.95):
    """Return the rule for `lesion_mask` fitted to validation cases, a dict.

    classes: (n, size, size, 3); labels: (n, size, size), 0 is background. Of
    the cases with a lesion: threshold and minimum_area of their highest mean
    Dice, the highest image_threshold that keeps `sensitivity` of them.
    ValueError: no case has a lesion.
    """
    has_lesion = labels.any(axis=(1, 2))
    if not has_lesion.any():
        raise ValueError("a rule needs validation cases with a lesion")
    probabilities = 1 - classes[has_lesion][..., 0].astype(np.float32)
    ground_truth = labels[has_lesion] > 0

    def mean_dice(rule):
        predictions = [_thresholded(p, *rule) for p in probabilities]
        return np.mean(list(map(metrics.dice, ground_truth, predictions)))

    rules = [(t, area) for area in MINIMUM_AREAS for t in THRESHOLDS]
    confidence = list(map(lesion_probability, classes[has_lesion]))
    everyone = np.ones_like(confidence)
    limit = threshold_for_sensitivity(confidence, everyone, sensitivity)
    return dict(zip(RULE, (*max(rules, key=mean_dice), limit), strict=True))


def _thresholded(p, threshold, minimum_area):
    """Return the parts above the threshold that are large enough, bool."""
    return masks.parts(p > threshold, minimum_area * p.size)[0] > 0
