"""The armpit's name is found on made images, and other words are not."""

import cv2
import numpy as np
import pytest

from helpers.data import burned_text

WIDTHS = {"A": 15, "X": 14, "I": 7, "L": 13, " ": 7, "i": 5, "l": 5}


def write(image, text, left, bottom, height=16, grey=226):
    """Return an image, uint8 (h, w), with a text in OpenCV's own letters.

    They stand as far apart as the scanner's and have other shapes.
    height: of a capital, in pixels.
    """
    fine = 4
    large = cv2.resize(image, None, fx=fine, fy=fine)
    scale = height / 16
    for letter in text:
        where = int(fine * left), int(fine * bottom)
        size, thick = fine * height / 21, round(3 * fine * scale)
        cv2.putText(large, letter, where, 0, size, grey, thick, cv2.LINE_AA)
        left += WIDTHS.get(letter, 13) * scale
    shape = image.shape[::-1]
    return cv2.resize(large, shape, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def speckle():
    """Return streaks of noise, dark to white, uint8 (300, 400)."""
    noise = np.random.default_rng(0).normal(0, 1, (300, 400))
    noise = cv2.GaussianBlur(noise, None, sigmaX=5, sigmaY=1.5)
    return np.clip(70 + 300 * noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("text", "left", "bottom", "height", "grey"),
    [
        ("AXILLA", 0, 30, 16, 226),  # at the edge
        ("RT AXILLA", 60, 60, 16, 226),
        ("LT AXILLA", 200, 290, 13, 226),
        ("RT AXILLA", 150.5, 120.5, 14, 226),
        ("LTAXILLA", 30, 200, 15, 250),
        ("AXILLARY", 100, 250, 16, 200),
        ("lt axilla", 100, 100, 16, 226),
        ("rt axilla", 250, 250, 13, 226),
        ("LT AX", 20, 220, 16, 226),
        ("RT AX", 300, 40, 13, 226),
    ],
)
def test_the_name_is_found(speckle, text, left, bottom, height, grey):
    image = write(speckle, text, left, bottom, height, grey)
    assert burned_text.shows_armpit(image)


@pytest.mark.parametrize(
    "text",
    [
        *("", "LT", "RT UOQ", "LEFT BREAST", "CALIPER", "10 O CLOCK", "lt11"),
        *("LT RETROAR", "AX TAIL", "AXIS", "AAAAAA", "XXX", "LLL", "ill", "+"),
    ],
)
def test_other_words_are_not(speckle, text):
    for height in (13, 16):
        image = write(speckle, text, 60, 60, height)
        assert not burned_text.shows_armpit(image)


@pytest.mark.parametrize("grey", [0, 120, 226, 255])
@pytest.mark.parametrize("shape", [(300, 400), (400, 12), (12, 400), (1, 1)])
def test_even_or_tiny_images_show_nothing(shape, grey):
    assert not burned_text.shows_armpit(np.full(shape, grey, np.uint8))
