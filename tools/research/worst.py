"""Draw the worst held-out lesions, to count by eye what they have in common.

    python -m tools.research.worst BUSI RECIPE

Draws the fifty lesions of BUSI of the lowest Dice, by the rule and scores of
`tools.research.out_of_fold`, into runs/knowledge/worst_*.png: outlined green
in the ground truth, orange in the prediction. Those pictures show patients and
stay here. results/knowledge_worst.csv gets a row a case; its column `kind` is
filled in by a person, and kept when this is called again.
"""

import sys

import cv2
import numpy as np
import pandas as pd

from helpers import files
from helpers.data import busi, masks
from helpers.evaluation import postprocessing
from helpers.files import ROOT
from tools.research import knowledge, out_of_fold

KEPT = ROOT / "results" / "knowledge_worst.csv"
WORST, ROWS, COLUMNS = 50, 3, 4
TILE = 400, 330  # pixels
COLOURS = (0, 200, 0), (0, 140, 255)


def main(busi_at, recipe):
    out_of = ROOT / "results"
    scores = pd.read_csv(out_of / "knowledge_cases.csv")
    scores = scores.query("set == 'busi' and recipe == @recipe")
    lesions = scores.query("label != 'normal'")
    worst = lesions.nsmallest(WORST, "dice")[["case", "dice", "area", "fold"]]
    rules = pd.read_csv(out_of / "knowledge_rules.csv").query(
        "set == 'busi' and recipe == @recipe and rule == @out_of_fold.REPORTED"
    )
    rules = rules.set_index("fold")[list(postprocessing.RULE)]
    cases = knowledge.datasets(busi_at)["busi"]
    tiles = {}
    for fold, part in worst.groupby("fold"):
        found = out_of_fold.of_set(recipe, "busi", cases, fold)
        for case in found[found["case"].isin(part["case"])].itertuples():
            tiles[case.case] = picture(case, rules.loc[fold].to_dict())
    tiles = [tiles[case] for case in worst["case"]]
    each = ROWS * COLUMNS
    for first in range(0, len(tiles), each):
        sheet = sheet_of(tiles[first : first + each])
        path = knowledge.HOME / f"worst_{first // each}.png"
        cv2.imwrite(str(path), sheet)
        print(path)
    known = {}  # looked at by eye, and written into the file by hand
    if KEPT.exists():
        known = pd.read_csv(KEPT).set_index("case")["kind"]
    worst["kind"] = worst["case"].map(known)
    files.write(KEPT, worst.drop(columns="fold").to_csv(index=False))


def picture(case, rule):
    """Return a case with both outlines, uint8 (height, width, 3)."""
    reference = masks.merge(case.masks)
    box = masks.Letterbox.of(*reference.shape, len(case.classes))
    marked = postprocessing.lesion_mask(case.classes, box, **rule)
    grey = busi.read_image(case.image)
    tile = cv2.resize(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), TILE)
    for mask, colour in zip((reference, marked), COLOURS, strict=True):
        shape = cv2.resize(mask.astype(np.uint8), TILE)
        lines, _ = cv2.findContours(
            shape, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(tile, lines, -1, colour, 2)
    where = (6, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.7
    return cv2.putText(tile, case.case, *where, (0, 255, 255), 2)


def sheet_of(tiles):
    """Return up to ROWS * COLUMNS tiles on one sheet."""
    blank = [np.zeros_like(tiles[0])] * (ROWS * COLUMNS - len(tiles))
    tiles = [*tiles, *blank]
    rows = [tiles[k : k + COLUMNS] for k in range(0, len(tiles), COLUMNS)]
    return np.vstack([np.hstack(row) for row in rows])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
