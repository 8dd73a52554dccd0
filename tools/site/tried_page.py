"""Make the page of results/experiments.csv: what was tried, its worth."""

import pandas as pd

from tools.site.benchmark_page import table

HEAD = """# What was tried

Each row is one variant of network, loss or training, run by an earlier version
of these tools: trained on folds 2 to 4 of the real images, scored on fold 1,
with the weights of the last epoch. `image` is the baseline: the standard
network from random weights, with the loss of notebook 4. *Gain* is the
difference in lesion Dice to it over the same images, with its 95 % interval by
bootstrap over groups of near-duplicates; a dash means that the baseline was
not run beside that variant. The weights that know photographs were an
approximation of Keras' own, read back from an 8-bit file; Keras' own have not
been measured here. *AUC* asks how well the image's lesion probability tells
lesion images from normal ones; *IoU* is that of benign and of malignant
pixels. `results/experiments.csv` holds more columns, among them the exact
settings and the intervals of Dice.

Read it with care. These are {n} variants on one fold, and two seeds of one
variant differ by up to {seeds:.3f} in Dice: {clear} of the gains {have} an
interval that lies above 0. And one fold is not the set: the same recipe scores
differently on each of the five.

"""
VARIANTS = {
    "attention": "attention gates on the skip connections",
    "attention+imagenet192": "the mean of these two networks' probabilities",
    "compact": "two thirds of the channels",
    "deep": "a loss at the coarser levels, too (deep supervision)",
    "depth5": "two thirds of the channels, and a fifth level",
    "image": "nothing: the baseline",
    "image-s1": "`image` with another seed",
    "imagenet192": "an encoder that knows photographs (MobileNetV2), 192 "
    "pixels",
    "no-average": "the last weights, and not their moving average",
    "phantoms": "trained on 2,000 simulated images, on no real one",
    "plain": "without the part for the whole image",
    "px256": "256 pixels, the first filter with stride 4",
    "smoothing": "targets of 0.93 in place of 1 (label smoothing)",
    "start": "starts from the weights of `phantoms`",
    "start-s1": "`start` with another seed",
    "start-strong": "`start` and `strong` together",
    "strong": "stronger augmentation",
}
COLUMNS = ["name", "what differs", "Dice", "gain", "normals empty", "AUC"]
COLUMNS += ["IoU"]


def page(path):
    """Return the page, Markdown; all its scores come from the file `path`."""
    tried = pd.read_csv(path).sort_values("dice", ascending=False)
    dice = tried.set_index("name")["dice"]
    twice = [name for name in dice.index if f"{name}-s1" in dice.index]
    clear = int((tried["gain_low"] > 0).sum())
    seeds = max(abs(dice[name] - dice[f"{name}-s1"]) for name in twice)
    words = {"clear": clear or "none", "have": "has" if clear < 2 else "have"}
    head = HEAD.format(n=len(tried), seeds=seeds, **words)
    return head + table(COLUMNS, list(map(cells, tried.itertuples())))


def cells(row):
    """Return the texts of one row."""
    gain = f"{row.gain:+.3f} ({row.gain_low:+.3f} to {row.gain_high:+.3f})"
    return [
        f"`{row.name}`",
        VARIANTS[row.name],
        f"{row.dice:.3f}",
        gain if pd.notna(row.gain) else "–",
        f"{row.normals_empty:.0%}",
        f"{row.image_auc:.3f}",
        f"{row.iou_benign:.2f}, {row.iou_malignant:.2f}",
    ]
