"""Disturbances that a scanner, an export or a reader puts into an image, at a strength.

Each function takes (image, strength, rng): a uint8 (h, w) grey image, how much of it, and
a numpy Generator for what is left to chance (the same for all, though gain, blur and
down-sampling need none). Each returns a new uint8 (h, w); strength 0 changes nothing.
Lengths are in pixels of the image that it is given. The lesion stays where it is.
"""

import cv2
import numpy as np

from . import phantom

DECIBELS = 60  # between black and white, as scanners commonly show
TEXTS = ("RT", "LT", "RT 3", "LT 10", "LEFT BREAST", "RIGHT BREAST")


def gain(image, strength, rng=None):
    """Brighten (strength above 0) or darken an image by `strength` decibels.

    A scanner multiplies the echoes and shows their logarithm: so the same grey is added
    everywhere, and what leaves the range from black to white is lost.
    """
    return _grey(_float(image) + strength * 255 / DECIBELS)


def blur(image, strength, rng=None):
    """Blur an image with a Gaussian of standard deviation `strength` pixels."""
    soft = _float(image)
    return _grey(cv2.GaussianBlur(soft, (0, 0), strength) if strength > 0 else soft)


def speckle(image, strength, rng):
    """Multiply an image by 1 - strength + strength * speckle, whose mean is 1.

    The speckle is fully developed and some pixels in grain, wider across the beam than
    along it (`phantom.speckle`); strength 1 is all of it.
    """
    grain = phantom.speckle(*_float(image).shape, rng)
    return _grey(_float(image) * (1 + strength * (grain / grain.mean() - 1)))


def downsample(image, strength, rng=None):
    """Shrink an image `strength` times and enlarge it again; 1 or less changes nothing."""
    soft = _float(image)
    if strength <= 1:
        return _grey(soft)
    height, width = (max(1, round(side / strength)) for side in soft.shape)
    small = cv2.resize(soft, (width, height), interpolation=cv2.INTER_AREA)
    return _grey(cv2.resize(small, soft.shape[::-1], interpolation=cv2.INTER_LINEAR))


def shadow(image, strength, rng):
    """Take the share `strength` of the grey from a sector below the skin, to the bottom.

    As behind a rib or where the probe lost contact: the sector is about a fifth of the
    width, at a random place, and opens a little with the depth.
    """
    soft = _float(image)
    depth, across = (np.linspace(0, 1, side, dtype=np.float32) for side in soft.shape)
    reach = rng.uniform(0.07, 0.12) * (1 + 0.5 * depth[:, None])  # half its width
    away = np.abs(across - rng.uniform(0.15, 0.85)) / reach
    begun = np.clip((depth[:, None] - 0.05) / 0.1, 0, 1)
    return _grey(soft * (1 - strength * begun * np.clip(3 - 2.5 * away, 0, 1)))


def marks(image, strength, rng):
    """Burn in `strength` measured lines (two crosses and dots between) and as many words.

    Their places are random: they say nothing of a lesion.
    """
    drawn = _grey(_float(image))
    height, width = drawn.shape
    for _ in range(int(strength)):
        ends = rng.uniform(0.15, 0.85, (2, 2)) * (width, height)
        for share in np.linspace(0, 1, 2 + int(np.linalg.norm(ends[1] - ends[0]) / 5)):
            dot = (ends[0] + share * (ends[1] - ends[0])).astype(int).tolist()
            cv2.circle(drawn, dot, 0, 235, -1)
        for end in ends.astype(int).tolist():
            cv2.drawMarker(drawn, end, 235, cv2.MARKER_CROSS, 13, 2)
        at = [int(width * rng.uniform(0.05, 0.7)), int(height * rng.uniform(0.6, 0.95))]
        cv2.putText(drawn, str(rng.choice(TEXTS)), at, 2, 0.6, 235, 1, cv2.LINE_AA)
    return drawn


def _float(image):
    if image.dtype != np.uint8 or image.ndim != 2:
        raise ValueError(
            f"a uint8 (h, w) grey image is needed, not {image.dtype} {image.shape}"
        )
    return image.astype(np.float32)


def _grey(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
