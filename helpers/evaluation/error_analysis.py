"""Two written rules: the kind of an error, and its possible causes."""

import textwrap

import cv2
import numpy as np
import pandas as pd

from ..data import busi, marks, masks
from . import bootstrap, leakage, postprocessing

# The first that fits names the case; a row of `metrics.case_scores`.
KINDS = {
    "nothing marked": "nothing was predicted",
    "elsewhere": "the prediction has a Dice below "
    f"{postprocessing.MISSED} with the lesion",
    "split": "one lesion was predicted in two or more parts",
    "merged": "one predicted part covers two or more lesions",
    "too small": "the predicted area is more than 30 % too small",
    "spills below": "it is more than 30 % too large, mostly below the lesion",
    "too large": "it is more than 30 % too large, mostly elsewhere",
    "ragged": "about the right size, but a Dice below 0.8",
    "good": "all the rest",
}
CAUSES = {  # what is striking, no proof; a case may have several
    "low contrast": "lesion and surroundings differ by less than half a "
    "standard deviation",
    "small": "the lesion fills less than 2 % of the image",
    "large": "the lesion fills more than a quarter of the image",
    "touches the edge": "the outline reaches the edge of the image",
    "several parts": "the person's mask has more than one part, specks too",
    "shadow": "below the lesion it is less than 0.6 times as bright as beside "
    "it",
    "drawn marks": "at least two letters or callipers seem to be drawn on it",
    "copy in another class": "a near copy of it is in the set under another "
    "class",
    "outlined otherwise": "a copy of its frame has an outline with a Dice "
    "below 0.5",
}


def kinds(table):
    """Return the name of each case's kind of error, Series of str.

    table: DataFrame of `metrics.case_scores`, lesion images only.
    """
    large = table["area_error"] > 0.3
    fits = {
        "nothing marked": table["predicted_area"] == 0,
        "elsewhere": table["dice"] < postprocessing.MISSED,
        "split": table["split"] > 0,
        "merged": table["merged"] > 0,
        "too small": table["area_error"] < -0.3,
        "spills below": large & (table["false_below"] > 0.5),
        "too large": large,
        "ragged": table["dice"] < 0.8,
    }
    named = np.select(list(fits.values()), list(fits), default="good")
    return pd.Series(named, table.index)


def appearance(image, reference):
    """Return what a lesion looks like in its image, a dict of numbers.

    image: uint8 (h, w); reference: bool (h, w), not empty. contrast: the
    difference from a rim half the diameter wide, in standard deviations (root
    of the mean variance; after Patterson & Foster 1983, Ultrason Imaging
    5:195, who take the sum of the variances). shadow: mean grey below the
    lesion over that beside it at that depth, nan where nothing is below. The
    rest: of `masks.describe`.
    """
    grey, shape = image.astype(np.float32), masks.describe(reference)
    kept = ("area_fraction", "touches_border", "parts")
    return {
        "contrast": _contrast(grey, reference),
        "shadow": _shadow(grey, *shape["box"]),
    } | {name: shape[name] for name in kept}


def _contrast(grey, reference):
    reach = max(1.0, np.sqrt(reference.sum() / np.pi))
    away = cv2.distanceTransform((~reference).astype(np.uint8), cv2.DIST_L2, 5)
    rim = (away > 0) & (away <= reach)
    if not rim.any():
        return np.nan
    inside, around = grey[reference], grey[rim]
    spread = np.sqrt((inside.var() + around.var()) / 2)
    difference = abs(inside.mean() - around.mean())
    return float(difference / spread) if spread else np.nan


def _shadow(grey, top, left, bottom, right):
    rows, width = slice(bottom, 2 * bottom - top), right - left
    below = grey[rows, left:right]
    before = grey[rows, max(0, left - width) : left]
    beside = np.append(before, grey[rows, right : right + width])
    lit = below.size and beside.size and beside.mean()
    return float(below.mean() / beside.mean()) if lit else np.nan


def causes(table):
    """Return which of CAUSES (columns) each case (row) has, DataFrame[bool].

    table: of `looks`: `appearance`, glyphs (of `marks.count`), other_class
    (bool) and outlines (the least Dice with a copy's, nan without a copy).
    """
    fits = {
        "low contrast": table["contrast"] < 0.5,
        "small": table["area_fraction"] < 0.02,
        "large": table["area_fraction"] > 0.25,
        "touches the edge": table["touches_border"],
        "several parts": table["parts"] > 1,
        "shadow": table["shadow"] < 0.6,
        "drawn marks": table["glyphs"] >= marks.SURE,
        "copy in another class": table["other_class"],
        "outlined otherwise": table["outlines"] < 0.5,
    }
    return pd.DataFrame(fits).astype(bool)


def causes_as_text(row, width=26):
    """Return a row of `causes` in short lines, e.g. "small, shadow"."""
    text = ", ".join(row.index[row]) or "no cause of the list"
    return textwrap.fill(text, width)


def looks(cases, references, explored, outlines):
    """Return what `causes` reads of lesion images, a DataFrame like `cases`.

    cases: DataFrame[case, image, group, glyphs]; references: their masks, a
    list of bool (h, w); explored: all cases, DataFrame[group, label];
    outlines: as of `leakage.outline_agreement`.
    """
    images = map(busi.read_image, cases["image"])
    table = pd.DataFrame(map(appearance, images, references), cases.index)
    classes = explored.groupby("group")["label"].nunique()
    return table.assign(
        glyphs=cases["glyphs"],
        other_class=cases["group"].map(classes) > 1,
        outlines=cases["case"].map(leakage.second_outlines(outlines, "min")),
    )


def by_lesion(scores):
    """Return the share of lesions found and the false positives, a DataFrame.

    scores: DataFrame of `metrics.case_scores` and group, normal images too. A
    row for each least IoU, with 95 % intervals.
    """
    rows, group = [], scores["group"]
    for least in ("10", "50"):
        counts = scores[[f"found_iou{least}", "lesions"]]
        found = bootstrap.interval(counts, group, bootstrap.ratio)
        false = bootstrap.interval(scores[f"false_iou{least}"], group)
        rows.append((int(least) / 100, *found, *false))
    columns = ["IoU, at least", "share of lesions found", "low", "high"]
    columns += ["false positives per image"]
    columns += ["false positives, low", "false positives, high"]
    return pd.DataFrame(rows, columns=columns)
