"""How long, wide and large an outlined lesion is, on the image's own grid."""

import cv2
import numpy as np
from scipy.spatial.distance import cdist

from ..data import masks
from . import postprocessing

SIZES = ("length", "width", "area")
STEP = 0.1  # of the threshold, up and down


def measure(mask, spacing=(1, 1)):
    """Return {length, width, area} of a mask; each 0 if it is empty.

    mask: bool (h, w); spacing: of a pixel, (down, across), in mm or 1 for
    pixels. length: the longest diameter (maximum Feret diameter) of the
    largest part, width: its extent at right angles to that; area: of all
    parts. A part reaches to the middles of its outer pixels' edges.
    """
    if not mask.any():
        return dict.fromkeys(SIZES, 0.0)
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    mask = mask[y : y + height, x : x + width]  # a scan may be large
    numbered, _ = masks.parts(mask)
    down, across = spacing
    largest = np.argmax(np.bincount(numbered.ravel())[1:]) + 1
    # middles of the edges of its outer pixels, from the centre of the first;
    # scikit-image's feret_diameter_max takes the same points
    mode = cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    (outline,), _ = cv2.findContours(np.uint8(numbered == largest), *mode)
    middles = np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]])
    points = (outline + middles).reshape(-1, 2) * [across, down]
    # only corners of the hull can be ends of a diameter
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(float)
    distances = cdist(hull, hull)
    first, last = np.unravel_index(distances.argmax(), distances.shape)
    length = distances[first, last]
    x, y = (hull[last] - hull[first]) / length
    width = np.ptp(hull @ [-y, x])
    area = float(mask.sum()) * down * across
    return dict(zip(SIZES, (float(length), float(width), area), strict=True))


def ranges(own, both, box, rule, spacing=(1, 1)):
    """Return {size: (low, high)}: how far other choices would change it.

    own: the sizes as they are, of `measure`; both: class probabilities of an
    image and of its mirror image turned back, (2, size, size, 3); box: its
    `masks.Letterbox`; rule: as `lesion_mask` has it. The choices: the
    threshold up and down by STEP, and either of the two predictions alone.
    """
    mean, threshold = both.mean(axis=0), rule["threshold"]
    steps = max(threshold - STEP, 0), min(threshold + STEP, 1)
    choices = [(mean, step) for step in steps]
    choices += [(alone, threshold) for alone in both]
    found = [own]
    for classes, chosen in choices:
        other = rule | {"threshold": chosen}
        mask = postprocessing.lesion_mask(classes, box, **other)
        found.append(measure(mask, spacing))
    values = {name: [sizes[name] for sizes in found] for name in SIZES}
    return {name: (min(v), max(v)) for name, v in values.items()}
