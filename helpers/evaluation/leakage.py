"""What in the data could flatter a score: leaks, shortcuts, label noise."""

import cv2
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from ..data import busi, registration
from . import bootstrap, metrics

SAME_FRAME = 0.9  # correlation after registration


def leaked(groups, folds):
    """Return which cases have a near copy in another fold, bool (n,)."""
    table = pd.DataFrame({"group": list(groups), "fold": list(folds)})
    return table.groupby("group")["fold"].transform("nunique").to_numpy() > 1


def outline_agreement(cases, pairs):
    """Return DataFrame[a, b, correlation, dice] of frames in the set twice.

    pairs: of `duplicates.near_duplicates`. The second image is registered to
    the first; left out are pairs that then correlate below SAME_FRAME or lack
    an outline.
    """
    by_name, rows = cases.set_index("case"), []
    for pair in pairs.itertuples():
        image, outline = busi.read_square(by_name.loc[pair.a], 256)
        copy = busi.read_square(by_name.loc[pair.b], 256)
        if not (outline.any() and copy[1].any()):
            continue
        if pair.mirrored:
            copy = [np.ascontiguousarray(part[:, ::-1]) for part in copy]
        moved, other_outline, inside = _aligned(image, *copy)
        if not inside.any():
            continue
        correlation = np.corrcoef(image[inside], moved[inside])[0, 1]
        if correlation >= SAME_FRAME:
            dice = metrics.dice(outline & inside, other_outline & inside)
            found = round(float(correlation), 4), round(dice, 4)
            rows.append((pair.a, pair.b, *found))
    return pd.DataFrame(rows, columns=["a", "b", "correlation", "dice"])


def second_outlines(outlines, how="mean"):
    """Return how near copies are outlined: a Series, Dice by case.

    outlines: of `outline_agreement`; how: of several, "mean" or "min". A
    network's Dice on these cases is what it may be compared with; on others it
    may be higher or lower.
    """
    both = outlines.melt("dice", ["a", "b"], value_name="case")
    return both.astype({"dice": float}).groupby("case")["dice"].agg(how)


def _aligned(template, image, outline):
    """Return image, outline and valid area, moved to the template's pixels."""
    warp, both = np.eye(2, 3, dtype=np.float32), (template, image)
    for zoom in (0.25, 0.5, 1):  # coarse to fine
        pair = [cv2.resize(x, None, fx=zoom, fy=zoom) for x in both]
        scale = np.float32([1, 1, zoom])
        found = registration.ecc(*pair, warp * scale, 50, 1e-4, 5)
        if found is None:  # not converged: the correlation will tell
            break
        warp = found / scale
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    layers = map(np.float32, (image, outline, image > 0))
    size = template.shape[::-1]
    moved = [cv2.warpAffine(x, warp, size, flags=flags) for x in layers]
    return moved[0], moved[1] >= 0.5, moved[2] > 0.5


def shortcut_auc(features, ground_truth, groups, folds):
    """Return (auc, low, high) of predicting a class from some features alone.

    features: (n, k); ground_truth: bool (n,). A random forest (Breiman 2001)
    predicts each case out of fold.
    """
    forest = RandomForestClassifier(100, min_samples_leaf=5, random_state=0)
    x, y = np.asarray(features, float), np.asarray(ground_truth)
    scheme = {"groups": folds, "cv": LeaveOneGroupOut()}
    p = cross_val_predict(forest, x, y, method="predict_proba", **scheme)
    rows = np.stack([y, p[:, 1]], axis=1)
    return bootstrap.interval(rows, map(str, groups), bootstrap.auc)
