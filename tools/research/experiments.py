"""Try one variant of network, loss or training, and compare what was tried.

    python tools/experiments.py run NAME DATA [--option value ...]
    python tools/experiments.py join NAME+NAME DATA
    python tools/experiments.py table BASELINE

Development split: training on folds 2, 3 and 4, scores on fold 1, with the
weights of the last epoch. Fold 0 has no part in any choice. `run` writes
runs/experiments/NAME.json; `join` does so for the mean of the probabilities of
variants that were run before. `table` writes results/experiments.csv from all
of them: scores, and the difference to BASELINE with its 95 % interval over
groups, where BASELINE was run here too. Rows of experiments that were run
elsewhere stay as they are.
"""

import argparse
import json
import os
import time

KEPT = ROOT / "runs" / "experiments"


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("what", choices=["run", "join", "table"])
    add("name")
    add("data", nargs="?", default="phantom")
    add("--size", type=int, default=128)
    add("--width", type=int, default=24)
    add("--depth", type=int, default=4)
    add("--stem", type=int, default=2, help="stride of the first convolution")
    add("--encoder", default="residual", choices=["residual", "mobilenet"])
    add("--weights", default=None, help="the mobilenet's weights file")
    add(
        "--frozen",
        default=None,
        help="the encoder's last layer that is not trained",
    )
    add("--context", type=int, default=0, help="1: a bias for the whole image")
    add("--image", type=float, default=0.0, help="weight of the image's loss")
    add("--pool", default="lehmer", choices=["lehmer", "top"])
    add(
        "--attention",
        type=int,
        default=0,
        help="1: gates on the skip connections",
    )
    add(
        "--deep",
        type=float,
        default=0.0,
        help="weight of a loss at coarser levels",
    )
    add(
        "--average",
        type=int,
        default=1,
        help="0: the last weights, not their average",
    )
    add("--smoothing", type=float, default=0.0, help="of the pixels' labels")
    add("--augment", default="base", choices=["base", "strong"])
    add("--epochs", type=int, default=60)
    add("--learning-rate", type=float, default=2e-3)
    add("--seed", type=int, default=0)
    add("--start", default=None, help="weights file to start from")
    add(
        "--simulated",
        type=int,
        default=0,
        help="train on so many phantoms instead",
    )
    add("--threads", type=int, default=0)
    return parser.parse_args()


o = options()
if o.threads:  # before TensorFlow starts
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(o.threads)

import cv2
import keras
import numpy as np
import pandas as pd
from keras import layers, ops
from sklearn.metrics import roc_auc_score

from helpers.data import busi, duplicates, masks, sources, splits
from helpers.data.phantom import dataset
from helpers.evaluation import bootstrap, metrics
from helpers.files import ROOT
from helpers.model import augmentation, losses, training, unet

BATCH = 8
# What `image`, the baseline, was run with: the table names what differs from
# it.
USUAL = {
    "size": 128,
    "width": 24,
    "depth": 4,
    "stem": 2,
    "encoder": "residual",
    "frozen": None,
    "context": 1,
    "image": 0.3,
    "pool": "lehmer",
    "attention": 0,
    "deep": 0.0,
    "average": 1,
    "smoothing": 0.0,
    "augment": "base",
    "epochs": 40,
    "learning_rate": 2e-3,
    "seed": 0,
    "start": None,
    "simulated": 0,
}


def network():
    """Return the network of this variant."""
    image = keras.Input((o.size, o.size, 1))
    if o.encoder == "mobilenet":
        levels, widths, scale = mobilenet(image), (48, 64, 96, 192), 4
    else:
        widths, scale = (
            [o.width * 2**level for level in range(o.depth)],
            o.stem,
        )
        x = layers.Conv2D(
            widths[0], 2 * scale + 1, scale, "same", use_bias=False
        )(image)
        levels = [unet.residual(unet.normalised(x), widths[0])]
        for filters in widths[1:]:
            x = layers.MaxPooling2D()(levels[-1])
            levels.append(unet.residual(x, filters))
    x = layers.SpatialDropout2D(0.2)(levels[-1])
    x = deepest = unet.residual(x, widths[-1])
    coarse = []
    for skip, filters in zip(levels[-2::-1], widths[-2::-1], strict=True):
        coarse.append(x)
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        skip = gated(skip, x, filters // 2) if o.attention else skip
        x = unet.residual(layers.Concatenate()([x, skip]), filters)
    bias = unet.image_bias(deepest) if o.context else None
    outputs = [pixel_classes(x, bias)]
    if o.deep:
        outputs += [pixel_classes(x, bias) for x in coarse[1:]]
    return keras.Model(image, outputs if o.deep else outputs[0])


def pixel_classes(x, bias):
    """Return class probabilities at the input's size from features at any size."""
    logits = layers.Conv2D(3, 1, dtype="float32")(x)
    if bias is not None:
        logits = layers.Add(dtype="float32")([logits, bias])
    up = layers.UpSampling2D(
        o.size // x.shape[1], interpolation="bilinear", dtype="float32"
    )
    return layers.Softmax(dtype="float32")(up(logits))


def gated(skip, coarse, filters):
    """Attention gate (Oktay et al. 2018): the coarse features weigh the skip's pixels."""
    both = layers.Add()([layers.Conv2D(filters, 1)(x) for x in (skip, coarse)])
    weight = layers.Conv2D(1, 1, activation="sigmoid")(layers.ReLU()(both))
    return layers.Multiply()([skip, weight])


def mobilenet(image):
    """Return MobileNetV2's features; with weights, its batch statistics stay theirs."""
    encoder = keras.applications.MobileNetV2(
        include_top=False, weights=o.weights, input_shape=(o.size, o.size, 3)
    )
    names = [layer.name for layer in encoder.layers]
    last = names.index(o.frozen) if o.frozen else -1
    for i, layer in enumerate(encoder.layers):
        norm = isinstance(layer, layers.BatchNormalization)
        layer.trainable = i > last and not (norm and o.weights)
    names = (
        "block_3_expand_relu",
        "block_6_expand_relu",
        "block_13_expand_relu",
    )
    outputs = [encoder.get_layer(name).output for name in (*names, "out_relu")]
    rgb = layers.Rescaling(2.0, -1.0)(layers.Concatenate()([image] * 3))
    features = keras.Model(encoder.input, outputs)(rgb)
    return [
        layers.Conv2D(filters, 1, use_bias=False)(x)
        for x, filters in zip(features, (48, 64, 96, 256), strict=True)
    ]


def loss(labels, classes):
    labels = ops.cast(labels, "int32")
    pixels = keras.losses.sparse_categorical_crossentropy(labels, classes)
    if o.smoothing:
        even = -ops.mean(ops.log(ops.clip(classes, 1e-7, 1.0)), axis=-1)
        pixels = (1 - o.smoothing) * pixels + o.smoothing * even
    total = ops.mean(pixels, axis=(1, 2)) + losses.dice_loss(labels, classes)
    if o.image and o.pool == "lehmer":
        total = total + o.image * losses.image_loss(labels, classes)
    elif o.image:
        total = total + o.image * top_loss(labels, classes)
    return total


def top_loss(labels, classes):
    """The image's loss with the mean of the highest 2 % of the pixels."""
    has = ops.cast(ops.any(labels > 0, axis=(1, 2)), classes.dtype)
    malignant = ops.cast(ops.any(labels == 2, axis=(1, 2)), classes.dtype)
    p = 1 - classes[..., 0]
    flat = ops.reshape(p, (-1, o.size * o.size))
    top = ops.mean(ops.top_k(flat, o.size * o.size // 50)[0], -1)
    share = ops.sum(classes[..., 2], axis=(1, 2)) / (
        ops.sum(p, axis=(1, 2)) + 1e-3
    )
    return losses.binary_crossentropy(
        has, top
    ) + 0.5 * has * losses.binary_crossentropy(malignant, share)


class Strong(augmentation.Batches):
    """Wider geometry, and blur, sharpening, speckle, gain fields and cut-outs."""

    def pair(self, k):
        rng = np.random.default_rng((self.seed, self.epoch, k))
        image, label = augmentation.augment(
            self.images[k], self.labels[k], rng
        )
        size = image.shape[0]
        kind = rng.random()
        if kind < 0.25:
            image = cv2.GaussianBlur(
                image, (0, 0), rng.uniform(0.4, 1.4) * size / 128
            )
        elif kind < 0.4:
            soft = cv2.GaussianBlur(image, (0, 0), 1.5 * size / 128)
            image = cv2.addWeighted(image, 1.8, soft, -0.8, 0)
        if rng.random() < 0.4:
            grains = max(2, int(size * rng.uniform(0.3, 1)))
            noise = rng.normal(0, 1, (grains, grains)).astype("float32")
            noise = 1 + rng.uniform(0.05, 0.25) * cv2.resize(
                noise, (size, size)
            )
            image = np.clip(image * noise, 0, 255).astype(np.uint8)
        if rng.random() < 0.3:
            gain = rng.uniform(0.5, 1.4, (4, 4)).astype("float32")
            gain = cv2.resize(
                gain, (size, size), interpolation=cv2.INTER_CUBIC
            )
            image = np.clip(image * gain, 0, 255).astype(np.uint8)
        if rng.random() < 0.3:
            h, w = (rng.uniform(0.05, 0.2, 2) * size).astype(int) + 1
            y, x = rng.integers(0, size - h), rng.integers(0, size - w)
            image = image.copy()
            image[y : y + h, x : x + w] = rng.integers(0, 160)
        return image, label


class Feed(training.Feed):
    """The same labels for each output of the network."""

    def __init__(self, source, heads):
        super().__init__(source)
        self.heads = heads

    def __getitem__(self, i):
        images, labels = self.source[i]
        return images, (labels,) * self.heads if self.heads > 1 else labels


def simulated(n):
    """Return n phantoms as arrays: 9 benign to 7 malignant to 4 normal ones."""
    counts = (n * 9 // 20, n * 7 // 20, n - n * 16 // 20)
    root = dataset.write_dataset(KEPT / f"phantoms-{n}", *counts, 7)
    return busi.load_arrays(busi.index(root), o.size)


def evaluated(cases, classes):
    """Return one dict a case; classes: probabilities (n, h, w, 3)."""
    rows = []
    for case, p in zip(cases.itertuples(), classes, strict=True):
        reference = masks.merge(case.masks)
        _, box = masks.letterbox(reference, o.size)
        lesion = 1 - p[..., 0].astype("float64")
        answer = masks.restore(lesion, box) > 0.5
        truth = masks.target(masks.letterbox(reference, o.size)[0], case.label)
        row = {
            "case": case.case,
            "label": case.label,
            "group": case.group,
            "dice": metrics.dice(reference, answer),
            "area": int(answer.sum()),
            "lesion": float((lesion**3).sum() / ((lesion**2).sum() + 1e-3)),
            "malignant": float(p[..., 2].sum() / (lesion.sum() + 1e-3)),
        }
        for k in (1, 2):
            both = (p.argmax(-1) == k) & (truth == k)
            either = (p.argmax(-1) == k) | (truth == k)
            row |= {
                f"both{k}": int(both.sum()),
                f"either{k}": int(either.sum()),
            }
        rows.append(row)
    return rows


def run():
    began = time.time()
    keras.config.set_dtype_policy(training.precision())
    keras.utils.set_random_seed(o.seed)
    cases, folds = grouped()
    images, labels = busi.load_arrays(cases, o.size)
    own = folds.isin([2, 3, 4]).to_numpy()
    seen = (
        simulated(o.simulated) if o.simulated else (images[own], labels[own])
    )
    kind = Strong if o.augment == "strong" else augmentation.Batches
    source = kind(*seen, BATCH, o.seed)
    model = network()
    if o.start:
        model.load_weights(o.start)
    steps = len(source) * o.epochs
    optimizer = training.optimizer(len(source), steps, o.learning_rate)
    optimizer.use_ema = bool(o.average)
    heads = len(model.outputs)
    weights = [1.0] + [o.deep] * (heads - 1)
    model.compile(optimizer, loss=[loss] * heads, loss_weights=weights)
    tell = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda e, logs: setattr(source, "epoch", e),
        on_epoch_end=lambda e, logs: print(
            o.name, e + 1, logs["loss"], flush=True
        ),
    )
    model.fit(
        Feed(source, heads),
        epochs=o.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[tell],
    )
    optimizer.finalize_variable_values(model.trainable_variables)
    KEPT.mkdir(parents=True, exist_ok=True)
    model.save_weights(KEPT / f"{o.name}.weights.h5")
    final = keras.Model(model.inputs, model.outputs[0])
    classes = training.predict(final, images[folds == 1], flip=True)
    np.save(KEPT / f"{o.name}.npy", classes.astype("float16"))
    keep(cases[folds == 1], classes, model.count_params(), time.time() - began)


def keep(cases, classes, parameters, seconds):
    told = {
        "options": {
            k: v for k, v in vars(o).items() if k not in ("what", "data")
        },
        "parameters": parameters,
        "seconds": round(seconds),
        "cases": evaluated(cases, classes),
    }
    (KEPT / f"{o.name}.json").write_text(json.dumps(told))


def join():
    """Keep the mean of several variants' probabilities, at the largest of their sizes."""
    names = o.name.split("+")
    parts = [json.loads((KEPT / f"{name}.json").read_text()) for name in names]
    o.size = max(part["options"]["size"] for part in parts)
    sums = 0
    for name in names:
        classes = np.load(KEPT / f"{name}.npy").astype("float32")
        sums = sums + np.stack(
            [cv2.resize(p, (o.size, o.size)) for p in classes]
        )
    cases, folds = grouped()
    parameters, seconds = (
        sum(p[key] for p in parts) for key in ("parameters", "seconds")
    )
    keep(cases[folds == 1], sums / len(names), parameters, seconds)


def grouped():
    """Return (cases with their group, the fold of each)."""
    cases = busi.index(sources.locate(o.data).root)
    cases["group"] = duplicates.assign_groups(
        cases, duplicates.near_duplicates(cases)
    )
    return cases, splits.assign_folds(cases)


def summary(told, baseline):
    """Return one row of the table."""
    table = pd.DataFrame(told["cases"])
    lesions, normals = (
        table[table["label"].ne("normal") == k] for k in (True, False)
    )
    dice = bootstrap.interval(lesions["dice"], lesions["group"])
    gain = (np.nan, np.nan, np.nan)
    if baseline:
        before = pd.DataFrame(baseline["cases"]).set_index("case")
        gain = bootstrap.interval(
            lesions["dice"] - before.loc[lesions["case"], "dice"].to_numpy(),
            lesions["group"],
        )
    changed = [
        f"{k} {v}"
        for k, v in told["options"].items()
        if k not in ("name", "threads", "weights") and v != USUAL[k]
    ]
    return {
        "name": told["options"]["name"],
        "changed": "mean of both"
        if "+" in told["options"]["name"]
        else ", ".join(changed),
        "parameters": told["parameters"],
        "seconds": told["seconds"],
        **dict(zip(("dice", "low", "high"), dice, strict=True)),
        **dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True)),
        "normals_empty": (normals["area"] == 0).mean(),
        "lesions_found": (lesions["area"] > 0).mean(),
        "image_auc": roc_auc_score(
            table["label"] != "normal", table["lesion"]
        ),
        "class_auc": roc_auc_score(
            lesions["label"] == "malignant", lesions["malignant"]
        ),
        "iou_benign": table["both1"].sum() / table["either1"].sum(),
        "iou_malignant": table["both2"].sum() / table["either2"].sum(),
    }


def table():
    path = ROOT / "results" / "experiments.csv"
    tried = {
        kept.stem: json.loads(kept.read_text()) for kept in KEPT.glob("*.json")
    }
    rows = [summary(told, tried.get(o.name)) for told in tried.values()]
    before = pd.read_csv(path)
    elsewhere = before[~before["name"].isin(tried)]
    frame = pd.concat([elsewhere, pd.DataFrame(rows).round(4)]).sort_values(
        "name"
    )
    frame.to_csv(path, index=False)
    print(frame.to_string())


if __name__ == "__main__":
    {"run": run, "join": join, "table": table}[o.what]()
