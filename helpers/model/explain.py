"""What a network sees and does: receptive fields, feature maps, costs.

Written against keras alone, so it runs on TensorFlow, JAX or PyTorch.
"""

import itertools

import keras
import numpy as np
from keras import layers, ops

from . import augmentation


def gradient_energy(model, image, row, column):
    """Return the effective receptive field of one output, float64 (h, w).

    That is the square of the gradient of the sum of the output's channels at
    (row, column) with respect to each pixel (Luo et al. 2016, arXiv
    1701.04128).
    model: from (n, h, w, 1) to (n, rows, columns, channels), stays as it is;
    image: float32 (h, w).
    """
    # keras.ops has no gradient. So the image becomes the weights of a layer,
    # and a step of descent at rate 1 moves its biases to minus the gradient.
    pixels = layers.Dense(image.size, dtype="float32")
    one = keras.Input((1,))
    picture = layers.Reshape((*image.shape, 1), dtype="float32")(pixels(one))
    # a Lambda layer hides the model's weights from training
    place = layers.Lambda(lambda x: model(x, training=False)[:, row, column])
    probe = keras.Model(one, place(picture))
    no_bias = np.zeros(image.size, np.float32)
    pixels.set_weights([image.reshape(1, -1), no_bias])
    descent = keras.optimizers.SGD(1.0)
    probe.compile(descent, loss=lambda _, y: ops.sum(y), run_eagerly=True)
    unused = np.zeros((1, *probe.output_shape[1:]))
    probe.train_on_batch(np.ones((1, 1)), unused)
    gradient = ops.convert_to_numpy(pixels.bias).reshape(image.shape)
    return gradient.astype(np.float64) ** 2


def occlusion(predict, image, inside, patch=16, step=8):
    """Return how far hiding a place lowers the prediction, float64 (h, w).

    The prediction is the mean lesion probability over the pixels `inside`,
    bool (h, w). Squares of `patch` pixels, `step` apart, are painted in the
    mean grey (Zeiler & Fergus 2014, ECCV); where they overlap the mean counts,
    and below 0 hiding raised it. image: uint8 (h, w); predict: from (n, h, w)
    to class probabilities (n, h, w, 3).
    """
    rows, columns = (range(0, side, step) for side in image.shape)
    places = itertools.product(rows, columns)
    squares = [np.s_[y : y + patch, x : x + patch] for y, x in places]
    views = np.stack([image] * (len(squares) + 1))  # the last one stays whole
    grey = round(image[image > 0].mean()) if image.any() else 0
    for view, square in zip(views, squares, strict=False):
        view[square] = grey
    background = predict(views)[:, inside, 0].astype(np.float64)
    *hidden, whole = 1 - background.mean(axis=1)
    fall, count = np.zeros((2, *image.shape))
    for square, lesion in zip(squares, hidden, strict=True):
        fall[square] += whole - lesion
        count[square] += 1
    return fall / count


def side_holding(energy, share):
    """Return the side, pixels, of the smallest centred square with a share.

    energy: (size, size), at least 0; share: of its sum, 0 to 1. The centre is
    pixel (size // 2, size // 2).
    """
    middle = len(energy) // 2
    for reach in range(middle + 1):
        near = slice(max(middle - reach, 0), middle + reach + 1)
        if energy[near, near].sum() >= share * energy.sum():
            break
    return min(2 * reach + 1, len(energy))


def feature_maps(model, image, n=3):
    """Return the most varied maps of each stage, a list of lists.

    A stage is what a network computes at one side, in its order: down, deepest
    and up. Of its last activation, the n maps that vary most, float32 (h, w),
    each divided by its largest value. image: uint8 (h, w) of the model's size.
    """
    kind = layers.Activation
    outputs = [x.output for x in model.layers if isinstance(x, kind)]
    activations = [maps for maps in outputs if maps.ndim == 4]
    stages = itertools.groupby(activations, lambda maps: maps.shape[1])
    peek = keras.Model(model.input, [list(stage)[-1] for _, stage in stages])
    shown = []
    for maps in peek(augmentation.as_input(image[None])):
        maps = ops.convert_to_numpy(ops.cast(maps, "float32"))[0]
        most = maps.std(axis=(0, 1)).argsort()[::-1][:n]
        shown.append([maps[..., k] / (maps[..., k].max() or 1) for k in most])
    return shown
