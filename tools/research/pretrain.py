"""Make the weights that notebook 4 may start from: models/start_*.npz.

    python -m tools.research.pretrain [WIDTH]               the lesson's U-Net
    python -m tools.research.pretrain pretrained BUSBRA     the pretrained one

The first sees simulated images only. The second begins with ImageNet's weights
(`tools.research.imagenet`) and sees those images and BUS-BRA. No image of BUSI
is read. Called again, it goes on after the last finished epoch. A quarter of
an hour each on two CPU cores.
"""

import sys

import keras

from helpers.data import busi
from helpers.data.phantom import dataset
from helpers.files import ROOT
from helpers.model import augmentation, checkpoint, training, unet
from tools.research import knowledge

SIZE, EPOCHS, SEED = 128, 14, 7


def lesson(width):
    """Write the weights of the lesson's U-Net."""
    folder = ROOT / "runs" / "pretraining"
    sets = ((2700, 2100, 1200), SEED), ((90, 70, 40), SEED + 1)
    roots = [
        dataset.write_dataset(folder / f"phantoms-{seed}", *counts, seed)
        for counts, seed in sets
    ]
    data = [busi.load_arrays(busi.index(root), SIZE, folder) for root in roots]
    keras.config.set_dtype_policy(training.precision())
    keras.utils.set_random_seed(SEED)
    model, _ = training.fit(
        unet.build(size=SIZE, width=width),
        augmentation.Batches(*data[0], 8, SEED),
        augmentation.Batches(*data[1], 32, SEED, augment=False),
        folder / f"width-{width}",
        epochs=EPOCHS,
        learning_rate=2e-3,
        seed=SEED,
    )
    checkpoint.save_start(model, ROOT / "models" / f"start_{width}.npz")


def known(busbra_at):
    """Write the pretrained network's weights."""
    folder = knowledge.HOME / "start" / "fold_none"
    tables = knowledge.datasets(busbra_at=busbra_at)
    knowledge.train(folder, knowledge.RECIPES["start"], tables, None)
    model = checkpoint.load(folder / "model.keras")
    checkpoint.save_start(model, ROOT / "models" / "start_pretrained.npz")


if __name__ == "__main__":
    if sys.argv[1:2] == ["pretrained"]:
        known(sys.argv[2])
    else:
        lesson(int(sys.argv[1]) if sys.argv[1:] else 24)
