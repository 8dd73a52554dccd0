"""Measure our network beside others on one machine, into results/bench.json.

    python -m tools.benchmark.compare [--data DATA] [--against plain torch smp]

The contenders take turns, each in a process of its own with as many threads. A
ratio is the median over turns of what was measured in the same turn, so that a
machine that grows slower or faster changes all. GPUs are hidden.
"""

import argparse
import contextlib
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import yaml

from helpers import environment, files, workspace
from helpers.data import busi, layouts, sources, splits
from helpers.files import ROOT
from helpers.model import augmentation
from tools import setup_env
from tools.benchmark import venv
from tools.benchmark.worker import Failed, Worker, last_line

COMMAND = "python -m tools.benchmark.compare"
JOBS = ("train", "infer")
NEEDS = {"plain": ["plain", "textbook"], "torch": ["torch"], "smp": ["smp"]}
IN_TORCH = ("torch", "smp")
ADVICE = "bring the UNet of torch_networks.py up to date with unet.build"


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add, cpu = parser.add_argument, profile("cpu")
    add("--data", default="", help="real images (folder or zip), or phantom")
    add("--against", nargs="*", default=list(NEEDS), choices=list(NEEDS))
    add("--turns", type=int, default=6, help="the first is thrown away")
    add("--seconds", type=float, default=2, help="to train; half to infer")
    add("--target", type=float, help="Dice to reach: 0.72, phantom 0.6")
    add("--limit", type=float, default=300, help="seconds to reach it in")
    add("--calls", type=int, default=200, help="to time one image")
    add("--size", type=int, default=cpu["image_size"])
    add("--width", type=int, default=cpu["width"])
    add("--epochs", type=int, default=cpu["epochs"])
    add("--out", type=Path, default=ROOT / "results" / "bench.json")
    return parser.parse_args(arguments)


def profile(name):
    return yaml.safe_load((ROOT / "profiles" / f"{name}.yaml").read_text())


def settings_of(o, simulated):
    """Return what every contender reads, a dict."""
    given = ("size", "width", "epochs", "turns", "seconds", "limit")
    low = ["mixed_bfloat16"] if environment.cpu_has_bfloat16() else []
    return {
        **{name: getattr(o, name) for name in given},
        "plain_width": 32,  # tutorials begin with 16 to 64 channels
        "textbook_width": 64,  # Ronneberger et al. 2015
        "batch_size": 8,
        "learning_rate": 2e-3,
        "seed": 0,
        "cores": environment.cores(),
        "precisions": ["float32", *low],  # that of `training.precision` last
        "target": o.target or (0.6 if simulated else 0.72),
    }


def prepare(source, settings, work):
    """Write WORK/settings.json and data.npz: notebook 4's split, and batches.

    Fold 0 is left out; the lesion images of an eighth of the rest validate: a
    normal one has a Dice of 0 or 1, by the smallest false spot.
    """
    cases = layouts.DataSet("busi", source.root).cases
    cases = cases[splits.assign_folds(cases) != 0].reset_index(drop=True)
    images, labels = busi.load_arrays(cases, settings["size"])
    inner = splits.assign_folds(cases, n_folds=8).to_numpy() == 0
    validates = inner & labels.any(axis=(1, 2))
    size = settings["batch_size"]
    train = augmentation.Batches(images[~inner], labels[~inner], size, 0)
    whole = len(train.images) // size
    x, y = zip(*(train[i] for i in range(min(8, whole))), strict=True)
    data = {"images": train.images, "labels": train.labels}
    data |= {"val_images": images[validates], "val_labels": labels[validates]}
    np.savez(work / "data.npz", **data, x=np.stack(x), y=np.stack(y))
    (work / "settings.json").write_text(json.dumps(settings))
    return {"train": len(train.images), "validation": int(validates.sum())}


class Comparison:
    """The contenders that are alive, and what was measured so far.

    python: that of .venv-bench, or None, why_not being the reason.
    """

    def __init__(self, work, settings, python=None, why_not=None):
        self.work, self.settings = work, settings
        self.python, self.why_not = python, why_not
        self.workers, self.networks = {}, {}
        versions = environment.versions()
        self.report = {"networks": self.networks, "versions": versions}

    def start(self, name):
        """Start a contender; if that fails, its row keeps the reason."""
        row = self.networks[name] = {}
        try:
            if name in IN_TORCH and not self.python:
                raise Failed(self.why_not)
            started = command(name, self.work, self.python)
            worker = Worker(started, self.work / f"{name}.log")
            self.workers[name] = worker
            both = self.settings["precisions"]
            row["precisions"] = both[-1:] if name == "ours" else both
            for precision in row["precisions"]:
                row["parameters"] = worker.ask("build", precision)
            if name == "ours":
                worker.ask("weights")
            elif name in IN_TORCH:
                self.report["versions"] |= worker.ask("versions")
            if name == "torch":
                self.check_copy(worker)
        except Failed as error:
            self.drop(name, error)

    def check_copy(self, worker):
        """Note how the copy in PyTorch differs; Failed: it is another one."""
        row, ours = self.networks["torch"], self.networks["ours"]["parameters"]
        if ours != (theirs := row["parameters"]):
            raise Failed(
                f"unet.build has {ours:,} trainable parameters and its copy "
                f"in PyTorch {theirs:,}: {ADVICE}"
            )
        gap = row["largest_difference"] = worker.ask("same")
        if not gap < 1e-3:
            differs = f"with the same weights it differs by {gap:.2g}"
            raise Failed(f"{differs}: {ADVICE}")

    def drop(self, name, error):
        self.networks[name]["why_not"] = str(error)
        if name in self.workers:
            self.workers.pop(name).close()
        if name == "ours":  # without it there is nothing to compare
            raise Failed(error)
        print(f"{name} is left out: {error}", flush=True)

    def take_turns(self):
        """Train and infer by turns; keep all turns but the first."""
        speeds = {}
        for turn in range(self.settings["turns"]):
            for name, worker in list(self.workers.items()):
                try:
                    for key, speed in self.one_turn(name, worker):
                        speeds.setdefault(key, []).append(speed)
                except Failed as error:
                    self.drop(name, error)
            print(f"turn {turn + 1} of {self.settings['turns']}", flush=True)
        self.report["speed"] = [
            {"network": name, "precision": precision, "job": job}
            | {"images_per_second": spread(each[1:])}
            for (name, precision, job), each in speeds.items()
            if name in self.workers
        ]
        self.report["ratios"] = ratios(self.report["speed"])

    def one_turn(self, name, worker):
        for precision in self.networks[name]["precisions"]:
            # the textbook's network is too slow to train here
            for job in JOBS if name != "textbook" else JOBS[1:]:
                half = 1 if job == "train" else 2
                seconds = self.settings["seconds"] / half
                speed = worker.ask("speed", precision, job, seconds)
                yield (name, precision, job), speed

    def latency(self, calls):
        """Time one image at a time, in Keras and exported."""
        try:
            self.report["latency"] = self.workers["ours"].ask("latency", calls)
        except Failed as error:
            self.report["latency"] = {"why_not": str(error)}

    def close(self):
        for worker in self.workers.values():
            worker.close()


def command(name, work, python=None):
    """Return the command that starts a contender; python: .venv-bench's."""
    in_torch = name in IN_TORCH
    module = f"tools.benchmark.{'torch' if in_torch else 'keras'}_networks"
    return [python if in_torch else sys.executable, "-m", module, work, name]


def spread(values):
    """Return median, low, high and every value, rounded to four digits."""
    values = [float(f"{value:.4g}") for value in values]
    median = float(f"{statistics.median(values):.4g}")
    ends = {"low": min(values), "high": max(values)}
    return {"median": median, **ends, "each": values}


def ratios(rows):
    """Return our speed over each other network's in its faster precision."""
    found = []
    for job in JOBS:
        of_job = [row for row in rows if row["job"] == job]
        of_job.sort(key=lambda row: row["images_per_second"]["median"])
        best = {row["network"]: row for row in of_job}
        ours = best.pop("ours")["images_per_second"]["each"]
        for name, row in best.items():
            theirs = row["images_per_second"]["each"]
            ratio = spread([a / b for a, b in zip(ours, theirs, strict=True)])
            kind = {"against": name, "precision": row["precision"]}
            found.append({"job": job, **kind, **ratio})
    return found


def to_dice(work, settings, plain):
    """Return how long ours takes, and plain in up to four times as long."""
    limit = settings["limit"]
    report = {"ours": time_to_dice("ours", work, settings, limit)}
    if plain:
        limit = 4 * (report["ours"].get("seconds") or limit)
        report["plain"] = time_to_dice("plain", work, settings, limit)
    return report


def time_to_dice(name, work, settings, limit):
    """Train a network as notebook 4 does until the target or the limit.

    The curve is read from the run's state. The seconds are those of
    `training.fit`, compilation and validation included.
    """
    log, began = work / f"{name}-fit.log", time.time()
    started = [*command(name, work), "fit"]
    with open(log, "w") as file:
        process = subprocess.Popen(started, cwd=ROOT, stdout=file, stderr=file)
    ended = enough = hit = None
    while not (ended or enough):
        time.sleep(0.2)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        rows = history(work / name / "resume.npz")
        goal = settings["target"]
        hit = next((r for r in rows if r["val_dice"] >= goal), None)
        enough = hit or time.time() - began > limit
    if not ended:
        process.kill()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if ended and process.returncode:
        return {"why_not": last_line(log, process.returncode)}
    return {
        "target": settings["target"],
        "seconds": hit and hit["seconds"],
        "epochs": int((hit or rows[-1])["epoch"]) if rows else 0,
        "best": max((row["val_dice"] for row in rows), default=0.0),
        "limit": round(limit, 1),
        "peak_memory_mb": workspace.peak_memory_mb(usage),
    }


def history(path):
    """Return the rows of the epochs that a run's state holds, if any."""
    if not path.exists():
        return []
    with np.load(path) as state:  # its weights are not read
        return json.loads(str(state["record"]))["rows"]


def batch_making(work, settings, step_speed):
    """Return how fast one core augments, and what part of a step that is.

    step_speed: images a second that our network trains on, on made batches.
    """
    cv2.setNumThreads(1)
    data, size = workspace.load(work / "data.npz"), settings["batch_size"]
    source = augmentation.Batches(data["images"], data["labels"], size, 0)
    speeds = []
    for source.epoch in range(settings["turns"]):
        began = time.process_time()
        for i in range(len(source)):
            source[i]
        speeds.append(len(source.images) / (time.process_time() - began))
    made = spread(speeds[1:])
    part = step_speed / (step_speed + made["median"])
    return {"pairs_per_second": made, "share_of_a_step": round(part, 4)}


def machine():
    """Return where this runs and how busy it is."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = (x.split(":")[1].strip() for x in lines if "model name" in x)
    now = datetime.datetime.now(datetime.UTC)
    return {
        "started": now.isoformat(timespec="minutes"),
        "processor": next(models, "unknown"),
        "cores": environment.cores(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def measure(o, source, work):
    """Run everything and return the report, a dict for bench.json."""
    simulated = source.kind == "phantom"
    settings = settings_of(o, simulated)
    where = "phantom" if simulated else "DATA"  # not a path on this machine
    head = {
        "command": f"{COMMAND} --data {where} --against {' '.join(o.against)}",
        "simulated": simulated,
        "data": source.fingerprint,
        "settings": settings,
        "machine": machine(),
        "cases": prepare(source, settings, work),
    }
    needs_torch = not set(IN_TORCH).isdisjoint(o.against)
    python = why_not = None
    try:
        python = venv.make() if needs_torch else None
    except setup_env.Stop as stop:
        why_not = str(stop)
    comparison = Comparison(work, settings, python, why_not)
    with contextlib.closing(comparison):
        for name in ["ours", *(n for kind in o.against for n in NEEDS[kind])]:
            comparison.start(name)
        comparison.take_turns()
        comparison.latency(o.calls)
    report = head | comparison.report
    training = next(row for row in report["speed"] if row["job"] == "train")
    speed = training["images_per_second"]["median"]
    report["batches"] = batch_making(work, settings, speed)
    report["to_dice"] = to_dice(work, settings, "plain" in o.against)
    return report


def main(arguments):
    o = options(arguments)
    began = time.time()
    for kind in ("OMP_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
        os.environ[f"{kind}_THREADS"] = str(environment.cores())
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    try:
        source = sources.locate(o.data)
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            report = measure(o, source, Path(work))
    except (busi.DataError, Failed) as error:
        sys.exit(f"The benchmark could not be run: {error}")
    report["seconds"] = round(time.time() - began)
    files.write(o.out, workspace.as_json(report))
    print(f"{o.out} written after {report['seconds']} s")


if __name__ == "__main__":
    main(sys.argv[1:])
