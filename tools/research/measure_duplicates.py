"""Measure helpers/data/duplicates.py.

    python -m tools.research.measure_duplicates DATA

Writes results/near_duplicates.json: speed, pairs and groups on the real images
in the folder DATA, precision and recall against pairs labelled by eye
(results/near_duplicates_labelled.csv), and against a phantom's known copies.

One reader gave the labels, who saw the distance, and the limit was set after
them: the figures describe this set, they do not predict another one. Strata of
all pairs of 624 real images that were seen whole (weight 1):
copy        distance up to 0.05
borderline  distance from 0.05 to 0.6, the limit
near_miss   distance from 0.6 to 0.7
same_text   15 or more common points in an exhaustive SIFT and RANSAC search,
            plain and mirrored, that is independent of the project's. All 179
            pairs with 50 or more points were found; the 98 of 15 to 49 that
            were not share burned-in words
alike       alike in an earlier state of the search, seen whole or in part
Seen in part, drawn at random from the pairs that are in none of the above:
neighbour   one class, consecutive numbers
candidate   proposed by the hashes, rejected by the correlation
random      the rest
The weighted recall counts a drawn pair for those not drawn. It is rough: one
unseen related pair among the rest would lower it much.
"""

import sys
import tempfile
import time

import cv2
import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from helpers import environment, files, workspace
from helpers.data import busi, duplicates, splits
from helpers.data.phantom import dataset
from helpers.files import ROOT

LABELLED = ROOT / "results" / "near_duplicates_labelled.csv"
REPORT = ROOT / "results" / "near_duplicates.json"
LEVEL = 2 * norm.cdf(1.96) - 1  # 95 %: 1.96 standard errors to either side
# Pairs in the strata that were seen in part.
POPULATION = {"neighbour": 485, "candidate": 3806, "random": 189_706}


def proportion(k, n):
    """Return k / n with its 95 % interval (Wilson 1927), a dict."""
    k, n = int(k), int(n)
    ends = binomtest(k, n).proportion_ci(LEVEL, "wilson") if n else (0, 1)
    return {
        "n": n,
        "share": round(k / n, 3) if n else None,
        "interval": [round(float(end), 3) for end in ends],
    }


def as_set(pairs):
    return set(map(frozenset, pairs[["a", "b"]].to_numpy()))


def against_labels(pairs):
    """Return precision and recall by stratum, and over all, weighted."""
    labelled = pd.read_csv(LABELLED, keep_default_na=False)
    found, known = as_set(pairs), as_set(labelled)
    pairs = map(frozenset, labelled[["a", "b"]].to_numpy())
    labelled["found"] = [pair in found for pair in pairs]
    labelled["related"] = labelled["label"] != "different"
    labelled["right"] = labelled["found"] & labelled["related"]
    sizes = labelled["stratum"].value_counts()
    weights = {name: POPULATION.get(name, n) / n for name, n in sizes.items()}
    labelled["weight"] = labelled["stratum"].map(weights)
    strata = {
        name: {
            "labelled": len(part),
            "population": round(float(part["weight"].sum())),
            "related": proportion(part["related"].sum(), len(part)),
            "precision": proportion(part["right"].sum(), part["found"].sum()),
            "recall": proportion(part["right"].sum(), part["related"].sum()),
        }
        for name, part in labelled.groupby("stratum", sort=False)
    }
    right = labelled["right"].sum()
    whole = {"found pairs without a label": len(found - known)}
    whole["precision"] = proportion(right, labelled["found"].sum())
    for label in ("same_frame", "same_lesion_other_frame"):
        part = labelled[labelled["label"] == label]
        hit = part.loc[part["found"], "weight"].sum()
        whole[f"recall of {label}"] = {
            "labelled": proportion(part["found"].sum(), len(part)),
            "weighted": round(float(hit / part["weight"].sum()), 3),
        }
    return {"strata": strata, "all": whole}


def against_phantom():
    """Return precision and recall of a phantom's known copies."""
    with tempfile.TemporaryDirectory() as home:
        root = dataset.write_dataset(home, 90, 60, 40, seed=5)
        copies = workspace.load(root / "PHANTOM.json")["near_duplicates"]
        found = as_set(duplicates.near_duplicates(busi.index(root)))
    copies = pd.DataFrame(copies, columns=["a", "b", "kind"])
    known = as_set(copies)
    right = len(found & known)
    return {
        "precision": proportion(right, len(found)),
        "recall": proportion(right, len(known)),
        "recall by kind": {
            kind: proportion(len(found & as_set(part)), len(part))
            for kind, part in copies.groupby("kind")
        },
    }


def on_real_images(cases):
    """Return (pairs, report): speed, sizes of groups, conflicts, folds."""
    start, cpu = time.perf_counter(), time.process_time()
    pairs = duplicates.near_duplicates(cases)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    cases = cases.assign(group=duplicates.assign_groups(cases, pairs))
    sizes = cases["group"].value_counts()
    size = cases["group"].map(sizes)
    conflicts = duplicates.label_conflicts(cases, pairs)
    by_fold = pd.crosstab(splits.assign_folds(cases), cases["label"])
    shares = 100 * by_fold.div(by_fold.sum(axis=1), axis=0)
    gap = float((shares.max() - shares.min()).max())
    return pairs, {
        "cases": len(cases),
        "seconds": round(seconds, 1),
        "processor seconds": round(cpu, 1),
        "cores": environment.cores(),
        "pairs": len(pairs),
        "pairs up to 0.05": int((pairs["distance"] <= 0.05).sum()),
        "mirrored pairs": int(pairs["mirrored"].sum()),
        "different frames": len(sizes),
        "groups of two and more": int((sizes > 1).sum()),
        "sizes of groups": sizes.value_counts().sort_index().to_dict(),
        "largest group": sorted(cases.loc[size == size.max(), "case"]),
        "share of images in groups": round(float((size > 1).mean()), 3),
        "class conflicts": conflicts[["a", "b", "distance"]].values.tolist(),
        "images by fold": by_fold.sum(axis=1).to_list(),
        "largest gap of class share between folds, points": round(gap, 2),
    }


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    pairs, real = on_real_images(busi.index(sys.argv[1]))
    report = {
        "command": "python -m tools.research.measure_duplicates DATA",
        "versions": {"opencv": cv2.__version__, "numpy": np.__version__},
        "limit": duplicates.LIMIT,
        "real": real,
        "labelled by eye": against_labels(pairs),
        "phantom": against_phantom(),
    }
    files.write(REPORT, workspace.as_json(report))
    print(REPORT.read_text())


if __name__ == "__main__":
    main()
