"""Train the small model that `make predict` uses when no MODEL is given.

    python -m tools.research.small_model BUSI BUSBRA    writes models/
                                          small.keras and small.json
    python -m tools.research.small_model figures        prints the tables of
                                          its card, models/README.md

The recipe is "joint" of `tools.research.knowledge`, here on all images. Its
scores out of fold, in results/knowledge_cases.csv, are the card's figures; its
rule is fitted to the same predictions, which must be there. Called again, it
goes on.
"""

import sys

import pandas as pd

from helpers import files, workspace
from helpers.evaluation import bootstrap, postprocessing
from helpers.files import ROOT
from helpers.model import checkpoint
from tools.research import explorer, keep_results, knowledge, out_of_fold
from tools.research.recipes import SHIPPED

SCORES = ROOT / "results" / "knowledge_cases.csv"
TRAVELLED = "dice", "missed", "normals_empty", "auc_benign_malignant"
TRAVEL = ROOT / "results" / "travel.csv"
TRAVEL_HEAD = """\
| recipe (networks), rule | learned from | opened, images | mean lesion Dice, \
95 % interval | missed | normals left empty | AUC, malignant against benign |
|---|---|---|---|---|---|---|"""
HEAD = """\
| BUSI images | n | mean Dice, 95 % interval | median Dice | missed (Dice \
below 0.1) | empty prediction |
|---|---|---|---|---|---|"""


def main(*where):
    tables = knowledge.datasets(*where)
    for name in knowledge.RECIPES[SHIPPED].parts:
        on_all(name, tables)
    model, _ = on_all(SHIPPED, tables)
    rule = rule_of(tables["busi"])
    seen = pd.concat([tables["busi"], tables["busbra"]])
    card = {
        **{name: round(float(value), 4) for name, value in rule.items()},
        "version": "4",
        "training_images": len(seen),
        "by_set": seen["set"].value_counts().to_dict(),
        "parameters": model.count_params(),
    }
    checkpoint.save(model, ROOT / "models" / "small.keras", small=True)
    files.write(ROOT / "models" / "small.json", workspace.as_json(card))
    print(card)


def on_all(name, tables):
    """Return `knowledge.fitted` of a recipe with nothing held out."""
    data = knowledge.Data(tables, knowledge.RECIPES[name], None)
    # those that validate, too: they choose the epoch of a recipe with last=0
    data.trains[:] = True
    return knowledge.fitted(data, knowledge.HOME / name / "all")


def rule_of(cases):
    """Return the rule of the highest utility on all held-out cases of BUSI."""
    held, _ = explorer.gathered(SHIPPED, cases)
    return postprocessing.fit_rule(*out_of_fold.stacked(held))


def figures():
    """Return the card's table, Markdown: held-out scores of this recipe."""
    cases = pd.read_csv(SCORES).query("recipe == @SHIPPED and set == 'busi'")
    lesions = cases[cases["label"] != "normal"]
    parts = {"all": lesions, **dict(list(lesions.groupby("label")))}
    lines = [HEAD]
    for which, part in parts.items():
        missed = (part["dice"] < postprocessing.MISSED).sum()
        lines.append(
            f"| {which} | {len(part)} | {keep_results.interval(part, 'dice')} "
            f"| {part['dice'].median():.2f} | {missed} "
            f"| {(part['area'] == 0).sum()} |"
        )
    empty = cases[cases["label"] == "normal"]["area"] == 0
    groups = cases["group"][empty.index]
    _, low, high = bootstrap.interval(empty, groups)
    ends = f"{100 * low:.0f} to {100 * high:.0f} %"
    last = "Normal images correctly empty (true negatives): "
    last += f"{empty.sum()} of {len(empty)}"
    return "\n".join([*lines, "", f"{last} ({ends})."])


def travelled():
    """Return the card's table of frozen networks, at home and elsewhere."""
    rows = pd.read_csv(TRAVEL).query("part == 'all' and network == 'all'")
    lines = [TRAVEL_HEAD]
    alike = ["recipe", "part_of", "rule"]
    for (recipe, where, rule), table in rows.groupby(alike, sort=False):
        found = table.set_index("measure")
        first, cells = found.iloc[0], []
        for name in TRAVELLED:
            text = "no normal image"
            if name in found.index:
                value, low, high = found.loc[name, ["value", "low", "high"]]
                text = f"{value:.2f} ({low:.2f} to {high:.2f})"
            cells.append(text)
        place = f"{first['learned']} | {first['tested']}, {found['n'].max()}"
        if where.startswith("held out"):
            place += ", held out"
        lines.append(
            f"| {recipe} ({first['networks']}), {rule} | {place} "
            f"| {' | '.join(cells)} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["figures"]:
        print(figures(), travelled(), sep="\n\n")
    elif len(sys.argv) == 3:
        main(*sys.argv[1:])
    else:
        sys.exit(__doc__)
