"""Train a network so that it can be stopped at any moment, and predict."""

import contextlib
import hashlib
import inspect
import logging
import re
import sys
import time
from pathlib import Path

import keras
import numpy as np

from .. import environment
from ..evaluation.pooling import lehmer_mean
from . import augmentation, checkpoint, faster, losses, optimizer, unet

# The code that a trained network depends on.
THIS = sys.modules[__name__]
SOURCES = (
    augmentation,
    losses,
    lehmer_mean,
    unet,
    optimizer,
    faster,
    checkpoint,
    THIS,
)

# One process trains several models here, which TensorFlow takes for a mistake.
logging.getLogger("tensorflow").setLevel(logging.ERROR)


def precision(depthwise=False):
    """Return the Keras dtype policy that is fastest here at full quality.

    bfloat16 where the processor computes in it; float16 on older GPUs (Colab's
    T4), never on a CPU, which it slows down. depthwise: of a network with
    depthwise convolutions, which gain nothing from it on a CPU.
    """
    capability = environment.gpu_capability()
    if capability:
        return "mixed_bfloat16" if capability >= 8 else "mixed_float16"
    if depthwise or not environment.cpu_has_bfloat16():
        return "float32"
    return "mixed_bfloat16"


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
    last=False,
):
    """Train a new model; return (the best model, history: a list of dicts).

    model: not compiled, built after keras.utils.set_random_seed(seed). train,
    validation: `augmentation.Batches`. After each epoch the whole state goes
    into folder/resume.npz, now and then also into the folder `drive`; at the
    end the best model, that of the lowest validation loss, is written to
    folder/model.keras. last: that of the last epoch instead, for fine-tuning,
    where the network may grow too sure of itself while its masks still
    improve. Called again with the same settings, data and code, here or where
    that Drive is seen, fit goes on from there, else it starts anew. A stopped
    run ends with the weights of an uninterrupted one: bit for bit on a CPU of
    as many cores, whose number changes the order of sums.

    Validated and kept is the average of the weights, see `optimizer`.

    ValueError: the model was compiled before. FloatingPointError: the loss was
    not finite; what was kept stays. MemoryError: too large a batch.
    """
    if model.compiled:
        raise ValueError("fit needs a new model: build one, then call fit")
    folder = Path(folder)
    settings = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed}
    settings |= {"last": last}
    settings |= fingerprints(model, train, validation)
    state = checkpoint.State(folder, drive and Path(drive), settings)
    # the weights and the dropout's random state, before metrics join them
    changing = model.variables
    steps = len(train), len(train) * epochs
    compile_for(model, optimizer.scheduled(*steps, learning_rate))
    changing = [*changing, *model.optimizer.variables]
    run = Run(state, changing, train, validation, last)
    # Batches shuffles; Keras' own shuffle could not be resumed
    how = {"callbacks": [run], "shuffle": False, "verbose": 0}
    with explained(run):
        done = len(run.rows)
        model.fit(Feed(train), initial_epoch=done, epochs=epochs, **how)
    model.set_weights(run.best)
    checkpoint.save(model, folder / "model.keras")
    return checkpoint.load(folder / "model.keras"), run.rows


def compile_for(
    model, rule, loss=losses.segmentation_loss, metrics=(losses.lesion_dice,)
):
    """Compile a network to learn by `rule`, an optimizer, without waiting.

    Keras makes variables that it lacks in the first step, and then builds the
    graph of a step, which takes seconds, twice.
    """
    faster.use(model)
    model.compile(rule, loss, metrics=list(metrics))
    model.optimizer.build(model.trainable_variables)
    blank = np.zeros((1, *model.input_shape[1:]))
    model.compute_metrics(blank, blank[..., 0], model(blank))


def step(model, x, y):
    """Take one step on a batch; return its loss, before its metrics if any.

    Keras 3.13 returns means over all steps since the last reset.
    """
    model.reset_metrics()
    return model.train_on_batch(x, y)


@contextlib.contextmanager
def explained(run):
    """Say what to do where a training is stopped, or does not fit."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"Stopped after epoch {len(run.rows)}: run this again to go on.")
        raise
    except Exception as error:
        if not out_of_memory(error):
            raise
        size, n = run.train.images.shape[1], run.train.batch_size
        raise MemoryError(
            f"A batch of {n} images of {size} pixels does not fit into the "
            f"device's memory: take batch_size={max(1, n // 2)}."
        ) from None


def fingerprints(model, train, validation):
    """Return {what: value} of all else that a run's result depends on."""
    data = train.images, train.labels, validation.images, validation.labels
    # without the numbers in the layers' names: Keras counts on in a process
    layers = re.sub(r"_\d+\b", "", model.to_json())
    return {
        "start": digest(map(np.ascontiguousarray, model.get_weights())),
        "batches": [train.batch_size, train.augment, train.seed],
        "views": digest([np.asarray(train.views, float).tobytes()]),
        "precision": model.dtype_policy.name,
        "network": digest([layers.encode()]),
        "data": digest(map(np.ascontiguousarray, data)),
        "code": digest(inspect.getsource(part).encode() for part in SOURCES),
    }


def digest(parts):
    """Return the hex SHA-256 of bytes or arrays, one after the other."""
    return hashlib.sha256(b"".join(parts)).hexdigest()


class Feed(keras.utils.PyDataset):
    """Hands `augmentation.Batches` to Keras; their epoch is set from outside.

    Two workers, since Keras then switches tf.data's tuning off. Its thread
    misses at times that an epoch is over, and sleeps on: up to twice as long
    as the epoch took, mostly where cores are few. On JAX, which needs no
    tf.data, a run that goes on would not be as if it had not stopped.
    """

    def __init__(self, source):
        on_tensorflow = keras.backend.backend() == "tensorflow"
        super().__init__(workers=2 if on_tensorflow else 1)
        self.source = source

    def __len__(self):
        return len(self.source)

    def __getitem__(self, i):
        return self.source[i]


class Run(keras.callbacks.Callback):
    """Restores a run; after each epoch validates, reports and keeps it.

    state: a `checkpoint.State`; changing: the variables that it keeps. Weights
    are copied: Keras' SwapEMAWeights adds and subtracts, which rounds them.
    """

    def __init__(self, state, changing, train, validation, last):
        super().__init__()
        self.state, self.changing, self.last = state, changing, last
        self.train, self.validation = train, validation
        self.rows, self.best, values = state.read()
        for variable, value in zip(changing, values, strict=bool(values)):
            variable.assign(value)
        self.began = time.time()

    def on_epoch_begin(self, epoch, logs=None):
        self.train.epoch = epoch

    def on_train_batch_end(self, batch, logs):
        self.check(logs["loss"])

    def check(self, loss):
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"The loss is {loss} in epoch {len(self.rows) + 1}: take a "
                "smaller learning_rate. The epochs before are kept in "
                f"{self.state.path.parent}."
            )

    def on_epoch_end(self, epoch, logs):
        model, running = self.model, self.model.get_weights()
        model.optimizer.finalize_variable_values(model.trainable_variables)
        # a copy: both share memory now, which JAX's evaluate gives back
        model.set_weights(model.get_weights())
        feed = Feed(self.validation)
        now = model.evaluate(feed, verbose=0, return_dict=True)
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
        # the loss: steadier than Dice on few validation images
        if self.last or row["val_loss"] < lowest:
            self.best = model.get_weights()
        model.set_weights(running)
        self.rows.append(row)
        epochs = self.state.settings["epochs"]
        left = (epochs / (epoch + 1) - 1) * row["seconds"]
        print(
            f"epoch {epoch + 1}/{epochs} · loss {row['loss']:.3f} · "
            f"validation loss {row['val_loss']:.3f}, "
            f"Dice {row['val_dice']:.3f} · {left:.0f} s left",
            flush=True,
        )
        kept = self.changing if len(self.rows) < epochs else []
        kept = list(map(keras.ops.convert_to_numpy, kept))
        self.state.write(self.rows, self.best, kept)


def out_of_memory(error):
    """Return whether an error of any backend means a full device memory."""
    text = f"{type(error).__name__} {error}".lower().replace("_", "")
    return "resourceexhausted" in text or "out of memory" in text


def predict(model, images, flip=False):
    """Return background, benign, malignant, float32 (n, h, w, 3), sum 1.

    images: (n, h, w) or (n, h, w, 1) of the model's height and width, uint8
    0..255 or floats in [0, 1]; else ValueError. flip: test-time augmentation,
    the mean of the predictions for an image and its mirror image.
    """
    inputs = augmentation.as_input(images)
    if inputs.shape[1:] != tuple(model.input_shape[1:]):
        raise ValueError(
            f"this model reads {model.input_shape[1:3]} pixels, "
            f"not {inputs.shape[1:3]}: use masks.letterbox first"
        )
    n = len(inputs)
    if flip and n:
        return predict_both(model, inputs).mean(axis=1)
    # not model.predict, which takes 90 ms to begin; the last block overlaps,
    # since for another size TensorFlow builds its graph a second time
    starts = [min(k, max(n - 32, 0)) for k in range(0, n, 32)]
    classes = np.empty((*inputs.shape[:3], unet.CLASSES), np.float32)
    for k in starts:
        classes[k : k + 32] = model.predict_on_batch(inputs[k : k + 32])
    return classes


def predict_both(model, images):
    """Return what `predict` says of images and of their mirror images.

    float32 (n, 2, h, w, 3); the second prediction is turned back.
    """
    inputs = augmentation.as_input(images)
    classes = predict(model, np.concatenate([inputs, inputs[:, :, ::-1]]))
    plain, mirrored = np.split(classes, 2)
    return np.stack([plain, mirrored[:, :, ::-1]], axis=1)
