"""Make the page of results/knowledge*.csv: what knowledge is worth."""

import pandas as pd

from helpers.evaluation import postprocessing
from tools.research import keep_results
from tools.site import templates
from tools.site.benchmark_page import table
from tools.site.templates import RESULTS, SHIPPED, flat, share

HEAD = """# What knowledge is worth

A network may learn from the images of one hospital alone, may have seen
photographs or a second hospital before, or learn from both.

In short, simulated images first beside photographs first, the latter with the
larger network made for them: mean Dice {dice}, lesions missed (Dice below
{missed}) {lost}, images classified correctly {accuracy}. The mean of two kinds
of network, `{shipped}`, has a Dice of {shipped_dice:.2f}; means of two
networks of one kind, the larger, have {alike}. Of the means it is the one that
knows two hospitals and fits into a page. No recipe here starts from random
weights; [the reference run](results.md) has a network that did.

Each row below is one recipe of `tools/research/knowledge.py` that was run over
all folds, scored on real images by `tools/research/out_of_fold.py`: each case
predicted by a network that did not see it or a copy of it, at its original
size, and marked by the rule of the highest utility (below) on what the other
folds held out. In brackets: the 95 % interval by bootstrap over groups of
near-duplicates (of BUS-BRA: over patients). All networks of a fold learn from
the same cases of BUSI.

Yet something was chosen on these cases: epochs and learning rate on two of the
five folds, and by this table the recipe of the small model. So its figures may
be a little too good. On the three other folds alone its Dice is {untouched},
and that of `{first}` there {untouched_first}.

*Empty*: the share of the normal images in which nothing is marked. *Accuracy*:
over normal, benign and malignant; an image in which nothing is marked counts
as normal.
*Sensitivity*: the share of malignant images that are flagged at the threshold
at which {specificity:.0%} of the others are not. *ECE*: expected calibration
error of all pixels, and of the image's lesion probability. *p* is that of a
permutation test of Dice against the first row, over the same cases; with
{tests} tests, one below {bound:.4f} counts. `results/knowledge.csv` has more.

"""
LESSON = "simulated"  # the only recipe of the smaller kind of network
CHOSEN_ON = 1, 4  # folds, see tools/research/knowledge.py
MASKS = ["recipe", "Dice", "missed", "empty", "accuracy", "p"]
REST = ["recipe", "AUC lesion", "AUC malignant", "sensitivity", "IoU benign"]
REST += ["IoU malignant", "ECE"]
RECIPES = {
    LESSON: "the lesson's U-Net, started from simulated images (as "
    "notebook 4's *simulated first*, but with longer steps, and the weights "
    "of the lowest validation loss)",
    "imagenet": "pretrained on photographs, then BUSI",
    "busbra": "photographs, then BUS-BRA and simulated images, then BUSI",
    "hospitals": "photographs, then BUS-BRA and simulated images, then BUSI "
    "and BUS-BRA together",
    "both": "photographs, then BUSI and BUS-BRA together",
    "joint": "`simulated` and `both` in one network, which predicts the mean "
    "of theirs: **the recipe of the small model**",
}
SETS = {
    "busi": "## On BUSI, {n} images\n\n",
    "busbra": "## On BUS-BRA, {n} images, folds by patient\n\n"
    "It has no normal images.{note}\n\n",
}
NOTE = (
    " Left out here is what has seen all of these images before, and the "
    "small model's recipe, one of whose networks learns from BUSI alone."
)
RULES = {
    "utility": "highest utility on the fold's validation cases",
    "pooled": "highest utility on what the other folds held out",
    "former": "highest Dice, then 95 % of the validation lesions kept",
}
RULE_HEAD = """## What the rule changes

The utility that a rule is chosen by is the mean Dice of the lesion images,
less {miss} times the share of them that is missed, plus {empty} times the
share of normal images left empty. So one more missed lesion in a hundred,
which loses its Dice, too, costs about as much as three or four more marked
normal images in a hundred: a missed cancer is worse than a false alarm, but a
network that marks every other healthy breast is of no use. The recipe
`{recipe}` with three rules:

"""
STEADY = """
How steady is that choice? With the validation cases of each fold drawn again
and again, the rule's image threshold and what it does to the held-out cases
lie between (middle 95 %):

"""
WORST_HEAD = """
## What is still wrong

The {n} lesions with the lowest Dice of the recipe `{recipe}`, looked at one by
one (`tools/research/worst.py`) and sorted by eye, once, by no radiologist:

"""


def page(folder=RESULTS):
    """Return the page, Markdown; all its numbers come from `folder`."""
    scores = pd.read_csv(folder / "knowledge.csv")
    pooled = scores[scores["rule"] == "pooled"]
    cases = pd.read_csv(folder / "knowledge_cases.csv")
    parts = [head(pooled[pooled["set"] == "busi"], cases)]
    for which, rows in pooled.groupby("set", sort=False):
        note = NOTE if which != "busi" else ""
        parts.append(SETS[which].format(n=rows["n"].iloc[0], note=note))
        parts.append(table(MASKS, list(map(of_masks, rows.itertuples()))))
        rest = table(REST, list(map(of_classes, rows.itertuples())))
        parts.append(f"\n{rest}\n")
    best = scores.query("set == 'busi' and recipe == @SHIPPED")
    costs = {"miss": postprocessing.MISS, "empty": postprocessing.EMPTY}
    parts += [RULE_HEAD.format(recipe=SHIPPED, **costs), by_rule(best), STEADY]
    steady = pd.read_csv(folder / "knowledge_stability.csv")
    parts.append(spread(steady.query("recipe == @SHIPPED")))
    worst = pd.read_csv(folder / "knowledge_worst.csv")
    parts += [WORST_HEAD.format(n=len(worst), recipe=SHIPPED), by_kind(worst)]
    return "".join(parts)


def head(rows, cases):
    """Return what the page begins with; rows: of BUSI, one a recipe."""
    by_recipe, first = rows.set_index("recipe"), rows["recipe"].iloc[0]
    new = "set == 'busi' and label != 'normal' and fold not in @CHOSEN_ON"
    new = cases.query(new).groupby("recipe")
    untouched, untouched_first = (
        keep_results.interval(new.get_group(name), "dice")
        for name in (SHIPPED, first)
    )
    tests = (rows["gain"] != 0).sum()
    limits = {"missed": postprocessing.MISSED, "specificity": 0.75}
    limits |= {"tests": tests, "bound": 0.05 / tests, "first": first}
    limits |= {"untouched": untouched, "untouched_first": untouched_first}
    pair = by_recipe.loc[[LESSON, "imagenet"]]
    two = [name for name in by_recipe.index if name.count("+") == 1]
    alike = by_recipe["dice"][[name for name in two if LESSON not in name]]
    limits |= {
        "alike": f"{alike.min():.2f} to {alike.max():.2f}",
        "dice": " and ".join(map("{:.2f}".format, pair["dice"])),
        "lost": " and ".join(map(share, pair["missed"])),
        "accuracy": " and ".join(map(share, pair["accuracy"])),
        "shipped": SHIPPED,
        "shipped_dice": by_recipe["dice"][SHIPPED],
    }
    return HEAD.format(**limits)


def of_masks(row):
    """Return the texts of one recipe's masks."""
    parts = row.recipe.split("+")
    what = RECIPES[parts[0]] if len(parts) == 1 else "the mean of these"
    name = " + ".join(f"`{part}`" for part in parts)
    return [
        f"{name}: {what}",
        interval(row, "dice"),
        share(row.missed),
        "–" if pd.isna(row.normals_empty) else per_cent(row, "normals_empty"),
        per_cent(row, "accuracy"),
        f"{row.gain_p:.4f}" if row.gain else "–",
    ]


def of_classes(row):
    """Return the texts of one recipe's probabilities and classes."""
    return [
        row.recipe.replace("+", " + "),
        "–" if pd.isna(row.auc_lesion) else interval(row, "auc_lesion"),
        interval(row, "auc_malignant"),
        share(row.sensitivity_at_75),
        interval(row, "iou_benign"),
        interval(row, "iou_malignant"),
        f"{row.ece_pixels:.3f}, {row.ece_image:.3f}",
    ]


def interval(row, name):
    return templates.interval(flat(row._asdict(), name))


def per_cent(row, name):
    return templates.per_cent(flat(row._asdict(), name))


def by_rule(rows):
    """Return the table of one recipe's rules, Markdown."""
    heads = ["rule", "Dice", "lesions marked", "missed", "normals empty"]
    lines = [
        [
            RULES[row.rule],
            interval(row, "dice"),
            per_cent(row, "marked"),
            per_cent(row, "missed"),
            per_cent(row, "normals_empty"),
        ]
        for row in rows.itertuples()
    ]
    return table(heads, lines)


def spread(steady):
    """Return the table of what resampling does, Markdown."""
    texts = steady.assign(
        text=[f"{r.low:.2f} to {r.high:.2f}" for r in steady.itertuples()]
    ).pivot(index="fold", columns="what", values="text")
    names = ["image_threshold", "dice", "missed", "empty"]
    heads = ["fold", "image threshold", "Dice", "missed", "normals empty"]
    lines = [[str(fold), *row] for fold, row in texts[names].iterrows()]
    return table(heads, lines)


def by_kind(worst):
    """Return the table of what the worst cases show, Markdown."""
    kinds = worst.groupby("kind")["dice"].agg(["size", "mean"])
    kinds = kinds.sort_values("size", ascending=False)
    lines = [[k, str(n), f"{dice:.2f}"] for k, n, dice in kinds.itertuples()]
    return table(["what the image shows", "lesions", "mean Dice"], lines)
