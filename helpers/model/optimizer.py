"""AdamW for all weights of a network as one vector."""

import keras
import numpy as np
from keras import ops

DECAY, CLIP = 1e-4, 1.0
BETA, BETA_SQUARE, EPSILON = 0.9, 0.999, 1e-7
LONGEST = 0.99  # momentum of the average


class FlatAdamW(keras.optimizers.Optimizer):
    """AdamW (Loshchilov & Hutter 2019) and an average of the weights.

    Each weight array's gradient is clipped to a norm of 1, as with
    `keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0)`. Keras goes
    from array to array, thirty small operations for each: building their graph
    takes longer than a small network's training. `finalize_variable_values`
    puts the moving average (Polyak & Juditsky 1992) into the weights; its
    momentum rises from 0, else it would be mostly that of random weights.
    """

    def build(self, variables):
        super().build(variables)
        sizes = [np.prod(v.shape, dtype=int) for v in variables]
        self.ends = np.cumsum(sizes)[:-1].tolist()
        shape, names = (sum(sizes),), ("gradient", "square", "average")
        made = [self.add_variable(shape, name=name) for name in names]
        self.gradient, self.square, self.average = made

    def apply(self, grads, trainable_variables=None):
        variables = trainable_variables or self._trainable_variables
        slope, weights = flat(map(clipped, grads)), flat(variables)
        rate = ops.cast(self.learning_rate, "float32")
        step = ops.cast(self.iterations, "float32") + 1
        for kept, new, beta in (
            (self.gradient, slope, BETA),
            (self.square, slope**2, BETA_SQUARE),
        ):
            kept.assign(kept + (new - kept) * (1 - beta))
        unbiased = ops.sqrt(1 - BETA_SQUARE**step) / (1 - BETA**step)
        change = self.gradient / (ops.sqrt(self.square) + EPSILON)
        weights = weights * (1 - rate * DECAY) - rate * unbiased * change
        momentum = ops.minimum(LONGEST, step / (step + 9))
        momentum = ops.where(step > 1, momentum, 0.0)
        self.average.assign(weights + (self.average - weights) * momentum)
        self.put(weights, variables)
        self.iterations.assign_add(1)

    def put(self, values, variables):
        parts = ops.split(values, self.ends)
        for variable, part in zip(variables, parts, strict=True):
            variable.assign(ops.reshape(part, variable.shape))

    def finalize_variable_values(self, trainable_variables):
        self.put(self.average.value, trainable_variables)


def clipped(gradient):
    """Return a gradient, shortened to a norm of CLIP if it is longer."""
    gradient = ops.cast(gradient, "float32")
    norm = ops.sqrt(ops.sum(ops.square(gradient)))
    return gradient * (CLIP / ops.maximum(norm, CLIP))


def flat(arrays):
    """Return arrays as one float32 vector, one after the other."""
    return ops.concatenate(
        [ops.reshape(ops.cast(array, "float32"), (-1,)) for array in arrays]
    )


def scheduled(warmup, steps, learning_rate):
    """Return the optimizer of a training of so many steps.

    Its learning rate rises over `warmup` steps, at most a fifth, and falls
    along a cosine to zero (Loshchilov & Hutter 2017).
    """
    warmup = min(warmup, steps // 5)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=learning_rate, warmup_steps=warmup
    )
    return FlatAdamW(rate)
