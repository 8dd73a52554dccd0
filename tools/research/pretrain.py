"""Train a network on simulated images only: a start for training on real ones.

    python -m tools.research.pretrain [WIDTH]    writes models/start_WIDTH.npz

No image of BUSI is read. Interrupted, it goes on after the last finished epoch
when it is called again. Takes half an hour on two CPU cores.
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
    train, validation = (
        cases.phantoms(folder / f"phantoms-{seed}", n, seed, SIZE)
        for n, seed in ((2000, SEED), (100, SEED + 1))
    )
    keras.config.set_dtype_policy(training.precision())
    keras.utils.set_random_seed(SEED)
    model, _ = training.fit(
        unet.build(size=SIZE, width=width),
        augmentation.Batches(*train, 8, SEED),
        augmentation.Batches(*validation, 32, SEED, augment=False),
        folder / f"width-{width}",
        epochs=EPOCHS,
        learning_rate=2e-3,
        seed=SEED,
    )
    checkpoint.save_start(model, ROOT / "models" / f"start_{width}.npz")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 24)
