"""Draw the worst held-out lesions, to count by eye what they have in common.

    python -m tools.research.worst BUSI RECIPE

Draws the fifty lesions of BUSI of the lowest Dice, by the rule and scores of
`tools.research.out_of_fold`, into runs/knowledge/worst_*.png: ground truth
outlined solid, prediction dashed. Those pictures show patients and stay here.
results/knowledge_worst.csv gets a row a case; its column `kind` is filled in
by a person, and kept when this is called again.
"""

import sys

import pandas as pd

from helpers import figures, files
from helpers.data import busi, masks
from helpers.evaluation import postprocessing
from tools.research import knowledge, out_of_fold

KEPT = out_of_fold.RESULTS / "knowledge_worst.csv"
WORST, A_SHEET = 50, 12


def main(busi_at, recipe):
    scores = pd.read_csv(out_of_fold.RESULTS / "knowledge_cases.csv")
    scores = scores.query("set == 'busi' and recipe == @recipe")
    lesions = scores.query("label != 'normal'")
    worst = lesions.nsmallest(WORST, "dice")[["case", "dice", "area", "fold"]]
    rules = pd.read_csv(out_of_fold.RESULTS / "knowledge_rules.csv").query(
        "set == 'busi' and recipe == @recipe and rule == @out_of_fold.REPORTED"
    )
    rules = rules.set_index("fold")[list(postprocessing.RULE)]
    cases = knowledge.datasets(busi_at)["busi"]
    shown = {}
    for fold, part in worst.groupby("fold"):
        found = out_of_fold.of_set(recipe, "busi", cases, fold)
        for case in found[found["case"].isin(part["case"])].itertuples():
            shown[case.case] = outlined(case, rules.loc[fold].to_dict())
    for first in range(0, len(worst), A_SHEET):
        names = list(worst["case"][first : first + A_SHEET])
        images, *outlines = zip(*map(shown.get, names), strict=True)
        path = knowledge.HOME / f"worst_{first // A_SHEET}.png"
        figures.gallery(images, names, *outlines).savefig(path, dpi=200)
        print(path)
    # looked at by eye, and written into the file by hand
    if KEPT.exists():
        known = pd.read_csv(KEPT).set_index("case")["kind"]
        worst["kind"] = worst["case"].map(known)
    files.write(KEPT, worst.drop(columns="fold").to_csv(index=False))


def outlined(case, rule):
    """Return a case's image, and its two outlines, bool (height, width)."""
    reference = masks.merge(case.masks)
    box = masks.Letterbox.of(*reference.shape, len(case.classes))
    marked = postprocessing.lesion_mask(case.classes, box, **rule)
    return busi.read_image(case.image), reference, marked


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
