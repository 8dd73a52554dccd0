"""Train a network on simulated images only: a start for training on real ones.

    python tools/pretrain.py [WIDTH]         writes models/start_WIDTH.npz

No image of BUSI is read. Interrupted, it goes on after the last finished epoch
when it is called again. Takes half an hour on two CPU cores.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from helpers.data import busi
from helpers.data.phantom import dataset
from helpers.files import ROOT
from helpers.model import augmentation, checkpoint, training, unet

SIZE, EPOCHS, SEED = 128, 8, 7


def simulated(folder, n, seed):
    """Return n phantoms as arrays: 9 benign to 7 malignant to 4 normal ones."""
    counts = 9 * n // 20, 7 * n // 20, 4 * n // 20
    root = dataset.write_dataset(folder / f"phantoms-{seed}", *counts, seed)
    return busi.load_arrays(busi.index(root), SIZE, cache=folder)


def main(width):
    folder = ROOT / "runs" / "pretraining"
    train, validation = (
        simulated(folder, 2000, SEED),
        simulated(folder, 100, SEED + 1),
    )
    keras.config.set_dtype_policy(training.precision())
    keras.utils.set_random_seed(SEED)
    model, _ = training.fit(
        unet.build(size=SIZE, width=width),
        augmentation.Batches(*train, batch_size=8, seed=SEED),
        augmentation.Batches(
            *validation, batch_size=32, seed=SEED, augment=False
        ),
        folder / f"width-{width}",
        epochs=EPOCHS,
        learning_rate=2e-3,
        seed=SEED,
    )
    checkpoint.save_start(model, ROOT / "models" / f"start_{width}.npz")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 24)
