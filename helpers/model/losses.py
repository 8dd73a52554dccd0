"""The loss of the segmentation network, its parts, and a Keras metric.

Written against keras.ops only, so it runs on TensorFlow, JAX or PyTorch.
"""

import keras
from keras import ops

IMAGE_WEIGHT = 0.3  # of the image's part in the loss, chosen by experiment


@keras.saving.register_keras_serializable("busi")
def segmentation_loss(labels, classes):
    """Return the loss of each image, (n,): pixels, overlap of the lesion, whole image.

    labels: integers (n, h, w); classes: probabilities (n, h, w, 3).
    """
    labels = ops.cast(labels, "int32")
    pixels = keras.losses.sparse_categorical_crossentropy(labels, classes)
    return (
        ops.mean(pixels, axis=(1, 2))
        + dice_loss(labels, classes)
        + IMAGE_WEIGHT * image_loss(labels, classes)
    )


def dice_loss(labels, classes):
    """Return 1 - soft Dice of the lesion (Milletari et al. 2016), (n,).

    With 1 added above and below the fraction bar it still falls when false
    lesion probability falls on an image without a lesion; without it the
    gradient there is zero.
    """
    truth, lesion = ops.cast(labels > 0, classes.dtype), 1 - classes[..., 0]
    both = ops.sum(truth * lesion, axis=(1, 2))
    total = ops.sum(truth, axis=(1, 2)) + ops.sum(lesion, axis=(1, 2))
    return 1 - (2 * both + 1) / (total + 1)


def image_loss(labels, classes):
    """Return cross-entropy of "a lesion?" and, where there is one, of "malignant?", (n,).

    The probability of a lesion in the image is the Lehmer mean of the pixels'
    lesion probabilities, sum p^3 / sum p^2: close to that of the most certain
    pixels, whatever the lesion's size. That of "malignant" is its share of the
    lesion probability.
    """
    has = ops.cast(ops.any(labels > 0, axis=(1, 2)), classes.dtype)
    malignant = ops.cast(ops.any(labels == 2, axis=(1, 2)), classes.dtype)
    p = 1 - classes[..., 0]
    lesion = ops.sum(p**3, axis=(1, 2)) / (ops.sum(p**2, axis=(1, 2)) + 1e-3)
    share = ops.sum(classes[..., 2], axis=(1, 2)) / (
        ops.sum(p, axis=(1, 2)) + 1e-3
    )
    return binary_crossentropy(has, lesion) + 0.5 * has * binary_crossentropy(
        malignant, share
    )


def binary_crossentropy(truth, p):
    """Return binary cross-entropy, with probabilities kept 1e-4 away from 0 and 1."""
    p = ops.clip(p, 1e-4, 1 - 1e-4)
    return -truth * ops.log(p) - (1 - truth) * ops.log(1 - p)


@keras.saving.register_keras_serializable("busi")
def lesion_dice(labels, classes):
    """Return the mean over images of the Dice of "not background", a scalar.

    Empty against empty counts 1: for watching a run, never for a reported
    score.
    """
    truth = ops.cast(ops.cast(labels, "int32") > 0, "float32")
    lesion = ops.cast(classes[..., 0] < 0.5, "float32")
    both = ops.sum(truth * lesion, axis=(1, 2))
    total = ops.sum(truth, axis=(1, 2)) + ops.sum(lesion, axis=(1, 2))
    return ops.mean((2 * both + 1e-6) / (total + 1e-6))
