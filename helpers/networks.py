"""The segmentation network, its loss and its Keras metric.

Written against keras and keras.ops only, so it runs on TensorFlow, JAX or PyTorch.
"""

import keras
from keras import layers, ops

CLASSES = 3  # background, benign, malignant


def unet(size=128, width=24, depth=4):
    """Build a residual U-Net (Ronneberger et al. 2015; He et al. 2016).

    Input float32 (n, size, size, 1) in [0, 1]; output float32 (n, size, size, 3): the
    probabilities of background, benign and malignant, which sum to 1 at every pixel. The
    first convolution already halves the resolution and the logits are doubled at the
    end: a quarter of the work of the textbook U-Net at the same width.

    size: pixels, a multiple of 2 ** depth. width: channels at the finest level, doubled
    at each of the `depth` levels.

    Raises:
        ValueError: size is not a multiple of 2 ** depth.
    """
    if size % 2**depth:
        raise ValueError(f"size must be a multiple of {2**depth}, not {size}")
    image = keras.Input((size, size, 1), name="image")
    x = normalised(layers.Conv2D(width, 5, 2, "same", use_bias=False)(image))
    skips = []
    for level in range(1, depth):
        x = residual(x, width * 2 ** (level - 1))
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = residual(x, width * 2 ** (depth - 1))
    x = residual(layers.SpatialDropout2D(0.2)(x), width * 2 ** (depth - 1))
    for level in range(depth - 1, 0, -1):
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = layers.Concatenate()([x, skips.pop()])
        x = residual(x, width * 2 ** (level - 1))
    logits = layers.Conv2D(CLASSES, 1, dtype="float32", name="logits")(x)
    logits = layers.UpSampling2D(interpolation="bilinear", dtype="float32")(logits)
    classes = layers.Softmax(dtype="float32", name="classes")(logits)
    return keras.Model(image, classes, name="residual_unet")


def residual(x, filters):
    """Two 3x3 convolutions beside a 1x1 short cut, added."""
    short = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = normalised(layers.Conv2D(filters, 3, padding="same", use_bias=False)(x))
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.Add()([layers.BatchNormalization(momentum=0.9)(x), short])
    return layers.Activation("relu")(x)


def normalised(x):
    """Batch normalisation and ReLU.

    Momentum 0.9, not Keras' 0.99: a run of a few hundred steps would end with running
    means that still remember the start.
    """
    return layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))


@keras.saving.register_keras_serializable("busi")
def segmentation_loss(labels, classes):
    """Return cross-entropy plus soft Dice loss of the lesion, one value an image, (n,).

    labels: integers (n, h, w); classes: probabilities (n, h, w, 3). The Dice part has 1
    added above and below the fraction bar: on an image without a lesion it still falls
    when false lesion probability falls (without it the gradient there is zero).
    """
    labels = ops.cast(labels, "int32")
    entropy = keras.losses.sparse_categorical_crossentropy(labels, classes)
    truth = ops.cast(labels > 0, classes.dtype)
    lesion = 1 - classes[..., 0]
    both = ops.sum(truth * lesion, axis=(1, 2))
    total = ops.sum(truth, axis=(1, 2)) + ops.sum(lesion, axis=(1, 2))
    return ops.mean(entropy, axis=(1, 2)) + 1 - (2 * both + 1) / (total + 1)


@keras.saving.register_keras_serializable("busi")
def lesion_dice(labels, classes):
    """Return the mean over images of the Dice of "not background", a scalar.

    Empty against empty counts 1: for watching a run, never for a reported score.
    """
    truth = ops.cast(ops.cast(labels, "int32") > 0, "float32")
    lesion = ops.cast(classes[..., 0] < 0.5, "float32")
    both = ops.sum(truth * lesion, axis=(1, 2))
    total = ops.sum(truth, axis=(1, 2)) + ops.sum(lesion, axis=(1, 2))
    return ops.mean((2 * both + 1e-6) / (total + 1e-6))
