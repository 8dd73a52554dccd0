"""Ask XLA how much memory one training step of our network takes, without taking it.

    KERAS_BACKEND=jax python tools/bench_memory.py SIZE WIDTH BATCH      (prints MB)

The step is compiled for the CPU in float32 and never run. A GPU in mixed
precision holds its activations in half the bytes, but adds work space of its
own.
"""

import sys

import jax
import keras
from jax import numpy as jnp

from helpers.model import losses, unet


def step_memory(size, width, batch):
    """Return bytes: XLA's plan for a step, weights and optimizer state included."""
    model = unet.build(size=size, width=width)
    optimizer = keras.optimizers.AdamW(1e-3, clipnorm=1.0, use_ema=True)
    optimizer.build(model.trainable_variables)

    def step(weights, others, state, images, labels):
        def mean_loss(weights):
            classes, changed = model.stateless_call(
                weights, others, images, training=True
            )
            return losses.segmentation_loss(labels, classes).mean(), changed

        (value, others), slopes = jax.value_and_grad(mean_loss, has_aux=True)(
            weights
        )
        return (
            value,
            *optimizer.stateless_apply(state, slopes, weights),
            others,
        )

    variables = model.trainable_variables, model.non_trainable_variables
    state = [
        [v.value for v in part] for part in (*variables, optimizer.variables)
    ]
    images = jnp.zeros((batch, size, size, 1))
    labels = jnp.zeros((batch, size, size), "int32")
    step = jax.jit(step, donate_argnums=(0, 1, 2))
    plan = step.lower(*state, images, labels).compile().memory_analysis()
    returned = plan.output_size_in_bytes - plan.alias_size_in_bytes
    return plan.temp_size_in_bytes + plan.argument_size_in_bytes + returned


if __name__ == "__main__":
    print(round(step_memory(*map(int, sys.argv[1:4])) / 1e6))
