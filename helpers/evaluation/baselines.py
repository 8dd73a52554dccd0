"""Answers that no network takes part in: one fixed shape, and three classical methods.

The classical ones take an image, uint8 (h, w) of grey values, and return the
lesion's mask, bool (h, w). They look for something dark near the middle, as
most lesions are. The window around the middle and the fixed core were chosen
by scores on 44 real lesions, of the held-out fold among them: that favours
these methods. See `baselines.copy_nearest` for one more.
"""

import cv2
import numpy as np

from ..data import masks
from . import metrics


def fixed_shape(lesions):
    """Return the one mask that suits some lesions best on the whole, bool (h, w).

    lesions: bool (n, h, w). It holds the pixels that are lesion in at least
    some share of them; the share is the one with the highest mean Dice on
    these very lesions.
    """
    often = lesions.mean(axis=0)
    shapes = [
        often >= share * often.max() for share in np.linspace(0.1, 0.9, 9)
    ]
    return max(
        shapes, key=lambda s: np.mean([metrics.dice(x, s) for x in lesions])
    )


def otsu(image):
    """Cut between dark and bright (Otsu 1979), and keep the dark part nearest the middle."""
    where, smooth = middle(image), smoothed(image)
    if not where.any():
        return where
    cut, _ = cv2.threshold(smooth[where], 0, 255, cv2.THRESH_OTSU)
    dark = ((smooth <= cut) & where).astype(np.uint8)
    dark = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((5, 5)))
    n, parts = cv2.connectedComponents(dark)
    weight = np.bincount(parts.ravel(), centred(image.shape).ravel(), n)
    weight[0] = 0  # what is bright, or not in the middle
    return masks.clean(
        (parts == weight.argmax()) & (dark > 0), fill_holes=True
    )[0]


def watershed(image):
    """Flood from the core of Otsu's answer and from outside the middle (Meyer 1994)."""
    markers = np.zeros(image.shape, np.int32)
    markers[core(otsu(image))] = 1
    markers[~middle(image)] = 2
    return cv2.watershed(as_colours(image), markers) == 1


def grabcut(image):
    """Refine Otsu's answer by GrabCut (Rother et al. 2004), its core held fixed."""
    start = otsu(image)
    if not start.any():
        return start
    told = np.where(middle(image), cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    told[start], told[core(start)] = cv2.GC_PR_FGD, cv2.GC_FGD
    cv2.setRNGSeed(0)
    with_mask = cv2.GC_INIT_WITH_MASK
    cv2.grabCut(as_colours(image), told, None, None, None, 5, with_mask)
    return np.isin(told, (cv2.GC_FGD, cv2.GC_PR_FGD))


CLASSICAL = {"Otsu": otsu, "watershed": watershed, "GrabCut": grabcut}


def smoothed(image):
    """Return the image with its speckle blurred, uint8."""
    return cv2.GaussianBlur(image, (0, 0), len(image) / 64)


def as_colours(image):
    """Return the smoothed image as OpenCV's colour methods want it, uint8 (h, w, 3)."""
    return cv2.cvtColor(smoothed(image), cv2.COLOR_GRAY2BGR)


def core(mask):
    """Return the pixels of a mask more than half as deep inside as its deepest one."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    return depth > depth.max() / 2


def middle(image):
    """Return the image without its outer sixths and its black margins, bool (h, w)."""
    inside = np.zeros(image.shape, bool)
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    if len(rows):
        down, right = len(rows) // 6, len(columns) // 6
        inside[
            rows[0] + down : rows[-1] + 1 - down,
            columns[0] + right : columns[-1] + 1 - right,
        ] = True
    return inside


def centred(shape):
    """Return a weight for each pixel, 1 in the middle and falling to the sides."""
    y, x = (np.linspace(-1, 1, side) for side in shape)
    return np.exp(-4 * (y[:, None] ** 2 + x[None, :] ** 2))


def nearest_in_training(images, folds):
    """Return for each case the row of the most alike image of the other folds, int (n,).

    images: uint8 (n, size, size). Alike is the correlation of 32-pixel
    thumbnails.
    """
    small = [
        cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
        for image in images
    ]
    flat = np.stack(small).reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
    alike = flat @ flat.T
    folds = np.asarray(folds)
    alike[folds[:, None] == folds[None, :]] = -np.inf
    return alike.argmax(axis=1)


def copy_nearest(cases, images, labels, folds):
    """Return the Dice of each case with the mask of the most alike training image, (n,).

    No learning takes part: what this scores beyond a mean shape is what the
    split leaks. Scored at the original size of each case.
    """
    size, nearest = images.shape[1], nearest_in_training(images, folds)
    found = []
    for case, row in zip(cases.itertuples(), nearest, strict=True):
        reference = masks.merge(case.masks)
        _, box = masks.letterbox(reference, size)
        found.append(
            metrics.dice(reference, masks.restore(labels[row] > 0, box))
        )
    return np.array(found)


def mean_shape(references, folds, labels, label_folds):
    """Return the Dice of each reference with the mean training mask, (n,).

    references: bool (h, w) each, and their folds; labels: (m, size, size) of
    all cases, and their folds. The mean mask holds the pixels that are lesion
    in at least half of the lesion images of the other folds, or the 5 % of
    pixels that most often are.
    """
    folds, label_folds = np.asarray(folds), np.asarray(label_folds)
    ill, shapes = labels.any(axis=(1, 2)), {}
    for fold in np.unique(folds):
        share = (labels[ill & (label_folds != fold)] > 0).mean(axis=0)
        shapes[fold] = share >= min(0.5, np.quantile(share, 0.95))

    def shape(reference, fold):
        box = masks.Letterbox.of(*reference.shape, labels.shape[1])
        return masks.restore(shapes[fold], box)

    return np.array(
        [
            metrics.dice(r, shape(r, fold))
            for r, fold in zip(references, folds, strict=True)
        ]
    )
