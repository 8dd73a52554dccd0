"""Train a network on simulated images only: a start for training on real ones.

    python -m tools.research.pretrain [WIDTH]    writes models/start_WIDTH.npz

No image of BUSI is read. Called again, it goes on after the last finished
epoch. Takes half an hour on two CPU cores.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from helpers.files import ROOT
from helpers.model import augmentation, checkpoint, training, unet
from tools.research import cases

SIZE, EPOCHS, SEED = 128, 8, 7


def main(width):
    folder = ROOT / "runs" / "pretraining"
    data = [
        cases.phantoms(folder / f"phantoms-{seed}", n, seed, SIZE)
        for n, seed in ((2000, SEED), (100, SEED + 1))
    ]
    model = trained(width, data, folder / f"width-{width}", EPOCHS, SEED)
    checkpoint.save_start(model, ROOT / "models" / f"start_{width}.npz")


def trained(width, data, folder, epochs, seed, start=None):
    """Return a network trained as notebook 4 does, in `folder`.

    data: (images, labels) for training and for validation.
    """
    (images, labels), validation = data
    keras.config.set_dtype_policy(training.precision())
    keras.utils.set_random_seed(seed)
    model = unet.build(size=images.shape[1], width=width)
    if start:
        checkpoint.start_from(model, start)
    train = augmentation.Batches(images, labels, 8, seed)
    validation = augmentation.Batches(*validation, 32, seed, augment=False)
    options = {"epochs": epochs, "learning_rate": 2e-3, "seed": seed}
    model, _ = training.fit(model, train, validation, folder, **options)
    return model


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 24)
