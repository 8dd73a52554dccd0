"""What three textbook claims are measured by: layers' gaps, a network's cost.

Written against keras alone, so it runs on TensorFlow, JAX or PyTorch.
"""

import math

import keras
import numpy as np
from keras import layers, ops

from helpers.claims import trials
from helpers.model import augmentation, optimizer, training, unet

SOBEL = np.float32([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])


def filter_gap(image, weights):
    """Return how far a slid filter and `keras.ops.conv` differ at most.

    As a share of the largest response; image, weights: float32 (h, w), (k, k).
    """
    patches = np.lib.stride_tricks.sliding_window_view(image, weights.shape)
    slid = (patches * weights).sum(axis=(2, 3))
    response = ops.conv(image[None, :, :, None], weights[:, :, None, None])
    response = ops.convert_to_numpy(response)[0, :, :, 0]
    return float(np.abs(slid - response).max() / np.abs(slid).max())


def pixel_gap(model, image):
    """Return how far layer "logits" is from a dense layer a pixel, at most.

    As a share of the largest logit. image: uint8 (h, w) of the model's size.
    """
    last = model.get_layer("logits")
    ends = keras.Model(model.input, [last.input, last.output])
    outputs = ends(augmentation.as_input(image[None]), training=False)
    features, logits = map(ops.convert_to_numpy, outputs)
    kernel, bias = map(ops.convert_to_numpy, (last.kernel, last.bias))
    dense = features.astype(np.float32) @ kernel[0, 0] + bias
    return float(np.abs(dense - logits).max() / np.abs(logits).max())


def shift_gap(layer, image):
    """Return how far a layer is from moving with the image, a float.

    The largest difference of its response to the image 4 pixels further right
    and its response, shifted, as a share of the largest one; the sides are
    left out. layer: from (1, h, w, 1) to (1, h, w, c); image: float32 (h, w).
    """
    inputs = image[None, :, :, None]
    still = ops.convert_to_numpy(layer(inputs))
    moved = ops.convert_to_numpy(layer(np.roll(inputs, 4, axis=2)))
    off = np.abs(moved[:, :, 6:-2] - still[:, :, 2:-6]).max()
    return float(off / np.abs(still).max())


def two_layers(size):
    """Return (convolution, fully connected layer), (n, size, size, 1) to such.

    Their random weights are always the same.
    """
    weights = keras.initializers.GlorotUniform(0)
    dense = layers.Dense(size * size, kernel_initializer=weights)
    whole = [layers.Flatten(), dense, layers.Reshape((size, size, 1))]
    conv = layers.Conv2D(1, 3, padding="same", kernel_initializer=weights)
    return conv, keras.Sequential(whole)


def cost(size, width, turns=5, batch_size=8):
    """Return what one network costs: a list of dicts, one for each turn.

    multiply_adds: of an image, forward; train_s and answer_s: core seconds an
    image, for a training step and for a prediction. They count the work of
    every core, and not the time spent waiting for one.
    """
    model = unet.build(size, width)
    training.compile_for(model, optimizer.scheduled(1, 100, 1e-3))
    rng, shape = np.random.default_rng(0), (batch_size, size, size)
    images = rng.random((*shape, 1), np.float32)
    labels = np.zeros(shape, np.uint8)
    work = multiply_adds(model)
    same = {"size": size, "width": width}
    same |= {"parameters": model.count_params(), "multiply_adds": work}
    jobs = {
        "train_s": lambda: model.train_on_batch(images, labels),
        "answer_s": lambda: model.predict_on_batch(images),
    }
    seconds, rows = trials.core_seconds, []
    for _ in range(turns + 1):
        spent = {name: seconds(job) / batch_size for name, job in jobs.items()}
        rows.append(same | spent)
    return rows[1:]  # the first turn builds the graphs


def multiply_adds(model):
    """Return how many multiplications, each with an addition, an image takes.

    Every weight of a kernel is used once at each place of the output; what has
    no kernel counts 0. The model has no nested ones.
    """
    return sum(
        math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
        for layer in model.layers
        if hasattr(layer, "kernel")
    )
