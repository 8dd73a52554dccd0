"""Two devices, and two machines, train the same network as one does.

Each case runs in processes of its own: devices are fixed when TensorFlow or
JAX starts.
"""

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

from helpers.files import ROOT

SIZE = 16
PATH = os.pathsep.join([str(ROOT), os.path.dirname(__file__)])
ENVIRONMENT = {**os.environ, "PYTHONPATH": PATH}
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def squares(n):
    """Return n noise images with no, a benign or a malignant square."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 90, (n, SIZE, SIZE)).astype(np.uint8)
    labels = np.zeros_like(images)
    for i, (y, x) in enumerate(rng.integers(1, SIZE - 7, (n, 2))):
        labels[i, y : y + 6, x : x + 6] = i % 3
    return images + (labels > 0).astype(np.uint8) * 120, labels


MIRRORED = """
import contextlib, json, tempfile
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, halves)

import keras
from helpers.model import augmentation, losses, training, unet
from test_several_devices import SIZE, squares

train = augmentation.Batches(*squares(24), 8, seed=0)
validation = augmentation.Batches(*squares(24), 8, seed=0, augment=False)


def build():
    keras.utils.set_random_seed(0)
    return unet.build(size=SIZE, width=4, depth=1)


def comparable(layer):
    settings = layer.get_config()
    if "synchronized" in settings:
        settings["synchronized"] = True
    if "rate" in settings:
        settings["rate"] = 0.0
    return type(layer).from_config(settings)


def loss_by_epoch(scope):
    with scope:
        given = build()
        model = keras.models.clone_model(given, clone_function=comparable)
        model.set_weights(given.get_weights())
        model.compile(keras.optimizers.AdamW(2e-3), losses.segmentation_loss)
    run = model.fit(training.Feed(train), epochs=3, shuffle=False, verbose=0)
    return run.history["loss"]


def as_documented(strategy):
    how = {"epochs": 2, "learning_rate": 2e-3, "seed": 0}
    with strategy.scope(), tempfile.TemporaryDirectory() as folder:
        return training.fit(build(), train, validation, folder, **how)[1]


strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
report = {
    "replicas": strategy.num_replicas_in_sync,
    "two": loss_by_epoch(strategy.scope()),
    "one": loss_by_epoch(contextlib.nullcontext()),
    "fit": as_documented(strategy),
}
print("REPORT" + json.dumps(report))
"""


@pytest.mark.research
def test_two_devices_of_one_machine_train_as_one():
    """With synchronized batch normalisation, and without random dropout."""
    command = [sys.executable, "-c", MIRRORED]
    done = subprocess.run(command, env=ENVIRONMENT, check=False, **PIPES)
    assert "REPORT" in done.stdout, done.stderr
    report = json.loads(done.stdout.split("REPORT")[1])
    assert report["replicas"] == 2
    assert report["two"][2] < report["two"][0]
    assert report["two"] == pytest.approx(report["one"], rel=1e-3)
    assert [row["epoch"] for row in report["fit"]] == [1, 2]
    assert np.isfinite([row["val_loss"] for row in report["fit"]]).all()


# A shallow network compiles in seconds, and fits no file of models/.
DRIVER = """
import functools, os
from tools.distributed import train
if train.WORKER in os.environ:
    from helpers.model import checkpoint, unet
    unet.build = functools.partial(unet.build, depth=1)
    checkpoint.start_from = lambda _, path: print(f"from {path.name}")
train.main()
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A function that starts the tool as machine `i` of `n` on a tiny run."""
    pytest.importorskip("jax")
    home, started = tmp_path_factory.mktemp("driver"), []
    driver = home / "driver.py"
    driver.write_text(DRIVER)
    environment = {
        **ENVIRONMENT,
        "JAX_COMPILATION_CACHE_DIR": str(home / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

    def run(folder, i=0, n=1, port=0, *options):
        command = [sys.executable, driver, folder, "--machine", i]
        command += ["--machines", n, "--coordinator", f"127.0.0.1:{port}"]
        command += ["-p", "epochs", 6, "-p", "width", 2, *options]
        # slowly: training amplifies the rounding of sums in another order
        command += ["-p", "learning_rate", 5e-4]
        command = [str(part) for part in command]
        options = {"env": environment, "start_new_session": True, **PIPES}
        started.append(subprocess.Popen(command, **options))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def prepared(run):
    """Write what notebook 2 leaves in a run; two do not divide 41 cases."""
    folder = run / "02_prepare_the_masks"
    folder.mkdir(parents=True)
    images, labels = squares(41)
    np.savez(folder / "arrays.npz", images=images, labels=labels)
    table = pd.DataFrame({"group": range(41), "label": "normal"})
    table["case"] = [f"normal ({i})" for i in range(41)]
    table["fold"] = table.index % 5
    table.to_csv(folder / "folds.csv", index=False)
    made = {"profile": "quick", "image_size": SIZE, "seed": 0}
    (folder / "manifest.json").write_text(json.dumps({"parameters": made}))
    return run


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def history(run):
    return pd.read_csv(run / "distributed/fold_0/history.csv")


@pytest.fixture(scope="module")
def alone(start, tmp_path_factory):
    """The process of a run on one machine, and its folder."""
    run = prepared(tmp_path_factory.mktemp("alone"))
    return start(run), run


def assert_as_one(alone, run):
    assert alone[0].wait() == 0
    one, two = history(alone[1]), history(run)
    assert list(two["epoch"]) == list(range(1, 7))
    assert two["loss"].iloc[-1] < two["loss"].iloc[0]
    assert np.allclose(one["loss"], two["loss"], rtol=2e-3)


def test_two_machines_train_as_one(start, alone, tmp_path):
    both, port = prepared(tmp_path), free_port()
    first, second = (start(both, i, 2, port) for i in range(2))
    said = first.communicate()[1]
    assert first.returncode == 0 == second.wait(), said
    assert_as_one(alone, both)


def test_without_own_epochs_it_starts_from_simulated_images(start, tmp_path):
    """As in the gpu profile, with notebook 4's steps for such a start."""
    run, none = prepared(tmp_path), ("-p", "epochs", 0)
    process = start(run, 0, 1, 0, *none, "-p", "epochs_simulated", 2)
    out, said = process.communicate()
    assert process.returncode == 0, said
    assert "from start_2.npz" in out
    with np.load(run / "distributed/fold_0/resume.npz") as state:
        settings = json.loads(str(state["record"]))["settings"]
    assert settings["epochs"] == 2 == len(history(run))
    assert settings["last"] and settings["learning_rate"] == 5e-4 / 4


def test_nothing_to_train_is_one_sentence(start, tmp_path):
    options = ("-p", "epochs", 0), ("-p", "epochs_simulated", 0)
    process = start(prepared(tmp_path), 0, 1, 0, *options[0], *options[1])
    _, said = process.communicate()
    assert process.returncode == 1
    assert "Nothing to train" in said and "Traceback" not in said


@pytest.mark.research
def test_two_machines_outlive_a_lost_one(start, alone, tmp_path):
    both, port = prepared(tmp_path), free_port()
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
    out, said = first.communicate()
    assert first.returncode == 0 == second.wait(), said
    assert re.search(r"Going on after epoch \d+", out)
    assert_as_one(alone, both)


@pytest.mark.research
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
    command = [sys.executable, "-m", "tools.distributed.train", *options]
    done = subprocess.run(command, cwd=ROOT, check=False, **PIPES)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert sentence in done.stderr.splitlines()[-1]
