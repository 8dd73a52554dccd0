"""Measure our network beside others, in one run on one machine, into results/bench.json.

    python tools/bench.py [--data DATA] [--against plain torch smp] [...]

The contenders take turns, each in a process of its own with the same threads,
and only what was measured in the same turn is divided: so a machine that grows
slower or faster meanwhile slows or speeds up all. A ratio is the median over
turns, with the smallest and the largest. GPUs are hidden: this compares CPUs.
"""

import argparse
import datetime
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import yaml

from helpers import environment
from helpers.data import busi, duplicates, sources, splits
from helpers.files import ROOT
from helpers.model import augmentation
from tools import setup_env
from tools.benchmark import venv
from tools.benchmark.worker import Failed, Worker, last_word

JOBS = ("train", "infer")
NEEDS = {  # what each choice of --against measures
    "plain": ["plain", "textbook"],
    "torch": ["torch"],
    "smp": ["smp"],
}
IN_TORCH = ("torch", "smp")


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--data",
        default="",
        help="real images, or `phantom`; as everywhere else",
    )
    add("--against", nargs="*", default=list(NEEDS), choices=list(NEEDS))
    add("--turns", type=int, default=6, help="the first is thrown away")
    add(
        "--seconds",
        type=float,
        default=2,
        help="of training in a turn; half to infer",
    )
    add(
        "--target",
        type=float,
        help="lesion Dice to reach: 0.72, on a phantom 0.6",
    )
    add("--limit", type=float, default=300, help="seconds to reach it in")
    add(
        "--calls",
        type=int,
        default=200,
        help="to measure the time of one image",
    )
    add("--size", type=int, default=profile("cpu")["image_size"])
    add("--width", type=int, default=profile("cpu")["width"])
    add("--epochs", type=int, default=profile("cpu")["epochs"])
    add("--out", type=Path, default=ROOT / "results" / "bench.json")
    return parser.parse_args(arguments)


def profile(name):
    return yaml.safe_load((ROOT / "profiles" / f"{name}.yaml").read_text())


def settings_of(o, simulated):
    """Return what every contender is told."""
    target = o.target or (0.6 if simulated else 0.72)
    return {
        "size": o.size,
        "width": o.width,
        "plain_width": 32,  # tutorials begin with 16 to 64 channels
        "textbook_width": 64,  # Ronneberger et al. 2015
        "batch_size": 8,
        "learning_rate": 2e-3,
        "epochs": o.epochs,
        "seed": 0,
        "cores": cores(),
        "precisions": precisions(),
        "turns": o.turns,
        "seconds": o.seconds,
        "target": target,
        "limit": o.limit,
    }


def precisions():
    """Return the Keras policies to try on this CPU, that of `training.precision` last."""
    return ["float32"] + ["mixed_bfloat16"] * environment.cpu_has_bfloat16()


def prepare(source, settings, work):
    """Write WORK/settings.json and data.npz: the split of notebook 4, and some batches.

    Fold 0 of 5 is left out; the lesion images of one eighth of the rest
    validate. Normal images would add a Dice of 0 or 1 to the curve, by the
    smallest false spot.
    """
    cases = busi.index(source.root)
    cases["group"] = duplicates.assign_groups(
        cases, duplicates.near_duplicates(cases)
    )
    cases = cases[splits.assign_folds(cases) != 0].reset_index(drop=True)
    images, labels = busi.load_arrays(cases, settings["size"])
    inner = splits.assign_folds(cases, n_folds=8).to_numpy() == 0
    judged = inner & labels.any(axis=(1, 2))
    train = augmentation.Batches(
        images[~inner], labels[~inner], settings["batch_size"], 0
    )
    whole = len(train.images) // settings["batch_size"]
    x, y = zip(*(train[i] for i in range(min(8, whole))), strict=True)
    np.savez(
        work / "data.npz",
        images=train.images,
        labels=train.labels,
        val_images=images[judged],
        val_labels=labels[judged],
        x=np.stack(x),
        y=np.stack(y),
    )
    (work / "settings.json").write_text(json.dumps(settings))
    return {"train": len(train.images), "validation": int(judged.sum())}


class Bench:
    """One run of the benchmark: the contenders that are alive, and what came out."""

    def __init__(self, work, settings):
        self.work, self.settings = work, settings
        self.workers, self.report = (
            {},
            {"networks": {}, "versions": environment.versions()},
        )

    def start(self, name, python):
        """Start a contender; where it cannot be had, its row keeps the reason."""
        script = TOOLS / f"bench_{'torch' if name in IN_TORCH else 'keras'}.py"
        row = self.report["networks"][name] = {}
        try:
            command = [
                python() if name in IN_TORCH else sys.executable,
                script,
            ]
            worker = Worker(
                [*command, self.work, name], self.work / f"{name}.log"
            )
            self.workers[name] = worker
            row["precisions"] = self.settings["precisions"]
            if name == "ours":
                row["precisions"] = row["precisions"][-1:]
            for precision in row["precisions"]:
                row["parameters"] = worker.ask("build", precision)
            if name == "ours":
                worker.ask("weights")
            elif name in IN_TORCH:
                self.report["versions"] |= worker.ask("versions")
            if name == "torch":
                self.compare(worker)
        except (setup_env.Stop, Failed) as error:
            self.drop(name, error)

    def compare(self, worker):
        """Check that the network in PyTorch is ours, and note by how much it differs.

        Raises:
            Failed: it is another network.
        """
        told = self.report["networks"]
        ours, theirs = told["ours"]["parameters"], told["torch"]["parameters"]
        advice = (
            "bring UNet in tools/bench_torch.py up to date with unet.build"
        )
        if ours != theirs:
            raise Failed(
                f"networks.unet has {ours:,} trainable parameters and its copy in "
                f"PyTorch {theirs:,}: {advice}"
            )
        gap = told["torch"]["largest_difference"] = worker.ask("same")
        if not gap < 1e-3:
            raise Failed(
                f"with the same weights it differs by {gap:.2g}: {advice}"
            )

    def drop(self, name, error):
        self.report["networks"][name]["why_not"] = str(error)
        worker = self.workers.pop(name, None)
        if worker:
            worker.close()
        if name == "ours":  # without it there is nothing to compare
            raise Failed(error)
        print(f"{name} is left out: {error}", flush=True)

    def take_turns(self):
        """Let the contenders train and infer by turns; keep all turns but the first."""
        rows = {}
        for turn in range(self.settings["turns"]):
            for name, worker in list(self.workers.items()):
                try:
                    for key, speed in self.one_turn(name, worker):
                        rows.setdefault(key, []).append(speed)
                except Failed as error:
                    self.drop(name, error)
            print(f"turn {turn + 1} of {self.settings['turns']}", flush=True)
        self.report["speed"] = [
            dict(zip(("network", "precision", "job"), key, strict=True))
            | {"images_per_second": spread(speeds[1:])}
            for key, speeds in rows.items()
            if key[0] in self.workers
        ]
        self.report["ratios"] = ratios(self.report["speed"])

    def one_turn(self, name, worker):
        for precision in self.report["networks"][name]["precisions"]:
            for job in JOBS if name != "textbook" else JOBS[1:]:
                seconds = self.settings["seconds"] / (
                    1 if job == "train" else 2
                )
                yield (
                    (name, precision, job),
                    worker.ask("speed", precision, job, seconds),
                )

    def latency(self, calls):
        """Time one image at a time, in Keras and exported."""
        try:
            told = self.workers["ours"].ask("latency", calls)
        except Failed as error:
            self.report["latency"] = {"why_not": str(error)}
            return
        self.report["latency"] = {
            "calls": calls,
            "ms": {
                name: percentiles(times) for name, times in told["ms"].items()
            },
            "largest_difference": told["largest_difference"],
        }

    def close(self):
        for worker in self.workers.values():
            worker.close()


def spread(values):
    """Return median, low, high and every value, rounded to four digits."""
    values = [float(f"{value:.4g}") for value in values]
    return {
        "median": float(f"{statistics.median(values):.4g}"),
        "low": min(values),
        "high": max(values),
        "each": values,
    }


def percentiles(times):
    return {
        "median": round(float(np.median(times)), 3),
        "p95": round(float(np.percentile(times, 95)), 3),
    }


def ratios(rows):
    """Return our speed divided by each other network's in its faster precision."""
    found = []
    for job in JOBS:
        of_job = [row for row in rows if row["job"] == job]
        of_job.sort(key=lambda row: row["images_per_second"]["median"])
        best = {
            row["network"]: row for row in of_job
        }  # the faster one comes last
        ours = best.pop("ours")["images_per_second"]["each"]
        for name, row in best.items():
            theirs = row["images_per_second"]["each"]
            ratio = spread([a / b for a, b in zip(ours, theirs, strict=True)])
            found.append(
                {
                    "job": job,
                    "against": name,
                    "precision": row["precision"],
                    **ratio,
                }
            )
    return found


def to_dice(work, settings, plain):
    """Return how long ours, and the plain U-Net, take to the target, {name: dict}.

    The plain one may take four times as long as ours did: then the answer is
    "more".
    """
    told = {"ours": time_to_dice("ours", work, settings, settings["limit"])}
    if plain:
        limit = 4 * (told["ours"].get("seconds") or settings["limit"])
        told["plain"] = time_to_dice("plain", work, settings, limit)
    return told


def time_to_dice(name, work, settings, limit):
    """Train a network as notebook 4 does until it reaches the target or the limit.

    The curve is read from the run's state, so the training is the one that
    readers run. The seconds are those of `training.fit`, compilation and
    validation included.
    """
    log = work / f"{name}-fit.log"
    command = [sys.executable, TOOLS / "bench_keras.py", work, name, "fit"]
    began = time.time()
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    ended = enough = hit = None
    while not (ended or enough):
        time.sleep(0.2)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        rows = history(work / name / "resume.npz")
        hit = next(
            (r for r in rows if r["val_dice"] >= settings["target"]), None
        )
        enough = hit or time.time() - began > limit
    if not ended:
        process.kill()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if ended and process.returncode:
        return {"why_not": last_word(log, process.returncode)}
    return {
        "target": settings["target"],
        "seconds": hit and hit["seconds"],
        "epochs": int((hit or rows[-1])["epoch"]) if rows else 0,
        "best": max((row["val_dice"] for row in rows), default=0.0),
        "limit": round(limit, 1),
        "peak_memory_mb": round(
            usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        ),
    }


def history(path):
    """Return the epochs told in the state of a run; none before the first one's end."""
    if not path.exists():
        return []
    with np.load(path, allow_pickle=False) as state:
        return json.loads(str(state["told"]))["rows"]


def batch_making(work, settings, step_images):
    """Return how fast one core makes augmented batches, and what part of a step it is.

    step_images: images a second that our network trains on, on batches made
    beforehand.
    """
    cv2.setNumThreads(1)
    with np.load(work / "data.npz", allow_pickle=False) as arrays:
        source = augmentation.Batches(
            arrays["images"], arrays["labels"], settings["batch_size"], 0
        )
    speeds = []
    for source.epoch in range(settings["turns"]):
        began = time.process_time()
        for i in range(len(source)):
            source[i]
        speeds.append(len(source.images) / (time.process_time() - began))
    made = spread(speeds[1:])
    return {
        "pairs_per_second": made,
        "share_of_a_step": round(
            step_images / (step_images + made["median"]), 4
        ),
    }


def gpu_memory(python):
    """Return XLA's accounting of one step of the gpu profile, or why there is none."""
    gpu = profile("gpu")
    told = {"size": gpu["image_size"], "width": gpu["width"], "batch_size": 8}
    command = [TOOLS / "bench_memory.py", *map(str, told.values())]
    try:
        done = subprocess.run(
            [python(), *command],
            env={**os.environ, "KERAS_BACKEND": "jax"},
            capture_output=True,
            text=True,
            check=True,
        )
    except setup_env.Stop as error:
        return {"why_not": str(error)}
    except subprocess.CalledProcessError as error:
        return {"why_not": error.stderr.strip().splitlines()[-1]}
    return told | {"mb": int(done.stdout.split()[-1])}


def cores():
    """Return how many cores this process may use: every contender gets so many threads."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count()


def machine():
    """Return where this runs and how busy it is."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            x.split(":")[1].strip() for x in lines if "model name" in x
        )
    except (OSError, StopIteration):
        model = "unknown"
    now = datetime.datetime.now(datetime.UTC)
    return {
        "started": now.isoformat(timespec="minutes"),
        "processor": model,
        "cores": cores(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def measure(o, source, work):
    """Run everything and return the report, a dict for bench.json."""
    simulated = source.kind == "phantom"
    settings = settings_of(o, simulated)
    data = (
        "phantom" if simulated else "DATA"
    )  # not where it lies on this machine
    hidden = {o.data: data, str(o.out): o.out.name}
    given = [hidden.get(argument, argument) for argument in o.given]
    head = {
        "schema": 1,
        "command": shlex.join(["python", "tools/bench.py", *given]),
    }
    head |= {"simulated": simulated, "data": source.fingerprint}
    head |= {"settings": settings, "machine": machine()}
    head["cases"] = prepare(source, settings, work)
    python = once(venv.make)
    bench = Bench(work, settings)
    try:
        for name in [
            "ours",
            *(name for choice in o.against for name in NEEDS[choice]),
        ]:
            bench.start(name, python)
        bench.take_turns()
        bench.latency(o.calls)
    finally:
        bench.close()
    report = head | bench.report
    training = next(row for row in report["speed"] if row["job"] == "train")
    report["batches"] = batch_making(
        work, settings, training["images_per_second"]["median"]
    )
    report["to_dice"] = to_dice(work, settings, "plain" in o.against)
    if {"torch", "smp"} & set(o.against):
        report["gpu_memory"] = gpu_memory(python)
    return report


def once(make):
    """Return a function that calls make() once and then repeats what it did."""
    kept = []

    def ask():
        if not kept:
            try:
                kept.append(make())
            except setup_env.Stop as stop:
                kept.append(stop)
        if isinstance(kept[0], setup_env.Stop):
            raise kept[0]
        return kept[0]

    return ask


def main(arguments):
    o = options(arguments)
    o.given = arguments
    began = time.time()
    for name in (
        "OMP_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ):
        os.environ[name] = str(cores())
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    try:
        source = sources.locate(o.data)
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            report = measure(o, source, Path(work))
    except (busi.DataError, Failed) as error:
        sys.exit(f"The benchmark could not be run: {error}")
    report["seconds"] = round(time.time() - began)
    partial = o.out.with_name(f".partial-{o.out.name}")
    partial.write_text(json.dumps(report, indent=1) + "\n")
    os.replace(partial, o.out)
    print(f"{o.out} written after {report['seconds']} s")


if __name__ == "__main__":
    main(sys.argv[1:])
