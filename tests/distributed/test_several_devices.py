"""Two devices, and two machines, train the same network as one does.

Each case runs in processes of its own: devices are fixed when TensorFlow or
JAX starts.
"""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

SIZE = 16


def squares(n):
    """Return n noise images and label maps: none, one benign or one malignant square."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 90, (n, SIZE, SIZE)).astype(np.uint8)
    labels = np.zeros_like(images)
    for i, (y, x) in enumerate(rng.integers(1, SIZE - 7, (n, 2))):
        labels[i, y : y + 6, x : x + 6] = i % 3
    return images + (labels > 0).astype(np.uint8) * 120, labels


MIRRORED = """
import contextlib, json, sys, tempfile
from pathlib import Path
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, halves)

import keras
from helpers.model import augmentation, losses, training, unet
from test_several_devices import SIZE, squares

data = squares(24)


def comparable(layer):
    settings = layer.get_config()
    if "synchronized" in settings:
        settings["synchronized"] = True
    if "rate" in settings:
        settings["rate"] = 0.0
    return type(layer).from_config(settings)


def losses(scope):
    keras.utils.set_random_seed(0)
    with scope:
        model = unet.build(size=SIZE, width=4, depth=2)
        weights = model.get_weights()
        model = keras.models.clone_model(model, clone_function=comparable)
        model.set_weights(weights)
        model.compile(keras.optimizers.AdamW(2e-3), losses.segmentation_loss)
    train = training.Feed(augmentation.Batches(*data, 8, seed=0))
    run = model.fit(train, epochs=3, shuffle=False, verbose=0)
    return run.history["loss"]


def as_documented(strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope(), tempfile.TemporaryDirectory() as folder:
        return training.fit(
            unet.build(size=SIZE, width=4, depth=2),
            augmentation.Batches(*data, 8, seed=0),
            augmentation.Batches(*data, 8, seed=0, augment=False),
            Path(folder),
            epochs=2,
            learning_rate=2e-3,
            seed=0,
        )[1]


strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
two = losses(strategy.scope())
one = losses(contextlib.nullcontext())
told = {"replicas": strategy.num_replicas_in_sync, "one": one, "two": two}
print("TOLD" + json.dumps(told | {"fit": as_documented(strategy)}))
"""


def test_two_devices_of_one_machine_train_as_one():
    """With batch normalisation synchronized, and without dropout, which is random."""
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "TOLD" in done.stdout, done.stderr
    told = json.loads(done.stdout.split("TOLD")[1])
    assert told["replicas"] == 2
    assert told["two"][2] < told["two"][0]
    assert told["two"] == pytest.approx(told["one"], rel=1e-3)
    assert [row["epoch"] for row in told["fit"]] == [1, 2]
    assert np.isfinite([row["val_loss"] for row in told["fit"]]).all()


DRIVER = """
import functools, os, sys
sys.path.insert(0, {tools!r})
from tools.distributed import train
if several_machines.WORKER in os.environ:  # a shallow network compiles in seconds
    from helpers.model import unet
    unet.build = functools.partial(unet.build, depth=1)
several_machines.main()
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts the tool as machine `i` of `n` on a tiny run."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed: pip install jax to run this test")
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER.format(tools=str(ROOT / "tools")))
    started = []
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

    def run(folder, i=0, n=1, port=0, *options):
        place = [
            "--machine",
            i,
            "--machines",
            n,
            "--coordinator",
            f"127.0.0.1:{port}",
        ]
        command = [sys.executable, driver, folder, *place, *options]
        pipes = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }
        process = subprocess.Popen(
            [*map(str, command), "-p", "epochs", "6", "-p", "width", "2"],
            env=environment,
            start_new_session=True,
            **pipes,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def prepared(run):
    """Write what notebook 2 leaves in a run folder; 41 cases do not divide by two."""
    folder = run / "02_prepare_the_masks"
    folder.mkdir(parents=True)
    images, labels = squares(41)
    np.savez(folder / "arrays.npz", images=images, labels=labels)
    table = pd.DataFrame({"case": [f"normal ({i})" for i in range(41)]})
    table["label"], table["group"], table["fold"] = (
        "normal",
        range(41),
        table.index % 5,
    )
    table.to_csv(folder / "folds.csv", index=False)
    made = {"profile": "quick", "image_size": SIZE, "seed": 0}
    (folder / "manifest.json").write_text(json.dumps({"parameters": made}))
    return run


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_two_machines_train_as_one_and_outlive_a_lost_one(start, tmp_path):
    """One run on one machine; one on two, of which one is killed and started again."""
    alone, both = prepared(tmp_path / "alone"), prepared(tmp_path / "both")
    assert start(alone).wait() == 0
    port = free_port()
    first, second = (start(both, i, 2, port) for i in range(2))
    for line in first.stdout:
        if line.startswith("epoch 2/"):
            os.killpg(second.pid, signal.SIGKILL)
            break
    _, said = first.communicate(timeout=100)
    assert first.returncode == 1
    assert "another machine was lost" in said and "Traceback" not in said
    port = free_port()
    first, second = (start(both, i, 2, port) for i in range(2))
    told, said = first.communicate()
    assert first.returncode == 0 == second.wait(), said
    assert re.search(r"Going on after epoch \d+", told)
    one, two = (
        pd.read_csv(run / "several_machines/fold_0/history.csv")
        for run in (alone, both)
    )
    assert list(two["epoch"]) == list(range(1, 7))
    assert two["loss"].iloc[-1] < two["loss"].iloc[0]
    assert np.allclose(one["loss"], two["loss"], rtol=2e-3)


def test_a_machine_that_waits_in_vain_says_so(start, tmp_path):
    process = start(tmp_path / "none", 1, 2, free_port(), "--wait", "2")
    _, said = process.communicate()
    assert process.returncode == 1
    assert "did not come" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["nowhere"], "run notebook 2 first"),
        (["nowhere", "--machine", "2"], "a number from 0 to 0"),
        (["nowhere", "--machines", "2"], "need --coordinator"),
    ],
)
def test_a_wrong_start_is_one_sentence(options, sentence):
    command = [
        sys.executable,
        str(ROOT / "tools" / "several_machines.py"),
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        sentence in done.stderr.splitlines()[-1]
        and "Traceback" not in done.stderr
    )
