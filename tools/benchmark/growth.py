"""Measure how the work on a data set grows with its cases.

    python -m tools.benchmark.growth [CASES ...]    780, 7800 and 78000

Writes results/growth.json: seconds and peak memory of each step of STEPS, each
in a process of its own, for sets of so many cases. Their images, of SIDE
pixels, are copies of SOURCES phantoms of each class, bent at random. The
search for near-duplicates, whose time grows as the square, is left out above
FEW cases.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from helpers import files, workspace
from helpers.data import busi, duplicates, masks, splits
from helpers.data.phantom import dataset, physics
from helpers.evaluation import measures
from helpers.files import ROOT
from tools.benchmark import compare

OUT = ROOT / "results" / "growth.json"
SIZES, FEW = (780, 7800, 78000), 10_000
SOURCES, SIDE, NETWORK = 120, 160, 128  # phantoms; pixels of image and network
SHARES = {"benign": 0.55, "malignant": 0.25, "normal": 0.2}
RULE = {"threshold": 0.5, "minimum_area": 0.001, "image_threshold": 0.5}
FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def write(root, n):
    """Write a set of n cases in BUSI's layout into a new folder."""
    drawn = {label: sources(label) for label in SHARES}

    def one(case):
        label, number = case
        rng = dataset.case_rng(1, label, number, 0)
        pairs = drawn[label]
        image, mask = bent(pairs[rng.integers(len(pairs))], rng)
        for ending, pixels in {"": image, "_mask": mask}.items():
            stem = root / label / f"{label} ({number}){ending}"
            cv2.imencode(".png", pixels, FAST)[1].tofile(f"{stem}.png")

    for label in SHARES:
        (root / label).mkdir(parents=True)
    counts = {label: round(n * share) for label, share in SHARES.items()}
    todo = [(label, k + 1) for label in counts for k in range(counts[label])]
    busi.in_threads(one, todo, f"writing {n} cases")


def sources(label):
    """Return SOURCES pairs (image, mask) of a class, uint8 (SIDE, SIDE)."""

    def one(number):
        rng = dataset.case_rng(0, label, number, 0)
        frame = physics.simulate(label, rng, 2 * SIDE, 2 * SIDE)
        mask = sum(frame.masks, np.zeros(frame.image.shape, bool))
        pair = (frame.image, cv2.INTER_AREA), (mask * 255, cv2.INTER_NEAREST)
        return [
            cv2.resize(np.uint8(picture), (SIDE, SIDE), interpolation=how)
            for picture, how in pair
        ]

    return busi.in_threads(one, range(SOURCES), f"simulating {label}")


def bent(pair, rng):
    """Return a picture and its mask, bent and mirrored at random."""
    shift = rng.normal(0, SIDE / 20, (2, 5, 5)).astype(np.float32)
    cubic = {"interpolation": cv2.INTER_CUBIC}
    across, down = (cv2.resize(one, (SIDE, SIDE), **cubic) for one in shift)
    y, x = np.indices((SIDE, SIDE), np.float32)
    to = (x if rng.random() < 0.5 else SIDE - 1 - x) + across, y + down
    how = cv2.INTER_LINEAR, None, cv2.BORDER_REFLECT
    image, mask = (cv2.remap(one, *to, *how) for one in pair)
    return image, np.uint8(255 * (mask > 127))


def index(root):
    """List, read and check all pictures."""
    found = busi.index(root / "set")
    found.drop(columns=["image", "masks"]).to_csv(root / "cases.csv")


def listed(root):
    """Return the cases that `index` found, with their files; no step."""
    cases = pd.read_csv(root / "cases.csv", index_col=0)
    return busi.with_files(cases, root / "set")


def near_duplicates(root):
    """Compare every image with every other."""
    duplicates.near_duplicates(listed(root))


def arrays(root):
    """Read all images and masks at the network's size."""
    busi.load_arrays(listed(root), NETWORK)


def folds(root):
    """Form groups, a pair in seven cases, and deal them into five folds."""
    cases = listed(root)
    names = cases["case"].to_numpy()
    pairs = pd.DataFrame({"a": names[:-1:7], "b": names[1::7]})
    group = duplicates.assign_groups(cases, pairs)
    splits.assign_folds(cases.assign(group=group))


def scoring(root):
    """Score every case at its original size; a table with its intervals."""
    cases = listed(root)
    classes = map(prediction, cases.itertuples())
    scores = measures.rule_scores(cases, classes, RULE)
    measures.table(scores.assign(group=scores["case"]))


def prediction(case):
    """Return made-up probabilities (NETWORK, NETWORK, 3) near the mask."""
    mask, _ = masks.letterbox(masks.merge(case.masks), NETWORK)
    p = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 3)
    return np.stack([1 - p, p / 3, 2 * p / 3], axis=-1)


STEPS = {
    step.__name__: step
    for step in (index, near_duplicates, arrays, folds, scoring)
}


def one_step(name, root):
    """Take a step, `listed` included; print {"seconds", "peak_memory_mb"}.

    peak_memory_mb: of the whole process, its packages included.
    """
    began = time.perf_counter()
    STEPS[name](Path(root))
    found = {"seconds": round(time.perf_counter() - began, 2)}
    print(json.dumps(found | {"peak_memory_mb": workspace.peak_memory_mb()}))


def measure(sizes):
    """Return rows {cases, step, seconds, peak_memory_mb}."""
    rows = []
    for n in sizes:
        with tempfile.TemporaryDirectory(prefix="growth-") as folder:
            write(Path(folder) / "set", n)
            for step in STEPS:
                if step == "near_duplicates" and n > FEW:
                    continue
                asked = [sys.executable, "-m", __spec__.name, "--step"]
                done = subprocess.run(
                    [*asked, step, folder],
                    check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True,
                )  # fmt: skip
                row = {"cases": n, "step": step, **json.loads(done.stdout)}
                rows.append(row)
                print(row, flush=True)
    return rows


def exponents(rows):
    """Return {step: k}: between its two largest sizes time grows as n^k."""
    found = {}
    for step, part in pd.DataFrame(rows).groupby("step", sort=False):
        largest = part[["cases", "seconds"]].tail(2)
        ratio = np.log(largest).diff().iloc[-1]
        found[step] = round(float(ratio["seconds"] / ratio["cases"]), 2)
    return found


def main(sizes):
    began = time.time()
    rows = measure(sizes)
    report = {
        "machine": compare.machine(),
        "side": SIDE,
        "rows": rows,
        "exponents": exponents(rows),
        "seconds": round(time.time() - began),
    }
    files.write(OUT, workspace.as_json(report))
    print(f"{OUT} written after {report['seconds']} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        one_step(*sys.argv[2:])
    else:
        main([int(n) for n in sys.argv[1:]] or SIZES)
