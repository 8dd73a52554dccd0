"""Profile one training step, as Keras has it, as here, and in PyTorch.

    python -m tools.benchmark.step

Writes results/step.json: seconds to build the graph of a step, milliseconds a
step, by turns, and the operations that take longest. The network is that of
the quick profile, in `training.precision`; the images are random. The copy in
PyTorch is the benchmark's.
"""

import collections
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf

from helpers import environment, files, workspace
from helpers.files import ROOT
from helpers.model import augmentation, losses, optimizer, training, unet
from tools import setup_env
from tools.benchmark import compare, venv
from tools.benchmark.worker import Failed, Worker

OUT = ROOT / "results" / "step.json"
TURNS, STEPS, SHOWN = 12, 10, 10
SIZE, WIDTH, BATCH = 128, 16, 8
GROUPS = {  # by words in the names that TensorFlow or PyTorch gives them
    "convolutions": "Conv2D|convolution",
    "batch normalisation": "BatchNorm|batch_norm",
    "doubling of maps": "ResizeBilinear|upsample",
}
GROUPS = {name: re.compile(words) for name, words in GROUPS.items()}
REST = "the rest"


def as_keras(model):
    """Compile a network with Keras' own parts, whose average is longer."""
    how = {"weight_decay": optimizer.DECAY, "clipnorm": optimizer.CLIP}
    rule = keras.optimizers.AdamW(1e-3, use_ema=True, **how)
    dice = losses.lesion_dice
    model.compile(rule, losses.segmentation_loss, metrics=[dice])


def as_here(model):
    training.compile_for(model, optimizer.FlatAdamW(1e-3))


KINDS = {"Keras": as_keras, "here": as_here}


def random_images():
    """Return (images, labels) for STEPS steps."""
    rng, shape = np.random.default_rng(0), (STEPS * BATCH, SIZE, SIZE)
    images = rng.integers(0, 256, shape, np.uint8)
    return augmentation.as_input(images), rng.integers(0, 3, shape, np.uint8)


def take_steps(model, pair):
    """Take STEPS steps; return the seconds."""
    batches = [np.split(array, STEPS) for array in pair]
    began = time.perf_counter()
    for x, y in zip(*batches, strict=True):  # `fit` may sleep at its end
        training.step(model, x, y)
    return time.perf_counter() - began


def operations(model, pair):
    """Return the longest, [(kind, ms a step, how many a step), ...]."""
    # a part of TensorFlow, and no public one
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            take_steps(model, pair)
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
    spent, times = collections.Counter(), collections.Counter()
    for plane in space.planes:
        for event in (e for line in plane.lines for e in line.events):
            name = plane.event_metadata[event.metadata_id].name
            kind = name.rpartition(":")[2]  # of "layer/path:Kind"
            if hasattr(tf.raw_ops, kind.removeprefix("_MklNative")):
                kind = kind.removeprefix("_MklNative")
                spent[kind] += event.duration_ps / 1e9 / STEPS
                times[kind] += 1 / STEPS
    return [(kind, ms, times[kind]) for kind, ms in spent.most_common()]


@contextlib.contextmanager
def in_torch(pair):
    """Give the `Worker` of our network in PyTorch.

    setup_env.Stop, worker.Failed: there is none, a sentence.
    """
    settings = {"cores": environment.cores(), "seed": 0, "width": WIDTH}
    settings["learning_rate"] = 1e-3
    x, y = (a.reshape(STEPS, BATCH, *a.shape[1:]) for a in pair)
    python = venv.make()
    with tempfile.TemporaryDirectory(prefix="step-") as folder:
        work = Path(folder)
        (work / "settings.json").write_text(json.dumps(settings))
        np.savez(work / "data.npz", x=x, y=y)
        weight = losses.IMAGE_WEIGHT
        np.savez(work / "weights.npz", image_weight=weight)
        command = compare.command("torch", work, python)
        with contextlib.closing(Worker(command, work / "log")) as worker:
            worker.ask("build", training.precision())
            yield worker


def compiled(pair):
    """Return ({kind: model}, {kind: {"graph_s"}}) of KINDS."""
    models, rows = {}, {}
    for name, compile_it in KINDS.items():
        keras.utils.set_random_seed(0)
        model = models[name] = unet.build(SIZE, width=WIDTH)
        began = time.perf_counter()
        compile_it(model)
        before = time.perf_counter() - began
        first, second = (take_steps(model, pair) for _ in range(2))
        rows[name] = {"graph_s": round(before + first - second, 2)}
    return models, rows


def measure():
    """Return {kind: {"graph_s", "step_ms" (by turn), "operations"}}."""
    keras.config.set_dtype_policy(training.precision())
    pair = random_images()
    models, rows = compiled(pair)
    precision = training.precision()
    with in_torch(pair) as worker:
        rows["PyTorch"] = {}
        spent = collections.defaultdict(list)
        for seconds in (0, *[1] * TURNS):  # it begins with two slow steps
            speed = worker.ask("speed", precision, "train", seconds)
            spent["PyTorch"].append(1000 * BATCH / speed)
            for name, model in models.items():
                took = take_steps(model, pair)
                spent[name].append(1000 * took / STEPS)
        longest = {"PyTorch": worker.ask("operations", precision, STEPS)}
    longest |= {name: operations(models[name], pair) for name in KINDS}
    for name, row in rows.items():
        row["step_ms"] = compare.spread(spent[name][1:])
        row["groups"] = grouped(longest[name])
        row["operations"] = [
            (kind, round(ms, 2), round(times))
            for kind, ms, times in longest[name][:SHOWN]
        ]
    return rows


def grouped(found):
    """Return {group of GROUPS, or "the rest": ms a step} of operations."""
    sums = dict.fromkeys([*GROUPS, REST], 0.0)
    for kind, ms, _ in found:
        hits = (name for name, words in GROUPS.items() if words.search(kind))
        sums[next(hits, REST)] += ms
    return {name: round(ms, 1) for name, ms in sums.items()}


def ratio(rows, other):
    """Return the `spread` of the time of another's step over ours."""
    theirs, ours = (rows[name]["step_ms"]["each"] for name in (other, "here"))
    return compare.spread([a / b for a, b in zip(theirs, ours, strict=True)])


def main():
    try:
        rows = measure()
    except (setup_env.Stop, Failed) as error:
        sys.exit(f"A step could not be profiled: {error}")
    report = {
        "machine": compare.machine(),
        "versions": environment.versions(),
        "precision": training.precision(),
        "network": {"size": SIZE, "width": WIDTH, "batch_size": BATCH},
        "ratios": {name: ratio(rows, name) for name in ("Keras", "PyTorch")},
        "kinds": rows,
    }
    files.write(OUT, workspace.as_json(report))
    print(json.dumps(report["ratios"]), f"{OUT} written")


if __name__ == "__main__":
    main()
