"""ECC finds the map between two pictures, or says that there is none."""

import cv2
import numpy as np
import pytest

from helpers.data import registration

IDENTITY = np.eye(2, 3, dtype=np.float32)


def texture():
    rng = np.random.default_rng(0)
    return cv2.GaussianBlur(rng.normal(0, 1, (120, 140)), (0, 0), 3) * 10


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_known_map_is_found_and_the_start_is_left_alone(dtype):
    known = np.float32([[1.02, 0.03, 2.5], [-0.02, 0.97, -1.5]])
    moving = (texture() * 10 + 128).clip(0, 255).astype(dtype)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    template = cv2.warpAffine(moving, known, (140, 120), flags=flags)
    start = IDENTITY.copy()
    found = registration.ecc(template, moving, start, 100, 1e-6, 5)
    assert found.dtype == np.float32 and found.shape == (2, 3)
    assert found == pytest.approx(known, abs=0.05)
    assert np.array_equal(start, IDENTITY)
    few = registration.ecc(template, moving, start, 2, 1e-6, 5)
    assert np.abs(few - known).max() > np.abs(found - known).max()


@pytest.mark.parametrize(("contrast", "shift"), [(0, 0), (1, 1000)])
def test_blank_or_apart_there_is_no_map(contrast, shift):
    template = np.float32(texture())
    pair = template, contrast * template
    assert registration.ecc(*pair, IDENTITY + shift, 50, 1e-4, 5) is None
