"""Batch normalisation in one operation, for TensorFlow on CPUs.

Keras 3 computes it in eight, in float32, which take a quarter of a training
step here. The layer, its weights and what is saved of it stay Keras' own.
"""

import keras

from .. import environment


def use(model):
    """Let a model's normalisations learn in one operation, where there is one.

    To the rounding of its numbers the same as Keras'. On a GPU, or without
    TensorFlow, nothing changes.
    """
    on_cpu = environment.gpu_capability() is None
    if keras.backend.backend() == "tensorflow" and on_cpu:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.call = fused(layer)


def fused(layer):
    """Return a replacement of a layer's method `call`."""
    import tensorflow as tf

    plain = layer.call

    def call(inputs, training=None, mask=None):
        if not (training and layer.trainable):
            return plain(inputs, training=training, mask=mask)
        found = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=layer.gamma,
            offset=layer.beta,
            mean=[],
            variance=[],
            epsilon=layer.epsilon,
        )
        # TensorFlow's variance is that of a sample, Keras keeps a batch's
        n = tf.cast(tf.size(inputs) / tf.size(found.batch_mean), tf.float32)
        for kept, new in (
            (layer.moving_mean, found.batch_mean),
            (layer.moving_variance, found.batch_variance * (n - 1) / n),
        ):
            kept.assign(kept * layer.momentum + new * (1 - layer.momentum))
        return found.y

    return call
