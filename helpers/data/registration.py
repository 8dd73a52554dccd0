"""Registration: the map between two pictures of one frame."""

import cv2
import numpy as np


def ecc(template, moving, warp, iterations, epsilon, blur):
    """Refine an affine map by the enhanced correlation coefficient (ECC).

    After Evangelidis and Psarakis 2008, IEEE Trans Pattern Anal 30:1858.

    template, moving: uint8 or float32 (h, w), each of its own size; warp: the
    first guess, (2, 3), from pixels (x, y) of the template to pixels of the
    moving picture; iterations: at most so many steps; epsilon: a step that
    gains less correlation is the last; blur: side of the Gaussian filter that
    smooths both pictures first, an odd number of pixels.

    Returns the refined map, float32 (2, 3), or None if there is none: the
    pictures do not overlap, or the steps do not converge.
    """
    criteria = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS
    stop = criteria, iterations, epsilon
    # a copy, since OpenCV writes into the map that it is given
    start = np.array(warp, np.float32)
    try:
        _, refined = cv2.findTransformECC(
            template, moving, start, cv2.MOTION_AFFINE, stop, None, blur
        )
    except cv2.error:
        return None
    return refined
