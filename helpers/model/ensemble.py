"""Trained networks in one, which predicts the mean of what they predict.

Written against keras alone, so it runs on TensorFlow, JAX or PyTorch.
"""

import re

import keras
from keras import layers

from . import faster, pretrained


def mean(models, side):
    """Return a network of squares of `side` pixels, in float32.

    models: of `unet.build` and `pretrained.build`. Each is shown the square at
    its own size, and their predictions are averaged at this one.
    """
    square = keras.Input((side, side, 1), name="image")
    predicted = []
    for model in map(for_use, models):
        seen = resized(square, model.input_shape[1])
        predicted.append(resized(model(seen), side))
    joint = keras.Model(square, layers.Average()(predicted), name="joint")
    faster.use(joint)
    return joint


def for_use(model):
    """Return a network that predicts the same in float32, norms folded."""
    keras.config.set_dtype_policy("float32")
    if model.name == "pretrained_unet":
        return pretrained.folded(model)
    layout = re.sub("mixed_b?float16", "float32", model.to_json())
    same = keras.models.model_from_json(layout)
    same.set_weights(model.get_weights())
    return same


def resized(maps, side):
    """Return maps (n, h, w, channels) at `side`, by bilinear interpolation."""
    if maps.shape[1] == side:
        return maps
    return layers.Resizing(side, side)(maps)
