"""Train one fold's network on several machines, or on all GPUs of one, as a single run.

Start the same command on every machine, each with its own number from 0:

    python tools/several_machines.py runs/busi-gpu --fold 0 \\
        --coordinator 10.0.0.5:9876 --machines 2 --machine 0

10.0.0.5 is machine 0. It alone needs the run folder, in which notebook 2 has
finished; it hands data, settings and the state of an interrupted run to the
others, and writes model.keras and history.csv into
RUN/several_machines/fold_K. Needs jax, and the same commit on every machine.
pages/more_than_one_device.md tells when this is worth it.
"""

import argparse
import ast
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import numpy as np

from helpers import environment, workspace
from helpers.data import splits
from helpers.files import ROOT
from helpers.model import augmentation

PREPARED = "02_prepare_the_masks"
WORKER = "BUSI_SEVERAL_WORKER"  # set for the process that trains
LOST = (
    "coordination",
    "gloo",
    "nccl",
)  # in what JAX says when a machine is gone


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "run",
        type=Path,
        help="folder of a run in which notebook 2 has finished",
    )
    add(
        "--fold",
        type=int,
        default=0,
        choices=range(5),
        help="the one held out",
    )
    add("--machines", type=int, default=1, help="how many there are")
    add(
        "--machine", type=int, default=0, help="the number of this one, from 0"
    )
    add(
        "--coordinator",
        help="machine 0's address and a free port there, host:port",
    )
    add(
        "--wait",
        type=int,
        default=300,
        help="seconds to wait for the others to start",
    )
    add(
        "--silence",
        type=int,
        default=60,
        help="seconds until one counts as lost",
    )
    change = "a parameter of notebook 4, as in: -p epochs 30"
    add(
        "-p",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "N"),
        help=change,
    )
    o = parser.parse_args()
    if not 0 <= o.machine < o.machines:
        parser.error(f"--machine is a number from 0 to {o.machines - 1}")
    if o.machines > 1 and not o.coordinator:
        parser.error("several machines need --coordinator host:port")
    if o.machine == 0 and not (o.run / PREPARED / "manifest.json").exists():
        parser.error(
            f"{o.run / PREPARED} is not finished: run notebook 2 first"
        )
    if importlib.util.find_spec("jax") is None:
        parser.error(
            "jax is missing: pip install jax (with a GPU: 'jax[cuda12]')"
        )
    return o


def watch(o, folder):
    """Train in a child process, so that its end, even by abort, is told in a sentence."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"machine_{o.machine}.log"
    with open(path, "w") as log:
        command = [sys.executable, "-u", *sys.argv]
        code = subprocess.call(
            command, env={**os.environ, WORKER: "1"}, stderr=log
        )
    said = path.read_text(errors="replace").strip()
    if code and any(word in said.lower() for word in LOST):
        sys.exit(
            f"Machine {o.machine} stopped: another machine was lost or did not come. "
            "Start the same command again on every machine; the run goes on after the "
            f"last epoch that machine 0 has finished. Details: {path}"
        )
    if code:
        last = (said.splitlines() or [f"exit code {code}"])[-1]
        sys.exit(f"Machine {o.machine} failed: {last}\nDetails: {path}")


def parameters(o):
    """Return notebook 4's parameters: its own, the profile's, and those of -p."""
    import papermill
    import yaml

    notebook = ROOT / "notebooks" / "04_train_the_segmenter.ipynb"
    declared = papermill.inspect_notebook(str(notebook))
    found = {
        name: ast.literal_eval(p["default"]) for name, p in declared.items()
    }
    made = json.loads((o.run / PREPARED / "manifest.json").read_text())[
        "parameters"
    ]
    profile = ROOT / "profiles" / f"{made['profile']}.yaml"
    values = yaml.safe_load(profile.read_text()) if profile.exists() else {}
    asked = {name: ast.literal_eval(value) for name, value in o.p}
    if set(asked) - set(found):
        sys.exit(
            f"-p takes {sorted(found)}, not {sorted(set(asked) - set(found))}"
        )
    return {k: {**found, **values, **made, **asked}[k] for k in found}


def content(o, state):
    """Return what machine 0 hands to all: arrays, rows, parameters, an earlier state."""
    told = parameters(o)
    told["policy"] = "float32"  # on a CPU, bfloat16 is fast in TensorFlow only
    if environment.gpu_capability():
        from helpers.model import training

        told["policy"] = training.precision()
    folds = workspace.load(o.run / PREPARED / "folds.csv")
    rest = folds.index[folds["fold"] != o.fold]
    inner = splits.assign_folds(folds.loc[rest], n_folds=8, seed=told["seed"])
    return {
        **workspace.load(o.run / PREPARED / "arrays.npz"),
        "training": rest[inner != 0].to_numpy(),
        "validation": rest[inner == 0].to_numpy(),
        "told": np.array(json.dumps(told)),
        "state": np.frombuffer(
            state.read_bytes() if state.exists() else b"", "u1"
        ),
    }


def handed_out(arrays):
    """Return machine 0's dict of arrays on every machine; the others give None."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    file = io.BytesIO()
    if arrays:
        np.savez(file, **arrays)
    size = int(broadcast_one_to_all(np.int32(len(file.getvalue()))))
    block = np.frombuffer(file.getvalue().ljust(size, b"\0"), "u1")
    block = np.asarray(broadcast_one_to_all(block))
    with np.load(io.BytesIO(block.tobytes()), allow_pickle=False) as received:
        return dict(received)


class Share(augmentation.Batches):
    """One machine's part of every batch.

    What is left where a batch does not divide among all devices is not used:
    other cases in each epoch.
    """

    def __init__(self, *arguments, machine, machines, devices, **options):
        super().__init__(*arguments, **options)
        self.machine, self.machines, self.devices = machine, machines, devices

    def __len__(self):
        used = len(self.images) // self.devices * self.devices
        return -(-used // self.batch_size)

    def __getitem__(self, i):
        images, labels = super().__getitem__(i)
        size = len(images) // self.devices * self.devices // self.machines
        mine = slice(self.machine * size, (self.machine + 1) * size)
        return images[mine], labels[mine]


def connect(o):
    """Join the other machines; return the number of devices of all together."""
    import jax
    import keras

    if o.machines > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(
            o.coordinator,
            o.machines,
            o.machine,
            initialization_timeout=o.wait,
            heartbeat_timeout_seconds=o.silence,
        )
    devices = keras.distribution.list_devices()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(
            devices=devices, auto_shard_dataset=False
        )
    )
    return len(devices)


def train(o, folder):
    """Train the fold; each machine works on its part of every batch."""
    import keras
    import pandas as pd

    from helpers.model import checkpoint, training, unet

    first = o.machine == 0
    given = content(o, folder / checkpoint.STATE) if first else None
    devices = connect(o)
    given = handed_out(given)
    told = json.loads(str(given["told"]))
    if told["batch_size"] % devices:
        sys.exit(
            f"{devices} devices cannot share a batch of {told['batch_size']}"
        )

    def part(rows, batch_size, **options):
        arrays = given["images"][given[rows]], given["labels"][given[rows]]
        share = {
            "machine": o.machine,
            "machines": o.machines,
            "devices": devices,
        }
        return Share(*arrays, batch_size, told["seed"], **share, **options)

    keras.config.set_dtype_policy(told["policy"])
    keras.utils.set_random_seed(told["seed"])
    with tempfile.TemporaryDirectory() as scratch:
        own = folder if first else Path(scratch)
        if len(given["state"]):
            (own / checkpoint.STATE).write_bytes(given["state"].tobytes())
        _, history = training.fit(
            unet.build(size=told["image_size"], width=told["width"]),
            part("training", told["batch_size"]),
            part("validation", 32, augment=False),
            own,
            epochs=told["epochs"],
            learning_rate=told["learning_rate"],
            seed=told["seed"],
        )
    if first:
        partial = folder / ".partial-history.csv"
        pd.DataFrame(history).to_csv(partial, index=False)
        os.replace(partial, folder / "history.csv")
        print(f"{folder} now holds model.keras and history.csv")


def main():
    o = options()
    folder = o.run / "several_machines" / f"fold_{o.fold}"
    (train if WORKER in os.environ else watch)(o, folder)


if __name__ == "__main__":
    main()
