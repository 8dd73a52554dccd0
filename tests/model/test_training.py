"""The network learns; a run may be stopped at any moment and goes on."""

import itertools
import os
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from helpers.files import ROOT
from helpers.model import augmentation, checkpoint, losses, training, unet

SIZE = 32
SETTINGS = {"epochs": 3, "learning_rate": 5e-3, "seed": 0}


@pytest.fixture(scope="module")
def discs():
    """Discs of class 1 and squares of class 2 on noise, and empty images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 90, (48, SIZE, SIZE)).astype(np.uint8)
    labels = np.zeros_like(images)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    for i in range(48):
        y, x = rng.integers(9, 23, 2)
        disc = (yy - y) ** 2 + (xx - x) ** 2 < 36
        square = (abs(yy - y) < 6) & (abs(xx - x) < 6)
        labels[i] = [disc, 2 * square, 0 * disc][i % 3]
        images[i] += (labels[i] > 0).astype(np.uint8) * 120
    return images, labels


def parts(discs, kind=augmentation.Batches, **options):
    """Return the batches of a training and those of its validation."""
    seen, other = zip(*((part[:36], part[36:]) for part in discs), strict=True)
    validation = augmentation.Batches(*other, 12, seed=0, augment=False)
    return kind(*seen, 6, seed=0, **options), validation


def new_model(width=4):
    keras.utils.set_random_seed(0)
    return unet.build(size=SIZE, width=width, depth=1)


def train(data, folder, **options):
    """Train a new network; return (its weights, history without times)."""
    settings = SETTINGS | options
    model, history = training.fit(new_model(), *data, folder, **settings)
    for row in history:
        del row["seconds"]
    return model.get_weights(), history


def assert_same(one, other):
    assert one[1] == other[1] and len(one[0]) == len(other[0])
    assert all(map(np.array_equal, one[0], other[0]))


@pytest.fixture(scope="module")
def fitted(discs, tmp_path_factory):
    """A run that learns, in bfloat16: (its folder, model, history)."""
    folder = tmp_path_factory.mktemp("run")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = new_model(width=8)
    finally:
        keras.config.set_dtype_policy("float32")
    settings = SETTINGS | {"epochs": 6, "learning_rate": 1e-2}
    data = parts(discs, augment=False)
    return folder, *training.fit(model, *data, folder, **settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the run lies that nothing interrupts."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole(discs, folder):
    """Its outcome: what an interrupted run must come to."""
    return train(parts(discs), folder)


class Trap(augmentation.Batches):
    """Batches that do something at the third batch of the third epoch."""

    def __getitem__(self, i):
        if self.epoch == 2 and i == 2:
            self.spring()
        return super().__getitem__(i)


def trapped(discs, spring):
    data = parts(discs, Trap)
    data[0].spring = spring
    return data


def killed():
    """Train until SIGKILL in the third epoch: a script's own job."""
    with np.load("discs.npz") as file:
        discs = file["images"], file["labels"]
    data = trapped(discs, lambda: os.kill(os.getpid(), signal.SIGKILL))
    train(data, "run", drive="drive")


@pytest.fixture(scope="module")
def remains(discs, tmp_path_factory):
    """The folders "run" and "drive" that SIGKILL left behind."""
    folder = tmp_path_factory.mktemp("killed")
    np.savez(folder / "discs.npz", images=discs[0], labels=discs[1])
    path = os.pathsep.join([str(ROOT), os.path.dirname(__file__)])
    dead = subprocess.run(
        [sys.executable, "-c", "from test_training import killed; killed()"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr[-500:]
    return folder


def test_the_network_learns_and_keeps_its_best_weights(fitted, discs):
    folder, model, history = fitted
    assert history[-1]["loss"] < history[0]["loss"]
    images, labels = (part[36:] for part in discs)
    classes = training.predict(model, images)
    score = float(np.mean(losses.lesion_dice(labels, classes)))
    assert score > 0.5
    best = min(history, key=lambda row: row["val_loss"])
    assert score == pytest.approx(best["val_dice"], abs=1e-3)
    assert not list(folder.glob(".partial*"))


def test_a_model_trained_in_bfloat16_loads_and_predicts_alike(fitted, discs):
    folder, model, _ = fitted
    loaded, some = checkpoint.load(folder / "model.keras"), discs[0][:12]
    classes = training.predict(model, some)
    assert classes.shape == (12, SIZE, SIZE, 3)
    assert classes.dtype == np.float32
    assert abs(training.predict(loaded, some) - classes).max() < 1e-6
    plain = new_model(width=8)
    plain.set_weights(loaded.get_weights())
    assert abs(training.predict(plain, some) - classes).max() < 0.05


def test_flip_predicts_the_same_for_a_mirrored_image(fitted, discs):
    image = discs[0][:12]
    straight = training.predict(fitted[1], image, flip=True)
    mirrored = training.predict(fitted[1], image[:, :, ::-1], flip=True)
    assert straight == pytest.approx(mirrored[:, :, ::-1], abs=1e-5)


def test_images_of_another_size_are_refused(fitted):
    with pytest.raises(ValueError, match="letterbox"):
        training.predict(fitted[1], np.zeros((1, 64, 64), np.uint8))


def test_no_image_is_no_prediction(fitted):
    none = training.predict(fitted[1], np.zeros((0, SIZE, SIZE), np.uint8))
    assert none.shape == (0, SIZE, SIZE, 3)


def test_a_run_that_was_killed_ends_as_if_it_was_not(
    discs, whole, remains, tmp_path, capsys
):
    run = shutil.copytree(remains / "run", tmp_path / "run")
    # what counts is the state
    (run / "model.keras").write_bytes(b"of another run")
    assert_same(train(parts(discs), run), whole)
    assert "Going on after epoch 2" in capsys.readouterr().out


def test_another_goes_on_from_drive(discs, whole, remains, tmp_path, capsys):
    drive = shutil.copytree(remains / "drive", tmp_path / "drive")
    assert_same(train(parts(discs), tmp_path / "new", drive=drive), whole)
    # copies keep a pause
    assert "Going on after epoch 1" in capsys.readouterr().out
    record, best, values = checkpoint.read_state(drive / "resume.npz")
    assert len(record["rows"]) == SETTINGS["epochs"] and best and not values


def test_ctrl_c_leaves_a_run_that_goes_on_even_if_drive_fails(
    discs, whole, tmp_path, capsys
):
    data = trapped(discs, lambda: signal.raise_signal(signal.SIGINT))
    # a process started in the background ignores Ctrl-C unless it asks for it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path / "run")
    finally:
        signal.signal(signal.SIGINT, before)
    assert "Stopped after epoch 2" in capsys.readouterr().out
    drive = tmp_path / "drive"
    drive.write_text("not a folder")  # nothing can be written below it
    assert_same(train(parts(discs), tmp_path / "run", drive=drive), whole)
    assert "Drive failed" in capsys.readouterr().out


def test_a_finished_run_is_not_trained_again(discs, folder, whole, capsys):
    (folder / "model.keras").unlink()
    assert_same(train(parts(discs), folder), whole)
    assert "Trained already" in capsys.readouterr().out
    assert (folder / "model.keras").exists()


def test_fingerprints_are_of_all_that_the_result_depends_on(
    discs, tmp_path, monkeypatch
):
    def changed(model, data):
        new = training.fingerprints(model, *data)
        return [name for name in first if new[name] != first[name]]

    first = training.fingerprints(new_model(), *parts(discs))
    assert changed(new_model(), parts(discs)) == []
    assert changed(new_model(), parts(discs, augment=False)) == ["batches"]
    assert changed(new_model(width=5), parts(discs)) == ["start", "network"]
    for part, row in itertools.product((0, 1), (0, -1)):  # images, labels
        other = [array.copy() for array in discs]
        other[part][row, 0, 0] ^= 1
        assert changed(new_model(), parts(other)) == ["data"]
    views = np.full(36, 0.5)
    assert changed(new_model(), parts(discs, views=views)) == ["views"]
    monkeypatch.setattr(training, "SOURCES", training.SOURCES[1:])
    assert changed(new_model(), parts(discs)) == ["code"]


def test_a_model_that_was_used_is_refused(discs, tmp_path):
    model = new_model()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="new model"):
        training.fit(model, *parts(discs), tmp_path, **SETTINGS)


@pytest.mark.parametrize("batch", [2, 5])
def test_a_loss_that_is_not_finite_stops_with_the_weights_of_before(
    discs, tmp_path, monkeypatch, batch
):
    """Also where the last step of an epoch breaks the weights."""

    class Spoilt(training.Run):
        def on_train_batch_end(self, step, logs):
            super().on_train_batch_end(step, logs)
            if self.train.epoch == 1 and step == batch:
                weights = self.model.get_weights()
                self.model.set_weights([w * np.nan for w in weights])

    monkeypatch.setattr(training, "Run", Spoilt)
    with pytest.raises(FloatingPointError, match=r"epoch 2.*smaller learning"):
        train(parts(discs), tmp_path)
    record, best, values = checkpoint.read_state(tmp_path / "resume.npz")
    assert len(record["rows"]) == 1 and best and values
    assert all(np.isfinite(value).all() for value in best + values)


def test_a_batch_that_is_too_large_names_a_smaller_one(discs, tmp_path):
    class Full(augmentation.Batches):
        def __getitem__(self, i):
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory (9 GB)")

    with pytest.raises(MemoryError, match=r"batch of 6 images.*batch_size=3"):
        train(parts(discs, Full), tmp_path)


@pytest.mark.parametrize(
    ("capability", "bfloat16", "policy"),
    [
        (8.0, False, "mixed_bfloat16"),
        (7.5, True, "mixed_float16"),
        (None, True, "mixed_bfloat16"),
        (None, False, "float32"),
    ],
)
def test_precision_suits_the_device(monkeypatch, capability, bfloat16, policy):
    device = training.environment
    monkeypatch.setattr(device, "gpu_capability", lambda: capability)
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: bfloat16)
    assert training.precision() == policy


def test_last_keeps_the_last_weights_though_others_were_better(
    discs, tmp_path, monkeypatch
):
    class FirstIsBest(training.Run):
        def on_epoch_end(self, epoch, logs):
            super().on_epoch_end(epoch, logs)
            self.rows[0]["val_loss"] = -1.0

    monkeypatch.setattr(training, "Run", FirstIsBest)
    best, last = (
        train(parts(discs), tmp_path / str(last), epochs=2, last=last)[0]
        for last in (False, True)
    )
    assert not all(map(np.array_equal, best, last))
