"""Scores of one mask against its reference, and how sure we are of their mean.

Masks are 2-D bool arrays of one shape. What an empty mask means is decided here, once:

| reference | prediction | Dice, IoU, surface Dice | HD95               |
|-----------|------------|-------------------------|--------------------|
| lesion    | empty      | 0                       | diagonal of image  |
| empty     | lesion     | 0                       | diagonal of image  |
| empty     | empty      | 1                       | 0                  |

Tables report lesion images and normal images apart, so the last row never lifts a mean.
"""

import cv2
import numpy as np
import pandas as pd

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
EMPTY_RULE = (
    "An empty prediction of a lesion scores Dice 0, IoU 0 and HD95 = image diagonal; "
    "normal images are reported apart."
)


def dice(reference, prediction):
    """Return 2 |A and B| / (|A| + |B|) (Dice 1945), a float in [0, 1]."""
    a, b = checked(reference, prediction)
    total = a.sum() + b.sum()
    return float(2 * (a & b).sum() / total) if total else 1.0


def iou(reference, prediction):
    """Return |A and B| / |A or B| (Jaccard 1912), a float in [0, 1]."""
    a, b = checked(reference, prediction)
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0


def hd95(reference, prediction):
    """Return the larger of the two directed 95th percentiles of boundary distance, pixels.

    As in Metrics Reloaded (Maier-Hein et al. 2024, Nat Methods 21:195): one percentile a
    direction, then the larger; not one percentile of the pooled distances.
    """
    a, b = checked(reference, prediction)
    if not (a.any() and b.any()):
        return 0.0 if a.any() == b.any() else float(np.hypot(*a.shape))
    to_b, to_a = border_distances(a, b)
    return float(max(np.percentile(to_b, 95), np.percentile(to_a, 95)))


def surface_dice(reference, prediction, tolerance):
    """Return the share of boundary pixels of both masks within `tolerance` pixels.

    The normalised surface distance of Nikolov et al. (2021, J Med Internet Res
    23:e26151), with boundary pixels counted rather than contour length weighted.
    """
    a, b = checked(reference, prediction)
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be 0 or more pixels, not {tolerance}")
    if not (a.any() and b.any()):
        return float(a.any() == b.any())
    to_b, to_a = border_distances(a, b)
    near = (to_b <= tolerance).sum() + (to_a <= tolerance).sum()
    return float(near / (len(to_b) + len(to_a)))


def checked(reference, prediction):
    """Return both masks; raise ValueError unless they are 2-D bool of one shape."""
    a, b = np.asarray(reference), np.asarray(prediction)
    if a.ndim != 2 or a.shape != b.shape or a.dtype != bool or b.dtype != bool:
        raise ValueError(
            "scores need two 2-D bool masks of one shape, got "
            f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
        )
    return a, b


def border(mask):
    """Return the mask's own pixels that touch the outside (4-neighbours), 2-D bool.

    The image's edge counts as outside, so a lesion cut by it has a closed boundary.
    """
    padded = np.pad(mask.astype(np.uint8), 1)
    inner = cv2.erode(padded, CROSS, borderValue=0)
    return (padded & ~inner)[1:-1, 1:-1].astype(bool)


def border_distances(a, b):
    """Return distances (pixels) from a's boundary to b's and from b's to a's."""
    edge_a, edge_b = border(a), border(b)
    return distance_to(edge_b)[edge_a], distance_to(edge_a)[edge_b]


def distance_to(points):
    """Return each pixel's Euclidean distance (pixels) to the nearest True pixel."""
    away = (~points).astype(np.uint8)
    return cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def case_scores(reference, prediction):
    """Return a dict of every score of one case, for one row of scores.csv."""
    return {
        "dice": dice(reference, prediction),
        "iou": iou(reference, prediction),
        "hd95": hd95(reference, prediction),
        "surface_dice_2px": surface_dice(reference, prediction, 2),
        "reference_area": int(np.count_nonzero(reference)),
        "predicted_area": int(np.count_nonzero(prediction)),
    }


def interval(values, groups, resamples=10_000, seed=0, level=0.95):
    """Return (mean, low, high): the mean and its bootstrap interval over whole groups.

    Near-duplicates are not independent, so groups are drawn, not images (the cluster
    bootstrap: Davison & Hinkley 1997, section 3.8; percentile interval). A single group
    has no spread to show: low and high are nan.
    """
    table = pd.DataFrame({"value": np.asarray(values, float), "group": list(groups)})
    sums = table.groupby("group").value.agg(["sum", "count"]).to_numpy()
    mean = float(table.value.mean())
    if len(sums) < 2:
        return mean, np.nan, np.nan
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), resamples)
    totals = draws @ sums
    means = totals[:, 0] / totals[:, 1]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return mean, float(low), float(high)
