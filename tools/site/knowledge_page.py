"""Make the page of results/knowledge*.csv: what knowledge is worth."""

import pandas as pd

from helpers.evaluation import postprocessing
from tools.research import keep_results
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
        None,
        alike=busi["dice"][[name for name in two if LESSON not in name]],
        busi=busi,
        by_rule=own.to_dict("records"),
        empty=postprocessing.EMPTY,
        first=busi.index[0],
        miss=postprocessing.MISS,
        missed=postprocessing.MISSED,
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
        specificity=0.75,
        steady=steady.pivot(index="fold", columns="what"),
        tests=(busi["gain"] != 0).sum(),
        untouched=lambda r: keep_results.interval(new.get_group(r), "dice"),
        worst=kinds.sort_values("size", ascending=False),
    )
