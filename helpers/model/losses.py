"""The loss of the segmentation network, its parts, and a Keras metric.

Written against keras.ops only, so it runs on TensorFlow, JAX or PyTorch.
labels: integers (n, h, w), 0 background, 1 benign, 2 malignant. classes:
probabilities (n, h, w, 3).
"""

import keras
from keras import ops

IMAGE_WEIGHT = 0.3  # of the image's part in the loss, chosen by experiment
KIND_WEIGHT = 1.5  # of "malignant?" beside "a lesion?"
SPOT = 1 / 128  # of an image: what a false positive is measured by


@keras.saving.register_keras_serializable("busi")
def segmentation_loss(labels, classes):
    """Return the loss of each image, (n,): pixels, overlap, whole image."""
    labels = ops.cast(labels, "int32")
    pixels = ops.mean(cross_entropy(labels, classes), axis=(1, 2))
    overlap = dice_loss(labels, classes)
    return pixels + overlap + IMAGE_WEIGHT * image_loss(labels, classes)


def cross_entropy(labels, classes):
    """Return minus the logarithm of each right class's probability, (n, h, w).

    Keras' own has no gradient under PyTorch for labels of this shape.
    """
    right = ops.one_hot(labels, classes.shape[-1], dtype=classes.dtype)
    p = ops.sum(right * classes, axis=-1)
    return -ops.log(ops.maximum(p, 1e-7))


def dice_loss(labels, classes):
    """Return 1 - soft Dice of the lesion (Drozdzal et al. 2016), (n,).

    A number added above and below the fraction bar keeps the gradient for
    false lesion probability on an image without a lesion, where it would be
    zero. There it is SPOT of the pixels: with 1, as on images with a lesion,
    only the last traces of a false positive would have a gradient.
    """
    lesion = ops.cast(labels > 0, classes.dtype)
    background, *_ = ops.unstack(classes, axis=-1)
    spot = SPOT * labels.shape[1] * labels.shape[2]
    smooth = ops.where(ops.any(labels > 0, axis=(1, 2)), 1.0, spot)
    smooth = ops.cast(smooth, classes.dtype)
    return 1 - soft_dice(lesion, 1 - background, smooth)


def soft_dice(reference, prediction, smooth):
    """Return (2 sum(r p) + smooth) / (sum r + sum p + smooth), (n,)."""
    intersection = ops.sum(reference * prediction, axis=(1, 2))
    total = ops.sum(reference, axis=(1, 2)) + ops.sum(prediction, axis=(1, 2))
    return (2 * intersection + smooth) / (total + smooth)


def image_loss(labels, classes):
    """Return the cross-entropy of the whole image's class, (n,).

    That of "a lesion?", whose probability is the Lehmer mean of the pixels'
    lesion probabilities, as in `evaluation.classification`, and, where there
    is a lesion, KIND_WEIGHT times that of "malignant?", whose probability is
    its part of the lesion probability. Where there is a lesion both ask its
    own pixels alone, or what is marked elsewhere would answer for it.
    """
    has_lesion = ops.cast(ops.any(labels > 0, axis=(1, 2)), classes.dtype)
    is_malignant = ops.cast(ops.any(labels == 2, axis=(1, 2)), classes.dtype)
    # slices of an array that each need their own gradient of its size are slow
    background, _, malignant = ops.unstack(classes, axis=-1)
    elsewhere = ops.cast(labels == 0, classes.dtype)
    asked = 1 - elsewhere * has_lesion[:, None, None]
    p = asked * (1 - background)
    # weights without a gradient of their own: it would raise faint false
    # positives, which lower the mean
    weights = ops.stop_gradient(p**2)
    lesion = ops.sum(weights * p, axis=(1, 2))
    lesion = lesion / (ops.sum(weights, axis=(1, 2)) + 1e-3)
    malignant = ops.sum(asked * malignant, axis=(1, 2))
    malignant = malignant / (ops.sum(p, axis=(1, 2)) + 1e-3)
    kind = has_lesion * binary_crossentropy(is_malignant, malignant)
    return binary_crossentropy(has_lesion, lesion) + KIND_WEIGHT * kind


def binary_crossentropy(target, p):
    """Return binary cross-entropy, with p kept 1e-4 away from 0 and 1."""
    p = ops.clip(p, 1e-4, 1 - 1e-4)
    return -target * ops.log(p) - (1 - target) * ops.log(1 - p)


@keras.saving.register_keras_serializable("busi")
def lesion_dice(labels, classes):
    """Return each image's Dice of "not background", float32 (n,).

    Empty against empty counts 1: to watch a run, never for a reported score.
    """
    reference = ops.cast(ops.cast(labels, "int32") > 0, "float32")
    prediction = ops.cast(classes[..., 0] < 0.5, "float32")
    return soft_dice(reference, prediction, smooth=1e-6)
