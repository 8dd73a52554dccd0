"""The loss of the segmentation network, its parts, and a Keras metric.

Written against keras.ops only, so it runs on TensorFlow, JAX or PyTorch.
labels: integers (n, h, w), 0 background, 1 benign, 2 malignant. classes:
probabilities (n, h, w, 3).
"""

import keras
from keras import ops

from ..evaluation.pooling import lehmer_mean

IMAGE_WEIGHT = 0.3  # of the image's part in the loss, chosen by experiment


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

    The 1 added above and below the fraction bar keeps the gradient for false
    lesion probability on an image without a lesion, where it would be zero.
    """
    lesion = ops.cast(labels > 0, classes.dtype)
    background, *_ = ops.unstack(classes, axis=-1)
    return 1 - soft_dice(lesion, 1 - background, smooth=1)


def soft_dice(reference, prediction, smooth):
    """Return (2 sum(r p) + smooth) / (sum r + sum p + smooth), (n,)."""
    intersection = ops.sum(reference * prediction, axis=(1, 2))
    total = ops.sum(reference, axis=(1, 2)) + ops.sum(prediction, axis=(1, 2))
    return (2 * intersection + smooth) / (total + smooth)


def image_loss(labels, classes):
    """Return the cross-entropy of the whole image's class, (n,).

    That of "a lesion?", whose probability is the Lehmer mean of the pixels'
    lesion probabilities, and, where there is a lesion, half of that of
    "malignant?", whose probability is its part of the lesion probability.
    """
    has_lesion = ops.cast(ops.any(labels > 0, axis=(1, 2)), classes.dtype)
    is_malignant = ops.cast(ops.any(labels == 2, axis=(1, 2)), classes.dtype)
    # slices of an array that each need their own gradient of its size are slow
    background, _, malignant = ops.unstack(classes, axis=-1)
    p = 1 - background
    lesion = lehmer_mean(p, ops.sum, axis=(1, 2))
    malignant = ops.sum(malignant, axis=(1, 2))
    malignant = malignant / (ops.sum(p, axis=(1, 2)) + 1e-3)
    kind = has_lesion * binary_crossentropy(is_malignant, malignant)
    return binary_crossentropy(has_lesion, lesion) + 0.5 * kind


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
