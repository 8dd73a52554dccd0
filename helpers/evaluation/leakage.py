"""What in the data could flatter a score: leaks, shortcuts, and the limit of the labels."""

import cv2
import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestClassifier

from ..data import busi, masks
from . import metrics

SAME_FRAME = (
    0.9  # correlation after registration from which two files show one frame
)


def leaked(groups, folds):
    """Return for each case whether a near copy of it lies in another fold, bool (n,)."""
    table = pd.DataFrame({"group": list(groups), "fold": list(folds)})
    return table.groupby("group")["fold"].transform("nunique").to_numpy() > 1


def outline_agreement(cases, pairs, size=256):
    """Compare the two outlines of each frame that is in the set twice.

    pairs: as from `duplicates.near_duplicates`. The second image is registered
    to the first; pairs whose pictures then correlate below SAME_FRAME, or
    without two outlines, are left out. Returns DataFrame[a, b, correlation,
    dice]: how far a person agrees with a person, or with himself, on the same
    picture: a ceiling for any score.
    """
    by_name, rows = cases.set_index("case"), []
    for pair in pairs.itertuples():
        one, two = (
            _square(by_name.loc[name], size) for name in (pair.a, pair.b)
        )
        if pair.mirrored:
            two = tuple(np.ascontiguousarray(part[:, ::-1]) for part in two)
        if not (one[1].any() and two[1].any()):
            continue
        warp = _registration(one[0], two[0])
        image, outline, inside = _moved(two, warp)
        alike = (
            np.corrcoef(one[0][inside], image[inside])[0, 1]
            if inside.any()
            else 0
        )
        if alike >= SAME_FRAME:
            dice = metrics.dice(one[1] & inside, outline & inside)
            rows.append(
                (pair.a, pair.b, round(float(alike), 4), round(dice, 4))
            )
    return pd.DataFrame(rows, columns=["a", "b", "correlation", "dice"])


def _square(case, size):
    """Return one case's image and merged mask as squares."""
    image, _ = masks.letterbox(busi.read_image(case["image"]), size)
    return image, masks.letterbox(masks.merge(case["masks"]), size)[0]


def _registration(fixed, moving):
    """Return the affine map (2, 3) from fixed to moving pixels (ECC, coarse to fine)."""
    warp = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-4)
    for zoom in (0.25, 0.5, 1):
        pair = [cv2.resize(p, None, fx=zoom, fy=zoom) for p in (fixed, moving)]
        there = np.float32([[1, 1, zoom], [1, 1, zoom]])
        try:
            start = warp * there
            warp = cv2.findTransformECC(
                *pair, start, cv2.MOTION_AFFINE, stop, None, 5
            )[1]
            warp = warp / there
        except cv2.error:  # it does not converge: the correlation will tell
            break
    return np.float32(warp)


def _moved(square, warp):
    """Return image, mask and valid area of the second file in the first one's pixels."""
    image, outline = square
    size, flags = image.shape[::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    content = (image > 0).astype(np.float32)
    layers = [image.astype(np.float32), outline.astype(np.float32), content]
    image, outline, content = (
        cv2.warpAffine(p, warp, size, flags=flags) for p in layers
    )
    return image, outline >= 0.5, content > 0.5


def auc(truth, values, weights=None):
    """Return the area under the ROC curve (Mann and Whitney 1947), ties counted half.

    truth: bool (n,); values: float (n,); weights: how often each row counts,
    (n,).
    """
    truth, weights = (
        np.asarray(truth, bool),
        np.ones(len(truth)) if weights is None else weights,
    )
    level = rankdata(values, "dense") - 1
    negative = np.bincount(level, weights * ~truth)
    positive = np.bincount(level, weights * truth)
    below = np.cumsum(negative) - negative / 2
    both = positive.sum() * negative.sum()
    return float((positive * below).sum() / both) if both else np.nan


def shortcut_auc(features, truth, groups, folds, resamples=1000, seed=0):
    """Return (auc, low, high) of telling a class from some features alone.

    A random forest (Breiman 2001) answers each case out of fold, so nothing is
    fitted on the cases that are scored; the 95 % interval is a bootstrap over
    whole groups.
    """
    features, truth, folds = (
        np.asarray(features, float),
        np.asarray(truth),
        np.asarray(folds),
    )
    answers = np.zeros(len(truth))
    for fold in np.unique(folds):
        rest = folds != fold
        forest = RandomForestClassifier(
            200, min_samples_leaf=5, random_state=seed
        )
        forest.fit(features[rest], truth[rest])
        answers[~rest] = forest.predict_proba(features[~rest])[:, 1]
    _, group = np.unique(np.asarray(groups, str), return_inverse=True)
    rng, n = np.random.default_rng(seed), group.max() + 1
    draws = rng.multinomial(n, np.full(n, 1 / n), resamples)
    spread = [auc(truth, answers, draw[group]) for draw in draws]
    return auc(truth, answers), *np.nanquantile(
        spread, [0.025, 0.975]
    ).tolist()
