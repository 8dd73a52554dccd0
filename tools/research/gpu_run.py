"""Train the gpu profile on another machine, and measure what it takes.

    python -m tools.research.gpu_run pack DATA ARRAYS.npz [SIZE]
    python -m tools.research.gpu_run run ARRAYS.npz OUT [--epochs N ...]

`pack` writes DATA's cases, letterboxed, at most 64 MiB. `run` trains on them
as notebook 4 does (--start pretrained --epochs 30: its fine-tuning), on the
backend that KERAS_BACKEND names; only that one need be there. It writes
OUT/report.json after each epoch, and OUT/fold_K.npz after each fold; called
again, it goes on. Beside this repository and the backend it needs numpy,
scipy, pandas, scikit-learn, pyyaml, tqdm, opencv-python (or -headless), and
keras with absl-py, h5py, ml-dtypes, packaging, rich, and optree but for
PyTorch: where there is no network, take wheels of keras and optree along.
"""

import argparse
import json
import os
import re
import sys
import threading
import time
from pathlib import Path

# else all of the GPU's memory is taken at once, and its peak says nothing
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import keras
import numpy as np
import pandas as pd
import yaml

from helpers import environment, files
from helpers.data import busi, layouts, masks, sources, splits
from helpers.evaluation import bootstrap, metrics, postprocessing
from helpers.files import ROOT
from helpers.model import augmentation, checkpoint, pretrained, training, unet

LIMIT = 64 * 2**20  # bytes that `pack` may write
PAUSE = 1.0  # seconds between two looks at the GPU
PROFILE = yaml.safe_load((ROOT / "profiles" / "gpu.yaml").read_text())
RECIPE = {"epochs": PROFILE["epochs_simulated"], "start": "simulated"}
RECIPE |= {"width": PROFILE["width"], "seed": 0}
RECIPE |= {"batch_size": 0, "learning_rate": 0.0}  # 0: as in NOTEBOOK
# Batch size and learning rate from each start, as notebook 4 has them.
NOTEBOOK = {"random": (8, 2e-3), "simulated": (8, 5e-4)}
NOTEBOOK["pretrained"] = 8, 1e-3
TUNED = "batch_size", "learning_rate"
SCORED = ["label", "group", "dice", "area"]
BLANK = {"finished": False, "epochs": 0, "images": 0, "image_seconds": 0.0}
BLANK |= dict.fromkeys(["first_epoch_seconds", "images_per_second"])
BLANK |= dict.fromkeys(["gpu_utilisation", "gpu_memory_mb"])
NOTE = (
    "Scores: in the square that the network reads, without its padding, not "
    "at the images' original size; 95 % intervals over groups. seconds: all "
    "epochs; images_per_second: images / image_seconds, without validation "
    "and without the first epoch of each start, which compiles. "
    "gpu_utilisation: %, of these epochs since the last start, with "
    "validation. gpu_memory_mb: of the whole card. minutes: the whole fold."
)


class TimeIsUp(Exception):
    """What comes next would not end in time."""


def pack(o):
    """Write images, label maps and table; SystemExit: above the limit."""
    cases = layouts.DataSet("busi", sources.locate(o.data).root).cases
    cases["fold"] = splits.assign_folds(cases)
    table = columns(cases.drop(columns=["image", "masks"]))
    table["images"], table["labels"] = busi.load_arrays(cases, o.size)
    with files.replacing(o.arrays) as partial:
        np.savez_compressed(partial, **table)
        size = partial.stat().st_size
        if size > LIMIT:
            sys.exit(
                f"{len(cases)} cases of {o.size} pixels take {size:,} bytes, "
                f"more than {LIMIT:,}: take a SIZE below {o.size}."
            )
    print(f"{o.arrays}: {len(cases)} cases, {size:,} bytes")


def columns(table):
    """Return a DataFrame as {name: array}, text without Python objects."""
    return {name: np.array(table[name].tolist()) for name in table}


class Watched(augmentation.Batches):
    """Batches that measure the training they feed, and end it in time.

    `fit` sets their epoch when one begins. run: a `Run`, asked whether there
    is time, and to write; record: a dict as BLANK, filled in.
    """

    run, steady = None, False  # steady: in an epoch that compiles nothing
    begun = trained = None  # times of the epoch's start and last training step

    def watch(self, run, record):
        self.run, self.record = run, record
        self.loads, self.longest, self.noted = [], 0.0, time.monotonic()
        self.over = threading.Event()
        threading.Thread(target=self.look, daemon=True).start()

    @property
    def epoch(self):
        return self.number

    @epoch.setter
    def epoch(self, number):
        self.number = number
        if self.run:
            if number == 0:  # also where `fit` starts anew
                self.record |= BLANK
            self.note(number)
            self.run.check(self.longest)
            self.steady = self.begun is not None
            self.begun, self.trained = time.monotonic(), None

    def note(self, epochs):
        """Bring record and report up to date: so many epochs are done."""
        r, now = self.record, time.monotonic()
        if self.trained:
            seconds, self.longest = self.trained - self.begun, now - self.begun
            if self.steady:
                r["images"] += len(self.images)
                r["image_seconds"] = round(r["image_seconds"] + seconds, 3)
                pace = r["images"] / r["image_seconds"]
                r["images_per_second"] = round(pace, 1)
            else:
                r["first_epoch_seconds"] = round(seconds, 1)
        if self.loads:
            r["gpu_utilisation"] = round(float(np.mean(self.loads)), 1)
        minutes = r.get("minutes", 0) + (now - self.noted) / 60
        r |= {"epochs": epochs, "minutes": round(minutes, 4)}
        self.steady, self.trained, self.noted = False, None, now
        self.run.write()

    def look(self):
        """Read the first GPU's load and memory until `over` is set."""
        while not self.over.wait(PAUSE):
            line = environment.nvidia("utilization.gpu,memory.used")
            parts = f"{line},".split(",")[:2]  # "37 %, 1024 MiB", or no digits
            found = (re.match(r"\s*\d+", part) for part in parts)
            load, used = (int(part[0]) if part else None for part in found)
            if load is not None and self.steady:
                self.loads.append(load)
            if used is not None:
                most = self.record["gpu_memory_mb"] or 0
                used = round(used * 2**20 / 1e6)  # from MiB
                self.record["gpu_memory_mb"] = max(most, used)


class Validation(augmentation.Batches):
    """Batches whose reading ends the training part of `train`'s epoch."""

    def __getitem__(self, i):
        self.train.trained = self.train.trained or time.monotonic()
        return super().__getitem__(i)


class Run:
    """A run into OUT; SystemExit: one of other settings is there."""

    def __init__(self, o):
        keras.config.set_dtype_policy(training.precision())
        with np.load(o.arrays, allow_pickle=False) as file:
            table = dict(file)
        self.images, self.labels = table.pop("images"), table.pop("labels")
        self.cases, self.out = pd.DataFrame(table), o.out
        self.deadline = time.monotonic() + 60 * o.minutes
        self.settings = {name: getattr(o, name) for name in RECIPE}
        for name, usual in zip(TUNED, NOTEBOOK[o.start], strict=True):
            self.settings[name] = self.settings[name] or usual
        self.settings["image_size"] = self.images.shape[1]
        self.settings["arrays"] = files.sha256(o.arrays)
        self.settings["precision"] = keras.config.dtype_policy().name
        self.settings["backend"] = name = keras.backend.backend()
        versions = environment.versions()
        versions[name] = sys.modules[name].__version__
        self.report = {"note": NOTE, "device": environment.device()}
        self.report |= {"versions": versions, "settings": self.settings}
        self.folds = {str(fold): dict(BLANK) for fold in range(o.folds)}
        for k, record in self.earlier().items():
            if k in self.folds or record["finished"]:
                self.folds[k] = record

    def earlier(self):
        """Return {fold as text: record} of the report that is in OUT."""
        path = self.out / "report.json"
        self.out.mkdir(parents=True, exist_ok=True)
        before = json.loads(path.read_text()) if path.exists() else {}
        had, now = before.get("settings", {}), self.settings
        other = [name for name in had if had[name] != now.get(name)]
        if other:
            made = f"{self.out} was made with another {', '.join(other)}"
            sys.exit(f"{made}: name another folder as OUT.")
        return before.get("folds", {})

    def write(self):
        """Write the report; its scores over all folds are of `sum_up`."""
        text = json.dumps(self.report | {"folds": self.folds}, indent=1)
        files.write(self.out / "report.json", text + "\n")

    def sum_up(self):
        """Score all finished folds; return the others; write both."""
        done = [k for k, record in self.folds.items() if record["finished"]]
        missing = [k for k in self.folds if k not in done]
        tables = []
        for k in done:
            with np.load(self.out / f"fold_{k}.npz") as file:
                tables.append(pd.DataFrame({n: file[n] for n in SCORED}))
        total = scores(pd.concat(tables)) if tables else None
        self.report |= {"missing_folds": missing, "out_of_fold": total}
        self.write()
        return missing

    def check(self, seconds):
        """Raise TimeIsUp where so many seconds are no longer left."""
        if time.monotonic() + seconds > self.deadline:
            raise TimeIsUp

    def all(self):
        """Train and score the missing folds, as far as the time goes."""
        try:
            for k in self.sum_up():
                done = [r for r in self.folds.values() if r["finished"]]
                longest = max((r["minutes"] for r in done), default=0)
                record = self.folds[k]
                left = 1 - record["epochs"] / self.settings["epochs"]
                self.check(60 * longest * left)
                self.one(k, record)
                self.sum_up()
        except TimeIsUp:
            print("The time is up: run this again to go on.")

    def one(self, k, record):
        """Train without fold k, predict it, and keep both."""
        o, images, labels = self.settings, self.images, self.labels
        seed = o["seed"]
        seen, inner, held = splits.roles(self.cases, int(k), seed)
        train = Watched(images[seen], labels[seen], o["batch_size"], seed)
        checked = images[inner], labels[inner]
        check = Validation(*checked, 32, seed, augment=False)
        check.train = train
        train.watch(self, record)
        try:
            names = "epochs", "learning_rate", "seed"
            how = {name: o[name] for name in names}
            how["last"] = o["start"] != "random"
            new, folder = self.network(), self.out / f"fold_{k}"
            model, rows = training.fit(new, train, check, folder, **how)
            train.note(len(rows))
            classes = training.predict(model, images[inner], flip=True)
            rule = postprocessing.fit_rule(classes, labels[inner])
            classes = training.predict(model, images[held], flip=True)
        finally:
            train.over.set()
        table = measured(self.cases.loc[held], labels[held], classes, rule)
        self.keep(k, table, classes)
        # a GPU may be there and yet not be used
        where = str(model.weights[0].value.device)
        record |= {"device": environment.device(), "computed_on": where}
        record["rule"] = {name: float(x) for name, x in rule.items()}
        record |= {"seconds": rows[-1]["seconds"], "scores": scores(table)}
        record["finished"] = True
        train.note(len(rows))

    def keep(self, k, table, classes):
        """Write a fold's table and its probabilities, in 255ths."""
        # nearly all background becomes 0, and takes no space
        pixels = np.rint(classes * 255).astype(np.uint8)
        with files.replacing(self.out / f"fold_{k}.npz") as partial:
            arrays = columns(table) | {"probabilities": pixels}
            np.savez_compressed(partial, **arrays)

    def network(self):
        """Return notebook 4's network with the weights it starts from."""
        keras.utils.set_random_seed(self.settings["seed"])
        size, width = (self.settings[k] for k in ("image_size", "width"))
        start = self.settings["start"]
        known = start == "pretrained"
        model = pretrained.build(size) if known else unet.build(size, width)
        if start != "random":
            name = start if known else width
            path = ROOT / "models" / f"start_{name}.npz"
            checkpoint.start_from(model, path)
        return model


def measured(cases, labels, classes, rule):
    """Return DataFrame[case, label, group, dice, area], area in pixels.

    labels: (n, size, size); classes: (n, size, size, 3); rule: of `fit_rule`.
    """
    rows = []
    for i, case in enumerate(cases.itertuples()):
        box = masks.Letterbox.of(case.height, case.width, labels.shape[1])
        reference = labels[i][box.content] > 0
        # of an image as large as this content: nothing is resized
        box = masks.Letterbox.of(*reference.shape, labels.shape[1])
        found = postprocessing.lesion_mask(classes[i], box, **rule)
        dice = metrics.dice(reference, found)
        rows.append((case.case, case.label, case.group, dice, found.sum()))
    return pd.DataFrame(rows, columns=["case", *SCORED])


def scores(table):
    """Return three means of DataFrame[label, group, dice, area]."""
    is_normal = table["label"] == "normal"
    lesions, normals = table[~is_normal], table[is_normal]
    missed = lesions["dice"] < postprocessing.MISSED
    return {
        "lesion_dice": mean(lesions, lesions["dice"]),
        "missed": mean(lesions, missed),
        "normals_empty": mean(normals, normals["area"] == 0),
    }


def mean(cases, values):
    """Return {value, low, high, n}, and count of what is true or false."""
    found = bootstrap.interval(values, cases["group"])
    found = [round(x, 4) if np.isfinite(x) else None for x in found]
    result = dict(zip(("value", "low", "high"), found, strict=True))
    counts = {"count": int(values.sum())} if values.dtype == bool else {}
    return result | {"n": len(values)} | counts


def options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="what", required=True)
    packs, runs = map(commands.add_parser, ("pack", "run"))
    packs.add_argument("data")
    packs.add_argument("arrays", type=Path)
    size = {"type": int, "default": PROFILE["image_size"]}
    packs.add_argument("size", nargs="?", **size)
    runs.add_argument("arrays", type=Path)
    runs.add_argument("out", type=Path)
    more = {"folds": PROFILE["n_folds"], "minutes": float("inf")}
    for name, usual in (RECIPE | more).items():
        flag = "--" + name.replace("_", "-")
        among = {"choices": NOTEBOOK} if name == "start" else {}
        runs.add_argument(flag, type=type(usual), default=usual, **among)
    return parser.parse_args(arguments)


def main(arguments=None):
    o = options(arguments)
    pack(o) if o.what == "pack" else Run(o).all()


if __name__ == "__main__":
    main()
