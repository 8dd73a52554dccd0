"""Two layers, computed in less time by TensorFlow on CPUs.

Batch normalisation in one operation: Keras 3 takes eight, in float32, a
quarter of a training step here. Softmax of three classes by exponents and a
product: TensorFlow's own is slow over so short an axis. The layers, their
weights and what is saved of them stay Keras' own.
"""

import keras

from .. import environment


def use(model):
    """Let a model's layers compute in less time, where that is known.

    To the rounding of its numbers the same as Keras'. On a GPU, or without
    TensorFlow, nothing changes.
    """
    on_cpu = environment.gpu_capability() is None
    if keras.backend.backend() == "tensorflow" and on_cpu:
        for layer in model.layers:
            if isinstance(layer, keras.Model):
                use(layer)
            elif isinstance(layer, keras.layers.BatchNormalization):
                layer.call = fused(layer)
            elif isinstance(layer, keras.layers.Softmax):
                layer.call = softmax


def softmax(inputs, mask=None):
    """Return the softmax over the last axis, of a few classes."""
    import tensorflow as tf

    largest = tf.reduce_max(inputs, axis=-1, keepdims=True)
    powers = tf.exp(inputs - tf.stop_gradient(largest))
    # a sum over so short an axis is slower than a product
    n = inputs.shape[-1]
    return powers / tf.matmul(powers, tf.ones((n, n), inputs.dtype))


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
