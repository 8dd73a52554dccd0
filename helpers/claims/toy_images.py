"""Toy images of land from above: another kind of image for the same network.

They are drawn, not photographed, and far simpler than any satellite's image.
"""

import cv2
import numpy as np


def draw(n, size, seed=0):
    """Return (images, labels), both uint8 (n, size, size): greys and classes.

    labels: 0 land, 1 lake (dark and smooth), 2 town (a grid of bright roofs).
    Every third is land alone; each has a cloud's soft shadow, dark as a lake.
    """
    rngs = [np.random.default_rng((seed, i)) for i in range(n)]
    pairs = [picture(i % 3, size, rng) for i, rng in enumerate(rngs)]
    return tuple(map(np.stack, zip(*pairs, strict=True)))


def picture(kind, size, rng):
    """Return one image and its classes; kind: 0 land only, 1 lake, 2 town."""
    fields = rng.uniform(90, 170, (6, 6)).astype(np.float32)
    image = cv2.resize(fields, (size, size), interpolation=cv2.INTER_NEAREST)
    cloud = np.float32(blob(size, rng))
    image -= 70 * cv2.GaussianBlur(cloud, (0, 0), size / 12)
    label = kind * blob(size, rng).astype(np.uint8)
    y, x = np.mgrid[:size, :size]
    roofs = np.where((y % 4 < 2) & (x % 4 < 2), 215, 110)
    image = np.choose(label, (image, 45, roofs))
    grain = rng.normal(0, 12, image.shape) * (label != 1)
    return np.clip(image + grain, 0, 255).astype(np.uint8), label


def blob(size, rng):
    """Return a rough round shape near the middle, bool (size, size)."""
    y, x = (np.mgrid[:size, :size] / size) - rng.uniform(0.3, 0.7, (2, 1, 1))
    angle = np.arctan2(y, x)
    turns = rng.uniform(0, 2 * np.pi, 3)
    wave = sum(np.cos(k * angle + turn) / k for k, turn in enumerate(turns, 2))
    return np.hypot(y, x) < rng.uniform(0.12, 0.25) * (1 + 0.25 * wave)
