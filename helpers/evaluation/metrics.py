"""Scores of a predicted mask against its reference: two 2-D bool arrays.

EMPTY_RULE is what an empty mask means; "has no value" is nan.
"""

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree

from ..data import masks

SPECK = 20  # pixels; smaller parts count as no lesion, in either mask
EMPTY_RULE = (
    "An empty prediction of a lesion scores Dice 0, IoU 0, surface Dice 0, "
    "HD95 = image diagonal, area error -100 %, and misses every lesion. "
    "Normal images are reported apart: there an empty prediction scores 1 "
    "(HD95 0), any other 0 (HD95 = image diagonal), each part of it is a "
    "false lesion, and the area error has no value."
)
LESION_RULE = (
    "A lesion is a part of connected pixels (corners connect) of at least "
    f"{SPECK} pixels. Lesions are matched one to one; a match needs the "
    "stated IoU."
)


def dice(reference, prediction):
    """Return 2 |A and B| / (|A| + |B|) (Dice 1945), a float in [0, 1]."""
    a, b = checked(reference, prediction)
    total = _count(a) + _count(b)
    return 2 * _count(a & b) / total if total else 1.0


def iou(reference, prediction):
    """Return |A and B| / |A or B| (Jaccard 1912), a float in [0, 1]."""
    a, b = checked(reference, prediction)
    union = _count(a | b)
    return _count(a & b) / union if union else 1.0


def checked(reference, prediction):
    """Return both; raise ValueError unless they are 2-D bool of one shape."""
    a, b = np.asarray(reference), np.asarray(prediction)
    if a.ndim != 2 or a.shape != b.shape or a.dtype != bool or b.dtype != bool:
        got = f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
        raise ValueError(f"give two 2-D bool masks of one shape, not {got}")
    return a, b


def cropped(a, b):
    """Return both masks in the box around their union, (0, 0) if empty."""
    used = (np.flatnonzero((a | b).any(axis=axis)) for axis in (1, 0))
    y, x = (slice(i[0], i[-1] + 1) if i.size else slice(0) for i in used)
    return a[y, x], b[y, x]


def border(mask):
    """Return the mask's pixels with a 4-neighbour outside it or the image."""
    near = np.pad(mask, 1)
    inner = near[:-2, 1:-1] & near[2:, 1:-1] & near[1:-1, :-2] & near[1:-1, 2:]
    return mask & ~inner


def border_distances(reference, prediction):
    """Return pixels to the other boundary, two (n,), inf if that is empty."""
    pair = cropped(*checked(reference, prediction))
    one, two = (np.argwhere(border(mask)) for mask in pair)
    return KDTree(two).query(one)[0], KDTree(one).query(two)[0]


def _count(mask):
    return int(np.count_nonzero(mask))  # NumPy 2.4 returns a type of its own


def hd95(reference, prediction):
    """Return the larger directed 95th percentile of boundary distance, pixels.

    At most the image's diagonal. As in Metrics Reloaded (Maier-Hein et al.
    2024, Nat Methods 21:195): not the percentile of the pooled distances.
    """
    distances = border_distances(reference, prediction)
    return _hd95(distances, np.shape(reference))


def _hd95(distances, shape):
    finite = [np.minimum(d, np.hypot(*shape)) for d in distances if d.size]
    return float(max((np.percentile(d, 95) for d in finite), default=0))


def surface_dice(reference, prediction, tolerance=2):
    """Return the fraction of both boundaries within `tolerance` pixels.

    Nikolov et al. (2021, J Med Internet Res 23:e26151), with boundary pixels
    counted rather than contour length weighted.
    """
    return _surface_dice(border_distances(reference, prediction), tolerance)


def _surface_dice(distances, tolerance):
    pooled = np.concatenate(distances)
    near = np.isfinite(pooled) & (pooled <= tolerance)
    return float(near.mean()) if pooled.size else 1.0


def overlaps(reference, prediction):
    """Return the IoU of each reference lesion and prediction, float (n, m)."""
    one, n = masks.parts(reference, SPECK)
    two, m = masks.parts(prediction, SPECK)
    pairs = (one * (m + 1) + two).ravel()
    shared = np.bincount(pairs, minlength=(n + 1) * (m + 1))
    shared = shared.reshape(n + 1, m + 1)
    areas = shared.sum(axis=1)[1:, None] + shared.sum(axis=0)[None, 1:]
    return shared[1:, 1:] / (areas - shared[1:, 1:])


def matched(overlap, least):
    """Return which predicted lesions match one of the reference, bool (m,).

    One to one, with an IoU of at least `least`: most pairs first, then the
    largest sum of IoU (assignment: Kuhn 1955, Nav Res Logist Q 2:83).
    """
    allowed = overlap >= least
    weight = np.where(allowed, overlap + min(overlap.shape), 0)
    rows, columns = linear_sum_assignment(weight, maximize=True)
    found = np.zeros(overlap.shape[1], bool)
    found[columns] = allowed[rows, columns]
    return found


def share_below(reference, prediction):
    """Return the share of false-positive pixels below the lesion, or nan."""
    a, b = checked(reference, prediction)
    false = b & ~a
    below = np.maximum.accumulate(a, axis=0)  # where its shadow falls
    return _count(false & below) / _count(false) if false.any() else np.nan


def class_pixels(ground_truth, prediction):
    """Return {"intersection_benign": pixels, "union_benign": ..., malignant}.

    ground_truth, prediction: as of `masks.target`, uint8 (h, w).
    """
    pixels = {}
    for k, name in enumerate(masks.CLASSES[1:], 1):
        a, b = ground_truth == k, prediction == k
        pixels[f"intersection_{name}"] = _count(a & b)
        pixels[f"union_{name}"] = _count(a | b)
    return pixels


def candidates(reference, prediction, probability):
    """Return (confidence, found, n) of a case, for an FROC curve.

    probability: of a lesion, float (h, w). confidence: its mean over each
    predicted lesion, float (m,); found: whether it matches at an IoU of 0.1,
    bool (m,); n: lesions in the reference.
    """
    overlap = overlaps(*checked(reference, prediction))
    parts, m = masks.parts(prediction, SPECK)
    confidence = ndimage.mean(probability, parts, np.arange(1, m + 1))
    return np.asarray(confidence, float), matched(overlap, 0.1), len(overlap)


def case_scores(reference, prediction):
    """Return a dict of every score of a case, lengths and areas in pixels.

    split: reference lesions with an IoU of at least 0.1 with two or more
    predicted ones; merged: the reverse.
    """
    a, b = cropped(*checked(reference, prediction))
    area, predicted_area = _count(a), _count(b)
    distances, overlap = border_distances(a, b), overlaps(a, b)
    found = {t: int(matched(overlap, t / 100).sum()) for t in (10, 50)}
    split, merged = (((overlap >= 0.1).sum(axis=k) > 1).sum() for k in (1, 0))
    return {
        "dice": dice(a, b),
        "iou": iou(a, b),
        "hd95": _hd95(distances, np.shape(reference)),
        "surface_dice_2px": _surface_dice(distances, 2),
        "reference_area": area,
        "predicted_area": predicted_area,
        "area_error": predicted_area / (area or np.nan) - 1,
        "lesions": overlap.shape[0],
        **{f"found_iou{t}": n for t, n in found.items()},
        **{f"false_iou{t}": overlap.shape[1] - n for t, n in found.items()},
        "split": int(split),
        "merged": int(merged),
        "false_below": share_below(a, b),
    }
