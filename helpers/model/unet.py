"""The segmentation network: a U-Net of residual blocks.

Notebook 3 writes these functions, word for word; a test holds them equal. They
need keras alone, so they run on TensorFlow, JAX or PyTorch.
"""

import keras
from keras import layers

CLASSES = 3  # background, benign, malignant


def normalised(x):
    """Batch normalisation (Ioffe & Szegedy 2015), then ReLU."""
    # after a few hundred steps Keras' 0.99 would still remember the start
    x = layers.BatchNormalization(momentum=0.95)(x)
    return layers.Activation("relu")(x)


def block(x, filters):
    """Two 3x3 convolutions, added to a shortcut (He et al. 2016)."""
    shortcut = x
    if x.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = normalised(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.95)(x)
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


def encoder(image, widths):
    """The way down: the maps of each level, of half the side of the last."""
    # stride 2: a quarter of the work of the textbook U-Net of this width
    first = {"strides": 2, "padding": "same", "use_bias": False}
    x = layers.Conv2D(widths[0], 5, **first)(image)
    levels = [block(normalised(x), widths[0])]
    for filters in widths[1:]:
        levels.append(block(layers.MaxPooling2D()(levels[-1]), filters))
    return levels


def decoder(levels):
    """The way up, with skip connections: the finest and the deepest maps."""
    x = layers.SpatialDropout2D(0.2)(levels[-1])
    x = deepest = block(x, levels[-1].shape[-1])
    for skip in levels[-2::-1]:
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = block(layers.Concatenate()([x, skip]), skip.shape[-1])
    return x, deepest


def image_bias(deepest):
    """A logit per class for the whole image, (n, 1, 1, 3), at first 0."""
    mean = layers.GlobalAveragePooling2D()(deepest)
    largest = layers.GlobalMaxPooling2D()(deepest)
    x = layers.Concatenate()([mean, largest])
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(CLASSES, kernel_initializer="zeros", dtype="float32")(x)
    shape = (1, 1, CLASSES)
    return layers.Reshape(shape, dtype="float32", name="image_bias")(x)


def head(finest, deepest):
    """Class probabilities at twice the side of the finest maps."""
    logits = layers.Conv2D(CLASSES, 1, dtype="float32", name="logits")(finest)
    logits = layers.Add(dtype="float32")([logits, image_bias(deepest)])
    up = layers.UpSampling2D(interpolation="bilinear", dtype="float32")
    return layers.Softmax(dtype="float32", name="classes")(up(logits))


def build(size=128, width=24, depth=4):
    """Build a U-Net (Ronneberger et al. 2015) of residual blocks.

    Input float32 (n, size, size, 1) in [0, 1]; output float32 (n, size, size,
    3): probabilities of background, benign and malignant, sum 1. The logits
    are the sum of a map and of one bias a class for the whole image, read from
    the deepest features, which can say "nothing here" everywhere at once.

    size: pixels, a multiple of 2 ** depth, else ValueError. width: channels of
    the finest of `depth` levels, doubled at each; 16: under 1 M parameters.
    """
    if size % 2**depth:
        raise ValueError(f"size must be a multiple of {2**depth}, not {size}")
    image = keras.Input((size, size, 1), name="image")
    levels = encoder(image, [width * 2**level for level in range(depth)])
    return keras.Model(image, head(*decoder(levels)), name="residual_unet")
