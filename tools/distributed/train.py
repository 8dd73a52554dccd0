"""Train one fold's network on several machines, or on all GPUs of one.

Start the same command on every machine, each with its own number from 0:

    python -m tools.distributed.train runs/busi-gpu --fold 0 \\
        --coordinator 10.0.0.5:9876 --machines 2 --machine 0

Machine 0, here 10.0.0.5, alone needs the run folder, with notebook 2 finished;
it hands data, settings and the state of an interrupted run to the others, and
writes model.keras and history.csv into RUN/distributed/fold_K. It is notebook
4's network from scratch; where the profile's epochs of that are 0, as in gpu,
its network that knows simulated images. Needs jax, and one commit on all
machines. pages/more_than_one_device.md says when it pays.
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

from helpers import environment, files, workspace
from helpers.data import splits
from helpers.model import augmentation

PREPARED = "02_prepare_the_masks"
WORKER = "BUSI_DISTRIBUTED_WORKER"  # set for the process that trains
LOST = ("coordination", "gloo", "nccl")  # JAX's words for a lost machine


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("run", type=Path, help="a run's folder, notebook 2 finished in it")
    add("--fold", type=int, default=0, choices=range(5), help="to hold out")
    add("--machines", type=int, default=1, help="how many there are")
    add("--machine", type=int, default=0, help="this one's number, from 0")
    add("--coordinator", help="machine 0's address and free port, host:port")
    add("--wait", type=int, default=300, help="seconds for all to start")
    add("--silence", type=int, default=60, help="seconds until one is lost")
    change = {"metavar": ("NAME", "N"), "action": "append", "default": []}
    example = "a parameter of notebook 4, as in: -p epochs 30"
    add("-p", nargs=2, help=example, **change)
    o = parser.parse_args()
    prepared = o.run / PREPARED
    if not 0 <= o.machine < o.machines:
        parser.error(f"--machine is a number from 0 to {o.machines - 1}")
    if o.machines > 1 and not o.coordinator:
        parser.error("several machines need --coordinator host:port")
    if o.machine == 0 and not (prepared / "manifest.json").exists():
        parser.error(f"{prepared} is not finished: run notebook 2 first")
    if importlib.util.find_spec("jax") is None:
        advice = "pip install jax (with a GPU: 'jax[cuda12]')"
        parser.error(f"jax is missing: {advice}")
    return o


def watch(o, folder):
    """Train in a child process, which JAX may abort; say how it failed."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"machine_{o.machine}.log"
    command = [sys.executable, "-u", *sys.orig_argv[1:]]  # this one again
    with open(log, "w") as file:
        environ = {**os.environ, WORKER: "1"}
        code = subprocess.call(command, env=environ, stderr=file)
    said = log.read_text(errors="replace").strip()
    if code and any(word in said.lower() for word in LOST):
        sys.exit(
            f"Machine {o.machine} stopped: another machine was lost or did "
            "not come. Start the same command again on every machine; the "
            "run goes on after the last epoch that machine 0 has finished. "
            f"Details: {log}"
        )
    if code:
        last = (said.splitlines() or [f"exit code {code}"])[-1]
        sys.exit(f"Machine {o.machine} failed: {last}\nDetails: {log}")


def parameters(o):
    """Return notebook 4's: its own, the profile's, the run's, those of -p.

    simulated: they are those of its network that knows simulated images.
    """
    import yaml

    from tools import profiles  # papermill, which machine 0 alone needs

    notebook = files.ROOT / "notebooks" / "04_train_the_segmenter.ipynb"
    declared = profiles.declared(notebook).items()
    own = {name: default for name, (_, default) in declared}
    manifest = json.loads((o.run / PREPARED / "manifest.json").read_text())
    run = manifest["parameters"]
    profile = files.ROOT / "profiles" / f"{run['profile']}.yaml"
    values = yaml.safe_load(profile.read_text()) if profile.exists() else {}
    try:
        asked = {name: ast.literal_eval(value) for name, value in o.p}
    except (SyntaxError, ValueError):
        sys.exit(f"-p takes a name and a number, not {o.p}")
    if unknown := sorted(set(asked) - set(own)):
        sys.exit(f"-p takes {sorted(own)}, not {unknown}")
    every = {**own, **values, **run, **asked}
    settings = {name: every[name] for name in own}
    settings["simulated"] = not settings["epochs"]
    if settings["simulated"]:
        settings["epochs"] = settings["epochs_simulated"]
        settings["learning_rate"] /= 4
    if not settings["epochs"]:
        sys.exit("Nothing to train: epochs and epochs_simulated are both 0")
    return settings


def content(o, state):
    """Return what machine 0 hands to all, a dict of arrays.

    images, labels; training, validation: row numbers; settings: JSON; state:
    the bytes of an earlier state.
    """
    settings = parameters(o)
    settings["policy"] = "float32"  # a CPU is slow with bfloat16 in JAX
    if environment.gpu_capability():
        from helpers.model import training

        settings["policy"] = training.precision()
    folds = workspace.load(o.run / PREPARED / "folds.csv")
    trains, validates, _ = splits.roles(folds, o.fold, settings["seed"])
    earlier = state.read_bytes() if state.exists() else b""
    return {
        **workspace.load(o.run / PREPARED / "arrays.npz"),
        "training": trains.to_numpy(),
        "validation": validates.to_numpy(),
        "settings": np.array(json.dumps(settings)),
        "state": np.frombuffer(earlier, "u1"),
    }


def broadcast(arrays):
    """Return machine 0's dict of arrays everywhere; the others give None."""
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

    The rest that does not divide among all devices is not used: other cases in
    each epoch.
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
    """Join the other machines; return the number of devices of them all."""
    import jax
    from keras import distribution

    if o.machines > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        limits = {"initialization_timeout": o.wait}
        limits["heartbeat_timeout_seconds"] = o.silence
        place = o.coordinator, o.machines, o.machine
        jax.distributed.initialize(*place, **limits)
    devices = distribution.list_devices()
    # each machine makes its own part of a batch, see `Share`
    own = {"devices": devices, "auto_shard_dataset": False}
    distribution.set_distribution(distribution.DataParallel(**own))
    return len(devices)


def train(o, folder):
    """Train the fold; each machine works on its part of every batch."""
    import keras
    import pandas as pd

    from helpers.model import checkpoint, training, unet

    first = o.machine == 0
    arrays = content(o, folder / checkpoint.STATE) if first else None
    devices = connect(o)
    arrays = broadcast(arrays)
    settings = json.loads(str(arrays["settings"]))
    size, seed = settings["batch_size"], settings["seed"]
    if size % devices:
        sys.exit(f"{devices} devices cannot share a batch of {size}")
    share = {"machine": o.machine, "machines": o.machines, "devices": devices}

    def part(name, batch_size, **options):
        rows = arrays[name]
        pair = arrays["images"][rows], arrays["labels"][rows]
        return Share(*pair, batch_size, seed, **share, **options)

    keras.config.set_dtype_policy(settings["policy"])
    keras.utils.set_random_seed(seed)
    with tempfile.TemporaryDirectory() as scratch:
        own = folder if first else Path(scratch)
        if arrays["state"].size and not first:
            (own / checkpoint.STATE).write_bytes(arrays["state"].tobytes())
        width, simulated = settings["width"], settings["simulated"]
        model = unet.build(settings["image_size"], width)
        if simulated:
            start = files.ROOT / "models" / f"start_{width}.npz"
            checkpoint.start_from(model, start)
        checked = max(1, 32 // devices) * devices
        validation = part("validation", checked, augment=False)
        data = part("training", size), validation
        names = ("epochs", "learning_rate", "seed")
        options = {name: settings[name] for name in names}
        options["last"] = simulated
        _, history = training.fit(model, *data, own, **options)
    if first:
        with files.replacing(folder / "history.csv") as partial:
            pd.DataFrame(history).to_csv(partial, index=False)
        print(f"{folder} now holds model.keras and history.csv")


def main():
    o = options()
    folder = o.run / "distributed" / f"fold_{o.fold}"
    (train if WORKER in os.environ else watch)(o, folder)


if __name__ == "__main__":
    main()
