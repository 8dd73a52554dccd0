"""Train a network so that it can be stopped at any moment, and predict with it."""

import csv
import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import keras
import numpy as np

from . import batches, networks, place

STATE = "resume.npz"
SOURCES = (batches.__file__, networks.__file__, __file__)


def precision():
    """Return the Keras dtype policy that is fastest here without a loss of quality.

    bfloat16 where the processor computes in it; float16 on the older GPUs that cannot
    (Colab's T4), never on a CPU, which it slows down.
    """
    capability = place.gpu_capability()
    if capability:
        return "mixed_bfloat16" if capability >= 8 else "mixed_float16"
    return "mixed_bfloat16" if place.cpu_has_bfloat16() else "float32"


def fit(model, train, validation, folder, *, epochs, learning_rate, seed, drive=None):
    """Train a fresh model; return (best model, history: a list of dicts).

    model: not compiled, built after keras.utils.set_random_seed(seed).

    train, validation: `batches.Batches`.

    After each epoch the whole state goes into
    folder/resume.npz, the best weights so far into folder/model.keras and the curves
    into folder/history.csv, each by rename, and the first two into the folder `drive`,
    if one is given. Called again with the same settings, data and code, it goes on from
    there and ends with the weights of an uninterrupted run, bit for bit on a CPU; called
    with anything else it starts anew.

    The learning rate rises over the first epoch and falls along a cosine to zero
    (Loshchilov & Hutter 2017). What is validated and saved is the moving average of the
    weights (Polyak & Juditsky 1992).

    Raises:
        FloatingPointError: the loss was not finite. What was saved before is kept.
        MemoryError: the batch is too large for the device; names a smaller one.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    steps = len(train) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        steps,
        warmup_target=learning_rate,
        warmup_steps=min(len(train), steps // 5),
    )
    model.compile(
        keras.optimizers.AdamW(
            rate,
            weight_decay=1e-4,
            clipnorm=1.0,
            use_ema=True,
            ema_momentum=min(0.99, 1 - 10 / (steps + 10)),
        ),
        loss=networks.segmentation_loss,
        metrics=[networks.lesion_dice],
    )
    settings = [epochs, learning_rate, train.batch_size, train.augment, seed]
    run = Checkpoint(
        folder,
        drive,
        epochs,
        validation,
        fingerprint(model, settings, train, validation),
    )
    run.restore(model)
    train.epoch = len(run.rows)
    try:
        model.fit(
            Feed(train),
            initial_epoch=train.epoch,
            epochs=epochs,
            shuffle=False,  # Batches shuffles; Keras' own shuffle could not be resumed
            callbacks=[run],
            verbose=0,
        )
    except KeyboardInterrupt:
        print(
            f"Stopped after epoch {len(run.rows)}: run this again to go on from there."
        )
        raise
    except Exception as error:
        if out_of_memory(error):
            half = max(1, train.batch_size // 2)
            raise MemoryError(
                f"A batch of {train.batch_size} images of {train.images.shape[1]} pixels "
                f"does not fit into the device's memory: take batch_size={half}."
            ) from None
        raise
    return load(folder / "model.keras"), run.rows


class Feed(keras.utils.PyDataset):
    """Hands `batches.Batches` to Keras and moves it on at the end of an epoch."""

    def __init__(self, source):
        super().__init__()
        self.source = source

    def __len__(self):
        return len(self.source)

    def __getitem__(self, i):
        return self.source[i]

    def on_epoch_end(self):
        self.source.epoch += 1


class Checkpoint(keras.callbacks.Callback):
    """Validates, reports and saves once an epoch.

    Keras' BackupAndRestore forgets the history and the best value, and its several files
    can be torn apart by a kill; here the state is one file.
    """

    def __init__(self, folder, drive, epochs, validation, made_from):
        super().__init__()
        self.folder, self.drive = folder, Path(drive) if drive else None
        self.epochs, self.validation, self.made_from = epochs, validation, made_from
        self.rows, self.began = [], time.time()

    def restore(self, model):
        """Bring the state of an earlier call back, from this machine or from Drive."""
        if self.drive and not (self.folder / STATE).exists():
            for name in ("model.keras", STATE):
                copy(self.drive / name, self.folder / name, "read from")
        model.optimizer.build(model.trainable_variables)
        if not (self.folder / STATE).exists():
            return
        with np.load(self.folder / STATE, allow_pickle=False) as state:
            told = json.loads(str(state["told"]))
            if told["made_from"] != self.made_from:
                print("The earlier run here was another one: starting anew.")
                return
            for i, variable in enumerate(variables(model)):
                variable.assign(state[f"v{i}"])
        self.rows = told["rows"]
        left = self.epochs - len(self.rows)
        print(
            f"Going on after epoch {len(self.rows)}."
            if left
            else f"Trained already: delete {self.folder / STATE} to train again."
        )

    def on_train_batch_end(self, batch, logs):
        if not np.isfinite(logs["loss"]):
            raise FloatingPointError(
                f"The loss is {logs['loss']} in epoch {len(self.rows) + 1}: take a smaller "
                f"learning_rate. The weights of before are kept in {self.folder}."
            )

    def on_epoch_end(self, epoch, logs):
        running = [np.array(v) for v in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        now = self.model.evaluate(Feed(self.validation), verbose=0, return_dict=True)
        best = max((row["val_dice"] for row in self.rows), default=-1.0)
        if round(now["lesion_dice"], 4) > best:
            save(self.model, self.folder / "model.keras")
        for variable, value in zip(
            self.model.trainable_variables, running, strict=True
        ):
            variable.assign(value)
        spent = self.rows[-1]["seconds"] if self.rows else 0.0
        self.rows.append(
            {
                "epoch": epoch + 1,
                "loss": round(logs["loss"], 4),
                "val_loss": round(now["loss"], 4),
                "val_dice": round(now["lesion_dice"], 4),
                "seconds": round(spent + time.time() - self.began, 1),
            }
        )
        self.began = time.time()
        self.report()
        self.keep()

    def report(self):
        row = self.rows[-1]
        left = row["seconds"] / row["epoch"] * (self.epochs - row["epoch"])
        print(
            f"epoch {row['epoch']}/{self.epochs} · loss {row['loss']:.3f} · validation "
            f"loss {row['val_loss']:.3f}, Dice {row['val_dice']:.3f} · {left:.0f} s left",
            flush=True,
        )

    def keep(self):
        """Write the state; last of all, so that a kill before costs only this epoch."""
        write_rows(self.rows, self.folder / "history.csv")
        partial = self.folder / f".partial-{STATE}"
        np.savez(
            partial,
            told=json.dumps({"made_from": self.made_from, "rows": self.rows}),
            **{f"v{i}": np.array(v) for i, v in enumerate(variables(self.model))},
        )
        os.replace(partial, self.folder / STATE)
        if self.drive:
            for name in ("model.keras", STATE):
                copy(self.folder / name, self.drive / name, "written to")


def variables(model):
    """Return all that a step reads and changes: weights, random state, optimizer.

    The optimizer holds the step's number, its moments and the average of the weights.
    """
    counted = {id(v) for metric in model.metrics for v in metric.variables}
    own = [v for v in model.variables if id(v) not in counted]
    return own + list(model.optimizer.variables)


def fingerprint(model, settings, train, validation):
    """Return the hex SHA-256 of everything that the result of a run depends on."""
    layers = [type(layer).__name__ for layer in model.layers]
    policy = keras.config.dtype_policy().name
    digest = hashlib.sha256(json.dumps([settings, layers, policy]).encode())
    for variable in model.variables:  # not layers' names: Keras counts them on
        digest.update(np.array(variable).tobytes())
    for part in (train, validation):
        digest.update(part.images.tobytes() + part.labels.tobytes())
    for source in SOURCES:
        digest.update(Path(source).read_bytes())
    return digest.hexdigest()


def out_of_memory(error):
    """Tell whether an error of any backend means that the device's memory is full."""
    told = f"{type(error).__name__} {error}".lower().replace("_", "")
    return any(sign in told for sign in ("resourceexhausted", "out of memory"))


def copy(source, target, what):
    """Copy a file by rename; a Drive that fails or lacks it is no reason to stop."""
    partial = target.with_name(f".partial-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, partial)
        os.replace(partial, target)
    except FileNotFoundError:
        return
    except OSError as error:
        print(f"{target.name} could not be {what} Drive ({error}): going on without.")


def save(model, path):
    """Write a model by rename, without optimizer state, so that only a whole file is seen."""
    partial = path.with_name(f".partial-{path.name}")
    model.save(partial, include_optimizer=False)
    os.replace(partial, path)


def load(path):
    """Read a model for prediction; refuses files that carry code (safe mode)."""
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def write_rows(rows, path):
    """Write a list of dicts as CSV by rename."""
    partial = path.with_name(f".partial-{path.name}")
    with open(partial, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    os.replace(partial, path)


def predict(model, images, flip=False):
    """Return class probabilities (n, h, w, 3) float32 of background, benign, malignant.

    images: (n, h, w) or (n, h, w, 1) of the model's own height and width; uint8 grey
    values 0..255, or floats in [0, 1]. flip: also look at the mirrored image and return
    the mean of both answers, at twice the time.

    Raises:
        ValueError: another shape or another range.
    """
    inputs = batches.as_input(images)
    if inputs.shape[1:] != tuple(model.input_shape[1:]):
        raise ValueError(
            f"this model reads {model.input_shape[1:3]} pixels, not {inputs.shape[1:3]}: "
            "use masks.letterbox first"
        )
    if not len(inputs):
        return np.zeros((*inputs.shape[:3], networks.CLASSES), np.float32)
    answer = model.predict(inputs, batch_size=32, verbose=0).astype(np.float32)
    if flip:
        mirrored = predict(model, inputs[:, :, ::-1])
        answer = (answer + mirrored[:, :, ::-1]) / 2
    return answer
