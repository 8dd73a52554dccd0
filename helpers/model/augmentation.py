"""Batches of augmented image and mask pairs (NumPy and OpenCV, no TensorFlow).

Every random number is drawn from a key, (seed, epoch, row of the case), with
the place in the epoch where a case may have several views in it. So a run is
the same with one worker or two, and after a restart.
"""

import cv2
import numpy as np


class Batches:
    """Augmented batches of one epoch after another.

    images, labels: uint8 (n, size, size), greys and classes: 0 background, 1
    benign, 2 malignant. Batch `i` is (float32 (b, size, size, 1) in [0, 1],
    uint8 (b, size, size)); the last one of an epoch may be smaller.

    views: float (n,), how often an epoch shows each case on average, each time
    as another view, as `shares` gives it; without it, once.
    """

    def __init__(
        self, images, labels, batch_size, seed, augment=True, views=None
    ):
        if len(images) != len(labels) or len(images) == 0:
            raise ValueError(f"{len(images)} images, {len(labels)} label maps")
        self.images, self.labels = images, labels
        self.batch_size, self.seed, self.augment = batch_size, seed, augment
        self.views, self.epoch = views, 0

    def __len__(self):
        return -(-len(self.order()) // self.batch_size)

    def order(self):
        """Return the cases as this epoch shows them, a list of int."""
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self.images))
        if self.views is not None:
            # systematic sampling: each case floor or ceil of its views
            ends = np.cumsum(np.asarray(self.views)[order])
            ticks = np.arange(round(ends[-1])) + rng.random()
            places = np.searchsorted(ends, ticks).clip(max=len(order) - 1)
            order = rng.permutation(order[places])
        return order.tolist()

    def __getitem__(self, i):
        order, first = self.order(), i * self.batch_size
        chosen = enumerate(order[first : first + self.batch_size], first)
        pairs = [self.pair(k, place) for place, k in chosen]
        images, labels = (np.stack(part) for part in zip(*pairs, strict=True))
        return as_input(images), labels

    def pair(self, k, place):
        """Return image and label map of case k at its place in this epoch."""
        if not self.augment:
            return self.images[k], self.labels[k]
        key = self.seed, self.epoch, k
        key += () if self.views is None else (place,)
        rng = np.random.default_rng(key)
        return augment(self.images[k], self.labels[k], rng)


def shares(parts, wanted):
    """Return views, float (n,): how often an epoch shows each case.

    parts: the part (a data set, a class ...) that each case belongs to, (n,);
    wanted: {part: cases of it in an epoch}. ValueError: a part has no case, or
    cases belong to none.
    """
    parts = np.asarray(parts)
    counts = {part: int((parts == part).sum()) for part in wanted}
    if sum(counts.values()) != len(parts) or not all(counts.values()):
        raise ValueError(f"{counts} cases of the parts, {len(parts)} in all")
    each = {part: wanted[part] / counts[part] for part in wanted}
    return np.array([each[part] for part in parts.tolist()])


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
    angle = np.deg2rad(rng.uniform(-20, 20))
    zoom = np.exp(rng.uniform(-0.35, 0.35))
    stretch = np.exp(rng.uniform(-0.2, 0.2))
    flip = -1 if rng.random() < 0.5 else 1
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    linear = zoom * turn @ np.diag([flip * stretch, 1 / stretch])
    centre = np.full(2, (size - 1) / 2)
    shift = centre - linear @ centre + rng.uniform(-0.15, 0.15, 2) * size
    return np.column_stack([linear, shift])


def random_intensity(image, rng):
    """Return the image as another scanner and another hand might show it.

    Gamma, gain and offset of another preset; a gain that varies over the
    image, as knobs of depth and poor contact make it; at times blur, at times
    noise that grows with the grey value.
    """
    levels = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-0.5, 0.5))
    levels = levels * rng.uniform(0.7, 1.3) + rng.uniform(-0.1, 0.1)
    levels = np.clip(levels * 255, 0, 255).astype(np.float32)
    gains = np.exp(rng.normal(0, 0.25, (3, 3))).astype(np.float32)
    size = image.shape[::-1]
    gains = cv2.resize(gains, size, interpolation=cv2.INTER_CUBIC)
    image = np.minimum(cv2.LUT(image, levels) * gains, 255)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape, np.float32)
        image = image * (1 + rng.uniform(0.03, 0.15) * noise)
    return np.clip(image, 0, 255).astype(np.uint8)
