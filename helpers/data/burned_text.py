"""Words that were burned into an image: does one of them name the armpit?"""

import functools

import cv2
import numpy as np

# Each word, and how alike a place must be to show it. In BUSI places with the
# word reach 0.68, 0.83 and 0.91, other images 0.42, 0.55 and 0.61 at most.
# Blanks: AX TAIL is a part of the breast, so nothing may stand after AX.
WORDS = {"AXILLA": 0.6, "axilla": 0.65, " AX   ": 0.8}
HEIGHTS = 13, 14.5, 16  # of a capital, in pixels: BUSI has 13 and 16
GREYS = 120, 230  # tissue is seldom brighter than these; the letters have 226
RIM = 2  # around a word, where nothing is written
FINE = 8  # so much larger are letters drawn, to be smooth when they shrink

# Our drawing of letters like the scanner's: (width, strokes), in pixels for a
# height of 16. A stroke joins points (x, y) and is 3 pixels thick.
LETTERS = {
    "A": (15, [[(1.5, 16), (6, 1), (8, 1), (12.5, 16)], [(3, 11), (11, 11)]]),
    "X": (14, [[(1.5, 0), (11.5, 16)], [(11.5, 0), (1.5, 16)]]),
    "I": (7, [[(3, 0), (3, 16)]]),
    "L": (13, [[(2, 0), (2, 14.5), (11, 14.5)]]),
    "x": (12, [[(1, 4), (9, 16)], [(9, 4), (1, 16)]]),
    "i": (5, [[(2, 0), (2, 2)], [(2, 5), (2, 16)]]),
    "l": (5, [[(2, 0), (2, 16)]]),
    " ": (6, []),
}
STEM = [(2, 7), (4, 5), (8, 5), (9, 7), (9, 14), (11, 15)]
BOWL = [(9, 9), (3, 11), (2, 13), (3, 15), (6, 15), (9, 12)]
LETTERS["a"] = 12, [STEM, BOWL]


def shows_armpit(image):
    """Return whether AXILLA, axilla or AX is written on an image.

    image: uint8 (h, w). The word must be level and in the scanner's letters.
    """
    return any(
        # at half the size a quarter of the work leaves few to look at closely
        likeness(image, word, 0.5) >= least - 0.1
        and likeness(image, word) >= least
        for word, least in WORDS.items()
    )


def likeness(image, word, scale=1):
    """Return how alike a word and the likest place of an image are.

    image: uint8 (h, w). The likeness is the normalised correlation of grey
    values with our drawing of the word: 1 is the same, -1 no place for it.
    scale: both are shrunk to it first.
    """
    # A word may touch the edge, and its rim must still fit in.
    image = cv2.copyMakeBorder(image, *[2 * RIM] * 4, cv2.BORDER_REPLICATE)
    if scale < 1:
        area = cv2.INTER_AREA
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=area)
    image = np.clip(image, *GREYS)
    best, method = -1.0, cv2.TM_CCOEFF_NORMED
    for height in HEIGHTS:
        drawn = _draw(word, height * scale)
        if np.greater_equal(image.shape, drawn.shape).all():
            found = cv2.matchTemplate(image, drawn, method).max()
            best = max(best, float(found))
    return best


@functools.cache
def _draw(word, height):
    """Return a word in white on black, uint8 (h, w), with a rim.

    height: of a capital, in pixels.
    """
    width = sum(LETTERS[letter][0] for letter in word)
    picture, left = np.zeros((16 * FINE, width * FINE), np.uint8), 0
    for letter in word:
        advance, strokes = LETTERS[letter]
        for stroke in strokes:
            points = (np.add(stroke, (left, 0)) * FINE).astype(int)
            cv2.polylines(picture, [points], False, 255, 3 * FINE)
        left += advance
    picture, scale = np.pad(picture, RIM * FINE), height / 16 / FINE
    area = cv2.INTER_AREA  # it takes means: the letters' edges become grey
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=area)
