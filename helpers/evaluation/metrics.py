"""Scores of one predicted mask against its reference: overlap, boundary, area, lesions.

Masks are 2-D bool arrays of one shape. What an empty mask means is decided
here, once:

| reference | prediction | Dice, IoU, surface Dice | HD95     | HD95 / size | area error |
|-----------|------------|-------------------------|----------|-------------|------------|
| lesion    | empty      | 0                       | diagonal | diagonal    | -1         |
| empty     | lesion     | 0                       | diagonal | nan         | nan        |
| empty     | empty      | 1                       | 0        | nan         | nan        |

The diagonal is the image's. Size is the reference's equivalent diameter, that
of a disc of its area. Lesions are the parts of a mask: with an empty
prediction all are missed, with an empty reference each predicted part is a
false lesion, with both empty there are none of either. Tables report lesion
images and normal images apart, so that the last row never lifts a mean.
"""

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree

SPECK = 20  # pixels; smaller parts count as no lesion, in either mask
EMPTY_RULE = (
    "An empty prediction of a lesion scores Dice 0, IoU 0, surface Dice 0, "
    "HD95 = image diagonal, area error -100 %, and misses every lesion. "
    "Normal images are reported apart: there an empty prediction scores 1 (HD95 0), any "
    "other 0 (HD95 = image diagonal), each part of it is a false lesion, and what is "
    "relative to the lesion's size has no value."
)
LESION_RULE = (
    f"A lesion is a part of connected pixels (corners connect) of at least {SPECK} pixels. "
    "Lesions are matched one to one; a match needs the stated IoU."
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


def hd95(reference, prediction):
    """Return the larger of the two directed 95th percentiles of boundary distance, pixels.

    As in Metrics Reloaded (Maier-Hein et al. 2024, Nat Methods 21:195): one
    percentile a direction, then the larger; not one percentile of the pooled
    distances.
    """
    return _hd95(border_distances(reference, prediction), np.shape(reference))


def surface_dice(reference, prediction, tolerance):
    """Return the share of boundary pixels of both masks within `tolerance` pixels.

    The normalised surface distance of Nikolov et al. (2021, J Med Internet Res
    23:e26151), with boundary pixels counted rather than contour length
    weighted.
    """
    if not tolerance >= 0:
        raise ValueError(
            f"tolerance must be 0 or more pixels, not {tolerance}"
        )
    return _near(border_distances(reference, prediction), tolerance)


def relative_tolerance(area):
    """Return 5 % of the equivalent diameter of a reference of `area` pixels, at least 1.

    One pixel is the least difference that two outlines on a grid can have.
    """
    return max(1.0, 0.05 * _diameter(area))


def checked(reference, prediction):
    """Return both masks; raise ValueError unless they are 2-D bool of one shape."""
    a, b = np.asarray(reference), np.asarray(prediction)
    if a.ndim != 2 or a.shape != b.shape or a.dtype != bool or b.dtype != bool:
        raise ValueError(
            "scores need two 2-D bool masks of one shape, got "
            f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
        )
    return a, b


def cropped(a, b):
    """Return both masks cut to the box around their union; empty ones become (0, 0).

    No score of this module changes: beyond the box, as beyond the image, is
    outside.
    """
    rows, columns = (np.flatnonzero((a | b).any(axis=axis)) for axis in (1, 0))
    box = tuple(
        slice(i[0], i[-1] + 1) if i.size else slice(0) for i in (rows, columns)
    )
    return a[box], b[box]


def border(mask):
    """Return the mask's own pixels that touch the outside (4-neighbours), 2-D bool.

    The image's edge counts as outside, so a lesion cut by it has a closed
    boundary.
    """
    near = np.pad(mask, 1)
    inner = near[:-2, 1:-1] & near[2:, 1:-1] & near[1:-1, :-2] & near[1:-1, 2:]
    return mask & ~inner


def border_distances(reference, prediction):
    """Return distances (pixels) from each boundary to the other, two float 1-D arrays.

    An empty mask has no boundary: none start there, and those that lead there
    are inf.
    """
    masks = cropped(*checked(reference, prediction))
    one, two = (np.argwhere(border(mask)) for mask in masks)
    return KDTree(two).query(one)[0], KDTree(one).query(two)[0]


def _count(mask):
    return int(np.count_nonzero(mask))  # NumPy 2.4 returns a type of its own


def _hd95(distances, shape):
    finite = [np.minimum(d, np.hypot(*shape)) for d in distances if d.size]
    return float(max((np.percentile(d, 95) for d in finite), default=0))


def _near(distances, tolerance):
    joined = np.concatenate(distances)
    near = np.isfinite(joined) & (joined <= tolerance)
    return float(near.mean()) if joined.size else 1.0


def _diameter(area):
    return float(np.sqrt(4 * area / np.pi))


def lesions(mask):
    """Return (parts, n): lesions numbered 1 to n, int (h, w), and 0 elsewhere.

    A lesion is a part of connected pixels (8 neighbours: corners connect) of
    at least SPECK pixels. Lesions whose outlines touch in one mask count as
    one.
    """
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    kept = np.bincount(parts.ravel(), minlength=1) >= SPECK
    kept[0] = False
    return (np.cumsum(kept) * kept)[parts], int(kept.sum())


def overlaps(reference, prediction):
    """Return the IoU of each reference lesion with each predicted one, float (n, m)."""
    (one, n), (two, m) = (lesions(mask) for mask in (reference, prediction))
    shared = np.bincount(
        (one * (m + 1) + two).ravel(), minlength=(n + 1) * (m + 1)
    )
    shared = shared.reshape(n + 1, m + 1)
    union = (
        shared.sum(axis=1)[1:, None]
        + shared.sum(axis=0)[None, 1:]
        - shared[1:, 1:]
    )
    return shared[1:, 1:] / union


def matched(overlap, least):
    """Return which predicted lesions find one of the reference, bool (m,).

    A pair needs an IoU of at least `least`, each lesion has one partner at
    most. Of all such pairings the one with the most pairs counts, then that
    with the largest sum of IoU (optimal assignment: Kuhn 1955, Nav Res Logist
    Q 2:83).
    """
    allowed = overlap >= least
    weight = np.where(allowed, overlap + min(overlap.shape), 0)
    rows, columns = linear_sum_assignment(weight, maximize=True)
    found = np.zeros(overlap.shape[1], bool)
    found[columns] = allowed[rows, columns]
    return found


def split_and_merged(overlap, least=0.1):
    """Return (split, merged): lesions answered in several parts, and parts over several.

    overlap: of `overlaps`. Split is a reference lesion that two or more
    predicted ones overlap with an IoU of at least `least` each; merged is a
    predicted one over two or more of the reference.
    """
    shared = overlap >= least
    return tuple(int((shared.sum(axis=axis) > 1).sum()) for axis in (1, 0))


def share_below(reference, prediction):
    """Return which share of the falsely marked pixels lies below the lesion, a float.

    Below: the lesion is above it in the same column, where its shadow falls.
    nan without a falsely marked pixel.
    """
    a, b = checked(reference, prediction)
    false = b & ~a
    below = np.maximum.accumulate(a, axis=0)
    return _count(false & below) / _count(false) if false.any() else np.nan


def class_pixels(truth, told):
    """Return {"both_benign": pixels, "either_benign": ..., the same of malignant}.

    truth, told: classes of the pixels as of `masks.target`, uint8 (h, w).
    """
    pixels = {}
    for k, name in ((1, "benign"), (2, "malignant")):
        pixels[f"both_{name}"] = _count((told == k) & (truth == k))
        pixels[f"either_{name}"] = _count((told == k) | (truth == k))
    return pixels


def candidates(reference, prediction, probability, least=0.1):
    """Return (confidence, found, n) of a case's predicted lesions, for an FROC curve.

    probability: float (h, w), the lesion probability. confidence: its mean
    over each predicted lesion, float (m,); found: whether it finds a reference
    lesion with an IoU of at least `least`, bool (m,); n: lesions in the
    reference.
    """
    overlap = overlaps(*checked(reference, prediction))
    parts, m = lesions(prediction)
    confidence = ndimage.mean(probability, parts, np.arange(1, m + 1))
    return np.asarray(confidence, float), matched(overlap, least), len(overlap)


def case_scores(reference, prediction):
    """Return a dict of every score of one case, for one row of scores.csv.

    Lengths and areas are in pixels; `relative` is relative to the reference's
    size.
    """
    a, b = cropped(*checked(reference, prediction))
    reference_area, predicted_area = _count(a), _count(b)
    distances, overlap = border_distances(a, b), overlaps(a, b)
    found = {
        f"{100 * t:.0f}": int(matched(overlap, t).sum()) for t in (0.1, 0.5)
    }
    far = _hd95(distances, np.shape(reference))
    error = predicted_area / reference_area - 1 if reference_area else np.nan
    split, merged = split_and_merged(overlap)
    return {
        "dice": dice(a, b),
        "iou": iou(a, b),
        "hd95": far,
        "hd95_relative": far / _diameter(reference_area)
        if reference_area
        else np.nan,
        "surface_dice_2px": _near(distances, 2),
        "surface_dice_relative": _near(
            distances, relative_tolerance(reference_area)
        ),
        "reference_area": reference_area,
        "predicted_area": predicted_area,
        "area_error": error,
        "area_error_absolute": abs(error),
        "lesions": overlap.shape[0],
        **{f"found_iou{t}": n for t, n in found.items()},
        **{f"false_iou{t}": overlap.shape[1] - n for t, n in found.items()},
        "split": split,
        "merged": merged,
        "false_below": share_below(a, b),
    }
