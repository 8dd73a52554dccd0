"""The contenders in Keras, each in a process of its own; `bench.py` starts them.

    python tools/bench_keras.py WORK NAME          answers jobs on standard input
    python tools/bench_keras.py WORK NAME fit      trains as notebook 4 does, into WORK/NAME

WORK holds settings.json and data.npz. NAME is `ours` (helpers/networks.unet),
`plain` or `textbook` (a U-Net as most tutorials have it, from few or from 64
channels).
"""

import json
import re
import sys
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers

from helpers.files import ROOT
from helpers.model import augmentation, checkpoint, losses, training, unet
from tools.benchmark.worker import Pace, serve


def plain_unet(size, width, depth=5):
    """Build the U-Net of Ronneberger et al. (2015) as most Keras tutorials have it.

    Same input and output as `unet.build`. Two 3x3 convolutions with ReLU a
    level, `width` channels at full resolution, doubled at each of `depth`
    levels; padded, and without batch normalisation.
    """

    def twice(x, filters):
        options = {"activation": "relu", "kernel_initializer": "he_normal"}
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", **options)(x)
        return x

    image = keras.Input((size, size, 1))
    levels = [twice(image, width)]
    for level in range(1, depth):
        levels.append(
            twice(layers.MaxPooling2D()(levels[-1]), width * 2**level)
        )
    x = levels.pop()
    for level in range(depth - 2, -1, -1):
        x = layers.Conv2DTranspose(width * 2**level, 2, 2)(x)
        x = twice(layers.Concatenate()([levels.pop(), x]), width * 2**level)
    logits = layers.Conv2D(unet.CLASSES, 1, dtype="float32")(x)
    return keras.Model(image, layers.Softmax(dtype="float32")(logits))


class Contender:
    """One network in every precision that it is measured in."""

    def __init__(self, work, name):
        self.work, self.name = Path(work), name
        self.settings = json.loads((self.work / "settings.json").read_text())
        with np.load(self.work / "data.npz", allow_pickle=False) as arrays:
            self.data = dict(arrays)
        self.models, self.paces = {}, {}

    def new_model(self, precision):
        """Return the network afresh, computing in this precision (a Keras policy)."""
        keras.config.set_dtype_policy(precision)
        keras.utils.set_random_seed(self.settings["seed"])
        if self.name == "ours":
            return unet.build(
                size=self.settings["size"], width=self.settings["width"]
            )
        return plain_unet(
            self.settings["size"], self.settings[f"{self.name}_width"]
        )

    def fit(self, precision, folder, epochs, cases=None):
        """Train a fresh network as notebook 4 does and return it, compiled.

        As in the cpu profile, ours starts from the weights that know phantoms,
        where there are some for this width.
        """
        model, s, data = self.new_model(precision), self.settings, self.data
        start = ROOT / "models" / f"start_{s['width']}.npz"
        if self.name == "ours" and start.exists():
            checkpoint.start_from(model, start)
        images, labels = data["images"][:cases], data["labels"][:cases]
        training.fit(
            model,
            augmentation.Batches(images, labels, s["batch_size"], s["seed"]),
            augmentation.Batches(
                data["val_images"],
                data["val_labels"],
                32,
                s["seed"],
                augment=False,
            ),
            self.work / folder,
            epochs=epochs,
            learning_rate=s["learning_rate"],
            seed=s["seed"],
        )
        return model

    def build(self, precision):
        """Build the network, ready to train; return its trainable parameters."""
        size = self.settings["batch_size"]
        if self.name == "textbook":  # too slow to train here
            model = self.new_model(precision)
        else:
            model = self.fit(
                precision, f"warm-{self.name}-{precision}", 1, 2 * size
            )

        def train(n):
            source = Ready(self.data["x"], self.data["y"], n)
            model.fit(training.Feed(source), shuffle=False, verbose=0)
            return n * size

        def infer(n):
            x = self.data["x"]
            return len(
                training.predict(model, np.resize(x, (n * size, *x.shape[2:])))
            )

        self.models[precision] = model
        self.paces[precision] = {"train": Pace(train), "infer": Pace(infer)}
        return sum(int(np.prod(v.shape)) for v in model.trainable_variables)

    def speed(self, precision, job, seconds):
        return self.paces[precision][job](seconds)

    def in_float32(self):
        """Return our network once more, with the same weights, computing in float32."""
        copy = self.new_model("float32")
        copy.set_weights(next(iter(self.models.values())).get_weights())
        return copy

    def weights(self):
        """Write weights.npz for the copy in PyTorch: by kind of layer, and an answer.

        Within a kind the layers are in the order in which they were made,
        which Keras keeps in their names only.
        """
        model, images = self.in_float32(), self.data["x"][0]
        arrays = {"images": images, "answer": training.predict(model, images)}
        kinds = {
            "conv": layers.Conv2D,
            "norm": layers.BatchNormalization,
            "dense": layers.Dense,
        }
        for kind, layer_type in kinds.items():
            made = [
                layer
                for layer in model.layers
                if isinstance(layer, layer_type)
            ]
            for i, layer in enumerate(sorted(made, key=number)):
                for j, weight in enumerate(layer.get_weights()):
                    arrays[f"{kind}.{i}.{j}"] = weight
        arrays["image_weight"] = losses.IMAGE_WEIGHT
        np.savez(self.work / "weights.npz", **arrays)

    def latency(self, calls):
        """Return milliseconds of one image at a time, in Keras and exported, by turns."""
        float32, path = self.in_float32(), self.work / "model.tflite"
        float32.export(str(path), format="litert", verbose=False)
        exported = interpreter(path, self.settings["cores"])
        runs = {
            f"Keras, {name}": m.predict_on_batch
            for name, m in self.models.items()
        }
        runs["Keras, float32"] = float32.predict_on_batch
        runs["LiteRT, float32"] = exported
        some = augmentation.as_input(self.data["val_images"][:8])
        times = {name: [] for name in runs}
        for _ in range(max(1, calls // 20)):
            for name, run in runs.items():
                run(some[:1])
                times[name] += [timed(run, some[:1]) for _ in range(20)]
        answers = [exported(some[i : i + 1]) for i in range(len(some))]
        gap = training.predict(float32, some) - np.concatenate(answers)
        return {"ms": times, "largest_difference": float(abs(gap).max())}


class Ready:
    """`n` batches that are made already, for `training.Feed`."""

    epoch = 0

    def __init__(self, x, y, n):
        self.x, self.y, self.n = x, y, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.x[i % len(self.x)], self.y[i % len(self.y)]


def number(layer):
    """Return where a layer stands among those of its kind, by the order of making."""
    told = re.fullmatch(
        r"(?:conv2d|batch_normalization|dense)(?:_(\d+))?", layer.name
    )
    return (
        int(told[1] or 0) if told else sys.maxsize
    )  # named by hand: made last


def interpreter(path, cores):
    """Return a function (1, size, size, 1) -> (1, size, size, 3) that runs the export."""
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
    began = time.perf_counter()
    run(image)
    return round(1000 * (time.perf_counter() - began), 3)


if __name__ == "__main__":
    contender = Contender(*sys.argv[1:3])
    if sys.argv[3:] == ["fit"]:
        s = contender.settings
        contender.fit(s["precisions"][-1], contender.name, s["epochs"])
    else:
        names = ("build", "speed", "weights", "latency")
        serve({name: getattr(contender, name) for name in names})
