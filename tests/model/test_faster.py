"""What is computed in less time is what Keras computes."""

import keras
import numpy as np
import pytest

from helpers.model import faster

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="it is TensorFlow's"
)


def learned(fused, frozen=False):
    """Return outputs in training, then in use, and the weights after it."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    norm = keras.layers.BatchNormalization(momentum=0.9)
    model = keras.Model(inputs, norm(keras.layers.Conv2D(4, 3)(inputs)))
    norm.trainable = not frozen
    if fused:
        faster.use(model)
        on_cpu = faster.environment.gpu_capability() is None
        assert ("call" in vars(norm)) == on_cpu
    x = np.random.default_rng(0).normal(3, 2, (5, 8, 8, 3)).astype("float32")
    model.compile("sgd", "mse")
    model.fit(x, np.ones((5, 6, 6, 4)), epochs=3, verbose=0)
    calls = (np.array(model(x, training=t)) for t in (True, False))
    return [*calls, *model.get_weights()]


@pytest.mark.parametrize("frozen", [False, True])
def test_it_learns_what_keras_learns(frozen):
    both = (learned(fused, frozen) for fused in (True, False))
    for ours, theirs in zip(*both, strict=True):
        assert ours == pytest.approx(theirs, abs=2e-5)


def test_a_softmax_and_its_slopes_are_those_of_keras():
    import tensorflow as tf

    logits = np.random.default_rng(0).normal(0, 30, (4, 5, 5, 3))
    logits = tf.constant(logits.astype("float32"))
    both = []
    for softmax in (faster.softmax, keras.layers.Softmax()):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            classes = softmax(logits)
            score = tf.reduce_sum(classes**2 * tf.range(3.0))
        both.append((classes, tape.gradient(score, logits)))
    for ours, theirs in zip(*both, strict=True):
        assert np.array(ours) == pytest.approx(np.array(theirs), abs=1e-6)


def test_layers_of_a_network_within_a_network_are_replaced(monkeypatch):
    monkeypatch.setattr(faster.environment, "gpu_capability", lambda: None)
    parts = keras.layers.BatchNormalization(), keras.layers.Softmax()
    inner = keras.Sequential([keras.Input((4, 3)), *parts])
    x = keras.Input((4, 3))
    faster.use(keras.Model(x, inner(x)))
    assert all("call" in vars(layer) for layer in parts)
