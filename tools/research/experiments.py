"""Try one variant of network, loss or training, and compare what was tried.

    python -m tools.research.experiments run NAME DATA [--option value ...]
    python -m tools.research.experiments table BASELINE

Training on folds 2, 3 and 4, scores on fold 1, with the weights of the last
epoch; fold 0 has no part in choices. `run` writes runs/experiments/NAME.json;
without options it tries the lesson's network from random weights. `table`
renews their rows, and no other, in results/experiments.csv: scores, and the
difference to BASELINE, if it ran here too, with a 95 % interval over groups.
"""

import argparse
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from helpers import files, workspace
from helpers.claims import trials
from helpers.data import busi, masks, sources, splits
from helpers.evaluation import bootstrap, classification, metrics
from helpers.evaluation.postprocessing import lesion_mask
from helpers.files import ROOT
from helpers.model import augmentation, losses, training, unet
from tools.research import cases as all_cases

KEPT = ROOT / "runs" / "experiments"
TABLE = ROOT / "results" / "experiments.csv"
VARIANT = {  # what a variant may change, and the baseline's value
    "size": 128,
    "width": 24,
    "depth": 4,
    "image": losses.IMAGE_WEIGHT,  # weight of the whole image in the loss
    "average": 1,  # 0: the last weights, not their moving average
    "epochs": 40,
    "learning_rate": 2e-3,
    "seed": 0,
    "start": None,  # weights file to start from
    "simulated": 0,  # train on so many phantoms instead
}


def options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("name")
    parser.add_argument("data", nargs="?", default="phantom")
    for name, usual in VARIANT.items():
        kind = str if usual is None else type(usual)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=usual)
    return parser.parse_args(arguments)


def run(o):
    """Train a variant, score it on fold 1, and keep weights and scores."""
    began = time.time()
    keras.config.set_dtype_policy(training.precision())
    keras.utils.set_random_seed(o.seed)
    cases = all_cases.grouped(sources.locate(o.data).root)
    folds = splits.assign_folds(cases)
    images, labels = busi.load_arrays(cases, o.size)
    seen = images[folds > 1], labels[folds > 1]
    if o.simulated:
        home = KEPT / f"phantoms-{o.simulated}"
        seen = all_cases.phantoms(home, o.simulated, 7, o.size)
    source = augmentation.Batches(*seen, batch_size=8, seed=o.seed)
    model = unet.build(o.size, o.width, o.depth)
    if o.start:
        model.load_weights(o.start)
    steps = len(source) * o.epochs
    optimizer = training.optimizer(len(source), steps, o.learning_rate)
    optimizer.use_ema = bool(o.average)
    losses.IMAGE_WEIGHT = o.image  # the loss reads it when it is compiled
    model.compile(optimizer, loss=losses.segmentation_loss)
    model.fit(trials.Steps(source, steps), shuffle=False)
    optimizer.finalize_variable_values(model.trainable_variables)
    KEPT.mkdir(parents=True, exist_ok=True)
    model.save_weights(KEPT / f"{o.name}.weights.h5")
    classes = training.predict(model, images[folds == 1], flip=True)
    report = {
        "options": {name: getattr(o, name) for name in ("name", *VARIANT)},
        "parameters": model.count_params(),
        "seconds": round(time.time() - began),
        "cases": list(map(scores, cases[folds == 1].itertuples(), classes)),
    }
    files.write(KEPT / f"{o.name}.json", json.dumps(report))


def scores(case, classes):
    """Return the scores of a case, a dict; classes: (size, size, 3)."""
    reference = masks.merge(case.masks)
    square, box = masks.letterbox(reference, classes.shape[0])
    predicted = lesion_mask(classes, box)
    image = classification.image_probabilities(classes)
    lesion = 1 - image["normal"]
    ground_truth = masks.target(square, case.label)
    return {
        **{name: getattr(case, name) for name in ("case", "label", "group")},
        "dice": metrics.dice(reference, predicted),
        "area": int(predicted.sum()),
        "lesion": lesion,
        "malignant": image["malignant"] / lesion if lesion else 0.0,
        **metrics.class_pixels(ground_truth, classes.argmax(-1)),
    }


def summary(report, baseline):
    """Return one row of the table; baseline: another report, or None."""
    cases, chosen = pd.DataFrame(report["cases"]), report["options"]
    changed = [f"{k} {chosen[k]}" for k in VARIANT if chosen[k] != VARIANT[k]]
    has_lesion = cases["label"] != "normal"
    lesions, normals = cases[has_lesion], cases[~has_lesion]
    dice, groups = lesions["dice"], lesions["group"]
    gain = (np.nan,) * 3
    if baseline:
        before = pd.DataFrame(baseline["cases"]).set_index("case")["dice"]
        before = before.loc[lesions["case"]].to_numpy()
        gain = bootstrap.interval(dice - before, groups)
    dice = bootstrap.interval(dice, groups)
    is_malignant = lesions["label"] == "malignant"
    iou = [
        cases[f"intersection_{name}"].sum() / cases[f"union_{name}"].sum()
        for name in ("benign", "malignant")
    ]
    return {
        "name": chosen["name"],
        "changed": ", ".join(changed),
        **{name: report[name] for name in ("parameters", "seconds")},
        **dict(zip(("dice", "low", "high"), dice, strict=True)),
        **dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True)),
        "normals_empty": (normals["area"] == 0).mean(),
        "lesions_found": (lesions["area"] > 0).mean(),
        "image_auc": roc_auc_score(has_lesion, cases["lesion"]),
        "class_auc": roc_auc_score(is_malignant, lesions["malignant"]),
        **dict(zip(("iou_benign", "iou_malignant"), iou, strict=True)),
    }


def table(o):
    """Write results/experiments.csv anew and print it."""
    reports = list(map(workspace.load, KEPT.glob("*.json")))
    tried = {report["options"]["name"]: report for report in reports}
    rows = [summary(report, tried.get(o.name)) for report in reports]
    before = pd.read_csv(TABLE)
    parts = [before[~before["name"].isin(tried)], pd.DataFrame(rows).round(4)]
    frame = pd.concat(parts).sort_values("name")
    files.write(TABLE, frame.to_csv(index=False))
    print(frame.to_string())


if __name__ == "__main__":
    o = options()
    {"run": run, "table": table}[o.what](o)
