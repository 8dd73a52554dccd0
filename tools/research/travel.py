"""Does it travel? Score networks of one hospital on another, rules frozen.

    python -m tools.research.travel BUSI BUSBRA [RECIPE ...]

RECIPE: of `tools.research.knowledge`, those of one hospital: "imagenet" and
"simulated" (BUSI; every finished fold of runs/knowledge/RECIPE/), "start"
(BUS-BRA and phantoms: models/start_pretrained.npz). A network's rule is chosen
on its own validation cases, which it did not learn from, before the other set
is opened. Writes results/travel.csv, by scanner too, with 95 % intervals over
patients (groups of near-duplicates in BUSI), and results/travel_rules.csv.
Predictions stay in runs/travel/; called again, it goes on. A minute or two a
network on two CPU cores.
"""

import functools
import os
import sys

import numpy as np
import pandas as pd

from helpers import files
from helpers.data import busi
from helpers.evaluation import measures, postprocessing
from helpers.files import ROOT
from helpers.model import checkpoint, training
from tools.research import knowledge, out_of_fold

HOME = ROOT / "runs" / "travel"
PLACES = {"busi": "BUSI", "busbra": "BUS-BRA"}
RECIPES = "imagenet", "simulated", "start"
KEYS = ["recipe", "learned", "tested", "part_of", "rule", "network", "part"]


def networks(name):
    """Return {name: (fold or None, file, how to load it)} of a recipe.

    Only folds whose training has finished, as `knowledge.train` marks them.
    """
    if name == "start":
        shipped = knowledge.Recipe("pretrained")
        path = ROOT / "models" / "start_pretrained.npz"
        return {"shipped": (None, path, lambda: knowledge.network(shipped))}
    marks = f"fold_[0-9]/{knowledge.PREDICTED}"
    done = sorted((knowledge.HOME / name).glob(marks))
    found = {}
    for path in done:
        model = path.with_name("model.keras")
        fold = path.parent.name
        number = int(fold.removeprefix("fold_"))
        load = functools.partial(checkpoint.load, model)
        found[fold] = number, model, load
    return found


def predicted(name, make, which, images):
    """Return a network's classes for images, float16, made at most once."""
    path = HOME / f"{name}-{which}.npz"
    if not path.exists():
        print(f"{path.name}: {len(images)} images", flush=True)
        classes = training.predict(make(), images, flip=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as partial:
            np.savez(partial, classes=classes.astype(np.float16))
    with np.load(path, allow_pickle=False) as file:
        return file["classes"]


def scored(recipe_name, network, tables, which):
    """Return (scores at home and away, the rules) of one network.

    which: the set that the recipe did not see.
    """
    fold, path, make = networks(recipe_name)[network]
    recipe = knowledge.RECIPES[recipe_name]
    # a network trained anew is predicted with anew
    name = f"{recipe_name}-{network}-{files.sha256(path)[:8]}"
    data = knowledge.Data(tables, recipe, fold)
    seen = data.validates | data.held
    home = predicted(name, make, "home", data.images[seen])
    own = data.validates[seen]
    pair = home[own].astype(np.float32), data.labels[seen][own]
    rule = postprocessing.fit_rule(*pair)
    rules = {"fitted": rule, "one half": postprocessing.RULE}
    away = tables[which]
    images, _ = busi.load_arrays(away, recipe.size, knowledge.CACHE)
    parts = {"other hospital": (away, predicted(name, make, which, images))}
    if data.held.any():
        parts["held out at home"] = data.cases[data.held], home[~own]
    rows = []
    for part, (cases, classes) in parts.items():
        for case, one in zip(cases.itertuples(), classes, strict=True):
            found = measures.of_case(case, one.astype(np.float32), rules)
            tested = {"tested": PLACES[case.set], "part_of": part}
            rows += [row | tested for row in found]
    kept = pd.DataFrame([{"rule": k, **v} for k, v in rules.items()])
    return pd.DataFrame(rows), kept.assign(n=int(own.sum()))


def summary(scores):
    """Return the rows of results/travel.csv for one recipe's networks.

    "all" has the rows of all networks together, each patient drawn with all of
    them: a mean is the mean over networks, an AUC, an IoU or a calibration
    error that of their predictions pooled.
    """
    found = []
    alike = scores.assign(network="all")
    several = scores["network"].nunique() > 1
    every = pd.concat([alike, scores]) if several else alike
    for keys, part in every.groupby(KEYS[2:-1], sort=False):
        by_scanner = "scanner" if keys[-1] == "all" else ""
        table = measures.by_part(part, by_scanner)
        names = dict(zip(KEYS[2:-1], keys, strict=True))
        # images, not images times networks
        times = len(part) / part["case"].nunique()
        table["n"] = (table["n"] / times).round().astype(int)
        found.append(table.assign(**names))
    return pd.concat(found)


def main(busi_at, busbra_at, *recipes):
    tables = knowledge.datasets(busi_at, busbra_at)
    rows, rules = [], []
    for name in recipes or RECIPES:
        sets = knowledge.RECIPES[name].sets
        learned = next(which for which in sets if which in PLACES)
        (which,) = set(PLACES) - set(sets)
        parts = []
        for network in networks(name):
            one, kept = scored(name, network, tables, which)
            parts.append(one.assign(network=network))
            rules.append(kept.assign(recipe=name, network=network))
        if not parts:
            print(f"{name}: no fold is finished, left out")
            continue
        table = summary(pd.concat(parts))
        names = {"recipe": name, "learned": PLACES[learned]}
        rows.append(table.assign(**names, networks=len(parts)))
        print(rows[-1].query("part == 'all'").to_string(), flush=True)
    columns = [*KEYS, "networks", "measure", "n", "groups"]
    columns += ["value", "low", "high"]
    table = pd.concat(rows)[columns]
    new = {"travel": table, "travel_rules": pd.concat(rules)}
    for name, table in new.items():
        whole = out_of_fold.merged(name, table).round(4)
        path = out_of_fold.RESULTS / f"{name}.csv"
        files.write(path, whole.to_csv(index=False))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    os.nice(5)
    main(*sys.argv[1:])
