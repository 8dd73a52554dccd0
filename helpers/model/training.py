"""Train a network so that it can be stopped at any moment, and predict with it."""

import contextlib
import hashlib
import json
import logging
import os
import re
import time
import zipfile
from pathlib import Path

import keras
import numpy as np

from .. import environment
from . import augmentation, checkpoint, losses, unet

SOURCES = (augmentation.__file__, losses.__file__, unet.__file__, __file__)

# One process trains several models here, which TensorFlow takes for a mistake.
logging.getLogger("tensorflow").setLevel(logging.ERROR)


def precision():
    """Return the Keras dtype policy that is fastest here without a loss of quality.

    bfloat16 where the processor computes in it; float16 on the older GPUs that
    cannot (Colab's T4), never on a CPU, which it slows down.
    """
    capability = environment.gpu_capability()
    if capability:
        return "mixed_bfloat16" if capability >= 8 else "mixed_float16"
    return "mixed_bfloat16" if environment.cpu_has_bfloat16() else "float32"


def fit(
    model,
    train,
    validation,
    folder,
    *,
    epochs,
    learning_rate,
    seed,
    drive=None,
):
    """Train a new model; return (the best model, history: a list of dicts).

    model: not compiled, built after keras.utils.set_random_seed(seed), perhaps
    given weights by `start_from`. train, validation: `augmentation.Batches`.
    After each epoch the whole state goes into folder/resume.npz and the best
    weights, those of the lowest validation loss, into folder/model.keras, each
    by rename; every few minutes the state goes into the folder `drive` too, if
    one is given. Called again with the same settings, data and code, here or
    where that Drive is seen, fit goes on from there; called with anything else
    it starts anew. A run that was stopped ends with the weights of an
    uninterrupted one, bit for bit on a CPU (with as many cores: their number
    changes the order of sums).

    The learning rate rises over the first epoch and falls along a cosine to
    zero (Loshchilov & Hutter 2017). What is validated and kept is the moving
    average of the weights (Polyak & Juditsky 1992).

    Raises:
        ValueError: the model was compiled before, so its weights may not be
        new. FloatingPointError: the loss was not finite. What was kept before
        stays. MemoryError: the batch is too large for the device; names a
        smaller one.
    """
    if model.compiled:
        raise ValueError(
            "fit needs a new model: build it again, then call fit"
        )
    settings = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed}
    settings |= fingerprints(model, train, validation)
    changing = (
        model.variables
    )  # the weights and the random state of the dropout
    model.compile(
        optimizer(len(train), len(train) * epochs, learning_rate),
        loss=losses.segmentation_loss,
        metrics=[losses.lesion_dice],
    )
    model.optimizer.build(model.trainable_variables)
    changing = [*changing, *model.optimizer.variables]
    run = Run(
        Path(folder),
        drive and Path(drive),
        settings,
        changing,
        train,
        validation,
    )
    try:
        model.fit(
            Feed(train),
            initial_epoch=len(run.rows),
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
        if not out_of_memory(error):
            raise
        raise MemoryError(
            f"A batch of {train.batch_size} images of {train.images.shape[1]} pixels does "
            "not fit into the device's memory: take batch_size="
            f"{max(1, train.batch_size // 2)}."
        ) from None
    model.set_weights(run.best)
    checkpoint.save(model, run.folder / "model.keras")
    return checkpoint.load(run.folder / "model.keras"), run.rows


def fingerprints(model, train, validation):
    """Return {what: value} of all else that the result of a run depends on."""
    arrays = [
        x for part in (train, validation) for x in (part.images, part.labels)
    ]
    # without the numbers in the layers' names, which Keras counts on within a
    # process
    layers = re.sub(r"_\d+\b", "", model.to_json())
    return {
        "start": digest(map(np.ascontiguousarray, model.get_weights())),
        "batches": [train.batch_size, train.augment, train.seed],
        "precision": model.dtype_policy.name,
        "network": digest([layers.encode()]),
        "data": digest(np.ascontiguousarray(x) for x in arrays),
        "code": digest(Path(source).read_bytes() for source in SOURCES),
    }


def digest(parts):
    """Return the hex SHA-256 of bytes or arrays, one after the other."""
    return hashlib.sha256(b"".join(parts)).hexdigest()


def optimizer(warmup, steps, learning_rate):
    """Return AdamW (Loshchilov & Hutter 2019) with a schedule and averaged weights."""
    warmup = min(warmup, steps // 5)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=learning_rate, warmup_steps=warmup
    )
    return AveragingAdamW(rate, weight_decay=1e-4, clipnorm=1.0, use_ema=True)


class AveragingAdamW(keras.optimizers.AdamW):
    """AdamW whose average of the weights forgets the first steps quickly.

    Keras' momentum of the average is constant; with 0.99 the average of the
    first epochs is mostly that of random weights.

    Keras asks for the learning rate and the momentum once for each weight.
    Here both are computed once a step: the same numbers, and up to a third
    less time to build the graph.
    """

    this_step = None  # (learning rate, momentum) while a step is applied

    def apply(self, grads, trainable_variables=None):
        self.this_step = self.learning_rate, self.ema_momentum
        try:
            return super().apply(grads, trainable_variables)
        finally:
            self.this_step = None

    @property
    def learning_rate(self):
        return self.this_step[0] if self.this_step else super().learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        keras.optimizers.AdamW.learning_rate.fset(self, value)

    @property
    def ema_momentum(self):
        if self.this_step:
            return self.this_step[1]
        step = keras.ops.cast(self.iterations, "float32")
        return keras.ops.minimum(0.99, (1 + step) / (10 + step))

    @ema_momentum.setter
    def ema_momentum(self, constant):
        """Keras' constructor sets one; it is not used."""


class Feed(keras.utils.PyDataset):
    """Hands `augmentation.Batches` to Keras.

    Its epoch is set from outside: Keras calls on_epoch_end before the first
    one, too.
    """

    def __init__(self, source):
        super().__init__()
        self.source = source

    def __len__(self):
        return len(self.source)

    def __getitem__(self, i):
        return self.source[i]


class Run(keras.callbacks.Callback):
    """The state of a run: restored, and after each epoch validated, told and kept.

    Keras' BackupAndRestore forgets the history and the best weights, and a
    kill can tear its two files apart; here the state is one file. Keras'
    SwapEMAWeights swaps by adding and subtracting, which rounds the weights;
    here they are copied.
    """

    def __init__(self, folder, drive, settings, changing, train, validation):
        super().__init__()
        self.folder, self.drive, self.settings = folder, drive, settings
        self.changing, self.train, self.validation = (
            changing,
            train,
            validation,
        )
        self.rows, self.best, self.next_copy = [], None, 0
        folder.mkdir(parents=True, exist_ok=True)
        if drive:
            with contextlib.suppress(OSError):  # each copy will tell, too
                # only here: below a Drive that went away, this would make
                # local folders
                drive.mkdir(parents=True, exist_ok=True)
            if not (folder / checkpoint.STATE).exists() and os.path.exists(
                drive / checkpoint.STATE
            ):
                checkpoint.copy(
                    drive / checkpoint.STATE, folder / checkpoint.STATE
                )
        if (folder / checkpoint.STATE).exists():
            self.restore(folder / checkpoint.STATE)
        self.began = time.time()

    def restore(self, path):
        """Take up the state in a file, if it is the state of this very run."""
        try:
            told, best, values = checkpoint.read_state(path)
            other = [
                k for k, v in self.settings.items() if told["settings"][k] != v
            ]
            problem = other and f"had another {', '.join(other)}"
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            zipfile.BadZipFile,
        ) as error:
            problem = f"cannot be read ({error})"
        if problem:
            aside = path.with_name(f"earlier-{checkpoint.STATE}")
            os.replace(path, aside)
            print(
                f"The earlier run {problem}: starting anew. It is kept as {aside}."
            )
            return
        self.rows, self.best = told["rows"], best
        for variable, value in zip(self.changing, values, strict=bool(values)):
            variable.assign(value)
        print(
            f"Going on after epoch {len(self.rows)}."
            if values
            else f"Trained already: delete {path} to train again."
        )

    def on_epoch_begin(self, epoch, logs=None):
        self.train.epoch = epoch

    def on_train_batch_end(self, batch, logs):
        self.check(logs["loss"])

    def check(self, loss):
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"The loss is {loss} in epoch {len(self.rows) + 1}: take a smaller "
                f"learning_rate. The epochs before are kept in {self.folder}."
            )

    def on_epoch_end(self, epoch, logs):
        running = self.model.get_weights()
        self.model.optimizer.finalize_variable_values(
            self.model.trainable_variables
        )
        # a copy: weights and averages share memory now, which JAX's evaluate
        # gives back
        self.model.set_weights(self.model.get_weights())
        now = self.model.evaluate(
            Feed(self.validation), verbose=0, return_dict=True
        )
        self.check(now["loss"])  # the last step may have broken the weights
        lowest = min((row["val_loss"] for row in self.rows), default=np.inf)
        spent = self.rows[-1]["seconds"] if self.rows else 0.0
        row = {
            "epoch": epoch + 1,
            "loss": round(logs["loss"], 4),
            "val_loss": round(now["loss"], 4),
            "val_dice": round(now["lesion_dice"], 4),
            "seconds": round(spent + time.time() - self.began, 1),
        }
        self.began = time.time()
        if (
            row["val_loss"] < lowest
        ):  # steadier than Dice on few validation images
            self.best = self.model.get_weights()
            checkpoint.save(self.model, self.folder / "model.keras")
        self.model.set_weights(running)
        self.rows.append(row)
        left = self.settings["epochs"] - len(self.rows)
        print(
            f"epoch {epoch + 1}/{epoch + 1 + left} · loss {row['loss']:.3f} · validation "
            f"loss {row['val_loss']:.3f}, Dice {row['val_dice']:.3f} · "
            f"{row['seconds'] / (epoch + 1) * left:.0f} s left",
            flush=True,
        )
        self.keep(finished=left == 0)

    def keep(self, finished):
        """Write the state; once a run is finished, its best weights are enough."""
        state = {
            "told": json.dumps({"settings": self.settings, "rows": self.rows})
        }
        state |= {f"best{i}": value for i, value in enumerate(self.best)}
        if not finished:
            values = map(keras.ops.convert_to_numpy, self.changing)
            state |= {f"now{i}": value for i, value in enumerate(values)}
        partial = self.folder / f".partial-{checkpoint.STATE}"
        np.savez(partial, **state)
        os.replace(partial, self.folder / checkpoint.STATE)
        began = time.time()
        if self.drive and (finished or began >= self.next_copy):
            checkpoint.copy(
                self.folder / checkpoint.STATE, self.drive / checkpoint.STATE
            )
            took = time.time() - began
            self.next_copy = began + max(checkpoint.DRIVE_PAUSE, 20 * took)
            if took > 60:
                print(
                    f"Drive took {took:.0f} s: the next copy there will be later."
                )


def out_of_memory(error):
    """Tell whether an error of any backend means that the device's memory is full."""
    told = f"{type(error).__name__} {error}".lower().replace("_", "")
    return any(sign in told for sign in ("resourceexhausted", "out of memory"))


def predict(model, images, flip=False):
    """Return class probabilities (n, h, w, 3) float32 of background, benign, malignant.

    images: (n, h, w) or (n, h, w, 1) of the model's own height and width;
    uint8 grey values 0..255, or floats in [0, 1]. flip: also look at the
    mirrored image and return the mean of both answers, at twice the time.

    Raises:
        ValueError: another shape or another range.
    """
    inputs = augmentation.as_input(images)
    if inputs.shape[1:] != tuple(model.input_shape[1:]):
        raise ValueError(
            f"this model reads {model.input_shape[1:3]} pixels, not {inputs.shape[1:3]}: "
            "use masks.letterbox first"
        )
    if not len(inputs):
        return np.zeros((*inputs.shape[:3], unet.CLASSES), np.float32)
    answer = model.predict(inputs, batch_size=32, verbose=0).astype(np.float32)
    if flip:
        mirrored = predict(model, inputs[:, :, ::-1])
        answer = (answer + mirrored[:, :, ::-1]) / 2
    return answer
