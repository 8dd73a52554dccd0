"""From pixel probabilities to a mask, and the rule for it.

References are read where a rule is chosen or judged, nowhere else.
"""

import itertools

import numpy as np
import pandas as pd

from ..data import masks
from . import metrics
from .classification import lesion_probability

# How probabilities become a mask, where nothing was fitted.
RULE = {"threshold": 0.5, "minimum_area": 0.0, "image_threshold": 0.0}
# That a fitted rule may take; of a tie the first wins.
THRESHOLDS = 0.5, 0.4, 0.6, 0.3, 0.7
# A fraction of the image; where a rule is fitted, of the square with its
# padding, which is about a fifth more.
MINIMUM_AREAS = 0.0, 0.001, 0.002, 0.005, 0.01
IMAGE_THRESHOLDS = np.linspace(0, 0.95, 39).round(3)
# The utility of a rule: `outcome`.
MISSED = 0.1  # Dice
MISS, EMPTY = 1.0, 0.5


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


def restored(cases, classes):
    """Yield each case's probabilities at its original size, (h, w, 3).

    cases: DataFrame[height, width ...]; classes: (n, size, size, 3).
    """
    for case, p in zip(cases.itertuples(), classes, strict=True):
        box = masks.Letterbox.of(case.height, case.width, len(p))
        yield masks.restore(p.astype(np.float32), box)


def class_mask(mask, classes):
    """Return the likelier class of each lesion pixel, as `masks.target` does.

    mask: bool (h, w); classes: float (h, w, 3).
    """
    return (mask * (1 + (classes[..., 2] > classes[..., 1]))).astype(np.uint8)


def fit_rule(classes, labels):
    """Return the rule for `lesion_mask` of the highest utility, a dict.

    classes: (n, size, size, 3) of validation cases; labels: (n, size, size), 0
    is background. ValueError: no case has a lesion.
    """
    return best(frontier(classes, labels))


def best(tried):
    """Return the rule of the highest utility of a `frontier`, a dict."""
    return tried.loc[tried["smooth"].idxmax(), list(RULE)].to_dict()


def frontier(classes, labels):
    """Return what each rule would do to validation cases, a DataFrame.

    classes, labels: as of `fit_rule`. Columns: those of RULE and of `outcome`,
    and smooth, the mean utility over an image_threshold and its neighbours,
    since few cases decide.
    """
    return tried(all_marks(classes, labels))


def all_marks(classes, labels):
    """Return {(minimum area, threshold): `marks`} of validation cases."""
    pairs = itertools.product(MINIMUM_AREAS, THRESHOLDS)
    return {(a, t): marks(classes, labels, t, a) for a, t in pairs}


def tried(found):
    """Return the `frontier` of `all_marks`."""
    tables = []
    for (area, t), own in found.items():
        table = pd.DataFrame(outcome(*own, k) for k in IMAGE_THRESHOLDS)
        rule = dict(zip(RULE, (t, area, IMAGE_THRESHOLDS), strict=True))
        near = table["utility"].rolling(3, center=True, min_periods=2)
        table = pd.DataFrame(rule).join(table.assign(smooth=near.mean()))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def judged(classes, labels, threshold, minimum_area, image_threshold):
    """Return the `outcome` of one rule; classes, labels: as of `fit_rule`."""
    found = marks(classes, labels, threshold, minimum_area)
    return outcome(*found, image_threshold)


def marks(classes, labels, threshold, minimum_area):
    """Return has_lesion, confidence, dice of validation cases, each (n,).

    The confidence of an image in which nothing is above the threshold is -1.
    """
    rule = threshold, minimum_area
    pairs = [(c, _thresholded(1 - c[..., 0], *rule)) for c in classes]
    sure = [lesion_probability(c) if mask.any() else -1.0 for c, mask in pairs]
    predictions = [mask for _, mask in pairs]
    dice = list(map(metrics.dice, labels > 0, predictions))
    return labels.any(axis=(1, 2)), np.array(sure), np.array(dice)


def outcome(has_lesion, confidence, dice, image_threshold):
    """Return dice, marked, missed, empty and utility of a rule, a dict.

    has_lesion: bool (n,); confidence: of its lesion, float (n,); dice: float
    (n,), counted where the confidence reaches the threshold. dice is the mean
    over lesion images, a miss being 0; marked and missed are shares of them;
    empty is a share of the normal ones, nan without any.

    The utility is the mean Dice of the lesion images, less MISS times the
    share of them that is missed (Dice below MISSED), plus EMPTY times the
    share of the normal ones left empty.
    ValueError: no case has a lesion.
    """
    if not has_lesion.any():
        raise ValueError("a rule needs validation cases with a lesion")
    marked = confidence >= image_threshold
    dice, of_lesions = (dice * marked)[has_lesion], marked[has_lesion]
    normal = ~marked[~has_lesion]
    found = {
        "dice": dice.mean(),
        "marked": of_lesions.mean(),
        "missed": (dice < MISSED).mean(),
        "empty": normal.mean() if len(normal) else np.nan,
    }
    worth = found["dice"] - MISS * found["missed"]
    worth += EMPTY * found["empty"] if len(normal) else 0
    return found | {"utility": worth}


def _thresholded(p, threshold, minimum_area):
    """Return the parts above the threshold that are large enough, bool."""
    return masks.parts(p > threshold, minimum_area * p.size)[0] > 0
