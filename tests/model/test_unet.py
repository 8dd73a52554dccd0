"""The network gives probabilities, in the sizes that it can halve."""

import pytest

from helpers.model import unet


def test_compact_network_has_under_a_million_parameters():
    assert unet.build(width=16).count_params() < 1_000_000


def test_a_size_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="must be a multiple of 16, not 100"):
        unet.build(size=100)
