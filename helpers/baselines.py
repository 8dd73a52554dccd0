"""Answers that no network takes part in: one fixed shape, and three classical methods.

The classical ones take an image, uint8 (h, w) of grey values, and return the lesion's
mask, bool (h, w). They look for something dark near the middle, as most lesions are;
their settings are the usual ones, fitted to nothing. See `audit.copy_nearest` for one more.
"""

import cv2
import numpy as np

from . import masks, scores


def fixed_shape(lesions):
    """Return the one mask that suits some lesions best on the whole, bool (h, w).

    lesions: bool (n, h, w). It holds the pixels that are lesion in at least some share of
    them; the share is the one with the highest mean Dice on these very lesions.
    """
    often = lesions.mean(axis=0)
    shapes = [often >= share * often.max() for share in np.linspace(0.1, 0.9, 9)]
    return max(shapes, key=lambda s: np.mean([scores.dice(x, s) for x in lesions]))


def otsu(image):
    """Cut between dark and bright (Otsu 1979), and keep the dark part nearest the middle."""
    smooth = cv2.GaussianBlur(image, (0, 0), len(image) / 64)
    cut, _ = cv2.threshold(smooth[image > 0], 0, 255, cv2.THRESH_OTSU)
    dark = (smooth <= cut) & (image > 0)
    dark = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5)))
    n, parts = cv2.connectedComponents(dark)
    if n < 2:
        return np.zeros(image.shape, bool)
    weight = np.bincount(parts.ravel(), centred(image.shape).ravel(), n)
    weight[0] = 0  # what is bright
    return masks.clean(parts == weight.argmax(), fill_holes=True)[0]


def watershed(image):
    """Flood from the core of Otsu's answer and from the frame (Meyer 1994)."""
    return flooded(image, otsu(image))


def flooded(image, start):
    """Return where the flood from the core of `start` meets that from the image's frame."""
    depth = cv2.distanceTransform(start.astype(np.uint8), cv2.DIST_L2, 5)
    markers = np.zeros(image.shape, np.int32)
    markers[depth > depth.max() / 2] = 1
    markers[frame(image.shape)] = 2
    smooth = cv2.GaussianBlur(image, (0, 0), len(image) / 64)
    return cv2.watershed(cv2.cvtColor(smooth, cv2.COLOR_GRAY2BGR), markers) == 1


def grabcut(image):
    """Refine Otsu's answer by GrabCut (Rother et al. 2004), five rounds."""
    start = otsu(image)
    told = np.where(start, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    told[frame(image.shape)] = cv2.GC_BGD
    if not (told == cv2.GC_PR_FGD).any():
        return start
    cv2.setRNGSeed(0)
    colours = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    cv2.grabCut(colours, told, None, None, None, 5, cv2.GC_INIT_WITH_MASK)
    return np.isin(told, (cv2.GC_FGD, cv2.GC_PR_FGD))


CLASSICAL = {"Otsu": otsu, "watershed": watershed, "GrabCut": grabcut}


def centred(shape):
    """Return a weight for each pixel, 1 in the middle and falling to the sides."""
    y, x = (np.linspace(-1, 1, side) for side in shape)
    return np.exp(-4 * (y[:, None] ** 2 + x[None, :] ** 2))


def frame(shape):
    """Return the outermost twentieth of a picture on each side, bool."""
    y, x = (np.abs(np.linspace(-1, 1, side)) > 0.9 for side in shape)
    return y[:, None] | x[None, :]
