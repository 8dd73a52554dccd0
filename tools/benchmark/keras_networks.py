"""The contenders in Keras, each in a process that `compare` starts.

    python -m tools.benchmark.keras_networks WORK NAME [fit]

Answers jobs on standard input; `fit` trains as notebook 4 into WORK/NAME. WORK
holds settings.json and data.npz. NAME is `ours` (unet.build), `plain` or
`textbook` (a U-Net as most tutorials have it, from few or from 64 channels).
"""

import re
import sys
import time

import keras
import numpy as np
from keras import layers

from helpers.files import ROOT
from helpers.model import augmentation, checkpoint, losses, training, unet
from tools.benchmark import worker


def plain_unet(size, width):
    """Build the U-Net of Ronneberger et al. (2015) as most tutorials do.

    Input and output are those of `unet.build`; `width` channels at full
    resolution, doubled at each of five levels.
    """

    def twice(x, filters):
        options = {"activation": "relu", "kernel_initializer": "he_normal"}
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", **options)(x)
        return x

    widths = [width * 2**level for level in range(5)]
    image = keras.Input((size, size, 1))
    levels = [twice(image, width)]
    for filters in widths[1:]:
        levels.append(twice(layers.MaxPooling2D()(levels[-1]), filters))
    x = levels.pop()
    for filters in widths[-2::-1]:
        x = layers.Conv2DTranspose(filters, 2, 2)(x)
        x = twice(layers.Concatenate()([levels.pop(), x]), filters)
    logits = layers.Conv2D(unet.CLASSES, 1, dtype="float32")(x)
    return keras.Model(image, layers.Softmax(dtype="float32")(logits))


class Contender(worker.Contender):
    """A network in Keras."""

    def __init__(self, work, name):
        super().__init__(work, name)
        self.models = {}

    def new_model(self, precision):
        """Return the network afresh, computing in this Keras policy."""
        keras.config.set_dtype_policy(precision)
        keras.utils.set_random_seed(self.settings["seed"])
        size = self.settings["size"]
        if self.name == "ours":
            return unet.build(size=size, width=self.settings["width"])
        return plain_unet(size, self.settings[f"{self.name}_width"])

    def fit(self, precision, folder, epochs, cases=None):
        """Train a fresh network as notebook 4 does; return it, compiled.

        Ours starts from the weights trained on phantoms, where there are some
        for this width. cases: how many to train on.
        """
        model, s, data = self.new_model(precision), self.settings, self.data
        start = ROOT / "models" / f"start_{s['width']}.npz"
        if self.name == "ours" and start.exists():
            checkpoint.start_from(model, start)
        train = data["images"][:cases], data["labels"][:cases]
        train = augmentation.Batches(*train, s["batch_size"], s["seed"])
        validation = data["val_images"], data["val_labels"], 32, s["seed"]
        validation = augmentation.Batches(*validation, augment=False)
        options = {name: s[name] for name in ("learning_rate", "seed")}
        options |= {"folder": self.work / folder, "epochs": epochs}
        training.fit(model, train, validation, **options)
        return model

    def build(self, precision):
        """Build it, ready to train; return its trainable parameters."""
        size, data = self.settings["batch_size"], self.data
        x, y = data["x"], data["y"]
        if self.name == "textbook":  # too slow to train here
            model = self.new_model(precision)
        else:
            folder = f"warm-{self.name}-{precision}"
            model = self.fit(precision, folder, 1, 2 * size)

        def train(n):
            batches = [(x[i % len(x)], y[i % len(y)]) for i in range(n)]
            model.fit(training.Feed(batches), shuffle=False, verbose=0)
            return n * size

        def infer(n):
            images = np.resize(x, (n * size, *x.shape[2:]))
            return len(training.predict(model, images))

        self.models[precision] = model
        jobs = {"train": train, "infer": infer}
        self.paces[precision] = {k: worker.Pace(f) for k, f in jobs.items()}
        return sum(int(np.prod(v.shape)) for v in model.trainable_variables)

    def in_float32(self):
        """Return our network anew, with the same weights, in float32."""
        copy = self.new_model("float32")
        copy.set_weights(next(iter(self.models.values())).get_weights())
        return copy

    def weights(self):
        """Write weights.npz for the copy in PyTorch, a prediction, its loss.

        Layers of a kind are in the order of making, kept in their names only.
        """
        model, images = self.in_float32(), self.data["x"][0]
        labels, prediction = self.data["y"][0], training.predict(model, images)
        loss = losses.segmentation_loss(labels, prediction)
        arrays = {"images": images, "labels": labels, "prediction": prediction}
        arrays |= {"loss": np.mean(loss), "image_weight": losses.IMAGE_WEIGHT}
        kinds = {"conv": layers.Conv2D, "dense": layers.Dense}
        kinds["norm"] = layers.BatchNormalization
        for kind, layer_type in kinds.items():
            made = [x for x in model.layers if isinstance(x, layer_type)]
            for i, layer in enumerate(sorted(made, key=number)):
                for j, weight in enumerate(layer.get_weights()):
                    arrays[f"{kind}.{i}.{j}"] = weight
        np.savez(self.work / "weights.npz", **arrays)

    def latency(self, calls):
        """Time one image at a time, in Keras and exported, by turns.

        Returns {"calls", "ms": {how: {"median", "p95"}}, "largest_difference"}
        between the probabilities in float32.
        """
        float32, path = self.in_float32(), self.work / "model.tflite"
        float32.export(str(path), format="litert", verbose=False)
        exported = interpreter(path, self.settings["cores"])
        models = {**self.models, "float32": float32}
        runs = {f"Keras, {k}": m.predict_on_batch for k, m in models.items()}
        runs["LiteRT, float32"] = exported
        images = augmentation.as_input(self.data["val_images"][:8])
        times = {name: [] for name in runs}
        for _ in range(max(1, calls // 20)):
            for name, run in runs.items():
                run(images[:1])
                times[name] += [timed(run, images[:1]) for _ in range(20)]
        theirs = [exported(images[i : i + 1]) for i in range(len(images))]
        gap = training.predict(float32, images) - np.concatenate(theirs)
        ms = {}
        for name, each in times.items():
            median, p95 = np.percentile(each, [50, 95]).round(3).tolist()
            ms[name] = {"median": median, "p95": p95}
        largest = float(abs(gap).max())
        return {"calls": calls, "ms": ms, "largest_difference": largest}


def number(layer):
    """Return a layer's place in its kind; one named by hand is made last."""
    pattern = r"(conv2d|batch_normalization|dense)(_(\d+))?"
    found = re.fullmatch(pattern, layer.name)
    return int(found[3] or 0) if found else sys.maxsize


def interpreter(path, cores):
    """Return the export: a function, float32 (1, h, w, 1) to (1, h, w, 3)."""
    import tensorflow as tf

    inside = tf.lite.Interpreter(str(path), num_threads=cores)
    inside.allocate_tensors()
    into, out = inside.get_input_details()[0], inside.get_output_details()[0]

    def run(image):
        inside.set_tensor(into["index"], image)
        inside.invoke()
        return inside.get_tensor(out["index"])

    return run


def timed(run, image):
    """Return the milliseconds of one call."""
    began = time.perf_counter()
    run(image)
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    contender = Contender(*sys.argv[1:3])
    if sys.argv[3:] == ["fit"]:
        s = contender.settings
        contender.fit(s["precisions"][-1], contender.name, s["epochs"])
    else:
        worker.serve(contender)
