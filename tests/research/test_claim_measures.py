"""What claims are measured by, against cases worked out by hand."""

import keras
import numpy as np
import pytest

from helpers.model import unet
from tools.research import claim_measures

pytestmark = pytest.mark.research


@pytest.fixture
def picture():
    """Noise, uint8 (64, 64)."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (64, 64)).astype(np.uint8)


def test_costs_by_hand():
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 5, padding="same"),
            layers.MaxPooling2D(),
            layers.Conv2D(3, 1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    by_layer = [5 * 5 * 1 * 4 * 8 * 8, 4 * 3 * 4 * 4, 3 * 2]
    assert claim_measures.multiply_adds(model) == sum(by_layer)


def test_a_wider_network_costs_more_work():
    small, wide = (claim_measures.cost(32, width, 2) for width in (4, 16))
    assert len(small) == 2 and small[0]["parameters"] < wide[0]["parameters"]
    assert wide[0]["multiply_adds"] > 8 * small[0]["multiply_adds"]
    for turn in small + wide:
        assert turn["train_s"] > 0 and turn["answer_s"] > 0


def test_a_slid_filter_is_a_convolution_and_not_its_mirror_image(monkeypatch):
    image = np.random.default_rng(0).random((20, 24), np.float32)
    conv = keras.ops.conv
    assert claim_measures.filter_gap(image, claim_measures.SOBEL) < 1e-5
    mirrored = lambda x, w: conv(x, w[::-1].copy())  # noqa: E731
    monkeypatch.setattr(claim_measures.ops, "conv", mirrored)
    assert claim_measures.filter_gap(image, claim_measures.SOBEL) > 0.1


def test_a_wider_last_layer_is_no_dense_layer_for_each_pixel(picture):
    x = keras.Input((64, 64, 1))
    last = keras.layers.Conv2D(3, 3, padding="same", name="logits")
    assert claim_measures.pixel_gap(keras.Model(x, last(x)), picture) > 0.1


def test_the_last_layer_is_a_dense_layer_for_each_pixel(picture):
    network = unet.build(size=64, width=4, depth=3)
    assert claim_measures.pixel_gap(network, picture) < 1e-4


def test_a_convolution_moves_with_the_image_and_a_dense_layer_does_not():
    image = np.random.default_rng(0).random((16, 16), np.float32)
    convolution, dense = claim_measures.two_layers(16)
    assert claim_measures.shift_gap(convolution, image) < 1e-5
    assert claim_measures.shift_gap(dense, image) > 0.3
