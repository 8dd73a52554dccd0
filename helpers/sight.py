"""What a network sees: its receptive field, its work by layer, and where it is unsure.

Written against keras and keras.ops only, so it runs on TensorFlow, JAX or PyTorch.
"""

import math

import keras
import numpy as np
import pandas as pd
from keras import layers, ops

from . import batches

WHOLE = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
POINTWISE = (  # an answer depends on the same place of the input alone
    layers.InputLayer,
    layers.Activation,
    layers.Add,
    layers.BatchNormalization,
    layers.Concatenate,
    layers.Dense,
    layers.Dropout,
    layers.Reshape,
    layers.Softmax,
    layers.SpatialDropout2D,
)


def pixel_map(model):
    """Return the part of a U-Net from the image to its map of logits, as a model.

    It ends with the last convolution: what is added for the image as a whole, the last
    enlargement and the softmax are left out.
    """
    last = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)][-1]
    return keras.Model(model.input, last.output)


def field_size(model):
    """Return the side in pixels of the receptive field of a U-Net's logits, centre."""
    part = pixel_map(model)
    first, last = receptive_field(part, part.output.shape[1] // 2)
    return last - first + 1


def influence(model, images):
    """Return how much each pixel moves the centre of a U-Net's logits, float64 (h, w).

    It is the energy of the gradient, its square, as a mean over the images, float32
    (n, h, w, 1) of the model's own size (effective receptive field: Luo et al. 2016,
    doi 10.48550/arXiv.1701.04128).
    """
    part = pixel_map(model)
    middle = part.output.shape[1] // 2
    gradient = input_gradient(part, images, middle, middle)
    return np.square(gradient, dtype=np.float64).mean(axis=0)


def receptive_field(model, row):
    """Return (first, last), the input rows that can change row `row` of the output.

    Counted back from the output: a window of k rows in steps of s needs of its input
    s times as many rows, plus k - s (Araujo, Norris & Sim 2019, Distill,
    doi 10.23915/distill.00021). Rows beyond the image are padding; -inf and inf stand
    for the whole image. The same holds for columns.

    Raises:
        ValueError: a layer of a kind for which the rule is not written down here.
    """
    needed = {id(model.output): (row, row)}
    for layer in reversed(model.layers):
        if id(layer.output) not in needed:
            continue
        first, last = rows_behind(layer, *needed[id(layer.output)])
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        for tensor in inputs:
            low, high = needed.get(id(tensor), (first, last))
            needed[id(tensor)] = (min(low, first), max(high, last))
    return needed[id(model.input)]


def rows_behind(layer, first, last):
    """Return the rows of a layer's input behind the rows first..last of its output."""
    if isinstance(layer, WHOLE):
        return -math.inf, math.inf
    if isinstance(layer, layers.UpSampling2D):  # bilinear: the nearest row on each side
        size = layer.size[0]
        first, last = ((i + 0.5) / size - 0.5 for i in (first, last))
        return (
            (first, last) if math.isinf(first) else (math.floor(first), math.ceil(last))
        )
    if isinstance(layer, layers.Conv2D | layers.MaxPooling2D):
        window = getattr(layer, "kernel_size", None) or layer.pool_size
        size, step = window[0], layer.strides[0]
        before = max(size - step, 0) // 2 if layer.padding == "same" else 0
        return first * step - before, last * step - before + size - 1
    if not isinstance(layer, POINTWISE):
        raise ValueError(f"no rule for the receptive field of a {type(layer).__name__}")
    return first, last


class Offset(layers.Layer):
    """Adds a weight of the input's own shape, 0 at first: its gradient is the input's."""

    def build(self, shape):
        self.offset = self.add_weight(shape=shape, initializer="zeros")

    def call(self, x):
        return x + self.offset


def input_gradient(model, images, row, column):
    """Return how much each input pixel moves the answer at one place, float32 (n, h, w).

    That is the gradient of the sum of the output's channels at (row, column). images:
    float32 (n, h, w, 1). keras.ops has no gradient; one step of plain gradient descent
    at rate 1 from zero is minus the gradient, on every backend.
    """
    frozen = keras.models.clone_model(model)
    frozen.set_weights(model.get_weights())
    frozen.trainable = False
    offset = Offset(dtype="float32")
    image = keras.Input(batch_shape=images.shape)
    probe = keras.Model(image, frozen(offset(image), training=False))
    wanted = np.zeros(probe.output.shape, np.float32)
    wanted[:, row, column] = 1
    probe.compile(
        keras.optimizers.SGD(1.0),
        loss=lambda truth, answer: ops.sum(truth * answer, axis=(1, 2, 3)),
        run_eagerly=True,
    )
    probe.train_on_batch(images, wanted)
    return -np.array(offset.offset)[..., 0] * len(images)


def centred_side(energy, share):
    """Return the side, pixels, of the smallest centred square that holds a share.

    energy: (size, size), not negative; share: 0 to 1, of the sum of `energy`.
    """
    ring = np.abs(np.arange(len(energy)) - (len(energy) - 1) / 2)
    ring = np.maximum(ring[:, None], ring)  # half the side of the square through it
    order = np.argsort(ring, axis=None)
    held = np.cumsum(energy.ravel()[order])
    enough = np.searchsorted(held, share * held[-1])
    return round(2 * ring.ravel()[order][min(enough, ring.size - 1)]) + 1


def work(model):
    """Return a row for each layer: layer, kind, height, channels, parameters, multiply_adds.

    multiply_adds: multiplications, each with an addition, for one image. Every weight of
    a kernel is used once at each place of the output; what has no kernel counts 0.
    """
    rows = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            rows += work(layer).to_dict("records")
            continue
        shape = layer.output.shape
        places = math.prod(shape[1:-1])
        kernel = getattr(layer, "kernel", None)
        rows.append(
            {
                "layer": layer.name,
                "kind": type(layer).__name__,
                "height": shape[1] if len(shape) == 4 else 1,
                "channels": shape[-1],
                "parameters": layer.count_params(),
                "multiply_adds": 0
                if kernel is None
                else math.prod(kernel.shape) * places,
            }
        )
    return pd.DataFrame(rows)


def stages(table):
    """Return the table of `work` with one row for each run of layers of one height."""
    run = (table["height"] != table["height"].shift()).cumsum()
    return table.groupby(run.rename("stage")).agg(
        side=("height", "first"),
        channels=("channels", "last"),
        layers=("layer", "size"),
        parameters=("parameters", "sum"),
        multiply_adds=("multiply_adds", "sum"),
    )


def feature_maps(model, image, n=4):
    """Return {title: float32 (h, w)}: the n most varied maps at each of three depths.

    The depths are the finest, a middle and the coarsest among the model's activations;
    each map is divided by its own maximum. image: uint8 (h, w) of the model's size.
    """
    found = {}
    for layer in model.layers:
        if isinstance(layer, layers.Activation):
            found.setdefault(layer.output.shape[1], layer.output)
    sides = sorted(found, reverse=True)
    sides = [sides[0], sides[len(sides) // 2], sides[-1]]
    peek = keras.Model(model.input, [found[side] for side in sides])
    shown = {}
    for side, maps in zip(sides, peek(batches.as_input(image[None])), strict=True):
        maps = ops.convert_to_numpy(ops.cast(maps, "float32"))[0]
        for channel in maps.std(axis=(0, 1)).argsort()[::-1][:n]:
            one = maps[..., channel]
            shown[f"{side} x {side}, map {channel}"] = one / (one.max() or 1)
    return shown


def explained(wanted, given):
    """Return the share of the variance of `wanted` that the best mix of maps explains.

    wanted: a map; given: a list of maps of as many pixels each. The mix is linear, with
    a constant, by least squares: what one filter over these maps could give at best.
    """
    columns = [np.ravel(values) for values in given] + [np.ones(wanted.size)]
    columns, wanted = np.column_stack(columns), np.ravel(wanted)
    best = np.linalg.lstsq(columns, wanted, rcond=None)[0]
    return 1 - np.var(wanted - columns @ best) / np.var(wanted)


def entropy(classes):
    """Return the entropy in bits of each pixel's probabilities (Shannon 1948).

    classes: (..., k), sums to 1 along the last axis. 0: one class is certain; log2(k):
    all are equally likely.
    """
    p = np.asarray(classes, np.float64)
    return -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=-1)
