"""A U-Net whose encoder has seen a million photographs.

Written against keras alone, so it runs on TensorFlow, JAX or PyTorch.
"""

import keras
from keras import layers

from . import unet

# EfficientNet-Lite0: Tan & Le (2019, ICML), arXiv 1905.11946, without
# squeeze-and-excitation and with ReLU6. A stage is (kernel, stride, expansion,
# channels, blocks); the original's seventh and its classifier are left out.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
)
DECODER = (96, 64, 32, 24)  # channels, the coarsest level first
EPSILON = 1e-3  # of the original's batch normalisations


def build(size=160, normalised=True):
    """Build a U-Net on EfficientNet-Lite0, with random weights.

    Input and output as of `unet.build`; size: pixels, a multiple of 32, else
    ValueError. normalised: with the batch normalisations of the encoder, which
    training needs: their statistics must become those of ultrasound. `folded`
    takes them in afterwards.
    """
    if size % 32:
        raise ValueError(f"size must be a multiple of 32, not {size}")
    image = keras.Input((size, size, 1), name="image")
    # these maps reach 70, and a decoder learns best from values near 1
    norm = layers.BatchNormalization
    *skips, x = [norm(momentum=0.95)(x) for x in encoder(image, normalised)]
    x = deepest = layers.SpatialDropout2D(0.2)(x)
    for skip, filters in zip(skips[::-1], DECODER, strict=True):
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = unet.block(layers.Concatenate()([x, skip]), filters)
    return keras.Model(image, unet.head(x, deepest), name="pretrained_unet")


def encoder(image, normalised=True):
    """Return the feature maps at a half to a 32nd of the image's side."""
    # (grey * 255 - 127) / 128, as the original was trained
    x = layers.Rescaling(255 / 128, -127 / 128)(image)
    bias = {"use_bias": not normalised}
    x = layers.Conv2D(32, 3, 2, "same", name="stem", **bias)(x)
    x, maps, number = _activated(x, normalised), [], 0
    for kernel, stride, expansion, channels, blocks in STAGES:
        if stride == 2:
            maps.append(x)
        for step in [stride] + [1] * (blocks - 1):
            shape = kernel, step, expansion, channels
            x = _inverted_residual(x, *shape, f"block{number}", normalised)
            number += 1
    return [*maps, x]


def _inverted_residual(x, kernel, stride, expansion, channels, name, norm):
    """Expand, filter each channel by itself, project (Sandler et al. 2018)."""
    before, bias = x, {"use_bias": not norm}
    if expansion > 1:
        wide = expansion * x.shape[-1]
        x = layers.Conv2D(wide, 1, name=f"{name}_expand", **bias)(x)
        x = _activated(x, norm)
    each = {"padding": "same", "name": f"{name}_depthwise", **bias}
    x = _activated(layers.DepthwiseConv2D(kernel, stride, **each)(x), norm)
    x = layers.Conv2D(channels, 1, name=f"{name}_project", **bias)(x)
    x = _normalised(x, norm)
    return layers.Add()([x, before]) if x.shape == before.shape else x


def _activated(x, norm):
    return layers.Activation("relu6")(_normalised(x, norm))


def _normalised(x, norm):
    if not norm:
        return x
    name = f"{x._keras_history.operation.name}_norm"
    options = {"momentum": 0.95, "epsilon": EPSILON, "name": name}
    return layers.BatchNormalization(**options)(x)


def folded(model):
    """Return a network that predicts the same without norms in its encoder.

    model: of `build`, trained. Jacob et al. (2018, CVPR), section 3.2.
    """
    plain = build(model.input_shape[1], normalised=False)
    encoding = {x.name for x in model.layers if x.name.endswith("_norm")}
    encoding |= {name.removesuffix("_norm") for name in encoding}
    for name in filter(lambda name: not name.endswith("_norm"), encoding):
        (kernel,) = model.get_layer(name).get_weights()
        norm = model.get_layer(f"{name}_norm").get_weights()
        weights = fold(kernel, *norm)
        plain.get_layer(name).set_weights(weights)
    others = (
        [x for x in network.layers if x.weights and x.name not in encoding]
        for network in (model, plain)
    )
    for trained, same in zip(*others, strict=True):
        same.set_weights(trained.get_weights())
    return plain


def fold(kernel, scale, offset, mean, variance):
    """Return (kernel, bias) of a convolution and the norm after it.

    kernel: (rows, columns, in, out); of a depthwise one (rows, columns, out,
    1). The norm's own four values are (out,).
    """
    factor = scale / (variance + EPSILON) ** 0.5
    filters = factor if kernel.shape[-1] > 1 else factor[:, None]
    return kernel * filters, offset - mean * factor
