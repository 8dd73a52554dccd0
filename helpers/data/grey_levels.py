"""From the values in a picture's file to 8 bits, and what these may show."""

import json
from pathlib import Path

import numpy as np

# the page "Try it" keeps to the same table
RULES = json.loads(Path(__file__).with_name("picture_rules.json").read_text())
BITS = (8, 10, 12, 14, 16)  # that scanners store in files of 16
# What may be whiter than the bits of a picture: so few pixels of any value
# (broken ones), or of one or two values (marks burned in, a white frame).
STRAY, MARKS = 0.001, 0.5  # of all pixels
LEAST_SPREAD = 16  # grey levels between nearly all pixels of a 16-bit file


class Unreadable(ValueError):
    """A picture is not read; the message says why in a few words."""


def eight_bits(values, white_is_zero=False):
    """Return (uint8 array of the same shape, notes).

    values: uint16, scaled from the fewest of BITS that they need.
    white_is_zero: the file counts from white, 0, to black.
    Unreadable: one cannot tell which grey a value of the file means.
    """
    if white_is_zero and values.max() < 2**15:
        raise Unreadable("counts from white to black, with unknown bits")
    if white_is_zero:
        values = 65535 - values
    bits, stray = _bits(values)
    notes = [f"16-bit file, read as {bits} bits"]
    if stray:
        notes.append(f"white beyond {bits} bits: {stray} pixels' values")
    top = 2**bits - 1
    scaled = np.minimum(values, top) * np.float32(255 / top) + 0.5
    grey = scaled.astype(np.uint8)
    low, high = values.min(), values.max()
    darkest, brightest = np.percentile(grey, [0.1, 99.9])
    if low < high and brightest - darkest < LEAST_SPREAD:
        raise Unreadable(
            f"holds 16-bit values from {low} to {high}, with hardly any "
            "contrast: save it with 8 bits"
        )
    return grey, notes


def _bits(values):
    """Return (the bits that values need, the number of those beyond)."""
    counts = np.bincount(values.ravel(), minlength=2**16)
    for bits in BITS:
        beyond = counts[2**bits :]
        most = MARKS if np.count_nonzero(beyond) <= 2 else STRAY
        if beyond.sum() / values.size <= most:
            return bits, int(beyond.sum())


def content(grey):
    """Return "image", "mask" or "nothing": what grey values can show.

    grey: uint8 (h, w). Nothing: nearly all pixels have one grey. A mask: two
    or three greys in all, or nearly only black and white (a JPEG of a mask).
    """
    counts = np.bincount(grey.ravel(), minlength=256)
    nothing, mask = RULES["nothing"], RULES["mask"]
    if 1 < np.count_nonzero(counts) <= mask["values"]:
        return "mask"
    near = np.convolve(counts, np.ones(nothing["levels"], int))
    if near.max() >= nothing["share"] * grey.size:
        return "nothing"
    white = counts[-mask["levels"] :].sum()
    both = white + counts[: mask["levels"]].sum()
    is_mask = both >= mask["share"] * grey.size
    has_lesion = white >= mask["white"] * grey.size
    return "mask" if is_mask and has_lesion else "image"
