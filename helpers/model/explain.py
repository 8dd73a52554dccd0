"""What a network sees and does: pixels that move an answer, maps, sums, work by layer.

Written against keras and keras.ops only, so it runs on TensorFlow, JAX or
PyTorch.
"""

import math

import keras
import numpy as np
import pandas as pd
from keras import layers, ops

from . import augmentation

SOBEL = np.float32([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])


def gradient_energy(model, image, row, column):
    """Return how much each pixel moves a model's answer at one place, float64 (h, w).

    That is the square of the gradient of the sum of the output's channels at
    (row, column): the effective receptive field (Luo et al. 2016, NIPS, arXiv
    1701.04128). model: keras.Model from (n, h, w, 1) to (n, rows, columns,
    channels); it stays as it is. image: float32 (h, w).

    keras.ops has no gradient. So the image becomes the weights of a layer, and
    one step of plain gradient descent at rate 1 moves its biases from 0 to
    minus the gradient.
    """

    def at_place(x):
        return model(x, training=False)[:, row, column]

    pixels = layers.Dense(image.size, dtype="float32")
    one = keras.Input((1,))
    seen = layers.Reshape((*image.shape, 1), dtype="float32")(pixels(one))
    probe = keras.Model(
        one, layers.Lambda(at_place)(seen)
    )  # Lambda hides its weights
    pixels.set_weights(
        [image.reshape(1, -1), np.zeros(image.size, np.float32)]
    )
    probe.compile(
        keras.optimizers.SGD(1.0),
        loss=lambda _, y: ops.sum(y),
        run_eagerly=True,
    )
    probe.train_on_batch(
        np.ones((1, 1)), np.zeros((1, *probe.output_shape[1:]))
    )
    gradient = ops.convert_to_numpy(pixels.bias).reshape(image.shape)
    return gradient.astype(np.float64) ** 2


def occlusion(predict, image, inside, patch=16, step=8):
    """Return how much an answer falls when a part of the image is hidden, float64 (h, w).

    The answer is the mean lesion probability over the pixels `inside`, bool
    (h, w); it falls by what the map says where a square of `patch` pixels is
    painted in the mean grey (Zeiler & Fergus 2014, ECCV). Squares lie `step`
    pixels apart; where they overlap the mean counts. Below 0 hiding made the
    answer surer. image: uint8 (h, w); predict: from (n, h, w) to class
    probabilities (n, h, w, 3).
    """
    rows, columns = (range(0, side, step) for side in image.shape)
    squares = [
        np.s_[y : y + patch, x : x + patch] for y in rows for x in columns
    ]
    hidden = np.stack([image] * (len(squares) + 1))
    for copy, square in zip(
        hidden, squares, strict=False
    ):  # the last one stays whole
        copy[square] = round(image[image > 0].mean()) if image.any() else 0
    told = 1 - predict(hidden)[:, inside, 0].astype(np.float64).mean(axis=1)
    fall, count = np.zeros((2, *image.shape))
    for square, answer in zip(squares, told, strict=False):
        fall[square] += told[-1] - answer
        count[square] += 1
    return fall / count


def side_holding(energy, share):
    """Return the side, pixels, of the smallest centred square that holds a share.

    energy: (size, size), not negative, with a sum above 0; share: 0 to 1, of
    that sum. Its centre is pixel (size // 2, size // 2).
    """
    middle = len(energy) // 2
    for reach in range(middle + 1):
        near = slice(max(middle - reach, 0), middle + reach + 1)
        if energy[near, near].sum() >= share * energy.sum():
            break
    return min(2 * reach + 1, len(energy))


def feature_maps(model, image, n=4):
    """Return {title: float32 (h, w)}: the n most varied maps at each of three depths.

    The depths are the finest, a middle and the coarsest of the way down; each
    map is divided by its largest value. image: uint8 (h, w) of the model's
    size.
    """
    last = {}  # by side: the last activation before the next, coarser side
    for layer in model.layers:
        if isinstance(layer, layers.UpSampling2D):
            break
        if isinstance(layer, layers.Activation):
            last[layer.output.shape[1]] = layer.output
    sides = sorted(last, reverse=True)
    sides = [sides[0], sides[len(sides) // 2], sides[-1]]
    peek = keras.Model(model.input, [last[side] for side in sides])
    shown = {}
    for side, maps in zip(
        sides, peek(augmentation.as_input(image[None])), strict=True
    ):
        maps = ops.convert_to_numpy(ops.cast(maps, "float32"))[0]
        for channel in maps.std(axis=(0, 1)).argsort()[::-1][:n]:
            one = maps[..., channel]
            shown[f"{side} x {side}, map {channel}"] = one / (one.max() or 1)
    return shown


def filter_gap(image, weights):
    """Return how far a slid filter and `keras.ops.conv` differ at most, a float.

    image: float32 (h, w); weights: float32 (k, k). As a share of the largest
    answer.
    """
    patches = np.lib.stride_tricks.sliding_window_view(image, weights.shape)
    slid = (patches * weights).sum(axis=(2, 3))
    answer = ops.conv(image[None, :, :, None], weights[:, :, None, None])
    answer = ops.convert_to_numpy(answer)[0, :, :, 0]
    return float(np.abs(slid - answer).max() / np.abs(slid).max())


def pixel_gap(model, image):
    """Return how far the layer "logits" and a dense layer for each pixel differ at most.

    image: uint8 (h, w) of the model's size. A float, a share of the largest
    answer.
    """
    last = model.get_layer("logits")
    peek = keras.Model(model.input, [last.input, last.output])
    features, logits = map(
        ops.convert_to_numpy,
        peek(augmentation.as_input(image[None]), training=False),
    )
    kernel, bias = map(ops.convert_to_numpy, (last.kernel, last.bias))
    dense = features.astype(np.float32) @ kernel[0, 0] + bias
    return float(np.abs(dense - logits).max() / np.abs(logits).max())


def shift_gap(layer, image, by=4):
    """Return how far a layer's answer to a shifted image is from its answer, shifted.

    layer: from (1, h, w, 1) to (1, h, w, c); image: float32 (h, w); by: pixels
    to the right. A float, a share of the largest answer; the sides are left
    out.
    """
    picture = image[None, :, :, None]
    still, moved = (
        ops.convert_to_numpy(layer(x))
        for x in (picture, np.roll(picture, by, axis=2))
    )
    off = np.abs(moved[:, :, by + 2 : -2] - still[:, :, 2 : -by - 2]).max()
    return float(off / np.abs(still).max())


def two_layers(size):
    """Return (a convolution, a fully connected layer), each from a picture to a picture.

    Random weights, always the same; both take (n, size, size, 1).
    """
    weights = keras.initializers.GlorotUniform(0)
    dense = layers.Dense(size * size, kernel_initializer=weights)
    whole = [layers.Flatten(), dense, layers.Reshape((size, size, 1))]
    convolution = layers.Conv2D(
        1, 3, padding="same", kernel_initializer=weights
    )
    return convolution, keras.Sequential(whole)


def layer_costs(model):
    """Return a DataFrame with a row for each layer of a model that has no nested models.

    Columns: layer, kind, side (pixels of its output), channels, parameters,
    multiply_adds: multiplications, each with an addition, for one image. Each
    weight of a kernel is used once at each place of the output; what has no
    kernel counts 0.
    """
    rows = []
    for layer in model.layers:
        shape = layer.output.shape
        kernel = getattr(layer, "kernel", None)
        weights = 0 if kernel is None else math.prod(kernel.shape)
        rows.append(
            {
                "layer": layer.name,
                "kind": type(layer).__name__,
                "side": shape[1] if len(shape) == 4 else 1,
                "channels": shape[-1],
                "parameters": layer.count_params(),
                "multiply_adds": weights * math.prod(shape[1:-1]),
            }
        )
    return pd.DataFrame(rows)
