"""Measure what textbooks claim of CNN segmentation on real images.

    python -m tools.research.claims run RUN [--data DATA] [--workers 2]
    python -m tools.research.claims table RUN [--data DATA]

RUN is a run's folder, notebook 2 finished in it. Training on folds 2, 3 and 4,
scores on fold 1; fold 0 serves only methods without training. `run` writes one
file a trial into RUN/trials/ and skips those that are there. Each worker has
one thread. `table` writes, from what is there, results/claims.csv (a row for
each trained trial and what it was scored on), claims_dice.csv (a row a case),
claims_cost.csv and claims.json.
"""

import argparse
import contextlib
import functools
import itertools
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd

from helpers import environment, files, workspace
from helpers.claims import checks, design, toy_images, trials
from helpers.data import busi, masks, sources
from helpers.evaluation import baselines, leakage
from helpers.files import ROOT
from helpers.model import checkpoint, training, unet
from tools.research import claim_measures

SIZE = 64  # pixels, a quarter of the work of 128
SHARES = (5, 10, 25, 50, 100)  # percent of the training groups
SEEDS = 0, 1
START = ROOT / "models" / "start_16.npz"
DESIGN = {"learning rate": (3e-4, 3e-3), "batch": (4, 16)}
DESIGN |= {"Dice part": (False, True), "width": (8, 16)}
# the arguments of `trials.trained` that these factors set
ARGUMENTS = ("learning_rate", "batch_size", "overlap", "width")
SEEN = 2000  # images that each run of the design trains on, with repetition
COSTS = [(width, size) for size in (64, 128, 256) for width in (8, 16, 32)]
COSTS.append((64, 256))
COST_COLUMNS = ["size", "width", "parameters", "multiply_adds"]
COST_COLUMNS += ["train_s", "answer_s", "memory_mb"]
FIVE_FOLDS = ROOT / "results" / "busi-cpu-five-folds" / "scores.csv"


def plan():
    """Return {name: settings} of all trials, in the order they run in."""
    trained = {}
    for k, levels in enumerate(design.half_fraction(DESIGN)[0]):
        chosen = dict(zip(ARGUMENTS, levels.values(), strict=True))
        steps = SEEN // chosen["batch_size"]
        trained[f"design-{k}"] = chosen | {"steps": steps}
    for share in SHARES[::-1]:
        trained[f"share-{share}"] = {"share": share, "steps": 600}
    trained["depth-2"] = {"depth": 2, "steps": 600}
    for name in ("plain", "noisy"):
        trained[name] = {"size": 128, "start": START.name, "steps": 300}
    first, second = (
        {f"{k} s{seed}": v | {"seed": seed} for k, v in trained.items()}
        for seed in SEEDS
    )
    costs = {f"cost {w} {s}": {"width": w, "size": s} for w, s in COSTS}
    others = {"untrained methods": {}, "sums": {}, "toy": {"steps": 200}}
    return others | first | costs | second


@functools.cache
def load(run, data):
    """Return the cases of a run's notebook 2: fold, group, files and area."""
    folder = run / "02_prepare_the_masks"
    if not (folder / "manifest.json").exists():
        sys.exit(
            f"{folder} has no finished notebook 2: run python -m tools.run_all"
            f" --until {folder.name} with this data and a profile first"
        )
    folds = pd.read_csv(folder / "folds.csv")
    index = busi.index(sources.locate(data).root).set_index("case")
    if not set(folds["case"]) <= set(index.index):
        sys.exit(f"{run} was made from other images: give those as --data")
    cases = folds.join(index[["image", "masks"]], on="case")
    cases["area"] = (pixels(run, cases)[1] > 0).mean(axis=(1, 2))
    return cases


def pixels(run, cases, size=128):
    """Return the cases' images and labels, kept in the run's folder."""
    return busi.load_arrays(cases, size, cache=run / "trials")


def one_trial(run, data, name, settings):
    """Run one trial in this process, keep it; return name, core seconds."""
    began = time.process_time()
    cv2.setNumThreads(1)
    keras.config.set_dtype_policy(training.precision())
    kind = name.split()[0]
    if kind == "cost":
        result = {"cost": claim_measures.cost(**settings)}
    elif kind == "toy":
        result = toy(settings)
    elif kind in UNTRAINED:
        result = UNTRAINED[kind](run, load(run, data))
    else:
        result = train(run, load(run, data), kind, **settings)
    seconds = round(time.process_time() - began, 1)
    result |= {"name": name, "settings": settings, "core_seconds": seconds}
    if kind == "cost":  # alone in its process: see `run_all`
        result["memory_mb"] = workspace.peak_memory_mb()
    files.write(run / "trials" / f"{name}.json", json.dumps(result))
    return name, seconds


def train(run, cases, kind, *, size=SIZE, share=100, start="", **settings):
    """Train on folds 2, 3 and 4 and score the lesions of fold 1."""
    images, labels = pixels(run, cases, size)
    chosen = drawn(cases, share, settings["seed"])
    if start:
        settings["start"] = START
    if kind == "noisy":
        settings["disturb"] = trials.disturb
    model = trials.trained(images[chosen], labels[chosen], **settings)
    held_out = ((cases["fold"] == 1) & (cases["area"] > 0)).to_numpy()
    references = [masks.merge(paths) for paths in cases["masks"][held_out]]
    known = references, cases["case"][held_out]
    squares, seed = images[held_out], f"s{settings['seed']}"
    shown = {f"{kind} {seed}": squares}
    if start:
        for test in trials.TESTS:
            changed = trials.disturbed(squares, test)
            shown[f"{kind} {test} {seed}"] = changed
    dice = {name: by_case(model, x, *known) for name, x in shown.items()}
    parameters = model.count_params()
    return {"images": len(chosen), "parameters": parameters, "dice": dice}


def by_case(model, images, references, names):
    """Return {case: Dice} of a network's predictions."""
    dice = trials.case_dice(model, images, references)
    return dict(zip(names, dice.round(4), strict=True))


def drawn(cases, share, seed):
    """Return the rows of a share (percent) of the training groups, (n,)."""
    own = cases[cases["fold"].isin([2, 3, 4])]
    chosen = checks.share_of_groups(own["group"], share, seed)
    return own.index[chosen].to_numpy()


def lesson():
    """Return the lesson's network as it starts: it knows simulated images."""
    return checkpoint.start_from(unet.build(size=128, width=16), START)


def toy(settings):
    """Train on toy images; score that, and `lesson`, on others."""
    model = trials.trained(*toy_images.draw(200, 128, seed=0), **settings)
    networks = {"toy": model, "toy untrained": lesson()}
    scored = toy_tests()
    dice = {name: by_case(each, *scored) for name, each in networks.items()}
    return {"images": 200, "parameters": model.count_params(), "dice": dice}


def toy_tests():
    """Return images, references and names of the toy images that score."""
    images, labels = toy_images.draw(90, 128, seed=1)
    own = np.flatnonzero(labels.any(axis=(1, 2)))
    return images[own], list(labels[own] > 0), [f"toy {i}" for i in own]


def untrained(run, cases):
    """Score, on all lesions, what needs no network: {method: {case: Dice}}."""
    images, labels = pixels(run, cases)
    own = cases[cases["area"] > 0]

    @functools.cache
    def usual_shape(label, fold):
        others = (cases["label"] == label) & (cases["fold"] != fold)
        return baselines.fixed_shape(labels[others] > 0)

    nearest = baselines.nearest_in_training(images, cases["fold"])[own.index]
    methods = baselines.CLASSICAL.items()
    squares = {k: map(f, images[own.index]) for k, f in methods}
    squares["copy-nearest"] = labels[nearest]
    squares["label alone"] = map(usual_shape, own["label"], own["fold"])
    dice = {}
    for method, predicted in squares.items():
        references = map(masks.merge, own["masks"])
        found = baselines.dice_of(references, predicted).round(4)
        dice[method] = dict(zip(own["case"], found, strict=True))
    _, toys, names = toy_tests()
    shape = [baselines.fixed_shape(np.stack(toys))] * len(toys)
    found = baselines.dice_of(toys, shape).round(4)
    dice["toy shape"] = dict(zip(names, found, strict=True))
    return {"dice": dice}


def sums(run, cases):
    """Measure the equalities of claims 2 and 3 on 40 images of fold 1."""
    images, _ = pixels(run, cases)
    model = lesson()
    conv, dense = claim_measures.two_layers(32)

    def gaps(i):
        image = images[i].astype(np.float32) / 255
        tiny = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
        return {
            "case": cases["case"][i],
            "filter": claim_measures.filter_gap(image, claim_measures.SOBEL),
            "pixel": claim_measures.pixel_gap(model, images[i]),
            "conv": claim_measures.shift_gap(conv, tiny),
            "dense": claim_measures.shift_gap(dense, tiny),
        }

    lesions = cases.index[(cases["fold"] == 1) & (cases["area"] > 0)]
    return {"gaps": [gaps(i) for i in lesions[:40]]}


UNTRAINED = {"untrained": untrained, "sums": sums}


def run_all(o):
    """Run the missing trials; of cost in fresh processes, for the memory."""
    cases = load(o.run, o.data)
    pixels(o.run, cases, SIZE)  # builds what the workers share
    todo = {
        name: settings
        for name, settings in plan().items()
        if not finished(o.run / "trials" / f"{name}.json", settings)
    }
    for kind in ("INTRA", "INTER"):  # for the processes to come
        os.environ[f"TF_NUM_{kind}OP_THREADS"] = "1"
    fresh = multiprocessing.get_context("spawn")
    parts = itertools.groupby(todo, lambda name: name.startswith("cost"))
    for costs, names in parts:
        options = {"max_tasks_per_child": 1 if costs else None}
        with ProcessPoolExecutor(o.workers, fresh, **options) as pool:
            trial = functools.partial(pool.submit, one_trial, o.run, o.data)
            jobs = [trial(name, todo[name]) for name in names]
            for job in as_completed(jobs):
                name, seconds = job.result()
                print(f"{name}: {seconds:.0f} core seconds", flush=True)


def finished(path, settings):
    """Return whether a trial of these settings is kept."""
    return path.exists() and workspace.load(path)["settings"] == settings


def case_table(cases, results, outlines):
    """Return the wide table that `checks` reads, indexed by case."""
    lesions = cases[cases["area"] > 0].set_index("case")
    network = pd.read_csv(FIVE_FOLDS).set_index("case")["dice"]
    columns, group = {"network": network.round(4)}, lesions["group"].to_dict()
    columns[checks.SECOND] = leakage.second_outlines(outlines).round(4)
    for result in results:
        for column, dice in result.get("dice", {}).items():
            columns[column] = pd.Series(dice)
            group |= {case: case for case in dice if case.startswith("toy")}
        if "gaps" in result:
            gaps = pd.DataFrame(result["gaps"]).set_index("case").round(9)
            columns |= gaps.to_dict("series")
    table = pd.DataFrame(columns, index=pd.Index(list(group), name="case"))
    table.insert(0, "group", pd.Series(group))
    table.insert(1, "area", lesions["area"].round(5))
    return table


def trial_table(results, dice):
    """Return one row for each trained trial and what it was scored on."""
    rows = []
    for result in filter(lambda result: "parameters" in result, results):
        for column in result["dice"]:
            interval = checks.mean_interval(dice, dice[column])
            mean, low, high = (round(value, 4) for value in interval)
            row = {"answer": column, "images": result["images"]}
            row |= {"parameters": result["parameters"]} | result["settings"]
            row["n"] = int(dice[column].notna().sum())
            row |= {"dice": mean, "low": low, "high": high}
            rows.append(row | {"core_seconds": result["core_seconds"]})
    # keeps whole numbers where some are missing
    return pd.DataFrame(rows).convert_dtypes()


def table(o):
    """Write results/claims*.csv and .json, and print the verdicts."""
    paths = [o.run / "trials" / f"{name}.json" for name in plan()]
    results = [workspace.load(path) for path in paths if path.exists()]
    cases = load(o.run, o.data)
    outlines = pd.read_csv(o.run / "02_prepare_the_masks" / "outlines.csv")
    dice = case_table(cases, results, outlines)
    settings = settings_of(o, results, cases)
    turns = [
        turn | {"memory_mb": result["memory_mb"]}
        for result in results
        for turn in result.get("cost", [])
    ]
    cost = pd.DataFrame(turns, columns=COST_COLUMNS).round(6)
    trained = trial_table(results, dice)
    files.write(o.out / "claims_dice.csv", dice.to_csv())
    files.write(o.out / "claims.csv", trained.to_csv(index=False))
    files.write(o.out / "claims_cost.csv", cost.to_csv(index=False))
    files.write(o.out / "claims.json", workspace.as_json(settings))
    rows = []
    for claim in checks.CLAIMS:
        with contextlib.suppress(KeyError):  # not all of it has been run yet
            rows += checks.checks_of(claim, dice, cost, settings)
    measured = pd.DataFrame(rows)
    print(measured.round(4).to_string(index=False))
    print(checks.verdicts(rows).to_string())


def settings_of(o, results, cases):
    """Return how the tables were made, and what else the checks need."""
    data = sources.locate(o.data)
    counts = {
        share: round(np.mean([len(drawn(cases, share, k)) for k in SEEDS]))
        for share in SHARES
    }
    arguments = f"runs/{o.run.name} --data DATA"
    return {
        "command": f"python -m tools.research.claims run {arguments}",
        "simulated": data.kind == "phantom",
        "data": data.fingerprint,
        "versions": environment.versions(),
        "core_seconds": round(sum(r["core_seconds"] for r in results)),
        "trials": f"{len(results)} of {len(plan())}",
        "classical": list(baselines.CLASSICAL),
        "counts": counts,
        "networks": [[16, 128], [64, 256]],
        "images": counts[100],
        "epochs": 24,  # of the training whose cost is asked
        "factors": list(DESIGN),
        "codes": design.half_fraction(DESIGN)[1].tolist(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("run", type=Path, help="a run's folder: see above")
    parser.add_argument("--data", default="", help="folder, zip or phantom")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "results")
    o = parser.parse_args()
    {"run": run_all, "table": table}[o.what](o)


if __name__ == "__main__":
    main()
