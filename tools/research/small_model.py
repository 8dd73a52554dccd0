"""Train the small model that `make predict` uses when no MODEL is given.

    python tools/small_model.py DATA         writes models/small.keras and small.json
    python tools/small_model.py figures      prints the table of its card, models/README.md

The recipe is that of profiles/compact-five-folds.yaml, whose held-out scores
in results/busi-compact-five-folds are therefore its figures; but here no fold
is held out: all of DATA is used, an eighth of it, in whole groups, to choose
the epoch and the cuts. Interrupted, it goes on when it is called again.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import yaml

from helpers.data import busi, duplicates, sources, splits
from helpers.evaluation import bootstrap, postprocessing
from helpers.files import ROOT
from helpers.model import augmentation, checkpoint, training, unet

SEED = 0
RUN = ROOT / "results" / "busi-compact-five-folds"


def arrays_of(data, size):
    """Return (images, labels) for training and the same for validation."""
    cases = busi.index(data.root)
    cases["group"] = duplicates.assign_groups(
        cases, duplicates.near_duplicates(cases)
    )
    images, labels = busi.load_arrays(cases, size)
    inner = splits.assign_folds(cases, n_folds=8, seed=SEED).to_numpy() == 0
    return (images[~inner], labels[~inner]), (images[inner], labels[inner])


def main(where):
    recipe = yaml.safe_load(
        (ROOT / "profiles/compact-five-folds.yaml").read_text()
    )
    data = sources.locate(where)
    if data.kind == "phantom":
        sys.exit(
            "The small model is trained on real images: give their folder or zip."
        )
    train, validation = arrays_of(data, recipe["image_size"])
    keras.config.set_dtype_policy(training.precision())
    keras.utils.set_random_seed(SEED)
    model = unet.build(size=recipe["image_size"], width=recipe["width"])
    checkpoint.start_from(model, ROOT / f"models/start_{recipe['width']}.npz")
    model, _ = training.fit(
        model,
        augmentation.Batches(*train, batch_size=8, seed=SEED),
        augmentation.Batches(
            *validation, batch_size=32, seed=SEED, augment=False
        ),
        ROOT / "runs" / "small-model",
        epochs=recipe["epochs"],
        learning_rate=2e-3,
        seed=SEED,
    )
    keep(model, recipe, validation, len(train[0]))


def keep(model, recipe, validation, n_training):
    """Write the model in float32, for any machine, and beside it its rule.

    The weights are the same; only what they are computed in was bfloat16.
    """
    keras.config.set_dtype_policy("float32")
    small = unet.build(size=recipe["image_size"], width=recipe["width"])
    small.set_weights(model.get_weights())
    images, labels = validation
    rule = postprocessing.fit_rule(
        training.predict(small, images, flip=True), labels
    )
    told = {
        **{name: round(float(value), 4) for name, value in rule.items()},
        "version": "1",
        "training_images": n_training,
        "validation_images": len(images),
        "parameters": int(np.sum([w.size for w in small.get_weights()])),
    }
    partial = ROOT / "models" / ".partial-small.json"
    partial.write_text(json.dumps(told, indent=1) + "\n")
    checkpoint.save(small, ROOT / "models" / "small.keras")
    os.replace(partial, ROOT / "models" / "small.json")
    print(told)


def figures():
    """Return the table of the card, Markdown: held-out scores of the same recipe."""
    table = pd.read_csv(RUN / "scores.csv")
    lesions = table[table["label"] != "normal"]
    quarters = pd.qcut(lesions["reference_area"], 4, labels=range(1, 5))
    parts = {
        "all": lesions,
        **dict(list(lesions.groupby("label"))),
        **{
            f"size quarter {k}, to {part['reference_area'].max():,} pixels": part
            for k, part in lesions.groupby(quarters, observed=True)
        },
    }
    lines = [
        "| lesion images | n | mean Dice, 95 % interval | median Dice | surface Dice, 2 px "
        "| left empty |",
        "|---|---|---|---|---|---|",
    ]
    for name, part in parts.items():
        mean, low, high = bootstrap.interval(part["dice"], part["group"])
        lines.append(
            f"| {name} | {len(part)} | {mean:.2f} ({low:.2f} to {high:.2f}) "
            f"| {part['dice'].median():.2f} | {part['surface_dice_2px'].mean():.2f} "
            f"| {(part['predicted_area'] == 0).sum()} |"
        )
    normals = table[table["label"] == "normal"]["predicted_area"] == 0
    low, high = bootstrap.wilson(normals.sum(), len(normals))
    lines += [
        "",
        f"Normal images left empty: {normals.sum()} of {len(normals)} "
        f"({100 * low:.0f} to {100 * high:.0f} %).",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(figures()) if sys.argv[1] == "figures" else main(sys.argv[1])
