"""The optimizer: Keras' own rule, and an average of the weights."""

import keras
import numpy as np
import pytest

from helpers.model import optimizer

SHAPES = (4,), (2, 3), (1,)


def steps(rule, n=20):
    """Take n steps on given gradients; return the weights after each."""
    rng, seen = np.random.default_rng(0), []
    weights = [keras.Variable(np.ones(shape, "float32")) for shape in SHAPES]
    rule.build(weights)
    for scale in np.geomspace(0.01, 100, n):  # some are clipped
        slopes = [scale * rng.normal(size=shape) for shape in SHAPES]
        rule.apply([slope.astype("float32") for slope in slopes], weights)
        seen.append([np.array(weight) for weight in weights])
    rule.finalize_variable_values(weights)
    return seen, [np.array(weight) for weight in weights]


def test_the_weights_are_those_of_keras_adamw():
    rule = keras.optimizers.AdamW(0.1, weight_decay=1e-4, clipnorm=1.0)
    for ours, theirs in zip(
        steps(optimizer.FlatAdamW(0.1))[0], steps(rule)[0], strict=True
    ):
        for own, other in zip(ours, theirs, strict=True):
            assert own == pytest.approx(other, rel=1e-5, abs=1e-6)


def test_the_average_begins_with_the_first_step_and_grows_longer():
    seen, average = steps(optimizer.FlatAdamW(0.1))
    expected = seen[0]
    for t, weights in enumerate(seen[1:], 1):
        momentum = min(0.99, (1 + t) / (10 + t))
        pairs = zip(expected, weights, strict=True)
        expected = [momentum * a + (1 - momentum) * w for a, w in pairs]
    for own, other in zip(average, expected, strict=True):
        assert own == pytest.approx(other, rel=1e-4, abs=1e-5)
    assert abs(average[0] - seen[-1][0]).max() > 0.01


def test_the_rate_rises_for_a_fifth_at_most_and_ends_at_zero():
    rate = optimizer.scheduled(50, 100, 1.0)._learning_rate
    assert float(rate(10)) == pytest.approx(0.5)
    assert float(rate(20)) == pytest.approx(1)
    assert float(rate(60)) == pytest.approx(0.5)
    assert float(rate(100)) == pytest.approx(0)
