"""Two written rules: what kind of error an answer is, and what about the case may explain it.

Both are words for a table, so that two people count the same. A named cause is
what is striking about a case, and no proof.
"""

import textwrap

import cv2
import numpy as np
import pandas as pd

from ..data import masks

KINDS = {  # the first that fits names the case; a row of `metrics.case_scores`
    "missed": "nothing was marked",
    "elsewhere": "what was marked has a Dice below 0.1 with the lesion",
    "split": "one lesion was answered in two or more parts",
    "merged": "one marked part covers two or more lesions",
    "too small": "the marked area is more than 30 % too small",
    "leaks below": "it is more than 30 % too large, mostly below the lesion",
    "too large": "it is more than 30 % too large, mostly elsewhere",
    "ragged": "about the right size, but a Dice below 0.8",
    "good": "all the rest",
}
CAUSES = {  # a case may have several
    "low contrast": "lesion and surroundings differ by less than half a standard deviation",
    "small": "the lesion fills less than 2 % of the image",
    "large": "the lesion fills more than a quarter of the image",
    "touches the edge": "the outline reaches the edge of the image",
    "several parts": "the person marked more than one lesion",
    "shadow": "below the lesion it is less than 0.6 times as bright as beside it",
    "drawn marks": "at least two letters or callipers seem to be drawn on it",
    "copy in another class": "a near copy of it is in the set under another class",
    "outlined otherwise": "a copy of its frame has an outline with a Dice below 0.5",
}


def kinds(table):
    """Return the name of each case's kind of error, Series of str.

    table: DataFrame of lesion images with the columns of
    `metrics.case_scores`.
    """
    large = table["area_error"] > 0.3
    fits = {
        "missed": table["predicted_area"] == 0,
        "elsewhere": table["dice"] < 0.1,
        "split": table["split"] > 0,
        "merged": table["merged"] > 0,
        "too small": table["area_error"] < -0.3,
        "leaks below": large & (table["false_below"] > 0.5),
        "too large": large,
        "ragged": table["dice"] < 0.8,
    }
    named = np.select(list(fits.values()), list(fits), default="good")
    return pd.Series(named, table.index)


def appearance(image, reference):
    """Return what a lesion looks like in its image, a dict of floats and counts.

    image: uint8 (h, w); reference: bool (h, w), not empty. contrast: the
    difference of the mean grey inside and in a rim around the lesion, half its
    diameter wide, over the root of the mean of both variances (contrast to
    noise, Patterson & Foster 1983, Ultrason Imaging 5:195). shadow: mean grey
    below the lesion over that at the same depth beside it, nan where there is
    nothing below. The rest is of `masks.describe`.
    """
    grey, shape = image.astype(np.float32), masks.describe(reference)
    reach = max(1.0, np.sqrt(reference.sum() / np.pi))
    away = cv2.distanceTransform((~reference).astype(np.uint8), cv2.DIST_L2, 5)
    rim = (away > 0) & (away <= reach)
    inside, around = grey[reference], grey[rim]
    spread = np.sqrt((inside.var() + around.var()) / 2) if rim.any() else 0
    contrast = (
        abs(inside.mean() - around.mean()) / spread if spread else np.nan
    )
    top, left, bottom, right = shape["box"]
    beyond = np.s_[bottom : bottom + max(1, bottom - top)]
    width = right - left
    sides = [
        grey[beyond, max(0, left - width) : left],
        grey[beyond, right:][:, :width],
    ]
    beside = np.concatenate([side.ravel() for side in sides])
    below = grey[beyond, left:right]
    lit = below.size and beside.size and beside.mean()
    return {
        "contrast": float(contrast),
        "shadow": float(below.mean() / beside.mean()) if lit else np.nan,
        "area_fraction": shape["area_fraction"],
        "touches_border": shape["touches_border"],
        "parts": shape["parts"],
    }


def causes(table):
    """Return which of CAUSES each case has, DataFrame of bool with a column for each.

    table: DataFrame with the columns of `appearance`, and glyphs (of
    `marks.count`), other_class (bool) and outlines (the Dice with a copy's
    outline, nan without one).
    """
    fits = {
        "low contrast": table["contrast"] < 0.5,
        "small": table["area_fraction"] < 0.02,
        "large": table["area_fraction"] > 0.25,
        "touches the edge": table["touches_border"],
        "several parts": table["parts"] > 1,
        "shadow": table["shadow"] < 0.6,
        "drawn marks": table["glyphs"] >= 2,
        "copy in another class": table["other_class"],
        "outlined otherwise": table["outlines"] < 0.5,
    }
    return pd.DataFrame(fits).astype(bool)


def causes_as_text(row, width=26):
    """Return a case's causes in short lines, e.g. "small, shadow"; a row of `causes`."""
    return textwrap.fill(
        ", ".join(row.index[row]) or "no cause of the list", width
    )


def least_agreement(outlines):
    """Return by case the lowest Dice of its outline with that of a copy, Series of float.

    outlines: DataFrame[a, b, dice] as of `leakage.outline_agreement`.
    """
    sides = [
        outlines.set_index(side)["dice"].astype(float) for side in ("a", "b")
    ]
    return pd.concat(sides).groupby(level=0).min()
