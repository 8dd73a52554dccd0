"""Keep what the page 'Results explorer' needs of a recipe's predictions.

    python -m tools.research.explorer BUSI RECIPE

RECIPE: a name of runs/knowledge/ as for `tools.research.out_of_fold`, all five
folds. Writes results/explorer.json: of each case and pixel threshold the
predicted parts with their areas, at the image's original size, so that a
browser can score any rule; outlines of held-out cases as polygons, and no
pixel of an image. `chosen` is the rule of the highest utility on all
validation cases, `figures` is what that rule does.
"""

import functools
import json
import sys
import time

import cv2
import numpy as np
import pandas as pd

from helpers import files
from helpers.data import duplicates, marks, masks
from helpers.evaluation import (
    classification,
    error_analysis,
    leakage,
    measures,
    postprocessing,
)
from helpers.files import ROOT
from tools.research import knowledge, out_of_fold

KEPT = ROOT / "results" / "explorer.json"
THRESHOLDS = np.linspace(0.1, 0.9, 17).round(2)
# of `measures`, and what the page calls them
FIGURES = {"dice": "dice", "missed": "missed", "normals_empty": "empty"}
FIGURES |= {"accuracy": "accuracy"}
MINIMUM_AREAS = np.linspace(0, 0.02, 41).round(4)
OUTLINED = 0.2, 0.4, 0.6, 0.8  # thresholds of the kept polygons
GRID = 200  # units of a polygon along the longer side of its image
COARSE = 1 / 150  # of the longer side: how far a polygon may be off
SURE = 1e4  # steps of the kept lesion probability


def gathered(recipe, cases):
    """Return (held out, validation): `out_of_fold.of_set` of all folds.

    A case is held out once. It may validate several folds, or none.
    """
    of_set = functools.partial(out_of_fold.of_set, recipe, "busi", cases)
    every = pd.concat(map(of_set, out_of_fold.FOLDS), ignore_index=True)
    return every[every["held_out"]], every[~every["held_out"]]


def restored(case):
    """Return (reference, lesion probability) of a case at its image's size.

    bool and float32 (h, w), as `postprocessing.lesion_mask` has them.
    """
    reference = masks.merge(case.masks)
    box = masks.Letterbox.of(*reference.shape, len(case.classes))
    p = masks.restore(1 - case.classes[..., 0].astype(np.float32), box)
    return masks.target(reference, case.label) > 0, p


def record(case, reference, p):
    """Return what scores a case under every rule, a dict.

    case: a row of `gathered`; reference, p: of `restored`. lesion: the image's
    lesion probability, rounded down, so that no comparison with a threshold
    of four decimals changes; lesions: the areas of the reference's parts;
    parts: the `parts` at each threshold.
    """
    of_image = classification.image_probabilities(case.classes)
    malignant = of_image["malignant"] > of_image["benign"]
    zones, n = zoned(reference)
    # nothing outside is ever predicted: a smaller picture is counted sooner
    x, y, width, height = cv2.boundingRect(np.uint8(p > THRESHOLDS[0]))
    used = np.s_[y : y + height, x : x + width]
    return {
        "case": case.case,
        "label": case.label,
        "group": case.group,
        "height": reference.shape[0],
        "width": reference.shape[1],
        "lesion": float(np.floor((1 - of_image["normal"]) * SURE) / SURE),
        "likelier": "malignant" if malignant else "benign",
        "lesions": np.bincount(zones.ravel(), minlength=n + 2)[2:].tolist(),
        "parts": [parts(p[used] > t, zones[used], n) for t in THRESHOLDS],
    }


def zoned(reference):
    """Return (zones, n): what each pixel is to the reference, int (h, w).

    0: outside; 1: outside and below, where the lesion's shadow falls; from 2
    on: in the reference's parts, of which there are n.
    """
    numbered, n = masks.parts(reference)
    below = np.maximum.accumulate(reference, axis=0)
    return np.where(reference, numbered + 1, below), n


def parts(mask, zones, n):
    """Return what each predicted part covers, in the order of `masks.parts`.

    [area, false pixels below the lesion, pixels shared with each of the
    reference's n parts] of each; mask: bool, zones: of `zoned`, both (h, w).
    """
    numbered, m = masks.parts(mask)
    pairs = (numbered * (n + 2) + zones)[mask]
    counts = np.bincount(pairs, minlength=(m + 1) * (n + 2))
    counts = counts.reshape(m + 1, n + 2)[1:]
    areas = counts.sum(axis=1, keepdims=True)
    return np.hstack([areas, counts[:, 1:]]).tolist()


def outlines(reference, p):
    """Return {"truth": path, "outlines": [[path, ...], ...]} in SVG's words.

    A path for each part at each of OUTLINED, in the order of `parts`.
    """
    found = []
    for t in OUTLINED:
        numbered, m = masks.parts(p > t)
        found.append([path(numbered == k) for k in range(1, m + 1)])
    return {"truth": path(reference), "outlines": found}


def path(mask):
    """Return a mask's simplified outline, holes too, as an SVG path.

    "M" and a place in units of GRID, "l" and the steps from there, of each.
    """
    lines, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    side, text = max(mask.shape), ""
    for line in lines:
        points = cv2.approxPolyDP(line, COARSE * side, True)[:, 0]
        # the middle of a pixel lies half a pixel from its number
        points = np.round((points + 0.5) * GRID / side).astype(int)
        if len(points) > 2:
            steps = " ".join(map(str, np.diff(points, axis=0).ravel()))
            text += f"M{points[0, 0]} {points[0, 1]}l{steps}z"
    return text.replace(" -", "-")


def causes(held, cases):
    """Return the causes of each lesion image, {case: [name, ...]}."""
    lesions = held[held["label"] != "normal"].reset_index(drop=True)
    lesions = lesions.assign(glyphs=list(map(marks.count, lesions["image"])))
    # only cases of one group can be copies of each other
    copied = cases[cases["group"].duplicated(keep=False)]
    pairs = duplicates.near_duplicates(copied)
    references = list(map(masks.merge, lesions["masks"]))
    twice = leakage.outline_agreement(cases, pairs)
    looks = error_analysis.looks(lesions, references, cases, twice)
    named = error_analysis.causes(looks)
    names = (list(named.columns[row]) for row in named.to_numpy())
    return dict(zip(lesions["case"], names, strict=True))


def figures(found, rule):
    """Return {name: (value, low, high)} of a rule; found: as of `gathered`."""
    scores = measures.rule_scores(found, found["classes"], rule)
    kept = measures.table(scores, tuple(FIGURES)).set_index("measure")
    kept = kept[["value", "low", "high"]].rename(FIGURES)
    return {name: tuple(row) for name, *row in kept.itertuples()}


def explored(recipe, cases):
    """Return all that the page needs, a dict."""
    held, validation = gathered(recipe, cases)
    rule = postprocessing.fit_rule(*out_of_fold.stacked(validation))
    # never used to choose anything, not even for another fold's network
    new = held[~held["case"].isin(validation["case"])]
    judged = {"validation": validation, "held_out": held, "new": new}
    why = causes(held, cases)
    return {
        "recipe": recipe,
        "thresholds": THRESHOLDS.tolist(),
        "minimum_areas": MINIMUM_AREAS.tolist(),
        "image_thresholds": postprocessing.IMAGE_THRESHOLDS.tolist(),
        "outlined": OUTLINED,
        "grid": GRID,
        "chosen": {name: float(value) for name, value in rule.items()},
        "figures": {k: figures(part, rule) for k, part in judged.items()},
        "validation": [
            record(case, *restored(case)) for case in validation.itertuples()
        ],
        "held_out": [
            {**record(case, *both), "causes": why.get(case.case, [])}
            | outlines(*both)
            for case in held.itertuples()
            for both in [restored(case)]
        ],
    }


def as_json(found):
    """Return JSON with a line for each case, its numbers written shortly."""
    short = functools.partial(json.dumps, separators=(",", ":"))
    lines = [
        f"{short(key)}:[\n" + ",\n".join(map(short, value)) + "\n]"
        if key in ("validation", "held_out")
        else f"{short(key)}:{short(value)}"
        for key, value in found.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def missing(recipe):
    """Return the files of predictions that a recipe lacks, a list."""
    folders = [
        knowledge.HOME / name / f"fold_{fold}"
        for name in recipe.split("+")
        for fold in out_of_fold.FOLDS
    ]
    paths = [folder / "predictions.npz" for folder in folders]
    return [path for path in paths if not path.exists()]


def main(busi_at, recipe):
    if lacking := missing(recipe):
        how = "train it with `python -m tools.research.knowledge` first."
        sys.exit(f"{recipe} lacks predictions ({lacking[0]}): {how}")
    began = time.time()
    cases = knowledge.datasets(busi_at)["busi"]
    text = as_json(explored(recipe, cases))
    files.write(KEPT, text)
    size, seconds = len(text) / 1000, time.time() - began
    print(f"{KEPT}: {size:.0f} kB, made in {seconds:.0f} s")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
