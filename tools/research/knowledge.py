"""What is knowledge worth? Train recipes out of fold, on one or two hospitals.

    python -m tools.research.knowledge BUSI BUSBRA RECIPE [FOLD ...]

Keeps each network and what it predicts of held-out and of validation cases in
runs/knowledge/RECIPE/fold_K/; called again, it goes on. FOLD: 0 to 4, all by
default, or "none", which holds nothing out. `tools.research.imagenet` comes
first; `tools.research.out_of_fold` scores. An option (--epochs 8) changes a
recipe, --name keeps it apart: folds 1 and 4 were used to choose. Five to ten
minutes a fold on two CPU cores.
"""

import argparse
import dataclasses
import sys

import keras
import numpy as np
import pandas as pd

from helpers import files
from helpers.data import busbra, busi, layouts, splits
from helpers.data.phantom import dataset
from helpers.files import ROOT
from helpers.model import (
    augmentation,
    checkpoint,
    ensemble,
    pretrained,
    training,
    unet,
)
from tools.research import imagenet
from tools.research.recipes import RECIPES, Recipe

HOME = ROOT / "runs" / "knowledge"
CACHE = ROOT / "runs" / "cache"
PREDICTED = "predictions.npz"  # marks a finished fold
PHANTOMS = 270, 210, 120  # benign, malignant, normal


def datasets(busi_at=None, busbra_at=None):
    """Return {"busi", "busbra", "phantom"}: indices with groups and folds.

    Only those whose place is given, and the simulated one.
    """
    root = dataset.write_dataset(HOME / "phantoms", *PHANTOMS, seed=7)
    simulated = busi.index(root)
    # nothing is ever reported of them: no search for copies
    tables = {"phantom": simulated.assign(group=simulated["case"])}
    if busi_at:
        tables["busi"] = layouts.find(busi_at).cases
    if busbra_at:
        tables["busbra"] = busbra.index(busbra_at)
    return {
        name: table.assign(fold=splits.assign_folds(table), set=name)
        for name, table in tables.items()
    }


def network(recipe):
    """Return the network of a recipe as its training finds it."""
    lesson = recipe.start.isdigit()
    policy = training.precision() if lesson else "float32"
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(recipe.seed)
    if recipe.start == "imagenet":
        model = pretrained.build(recipe.size)
        imagenet.give(model)
        return model
    if lesson:
        model = unet.build(recipe.size, width=int(recipe.start))
    else:
        model = pretrained.build(recipe.size)
    path = ROOT / "models" / f"start_{recipe.start}.npz"
    checkpoint.start_from(model, path)
    return model


class Data:
    """The cases of a recipe's sets: who trains, validates, is held out.

    cases: DataFrame; images, labels: uint8 (n, size, size); trains, validates,
    held: bool (n,). An eighth of what is not held out, in whole groups of each
    set, validates. fold None: nothing is held out.
    """

    def __init__(self, tables, recipe, fold):
        tables = [tables[name] for name in recipe.sets]
        self.recipe, self.cases = recipe, pd.concat(tables, ignore_index=True)
        arrays = [busi.load_arrays(t, recipe.size, CACHE) for t in tables]
        both = zip(*arrays, strict=True)
        self.images, self.labels = map(np.concatenate, both)
        by_set = self.cases.groupby("set")
        parts = [splits.roles(part, fold) for _, part in by_set]
        self.trains, self.validates, self.held = (
            self.cases.index.isin(np.concatenate(rows))
            for rows in zip(*parts, strict=True)
        )

    def batches(self, rows, **options):
        pair = self.images[rows], self.labels[rows]
        how = self.recipe.batch_size, self.recipe.seed
        return augmentation.Batches(*pair, *how, **options)

    def views(self):
        """Return how often an epoch shows each training case, or None."""
        sets, cases = self.recipe.sets, self.cases[self.trains]
        if len(sets) == 1:
            return None
        parts = cases["set"].mask(cases["label"] == "normal", "normal")
        normals = len(cases) * self.recipe.normals
        wanted = dict.fromkeys(sets, (len(cases) - normals) / len(sets))
        return augmentation.shares(parts, wanted | {"normal": normals})


def fitted(data, folder):
    """Return the network that `data` trains, and its history."""
    recipe = data.recipe
    if recipe.parts:
        places = [HOME / name / folder.name for name in recipe.parts]
        for place in places:
            if not (place / "model.keras").exists():
                sys.exit(f"{place}: train this first")
        models = [checkpoint.load(place / "model.keras") for place in places]
        return ensemble.mean(models, recipe.size), [{"seconds": 0.0}]
    return training.fit(
        network(recipe),
        data.batches(data.trains, views=data.views()),
        data.batches(data.validates, augment=False),
        folder,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        seed=recipe.seed,
        last=bool(recipe.last),
    )


def train(folder, recipe, tables, fold):
    """Train a recipe without one fold; keep what it predicts in `folder`."""
    kept = folder / PREDICTED
    if kept.exists():
        return
    data = Data(tables, recipe, fold)
    model, rows = fitted(data, folder)
    seen = ~data.trains
    classes = training.predict(model, data.images[seen], flip=True)
    arrays = {
        "set": data.cases["set"][seen].to_numpy(str),
        "case": data.cases["case"][seen].to_numpy(str),
        "held_out": data.held[seen],
        "probabilities": classes.astype(np.float16),
        "seconds": rows[-1]["seconds"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    with files.replacing(kept) as partial:
        np.savez(partial, **arrays)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("busi", help="folder or zip of BUSI")
    parser.add_argument("busbra", help="folder of BUS-BRA")
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("folds", nargs="*", default="01234")
    parser.add_argument("--name", help="keep it under another name")
    for field in dataclasses.fields(Recipe):
        if field.type is not tuple:  # sets and parts make the recipe
            flag = f"--{field.name.replace('_', '-')}"
            parser.add_argument(flag, type=field.type)
    return vars(parser.parse_args())


def main(o):
    names = {field.name for field in dataclasses.fields(Recipe)}
    changed = {k: v for k, v in o.items() if k in names and v is not None}
    if changed and not o["name"]:
        sys.exit("A changed recipe needs a --name to be kept under.")
    recipe = dataclasses.replace(RECIPES[o["recipe"]], **changed)
    tables = datasets(o["busi"], o["busbra"])
    for fold in o["folds"]:
        folder = HOME / (o["name"] or o["recipe"]) / f"fold_{fold}"
        print(f"{folder}: {recipe}", flush=True)
        train(folder, recipe, tables, None if fold == "none" else int(fold))


if __name__ == "__main__":
    main(options())
