"""Profile one training step, as Keras has it and as here, on this machine.

    python -m tools.benchmark.step

Writes results/step.json: seconds to build the graph of a step, milliseconds a
step, by turns, and the operations that take longest. The network is that of
the quick profile, in `training.precision`; the images are random.
"""

import collections
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf

from helpers import environment, files, workspace
from helpers.files import ROOT
from helpers.model import augmentation, losses, optimizer, training, unet
from tools.benchmark import compare

OUT = ROOT / "results" / "step.json"
TURNS, STEPS, SHOWN = 6, 10, 10
SIZE, WIDTH, BATCH = 128, 16, 8


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
    began = time.perf_counter()
    model.fit(*pair, batch_size=BATCH, shuffle=False, verbose=0)
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
    return [
        (kind, round(ms, 2), round(times[kind]))
        for kind, ms in spent.most_common(SHOWN)
    ]


def measure():
    """Return {kind: {"graph_s", "step_ms" (by turn), "operations"}}."""
    keras.config.set_dtype_policy(training.precision())
    pair, models, rows = random_images(), {}, {}
    for name, compile_it in KINDS.items():
        keras.utils.set_random_seed(0)
        model = models[name] = unet.build(SIZE, width=WIDTH)
        began = time.perf_counter()
        compile_it(model)
        compiled = time.perf_counter() - began
        first, second = (take_steps(model, pair) for _ in range(2))
        rows[name] = {"graph_s": round(compiled + first - second, 2)}
        rows[name]["step_ms"] = []
    for _ in range(TURNS):
        for name, model in models.items():
            ms = 1000 * take_steps(model, pair) / STEPS
            rows[name]["step_ms"].append(round(ms, 1))
    for name, model in models.items():
        rows[name]["operations"] = operations(model, pair)
    return rows


def main():
    rows = measure()
    slow, fast = (rows[name]["step_ms"] for name in KINDS)
    ratios = sorted(a / b for a, b in zip(slow, fast, strict=True))
    report = {
        "machine": compare.machine(),
        "versions": environment.versions(),
        "precision": keras.config.dtype_policy().name,
        "network": {"size": SIZE, "width": WIDTH, "batch_size": BATCH},
        "ratio": {
            "median": statistics.median(ratios),
            "low": ratios[0],
            "high": ratios[-1],
        },
        "kinds": rows,
    }
    files.write(OUT, workspace.as_json(report))
    print(json.dumps(report["ratio"]), f"{OUT} written")


if __name__ == "__main__":
    main()
