"""The network gives probabilities, in the sizes that it can halve."""

import numpy as np
import pytest

from helpers.model import unet


def test_network_gives_each_pixel_a_distribution():
    model = unet.build(size=32, width=4)
    classes = np.array(model(np.zeros((2, 32, 32, 1), np.float32)))
    assert classes.shape == (2, 32, 32, 3) and classes.dtype == np.float32
    assert classes.min() >= 0
    assert classes.sum(axis=-1) == pytest.approx(1, abs=1e-5)


def test_compact_network_has_under_a_million_parameters():
    assert unet.build(width=16).count_params() < 1_000_000


def test_a_size_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="must be a multiple of 16, not 100"):
        unet.build(size=100)
