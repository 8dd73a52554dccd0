"""Train the small model that `make predict` uses when no MODEL is given.

    python -m tools.research.small_model DATA     writes models/small.keras
                                                  and small.json
    python -m tools.research.small_model figures  prints the table of its card,
                                                  models/README.md

The recipe is that of profiles/compact-five-folds.yaml, whose held-out scores
are therefore its figures; but here all of DATA is used, an eighth of it, in
whole groups, to choose the epoch and the thresholds. Called again, it goes on.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pandas as pd
import yaml
from scipy.stats import binomtest

from helpers import files, workspace
from helpers.data import sources
from helpers.evaluation import postprocessing
from helpers.files import ROOT
from helpers.model import checkpoint, training, unet
from tools.research import cases, keep_results, pretrain

SEED = 0
RUN = ROOT / "results" / "busi-compact-five-folds"
HEAD = """\
| lesion images | n | mean Dice, 95 % interval | median Dice \
| surface Dice, 2 px | empty prediction |
|---|---|---|---|---|---|"""


def main(where):
    profile = ROOT / "profiles" / "compact-five-folds.yaml"
    recipe = yaml.safe_load(profile.read_text())
    data = sources.locate(where)
    if data.kind == "phantom":
        sys.exit("The small model needs real images: their folder or zip.")
    index, width = cases.grouped(data.root), recipe["width"]
    *arrays, inner = cases.with_validation(index, recipe["image_size"])
    parts = [[array[rows] for array in arrays] for rows in (~inner, inner)]
    start = ROOT / "models" / f"start_{width}.npz"
    how = ROOT / "runs" / "small-model", recipe["epochs"], SEED, start
    model = pretrain.trained(width, parts, *how)
    keep(model, width, parts[1], len(parts[0][0]))


def keep(model, width, validation, n_training):
    """Write the model in float32, for any machine, and its rule beside it."""
    images, labels = validation
    keras.config.set_dtype_policy("float32")
    small = unet.build(size=images.shape[1], width=width)
    small.set_weights(model.get_weights())
    classes = training.predict(small, images, flip=True)
    rule = postprocessing.fit_rule(classes, labels)
    card = {
        **{name: round(float(value), 4) for name, value in rule.items()},
        "version": "1",
        "training_images": n_training,
        "validation_images": len(images),
        "parameters": small.count_params(),
    }
    checkpoint.save(small, ROOT / "models" / "small.keras")
    files.write(ROOT / "models" / "small.json", workspace.as_json(card))
    print(card)


def figures():
    """Return the card's table, Markdown: held-out scores of this recipe."""
    table = pd.read_csv(RUN / "scores.csv")
    lesions = table[table["label"] != "normal"]
    quarters = pd.qcut(lesions["reference_area"], 4, labels=range(1, 5))
    parts = {"all": lesions, **dict(list(lesions.groupby("label")))}
    for k, part in lesions.groupby(quarters, observed=True):
        largest = part["reference_area"].max()
        parts[f"size quarter {k}, to {largest:,} pixels"] = part
    lines = [
        f"| {name} | {len(part)} | {keep_results.interval(part, 'dice')} "
        f"| {part['dice'].median():.2f} "
        f"| {part['surface_dice_2px'].mean():.2f} "
        f"| {(part['predicted_area'] == 0).sum()} |"
        for name, part in parts.items()
    ]
    empty = table[table["label"] == "normal"]["predicted_area"] == 0
    k, n = int(empty.sum()), len(empty)
    low, high = binomtest(k, n).proportion_ci(method="wilson")
    ends = f"{100 * low:.0f} to {100 * high:.0f} %"
    last = f"Normal images correctly empty (true negatives): {k} of {n}"
    return "\n".join([HEAD, *lines, "", f"{last} ({ends})."])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(figures()) if sys.argv[1] == "figures" else main(sys.argv[1])
