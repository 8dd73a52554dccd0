"""Score what `tools.research.knowledge` kept, recipe by recipe, out of fold.

    python -m tools.research.out_of_fold BUSI BUSBRA RECIPE ...

RECIPE: of tools/research/recipes.py, joined by + for the mean of their
probabilities. Writes results/knowledge.csv, a row for each set, recipe and
rule with 95 % intervals over groups (patients), knowledge_cases.csv, its cases
by REPORTED, knowledge_rules.csv, the rule of each fold, and
knowledge_stability.csv, what resampling the validation cases does to it. Rows
of other recipes stay, below the new ones.
"""

import itertools
import sys

import cv2
import numpy as np
import pandas as pd

from helpers import files
from helpers.data import masks
from helpers.evaluation import bootstrap, calibration, measures, postprocessing
from helpers.files import ROOT
from tools.research import knowledge
from tools.research.recipes import SPECIFICITY

FOLDS = range(5)
KEYS = ["set", "case", "held_out"]
SENSITIVITY = 0.95
RESULTS = ROOT / "results"
ENDS = "low", "median", "high"
REPORTED = "pooled"  # of `fitted_rules`: the rule of the figures quoted
REPORTS = {"dice", "missed", "marked", "normals_empty", "accuracy"}
REPORTS |= {"auc_lesion", "auc_malignant", "auc_benign_malignant"}
REPORTS |= {"iou_benign", "iou_malignant"}
RESAMPLED = ["image_threshold", "dice", "missed", "empty", "utility"]
SIDE = 160  # pixels, of networks whose mean is taken


def predictions(recipe, fold):
    """Return DataFrame[set, case, held_out, classes] of a recipe's fold.

    classes: float32 (size, size, 3); of several recipes, joined by +, the
    cases that all have and their mean.
    """
    tables = []
    for name in recipe.split("+"):
        path = knowledge.HOME / name / f"fold_{fold}" / "predictions.npz"
        with np.load(path, allow_pickle=False) as file:
            table = pd.DataFrame({name: file[name] for name in KEYS})
            classes = file["probabilities"].astype(np.float32)
        if "+" in recipe and classes.shape[1] != SIDE:
            classes = [cv2.resize(one, (SIDE, SIDE)) for one in classes]
        table["classes"] = list(classes)
        tables.append(table.set_index(KEYS)["classes"])
    together = pd.concat(tables, axis=1, join="inner")
    mean = [np.mean(list(row), axis=0) for row in together.to_numpy()]
    return together.index.to_frame(index=False).assign(classes=mean)


def of_set(recipe, which, cases, fold):
    """Return `predictions` of one set joined to its cases.

    target: of each, uint8 (size, size), as the network's square shows it.
    """
    found = predictions(recipe, fold).query("set == @which")
    found = cases.merge(found.drop(columns="set"), on="case")
    targets = []
    for case in found.itertuples():
        mask = masks.letterbox(masks.merge(case.masks), len(case.classes))[0]
        targets.append(masks.target(mask, case.label))
    return found.assign(target=targets)


def stacked(table):
    """Return (classes, targets) of `of_set`, each an array of its cases."""
    return np.stack(table["classes"]), np.stack(table["target"])


def former_rule(frontier):
    """Return the rule of the highest Dice that keeps 95 % of the lesions."""
    free = frontier[frontier["image_threshold"] == 0]
    best = free.loc[free["dice"].idxmax(), ["threshold", "minimum_area"]]
    same = frontier[(frontier[list(best.index)] == best).all(axis=1)]
    kept = same[same["marked"] >= SENSITIVITY]
    last = kept.iloc[-1] if len(kept) else same.iloc[0]
    return last[list(postprocessing.RULE)].to_dict()


def fitted_rules(folds, fold):
    """Return {name: rule} for one fold; folds: the `of_set` of each.

    utility and former: of its own validation cases. pooled: utility, of the
    cases that the other folds held out, which are many more.
    """
    own = folds[fold].query("not held_out")
    rest = [part for k, part in enumerate(folds) if k != fold]
    others = pd.concat(rest).query("held_out")
    both = map(stacked, (own, others))
    tried, pooled = (postprocessing.frontier(*pair) for pair in both)
    return {
        "utility": postprocessing.best(tried),
        "former": former_rule(tried),
        "pooled": postprocessing.best(pooled),
    }


def all_scores(recipe, which, cases):
    """Return (scores of all cases, rules of the folds, ECE of all pixels)."""
    folds = [of_set(recipe, which, cases, fold) for fold in FOLDS]
    rules = [fitted_rules(folds, fold) for fold in FOLDS]
    held = pd.concat(part.query("held_out") for part in folds)
    rows = [
        row
        for case in held.itertuples()
        for row in measures.of_case(case, case.classes, rules[case.fold])
    ]
    lesion = 1 - np.stack(held["classes"])[..., 0]
    ece = calibration.calibration_error(lesion, np.stack(held["target"]) > 0)
    name = {"set": which, "recipe": recipe}
    kept = [
        {**name, "fold": fold, "rule": rule, **values}
        for fold in FOLDS
        for rule, values in rules[fold].items()
    ]
    return pd.DataFrame(rows).assign(**name), pd.DataFrame(kept), ece


def stability(recipe, cases, resamples=200):
    """Return how a fold's rule, and what it does, depend on its few cases.

    The validation cases of BUSI are drawn again with replacement, each time
    the rule of the highest utility is chosen, and applied to the held-out
    cases. A DataFrame[fold, what, low, median, high], the middle 95 %.
    """
    rows, rng = [], np.random.default_rng(0)
    for fold in FOLDS:
        found = of_set(recipe, "busi", cases, fold)
        parts = found.groupby("held_out", sort=True)
        both = (stacked(part) for _, part in parts)
        own, held = (postprocessing.all_marks(*pair) for pair in both)
        n = (~found["held_out"]).sum()
        chosen = []
        for draw in rng.multinomial(n, np.full(n, 1 / n), resamples):
            some = np.repeat(np.arange(n), draw)
            again = {k: [x[some] for x in v] for k, v in own.items()}
            chosen.append(postprocessing.tried(again)["smooth"].idxmax())
        kept = postprocessing.tried(held).loc[chosen, RESAMPLED]
        for what, ends in kept.quantile([0.025, 0.5, 0.975]).items():
            names = {"recipe": recipe, "fold": fold, "what": what}
            rows.append(names | dict(zip(ENDS, ends, strict=True)))
    return pd.DataFrame(rows)


def summary(table, ece):
    """Return one row of the results, a dict; table: of one rule."""
    malignant = (table["label"] == "malignant").to_numpy()
    lesions = table[table["label"] != "normal"]
    row = {"n": len(table), "lesions": len(lesions)}
    for name, (part, values, statistic) in measures.quantities(table).items():
        if name in REPORTS:
            own = np.asarray(values, float)[part], table["group"][part]
            row |= _interval(name, *own, statistic)
    armpits = pd.read_csv(RESULTS / "axilla.csv")["case"]
    others = lesions[~lesions["case"].isin(armpits)]
    row |= _interval("dice_no_armpit", others["dice"], others["group"])
    p = table["p_malignant"]
    limit = np.quantile(p[~malignant], SPECIFICITY)
    row["sensitivity_at_75"] = (p[malignant] > limit).mean()
    lesion, p = table["label"] != "normal", 1 - table["p_normal"]
    row |= {"ece_pixels": ece}
    row["ece_image"] = calibration.calibration_error(p, lesion)
    return row


def _interval(name, values, groups, statistic=None):
    found = bootstrap.interval(values, groups, statistic)
    ends = name, f"{name}_low", f"{name}_high"
    return dict(zip(ends, found, strict=True))


def fair(recipe, which):
    """Return whether a recipe's held-out cases of a set are new to it.

    What "pretrained" starts from has seen all of BUS-BRA.
    """
    recipe = knowledge.RECIPES[recipe]
    seen = which == "busbra" and recipe.start == "pretrained"
    return which in recipe.sets and not seen


def merged(name, rows):
    """Return new rows above those that other recipes have in results/."""
    rows, path = rows.round(4), RESULTS / f"{name}.csv"
    if not path.exists():
        return rows
    kept = pd.read_csv(path)
    return pd.concat([rows, kept[~kept["recipe"].isin(rows["recipe"])]])


def main(busi_at, busbra_at, *recipes):
    tables = knowledge.datasets(busi_at, busbra_at)
    rows, cases, rules, steady = [], [], [], []
    for recipe, which in itertools.product(recipes, ("busi", "busbra")):
        if not all(fair(name, which) for name in recipe.split("+")):
            continue
        table, kept, ece = all_scores(recipe, which, tables[which])
        names = {"set": which, "recipe": recipe}
        for rule, part in table.groupby("rule", sort=False):
            rows.append(names | {"rule": rule} | summary(part, ece))
            print(pd.Series(rows[-1]).to_string(), flush=True)
        kept_cases = table[table["rule"] == REPORTED]
        cases.append(kept_cases.drop(columns=measures.GAPS))
        rules.append(kept)
        if which == "busi":
            steady.append(stability(recipe, tables["busi"]))
    parts = {"knowledge_stability": steady, "knowledge_cases": cases}
    parts |= {"knowledge": [pd.DataFrame(rows)], "knowledge_rules": rules}
    for name, found in parts.items():
        if found:
            text = merged(name, pd.concat(found)).to_csv(index=False)
            files.write(RESULTS / f"{name}.csv", text)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
