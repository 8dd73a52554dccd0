"""Make the page of results/knowledge*.csv: what knowledge is worth."""

import pandas as pd

from helpers.evaluation import bootstrap, postprocessing
from tools.research import keep_results, recipes
from tools.site.templates import RESULTS, SHIPPED, fill

LESSON = "simulated"  # the only recipe of the smaller kind of network
CHOSEN_ON = 1, 4  # folds, see tools/research/knowledge.py
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
# (recipe, the one that it is compared with, what mainly differs)
STEPS = [
    ("both", "imagenet", "BUS-BRA's images, learned together with BUSI's"),
    ("busbra", "imagenet", "BUS-BRA's and simulated images, before BUSI's"),
    ("hospitals", "imagenet", "these before, BUS-BRA's together, too"),
    ("imagenet+both", "both", "a second network of the same kind"),
    ("joint", "both", "a second network, of another kind"),
    ("simulated+imagenet", "imagenet", "a second network, of another kind"),
    ("joint", "imagenet+both", "the other network is of another kind"),
    ("joint", "simulated+imagenet", "BUS-BRA's images, learned together"),
]
RULES = {
    "utility": "highest utility on the fold's validation cases",
    "pooled": "highest utility on what the other folds held out",
    "former": "highest Dice, then 95 % of the validation lesions kept",
}


def page(folder=RESULTS):
    """Return the page, Markdown; all its numbers come from `folder`."""
    scores, cases, steady, worst = (
        pd.read_csv(folder / f"knowledge{name}.csv")
        for name in ("", "_cases", "_stability", "_worst")
    )
    pooled = scores[scores["rule"] == "pooled"]
    busi = pooled[pooled["set"] == "busi"].set_index("recipe")
    new = "set == 'busi' and label != 'normal' and fold not in @CHOSEN_ON"
    new = cases.query(new).groupby("recipe")
    two = [name for name in busi.index if name.count("+") == 1]
    steady = steady.query("recipe == @SHIPPED").drop(columns="recipe")
    own = scores.query("set == 'busi' and recipe == @SHIPPED")
    kinds = worst.groupby("kind")["dice"].agg(["size", "mean"])
    return fill(
        "what_knowledge_is_worth.md.jinja",
        alike=busi["dice"][[name for name in two if LESSON not in name]],
        busi=busi,
        by_rule=own.to_dict("records"),
        first=busi.index[0],
        parts=list(recipes.RECIPES[SHIPPED].parts),
        pair=lambda name: tuple(busi[name][[LESSON, "imagenet"]]),
        recipes=RECIPES,
        rules=RULES,
        sets={
            name: rows.astype(object)
            .where(rows.notna(), None)
            .to_dict("records")
            for name, rows in pooled.groupby("set", sort=False)
        },
        shipped=SHIPPED,
        specificity=recipes.SPECIFICITY,
        seed=seed_alone(folder),
        steady=steady.pivot(index="fold", columns="what"),
        steps=steps(cases),
        untouched=lambda r: keep_results.interval(new.get_group(r), "dice"),
        worst=kinds.sort_values("size", ascending=False),
    )


def steps(cases):
    """Return what each of STEPS changes on BUSI, a list of dicts.

    value, low, high, p: of the Dice; by_fold: of each fold; missed and empty:
    of the shares of lesions missed and of normal images left empty.
    """
    busi = cases[cases["set"] == "busi"]
    busi = busi.assign(
        missed=busi["dice"] < postprocessing.MISSED, empty=busi["area"] == 0
    )
    normal = busi["label"] == "normal"
    dice, missed, empty = (
        rows.pivot(index="case", columns="recipe", values=name).astype(float)
        for name, rows in [
            ("dice", busi[~normal]),
            ("missed", busi[~normal]),
            ("empty", busi[normal]),
        ]
    )
    same = busi[~normal].groupby("case").first()
    rows = []
    for one, other, differs in STEPS:
        gained = dice[one] - dice[other]
        ends = bootstrap.interval(gained, same["group"])
        row = dict(zip(("value", "low", "high"), ends, strict=True))
        pair = dice[one], dice[other], same["group"]
        row["p"] = bootstrap.paired_test(*pair)[1]
        row["by_fold"] = gained.groupby(same["fold"]).mean()
        row["missed"] = (missed[one] - missed[other]).mean()
        row["empty"] = (empty[one] - empty[other]).mean()
        rows.append(row | {"names": (one, other), "differs": differs})
    return rows


def seed_alone(folder):
    """Return the change of Dice by another seed alone: value, low and high."""
    tried = pd.read_csv(folder / "experiments.csv").set_index("name")
    return tried.loc["image-s1"]
