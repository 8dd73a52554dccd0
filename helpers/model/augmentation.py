"""Batches of augmented image and mask pairs (NumPy and OpenCV, no TensorFlow).

Every random number is drawn from the key (seed, epoch, place of the case), so
a run is the same with one worker or two, and after a restart.
"""

import cv2
import numpy as np


class Batches:
    """Augmented batches of one epoch after another.

    images, labels: uint8 (n, size, size), greys and classes: 0 background, 1
    benign, 2 malignant. Batch `i` is (float32 (b, size, size, 1) in [0, 1],
    uint8 (b, size, size)); the last one of an epoch may be smaller.
    """

    def __init__(self, images, labels, batch_size, seed, augment=True):
        if len(images) != len(labels) or len(images) == 0:
            raise ValueError(f"{len(images)} images, {len(labels)} label maps")
        self.images, self.labels = images, labels
        self.batch_size, self.seed, self.augment = batch_size, seed, augment
        self.epoch = 0

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, i):
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self.images))
        chosen = order[i * self.batch_size : (i + 1) * self.batch_size]
        pairs = [self.pair(int(k)) for k in chosen]
        images, labels = (np.stack(part) for part in zip(*pairs, strict=True))
        return as_input(images), labels

    def pair(self, k):
        """Return image and label map of case k as this epoch shows them."""
        if not self.augment:
            return self.images[k], self.labels[k]
        rng = np.random.default_rng((self.seed, self.epoch, k))
        return augment(self.images[k], self.labels[k], rng)


def as_input(images):
    """Return what the network reads: float32 (n, h, w, 1) in [0, 1].

    images: uint8 0..255, or float in [0, 1]; (n, h, w) or (n, h, w, 1).
    ValueError: another shape, or floats outside [0, 1].
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] != 1:
        raise ValueError(
            f"images must be (n, h, w) or (n, h, w, 1), not {images.shape}"
        )
    if images.dtype == np.uint8:
        return images.astype(np.float32) / 255
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError("float images must lie in [0, 1], uint8 in 0..255")
    return images.astype(np.float32)


def augment(image, label, rng):
    """Return a random view of a pair: one geometry, other grey values.

    image, label: uint8 (size, size). Flips left-right only: upside down, skin
    and shadow would change places.
    """
    matrix, shape = random_affine(len(image), rng), image.shape
    image = cv2.warpAffine(image, matrix, shape, flags=cv2.INTER_LINEAR)
    # nearest: between classes 0 and 2 there is no class 1
    label = cv2.warpAffine(label, matrix, shape, flags=cv2.INTER_NEAREST)
    return random_intensity(image, rng), label


def random_affine(size, rng):
    """Return a 2x3 matrix: flip, turn, zoom, stretch (all centred), shift."""
    angle = np.deg2rad(rng.uniform(-15, 15))
    zoom = np.exp(rng.uniform(-0.25, 0.25))
    stretch = np.exp(rng.uniform(-0.1, 0.1))
    flip = -1 if rng.random() < 0.5 else 1
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    linear = zoom * turn @ np.diag([flip * stretch, 1 / stretch])
    centre = np.full(2, (size - 1) / 2)
    shift = centre - linear @ centre + rng.uniform(-0.1, 0.1, 2) * size
    return np.column_stack([linear, shift])


def random_intensity(image, rng):
    """Return the image with gamma, gain and offset of another preset."""
    levels = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-0.4, 0.4))
    levels = levels * rng.uniform(0.8, 1.2) + rng.uniform(-0.08, 0.08)
    return cv2.LUT(image, np.clip(levels * 255, 0, 255).astype(np.uint8))
