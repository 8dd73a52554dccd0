"""The segmentation networks, their loss and their Keras metric.

Written against keras and keras.ops only, so they run on TensorFlow, JAX or
PyTorch.
"""

import keras
from keras import layers

CLASSES = 3  # background, benign, malignant
FROZEN = "block_6_project_BN"  # MobileNetV2's last layer that keeps ImageNet's weights


def build(size=128, width=24, depth=4, encoder="residual"):
    """Build a U-Net (Ronneberger et al. 2015) of residual blocks (He et al. 2016).

    Input float32 (n, size, size, 1) in [0, 1]; output float32 (n, size, size,
    3): the probabilities of background, benign and malignant, which sum to 1
    at every pixel. The logits are the sum of a map and of one bias a class for
    the whole image, read from the deepest features: so the network can say
    "nothing here" everywhere at once.

    size: pixels, a multiple of 2 ** depth (32 for "mobilenet"). encoder:
    "residual" (width: channels at its finest level, doubled at each of the
    `depth` levels; width 16 is the compact network of under 1 M parameters) or
    "mobilenet", a MobileNetV2 (Sandler et al. 2018) with ImageNet weights
    where they can be fetched; it has its own width and depth.

    Raises:
        ValueError: an unknown encoder, or a size that it cannot halve often
        enough.
    """
    if encoder not in ("residual", "mobilenet"):
        raise ValueError(
            f"encoder must be residual or mobilenet, not {encoder!r}"
        )
    step = 32 if encoder == "mobilenet" else 2**depth
    if size % step:
        raise ValueError(f"size must be a multiple of {step}, not {size}")
    image = keras.Input((size, size, 1), name="image")
    if encoder == "mobilenet":
        levels, widths = mobilenet_levels(image), (48, 64, 96, 192)
    else:
        widths = [width * 2**level for level in range(depth)]
        levels = residual_levels(image, widths)
    x = deepest = residual(
        layers.SpatialDropout2D(0.2)(levels[-1]), widths[-1]
    )
    for skip, filters in zip(levels[-2::-1], widths[-2::-1], strict=True):
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = residual(layers.Concatenate()([x, skip]), filters)
    logits = layers.Conv2D(CLASSES, 1, dtype="float32", name="logits")(x)
    logits = layers.Add(dtype="float32")([logits, image_bias(deepest)])
    scale = size // x.shape[1]
    logits = layers.UpSampling2D(
        scale, interpolation="bilinear", dtype="float32"
    )(logits)
    classes = layers.Softmax(dtype="float32", name="classes")(logits)
    return keras.Model(image, classes, name=f"{encoder}_unet")


def residual_levels(image, widths):
    """Return the features on the way down, finest first: at 1/2, 1/4, ... of the size.

    The first convolution already halves the resolution: a quarter of the work
    of the textbook U-Net at the same width.
    """
    x = layers.Conv2D(widths[0], 5, 2, "same", use_bias=False)(image)
    levels = [residual(normalised(x), widths[0])]
    for filters in widths[1:]:
        levels.append(residual(layers.MaxPooling2D()(levels[-1]), filters))
    return levels


def mobilenet_levels(image):
    """Return MobileNetV2's features at 1/4, 1/8, 1/16 and 1/32 of the size.

    With ImageNet weights its first layers, up to FROZEN, are not trained, and
    batch normalisation keeps the statistics of ImageNet: batches of 8 are too
    small for better ones.
    """
    grey = layers.Rescaling(2.0, -1.0)(layers.Concatenate()([image] * 3))
    options = {"include_top": False, "input_shape": (*image.shape[1:3], 3)}
    known = True
    try:
        encoder = keras.applications.MobileNetV2(weights="imagenet", **options)
    except (
        Exception
    ) as error:  # keras raises plain Exception where a download fails
        print(
            f"No ImageNet weights ({error}): the encoder starts from random ones."
        )
        encoder = keras.applications.MobileNetV2(weights=None, **options)
        known = False
    last = encoder.layers.index(encoder.get_layer(FROZEN))
    for i, layer in enumerate(encoder.layers):
        norm = isinstance(layer, layers.BatchNormalization)
        # a normalisation that is not trainable uses its statistics;
        # `training=False` on the way in would be overruled when the whole
        # network trains
        layer.trainable = not (known and (norm or i <= last))
        if norm:
            layer.momentum = 0.95
    names = (
        "block_3_expand_relu",
        "block_6_expand_relu",
        "block_13_expand_relu",
    )
    outputs = [encoder.get_layer(name).output for name in (*names, "out_relu")]
    features = keras.Model(encoder.input, outputs, name="mobilenet")(grey)
    return [
        layers.Conv2D(filters, 1, use_bias=False)(x)
        for x, filters in zip(features, (48, 64, 96, 256), strict=True)
    ]


def residual(x, filters):
    """Two 3x3 convolutions beside a short cut (1x1 where the width changes), added."""
    short = x
    if x.shape[-1] != filters:
        short = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = normalised(
        layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    )
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.Add()([layers.BatchNormalization(momentum=0.95)(x), short])
    return layers.Activation("relu")(x)


def normalised(x):
    """Batch normalisation and ReLU.

    Momentum 0.95, not Keras' 0.99: a run of a few hundred steps would end with
    running means that still remember the start.
    """
    return layers.Activation("relu")(
        layers.BatchNormalization(momentum=0.95)(x)
    )


def image_bias(deepest):
    """Return one logit a class for the whole image, (n, 1, 1, 3), 0 before training."""
    pooled = layers.Concatenate()(
        [
            layers.GlobalAveragePooling2D()(deepest),
            layers.GlobalMaxPooling2D()(deepest),
        ]
    )
    x = layers.Dense(64, activation="relu")(pooled)
    x = layers.Dense(CLASSES, kernel_initializer="zeros", dtype="float32")(
        layers.Dropout(0.3)(x)
    )
    return layers.Reshape((1, 1, CLASSES), dtype="float32", name="image_bias")(
        x
    )
