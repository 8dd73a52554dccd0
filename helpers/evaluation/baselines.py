"""Predictions without a network, for a network to be compared with.

Otsu, watershed and GrabCut take an image, uint8 (h, w), and return the mask of
something dark near the middle, bool (h, w). Their window and core were chosen
by scores on 44 real lesions, of the held-out fold among them, which favours
them. The others predict a mask of the training set.
"""

import cv2
import numpy as np
from scipy import ndimage

from ..data import masks
from . import metrics


def fixed_shape(lesions):
    """Return the mask of the highest mean Dice with lesions, bool (h, w).

    lesions: bool (n, h, w). Pixels that are lesion in at least a fraction.
    """
    frequency = lesions.mean(axis=0)
    levels = np.linspace(0.1, 0.9, 9) * frequency.max()
    return max(
        (frequency >= level for level in levels),
        key=lambda shape: np.mean([metrics.dice(x, shape) for x in lesions]),
    )


def otsu(image):
    """Threshold (Otsu 1979), and keep the dark part nearest the middle."""
    window, smooth = _window(image), _smoothed(image)
    if not window.any():
        return window
    threshold, _ = cv2.threshold(smooth[window], 0, 255, cv2.THRESH_OTSU)
    dark = ((smooth <= threshold) & window).astype(np.uint8)
    dark = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((5, 5))) > 0
    parts, n = masks.parts(dark)
    y, x = (np.linspace(-1, 1, side) for side in image.shape)
    central = np.exp(-4 * (y[:, None] ** 2 + x[None, :] ** 2))
    weight = np.bincount(parts.ravel(), central.ravel(), n + 1)
    weight[0] = 0  # the background
    return ndimage.binary_fill_holes((parts == weight.argmax()) & dark)


def watershed(image):
    """Flood from the core of Otsu's mask and from the rim (Meyer 1994)."""
    markers = np.zeros(image.shape, np.int32)
    markers[_core(otsu(image))] = 1
    markers[~_window(image)] = 2
    bgr = cv2.merge([_smoothed(image)] * 3)
    return cv2.watershed(bgr, markers) == 1


def grabcut(image):
    """Refine Otsu's mask by GrabCut (Rother et al. 2004), its core fixed."""
    start = otsu(image)
    if not start.any():
        return start
    state = np.uint8(np.where(_window(image), cv2.GC_PR_BGD, cv2.GC_BGD))
    state[start], state[_core(start)] = cv2.GC_PR_FGD, cv2.GC_FGD
    cv2.setRNGSeed(0)
    bgr, mode = cv2.merge([_smoothed(image)] * 3), cv2.GC_INIT_WITH_MASK
    cv2.grabCut(bgr, state, None, None, None, 5, mode)
    return np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD))


CLASSICAL = {"Otsu": otsu, "watershed": watershed, "GrabCut": grabcut}


def _smoothed(image):
    """Return the image with its speckle blurred, uint8."""
    return cv2.GaussianBlur(image, (0, 0), len(image) / 64)


def _core(mask):
    """Return the pixels more than half as deep inside as the deepest, bool."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    return depth > depth.max() / 2


def _window(image):
    """Return the image without its black margins and outer sixths, bool."""
    inside = np.zeros(image.shape, bool)
    lit = [np.flatnonzero(image.any(axis=axis)) for axis in (1, 0)]
    if lit[0].size:
        sides = [(i[0], i[-1] + 1, len(i) // 6) for i in lit]
        y, x = (slice(low + rim, high - rim) for low, high, rim in sides)
        inside[y, x] = True
    return inside


def nearest_in_training(images, folds):
    """Return the row of the most similar image of the other folds, int (n,).

    images: uint8 (n, size, size). By the correlation of 32-pixel thumbnails.
    """
    options = {"dsize": (32, 32), "interpolation": cv2.INTER_AREA}
    small = [cv2.resize(image, **options) for image in images]
    flat = np.reshape(small, (len(images), -1)).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
    correlation, folds = flat @ flat.T, np.asarray(folds)
    correlation[folds[:, None] == folds[None, :]] = -np.inf
    return correlation.argmax(axis=1)


def copy_nearest(cases, images, labels, folds):
    """Return each case's Dice with its `nearest_in_training`, float (n,).

    At the original sizes. What it scores beyond a mean shape, the split leaks.
    """
    nearest = labels[nearest_in_training(images, folds)]
    return dice_of(map(masks.merge, cases["masks"]), nearest)


def mean_shape(references, folds, labels, label_folds):
    """Return the Dice of each reference with the mean training mask, (n,).

    references: bool (h, w) each; labels: (m, size, size) of all cases. The
    mean mask: lesion in at least half of the lesion images of the other folds,
    or the 5 % of pixels that most often are.
    """
    has_lesion, label_folds = labels.any(axis=(1, 2)), np.asarray(label_folds)
    shapes = {}
    for fold in set(folds):
        training = labels[has_lesion & (label_folds != fold)] > 0
        frequency = training.mean(axis=0)
        level = min(0.5, np.quantile(frequency, 0.95))
        shapes[fold] = (frequency >= level) & (frequency > 0)
    return dice_of(references, [shapes[fold] for fold in folds])


def dice_of(references, squares):
    """Return the Dice of masks with squares of labels, float (n,)."""
    dice = []
    for reference, square in zip(references, squares, strict=True):
        box = masks.Letterbox.of(*reference.shape, len(square))
        dice.append(metrics.dice(reference, masks.restore(square > 0, box)))
    return np.array(dice)
