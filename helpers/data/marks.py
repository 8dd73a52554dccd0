"""Marks that were burned into an image: find, count and paint over them."""

import cv2
import numpy as np

from . import busi

SURE = 2  # so many counted marks are a safe sign; one may be a reflection


def count(path):
    """Return how many letters and callipers seem to be drawn onto an image."""
    return len(_drawn(busi.read_image(path))[1])


def inpaint(image):
    """Return (image with what `count` counts painted over, where), (h, w).

    image: uint8; where: bool, with a rim of 2 pixels. Filled from around
    (Telea 2004, J Graph Tools 9:23). Dotted lines stay: they are not found.
    """
    component, chosen = _drawn(image)
    where = np.isin(component, chosen).astype(np.uint8)
    where = cv2.dilate(where, np.ones((5, 5), np.uint8))
    return cv2.inpaint(image, where, 3, cv2.INPAINT_TELEA), where > 0


def _drawn(grey):
    """Return (components, int (h, w), the numbers of those that look drawn).

    They stand out as speckle does not (white top-hat above 150 of 255, peak
    above 180). Left out is the top left corner, with the scanner's own sign.
    """
    thin = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((9, 9), np.uint8))
    thin[: grey.shape[0] // 12, : grey.shape[1] // 12] = 0
    bright = (thin > 150).astype(np.uint8)
    n, component, stats, _ = cv2.connectedComponentsWithStats(bright)
    peak, inside = np.zeros(n, np.uint8), bright > 0
    np.maximum.at(peak, component[inside], thin[inside])
    drawn = (peak > 180) & (stats[:, cv2.CC_STAT_AREA] >= 15)
    drawn[0] = False  # the background
    return component, np.flatnonzero(drawn)
