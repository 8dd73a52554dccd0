"""Ask XLA how much memory one training step takes, without taking it.

    KERAS_BACKEND=jax python -m tools.benchmark.gpu_memory SIZE WIDTH BATCH

Prints MB. The step is compiled for the CPU in float32 and never run. A GPU in
mixed precision halves the activations, but adds work space of its own.
"""

import sys

import jax
from jax import numpy as jnp

from helpers.model import losses, unet
from helpers.model.optimizer import FlatAdamW


def step_memory(size, width, batch):
    """Return bytes: XLA's plan, weights and optimizer state included."""
    model = unet.build(size=size, width=width)
    optimizer = FlatAdamW(1e-3)
    optimizer.build(model.trainable_variables)

    def mean_loss(weights, others, images, labels):
        classes, others = model.stateless_call(
            weights, others, images, training=True
        )
        return losses.segmentation_loss(labels, classes).mean(), others

    def step(weights, others, state, images, labels):
        slope = jax.value_and_grad(mean_loss, has_aux=True)
        (value, others), slopes = slope(weights, others, images, labels)
        updated = optimizer.stateless_apply(state, slopes, weights)
        return value, *updated, others

    parts = model.trainable_variables, model.non_trainable_variables
    state = [[v.value for v in part] for part in (*parts, optimizer.variables)]
    images = jnp.zeros((batch, size, size, 1))
    labels = jnp.zeros((batch, size, size), "int32")
    step = jax.jit(step, donate_argnums=(0, 1, 2))
    plan = step.lower(*state, images, labels).compile().memory_analysis()
    returned = plan.output_size_in_bytes - plan.alias_size_in_bytes
    return plan.temp_size_in_bytes + plan.argument_size_in_bytes + returned


if __name__ == "__main__":
    print(round(step_memory(*map(int, sys.argv[1:4])) / 1e6))
