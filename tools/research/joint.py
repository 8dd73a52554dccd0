"""Join trained networks into one, which predicts the mean of theirs."""

import re

import keras
from keras import layers

from helpers.model import pretrained


def mean(models, side):
    """Return a network of squares of `side` pixels, in float32.

    It shows each network the square at that network's own size, and takes the
    mean of what they predict, at its own.
    """
    square = keras.Input((side, side, 1), name="image")
    predicted = []
    for model in map(for_use, models):
        seen = resized(square, model.input_shape[1])
        predicted.append(resized(model(seen), side))
    return keras.Model(square, layers.Average()(predicted), name="joint")


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
    if maps.shape[1] == side:
        return maps
    return layers.Resizing(side, side)(maps)  # bilinear
