"""Train a network, and predict with it."""

import csv
import os
import time

import keras
import numpy as np

from . import batches, networks


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


class Record(keras.callbacks.Callback):
    """Prints one line an epoch, keeps history.csv and the best weights of the run.

    "Best" is the highest `val_lesion_dice` on the inner validation part.
    """

    def __init__(self, folder, epochs):
        super().__init__()
        self.folder, self.epochs = folder, epochs
        self.best, self.best_epoch, self.rows = -1.0, 0, []

    def on_train_begin(self, logs=None):
        self.began = time.time()

    def on_epoch_end(self, epoch, logs):
        if not np.isfinite(logs["loss"]):
            self.model.stop_training = True
            print(f"epoch {epoch + 1}: the loss is {logs['loss']}, stopping here")
            return
        if logs["val_lesion_dice"] > self.best:
            self.best, self.best_epoch = logs["val_lesion_dice"], epoch + 1
            save(self.model, self.folder / "model.keras")
        seconds = time.time() - self.began
        self.rows.append(
            {
                "epoch": epoch + 1,
                "loss": round(logs["loss"], 4),
                "val_loss": round(logs["val_loss"], 4),
                "val_dice": round(logs["val_lesion_dice"], 4),
                "seconds": round(seconds, 1),
            }
        )
        write_rows(self.rows, self.folder / "history.csv")
        left = seconds / (epoch + 1) * (self.epochs - epoch - 1)
        print(
            f"epoch {epoch + 1}/{self.epochs} · loss {logs['loss']:.3f} · validation "
            f"loss {logs['val_loss']:.3f}, Dice {logs['val_lesion_dice']:.3f} · "
            f"{left:.0f} s left",
            flush=True,
        )


def fit(train, validation, folder, *, size, width, epochs, learning_rate, seed):
    """Train a new `networks.unet` and return (best model, history as a list of dicts).

    train, validation: `batches.Batches`; folder: where model.keras (the best weights on
    the validation part) and history.csv are written after each epoch. The learning rate
    rises over the first epoch and then falls along a cosine to zero (Loshchilov &
    Hutter 2017).
    """
    keras.utils.set_random_seed(seed)
    model = networks.unet(size=size, width=width)
    steps = len(train) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        steps,
        warmup_target=learning_rate,
        warmup_steps=min(len(train), steps // 5),
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0),
        loss=networks.segmentation_loss,
        metrics=[networks.lesion_dice],
    )
    record = Record(folder, epochs)
    model.fit(
        Feed(train),
        validation_data=Feed(validation),
        epochs=epochs,
        callbacks=[record],
        verbose=0,
    )
    if not record.rows:
        raise FloatingPointError("the loss was not finite in the first epoch")
    return load(folder / "model.keras"), record.rows


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


def predict(model, images):
    """Return class probabilities (n, h, w, 3) float32 of background, benign, malignant.

    images: (n, h, w) or (n, h, w, 1) of the model's own height and width; uint8 grey
    values 0..255, or floats in [0, 1].

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
    return model.predict(inputs, batch_size=32, verbose=0).astype(np.float32)
