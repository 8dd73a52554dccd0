"""Measure what textbooks claim of CNN segmentation, trial by trial, on real images.

    python tools/claims.py run RUN [--data DATA] [--workers 2] [--share 1.0]
    python tools/claims.py table RUN [--data DATA]

RUN is a run's folder with notebook 2 finished in it,
runs/busi-compact-five-folds say. Development split: training on folds 2, 3 and
4, scores on fold 1; fold 0 has no part, but for the answers that nothing is
trained for. Most trials use images of 64 pixels, a quarter of the work of 128.
`run` writes one file a trial into RUN/claims/ and skips those that are there:
stop it at any time, it goes on. Each worker has one thread. --share shortens
all trainings, to try the tool. `table` writes from what is there
results/claims.csv (a row for each trained trial and what it was scored on),
claims_dice.csv (a row a case), claims_cost.csv, claims.json.
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

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
import pandas as pd

from helpers import environment, workspace
from helpers.claims import checks, toy_images, trials
from helpers.data import busi, masks, sources
from helpers.evaluation import baselines, metrics
from helpers.files import ROOT
from helpers.model import checkpoint, explain, training

SIZE, EPOCHS = (
    64,
    24,
)  # pixels; the epochs that the cost of a training is told for
SHARES = (5, 10, 25, 50, 100)  # percent of the training groups
START = ROOT / "models" / "start_16.npz"
DESIGN = {
    "learning rate": (3e-4, 3e-3),
    "batch": (4, 16),
    "Dice part": (False, True),
    "width": (8, 16),
}
SEEN = 2000  # images that each run of the design trains on, with repetition
COSTS = [(width, size) for size in (64, 128, 256) for width in (8, 16, 32)]
COSTS.append((64, 256))
COST_COLUMNS = [
    *("size", "width", "parameters", "multiply_adds"),
    *("train_s", "answer_s", "memory_mb"),
]
TESTS = {"speckle": 0.5, "marks": 2}  # strengths, see helpers/disturb.py
FIVE_FOLDS = ROOT / "results" / "busi-compact-five-folds" / "scores.csv"


def plan():
    """Return {name: settings} of all trials, in the order in which they run."""
    settings, _ = checks.half_fraction(DESIGN)
    found = {"untrained answers": {}, "sums": {}, "toy": {"steps": 200}}
    for seed in (0, 1):
        more = {}
        for k, chosen in enumerate(settings):
            rate, batch, overlap, width = chosen.values()
            more[f"design-{k}"] = {
                "learning_rate": rate,
                "batch_size": batch,
                "overlap": overlap,
                "width": width,
                "steps": SEEN // batch,
            }
        more |= {
            f"share-{s}": {"share": s, "steps": 600} for s in SHARES[::-1]
        }
        more |= {"depth-2": {"depth": 2, "steps": 600}}
        noise = {"size": 128, "start": START.name, "steps": 300}
        more |= {"plain": noise, "noisy": noise}
        found |= {f"{k} s{seed}": {**v, "seed": seed} for k, v in more.items()}
        if not seed:
            found |= {
                f"cost {w} {s}": {"width": w, "size": s} for w, s in COSTS
            }
    return found


@functools.cache
def load(run, data):
    """Return the cases of a run's notebook 2, with their fold, group, files and area."""
    folder = run / "02_prepare_the_masks"
    if not (folder / "manifest.json").exists():
        sys.exit(
            f"{folder} has no finished notebook 2: run python tools/run_all.py --until "
            "02_prepare_the_masks with this data and a profile first"
        )
    folds = pd.read_csv(folder / "folds.csv")
    index = busi.index(sources.locate(data).root).set_index("case")
    if not set(folds["case"]) <= set(index.index):
        sys.exit(
            f"the cases of {run} are not those of the data: add --data, as for it"
        )
    cases = folds.join(index[["image", "masks"]], on="case")
    cases["area"] = (pixels(run, cases)[1] > 0).mean(axis=(1, 2))
    return cases


def pixels(run, cases, size=128):
    """Return the images and labels of the cases at a size, kept in the run's folder."""
    return busi.load_arrays(cases, size, cache=run / "claims")


def one_trial(run, data, name, settings, share):
    """Run one trial in this process and keep it; return its name and core seconds."""
    began = time.process_time()
    cv2.setNumThreads(1)
    keras.config.set_dtype_policy(training.precision())
    kind = name.split()[0]
    settings_used = dict(settings)
    if "steps" in settings:
        settings_used["steps"] = max(20, int(settings["steps"] * share))
    if kind == "cost":
        told = {"cost": trials.cost(**settings)}
    elif kind == "toy":
        told = toy(settings_used)
    else:
        job = {"untrained": untrained, "sums": sums}.get(kind, train)
        told = job(run, load(run, data), kind, settings_used)
    told |= {
        "name": name,
        "settings": settings,
        "core_seconds": round(time.process_time() - began, 1),
        "memory_mb": workspace.peak_memory_mb(),
    }
    partial = run / "claims" / f".partial-{name}.json"
    partial.write_text(json.dumps(told))
    os.replace(partial, run / "claims" / f"{name}.json")
    return name, told["core_seconds"]


def train(run, cases, kind, settings):
    """Train on folds 2, 3 and 4 and score the lesions of fold 1."""
    images, labels = pixels(run, cases, settings.pop("size", SIZE))
    chosen = drawn(cases, settings.pop("share", 100), settings["seed"])
    if "start" in settings:
        settings["start"] = START
    if kind == "noisy":
        settings["disturb"] = disturbed
    model = trials.trained(images[chosen], labels[chosen], **settings)
    held_out = ((cases["fold"] == 1) & (cases["area"] > 0)).to_numpy()
    references = [masks.merge(paths) for paths in cases["masks"][held_out]]
    shown = {"": images[held_out]}
    if "start" in settings:
        shown |= {f" {k}": spoilt(images[held_out], k) for k in TESTS}
    dice = {
        k: trials.case_dice(model, x, references) for k, x in shown.items()
    }
    names = cases["case"][held_out]
    return {
        "images": len(chosen),
        "parameters": model.count_params(),
        "dice": {
            k: dict(zip(names, v.round(4), strict=True))
            for k, v in dice.items()
        },
    }


def disturbed(image, rng):
    """Return an image with speckle or marks of a random strength, or as it was."""
    kind = rng.choice(["", *TESTS])
    if not kind:
        return image
    return getattr(robustness, kind)(
        image, rng.uniform(0, 1.5 * TESTS[kind]), rng
    )


def spoilt(images, kind):
    """Return test images with one disturbance, each with random numbers of its own."""
    return np.stack(
        [
            getattr(robustness, kind)(x, TESTS[kind], np.random.default_rng(i))
            for i, x in enumerate(images)
        ]
    )


def drawn(cases, share, seed):
    """Return the rows of a share (percent) of the training groups, as drawn by a seed."""
    own = cases[cases["fold"].isin([2, 3, 4])]
    return own.index[
        checks.share_of_groups(own["group"], share, seed)
    ].to_numpy()


def toy(settings):
    """Train on toy aerial images; score that, and the shipped network, on others."""
    images, labels = toy_images.draw(200, 128, seed=0)
    model = trials.trained(images, labels, **settings)
    images, labels = toy_images.draw(90, 128, seed=1)
    own = labels.any(axis=(1, 2))
    references = list(labels[own] > 0)
    networks = {
        "": model,
        " untrained": checkpoint.load(ROOT / "models" / "small.keras"),
    }
    dice = {
        k: trials.case_dice(m, images[own], references)
        for k, m in networks.items()
    }
    names = [f"toy {i}" for i in np.flatnonzero(own)]
    return {
        "images": 200,
        "parameters": model.count_params(),
        "dice": {
            k: dict(zip(names, v.round(4), strict=True))
            for k, v in dice.items()
        },
    }


def untrained(run, cases, kind, settings):
    """Score, on all lesions, what needs no network: {answer: {case: Dice}}."""
    images, labels = pixels(run, cases)
    copied = baselines.copy_nearest(cases, images, labels, cases["fold"])
    shapes = {
        key: baselines.fixed_shape(
            labels[rows.index[rows["fold"] != key[1]]] > 0
        )
        for key, rows in (
            ((label, fold), cases[(cases["label"] == label)])
            for label in ("benign", "malignant")
            for fold in cases["fold"].unique()
        )
    }
    found = {
        name: {}
        for name in (*baselines.CLASSICAL, "copy-nearest", "label alone")
    }
    for i, case in cases[cases["area"] > 0].iterrows():
        reference = masks.merge(case["masks"])
        _, box = masks.letterbox(reference, images.shape[1])
        answers = {
            k: method(images[i]) for k, method in baselines.CLASSICAL.items()
        }
        answers["label alone"] = shapes[case["label"], case["fold"]]
        for name, answer in answers.items():
            dice = metrics.dice(reference, masks.restore(answer, box))
            found[name][case["case"]] = round(dice, 4)
        found["copy-nearest"][case["case"]] = round(float(copied[i]), 4)
    return {"dice": found}


def sums(run, cases, kind, settings):
    """Measure the equalities of claims 2 and 3 on 40 images of fold 1."""
    images, _ = pixels(run, cases)
    model = checkpoint.load(ROOT / "models" / "small.keras")
    conv, dense = explain.two_layers(32)
    found = []
    for i in cases.index[(cases["fold"] == 1) & (cases["area"] > 0)][:40]:
        picture = images[i].astype(np.float32) / 255
        tiny = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA)
        found.append(
            {
                "case": cases["case"][i],
                "filter": explain.filter_gap(picture, explain.SOBEL),
                "pixel": explain.pixel_gap(model, images[i]),
                "conv": explain.shift_gap(conv, tiny),
                "dense": explain.shift_gap(dense, tiny),
            }
        )
    return {"gaps": found}


def run_all(o):
    """Run the trials that are missing; those of cost in fresh processes, for the memory."""
    (o.run / "claims").mkdir(parents=True, exist_ok=True)
    cases = load(o.run, o.data)
    pixels(o.run, cases, SIZE)  # builds what the workers share
    done = {path.stem for path in (o.run / "claims").glob("[!.]*.json")}
    todo = {
        name: settings for name, settings in plan().items() if name not in done
    }
    for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[variable] = "1"  # for the processes to come
    fresh = multiprocessing.get_context("spawn")
    for costs, names in itertools.groupby(
        todo, lambda n: n.startswith("cost")
    ):
        once = 1 if costs else None
        with ProcessPoolExecutor(
            o.workers, fresh, max_tasks_per_child=once
        ) as pool:
            jobs = [
                pool.submit(
                    one_trial, o.run, o.data, name, todo[name], o.share
                )
                for name in names
            ]
            for job in as_completed(jobs):
                name, spent = job.result()
                print(f"{name}: {spent:.0f} core seconds", flush=True)


def column(name, shown):
    """Return the name of a trial's column: what it was scored on stands before the seed."""
    stem, s, seed = name.partition(" s")
    return f"{stem}{shown}{s}{seed}" if seed.isdigit() else f"{name}{shown}"


def kept_trials(run):
    """Return what `one_trial` kept, in the order of the plan; those that are there."""
    paths = [run / "claims" / f"{name}.json" for name in plan()]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def case_table(cases, kept):
    """Return the wide table that `helpers/claims.py` reads, indexed by case."""
    found = {
        "network": pd.read_csv(FIVE_FOLDS).set_index("case")["dice"].round(4)
    }
    lesions = cases[cases["area"] > 0].set_index("case")
    group = lesions["group"].to_dict()
    for told in kept:
        for shown, dice in told.get("dice", {}).items():
            group |= {case: case for case in dice if case.startswith("toy")}
            alone = told["name"] == "untrained answers"
            found[shown if alone else column(told["name"], shown)] = pd.Series(
                dice
            )
        if "gaps" in told:
            found |= (
                pd.DataFrame(told["gaps"])
                .set_index("case")
                .round(9)
                .to_dict("series")
            )
    table = pd.DataFrame(found, index=pd.Index(list(group), name="case"))
    table.insert(0, "group", pd.Series(group))
    table.insert(1, "area", lesions["area"].round(5))
    return table


def trial_table(kept, dice):
    """Return one row for each trained trial and each set of images it was scored on."""
    rows = []
    for told in kept:
        if "parameters" not in told:
            continue
        for shown in told["dice"]:
            name = column(told["name"], shown)
            mean, low, high = checks.mean_interval(dice, dice[name])
            rows.append(
                {
                    "answer": name,
                    "images": told["images"],
                    "parameters": told["parameters"],
                    **told["settings"],
                    "n": int(dice[name].notna().sum()),
                    "dice": round(mean, 4),
                    "low": round(low, 4),
                    "high": round(high, 4),
                    "core_seconds": told["core_seconds"],
                    "memory_mb": told["memory_mb"],
                }
            )
    return pd.DataFrame(
        rows
    ).convert_dtypes()  # whole numbers, where some are missing


def table(o):
    """Write results/claims*.csv and .json, and print the verdicts."""
    kept = kept_trials(o.run)
    cases = load(o.run, o.data)
    dice = case_table(cases, kept)
    turns = [
        {**t, "memory_mb": k["memory_mb"]}
        for k in kept
        for t in k.get("cost", [])
    ]
    cost = pd.DataFrame(turns, columns=COST_COLUMNS).round(6)
    told = about(o, kept, cases)
    dice.to_csv(o.out / "claims_dice.csv")
    trial_table(kept, dice).to_csv(o.out / "claims.csv", index=False)
    cost.to_csv(o.out / "claims_cost.csv", index=False)
    (o.out / "claims.json").write_text(json.dumps(told, indent=1) + "\n")
    checks = []
    for claim in checks.CLAIMS:
        with contextlib.suppress(KeyError):  # not all of it has been run yet
            checks += checks.checks_of(claim, dice, cost, told)
    checks = pd.DataFrame(checks)
    print(checks.round(4).to_string(index=False))
    print(checks.verdicts(checks).to_string(index=False))


def about(o, kept, cases):
    """Return what the tables do not say: how they were made, and what the checks need."""
    data = sources.locate(o.data)
    outlines = pd.read_csv(o.run / "02_prepare_the_masks" / "outlines.csv")
    return {
        "command": f"python tools/claims.py run runs/{o.run.name} --data DATA",
        "simulated": data.kind == "phantom",
        "data": data.fingerprint,
        "versions": environment.versions(),
        "core_seconds": round(sum(k["core_seconds"] for k in kept)),
        "trials": f"{len(kept)} of {len(plan())}",
        "classical": list(baselines.CLASSICAL),
        "people": round(float(outlines["dice"].mean()), 4),
        "counts": {s: len(drawn(cases, s, 0)) for s in SHARES},
        "networks": [[16, 128], [64, 256]],
        "images": len(drawn(cases, 100, 0)),
        "epochs": EPOCHS,
        "factors": list(DESIGN),
        "codes": checks.half_fraction(DESIGN)[1].tolist(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument(
        "run", type=Path, help="a run's folder with notebook 2 in it"
    )
    parser.add_argument("--data", default="", help="folder, zip or phantom")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--share", type=float, default=1.0, help="of each training"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "results")
    o = parser.parse_args()
    {"run": run_all, "table": table}[o.what](o)


if __name__ == "__main__":
    main()
