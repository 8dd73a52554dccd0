"""Registration: the map between two pictures of one frame."""

import cv2
import numpy as np


def ecc(template, moving, warp, iterations, epsilon, blur):
    """Return an affine map, float32 (2, 3), refined from `warp`, or None.

    By the enhanced correlation coefficient (Evangelidis and Psarakis 2008,
    IEEE Trans Pattern Anal 30:1858). None: no overlap, or no convergence.
    template, moving: uint8 or float32 (h, w), each of its own size; warp:
    (2, 3), from pixels (x, y) of the template to those of the moving picture;
    iterations, epsilon: at most so many steps, the last one gains less
    correlation; blur: odd side of the Gaussian filter on both, in pixels.
    """
    criteria = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS
    how = cv2.MOTION_AFFINE, (criteria, iterations, epsilon), None, blur
    start = np.array(warp, np.float32)  # a copy: OpenCV writes into it
    try:
        return cv2.findTransformECC(template, moving, start, *how)[1]
    except cv2.error:
        return None
