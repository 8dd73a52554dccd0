"""Measure helpers/groups.py: python tools/measure_duplicates.py DATA

DATA: the folder of the real images. Writes results/near_duplicates.json, which
holds speed, pairs and groups on the real images, precision and recall against
pairs labelled by eye (results/near_duplicates_labelled.csv), and against a
phantom's known copies.

The labels were given by one reader, who saw the distance, and the limit was set after
them: the figures describe this set, they do not predict another one. How the pairs were
drawn, out of all pairs of 624 real images. Seen whole (weight 1):
copy        distance up to 0.05
borderline  distance from 0.05 to 0.6, the limit
near_miss   distance from 0.6 to 0.7
same_text   15 or more common points in an exhaustive SIFT and RANSAC search, plain and
            mirrored, that is independent of the project's. All 179 pairs with
            50 or more points were found; the 98 of 15 to 49 that were not
            share burned-in words
alike       alike in an earlier state of the search, seen whole or in part
Seen in part, drawn at random from the pairs that are in none of the above:
neighbour   one class, consecutive numbers
candidate   proposed by the hashes, rejected by the correlation
random      the rest
The weighted recall counts a drawn pair for those that were not drawn. Few of these are
related, so it is rough, and an unseen related pair among the rest would lower it much.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from helpers.data import busi, duplicates, splits
from helpers.data.phantom import dataset
from helpers.evaluation import bootstrap
from helpers.files import ROOT

LABELLED = ROOT / "results" / "near_duplicates_labelled.csv"
REPORT = ROOT / "results" / "near_duplicates.json"
POPULATION = {
    "neighbour": 485,
    "candidate": 3806,
    "random": 189_706,
}  # of drawn strata


def share(k, n):
    k, n = int(k), int(n)
    interval = [round(end, 3) for end in bootstrap.wilson(k, n)]
    return {
        "n": n,
        "share": round(k / n, 3) if n else None,
        "interval": interval,
    }


def as_set(pairs):
    return {
        frozenset(pair) for pair in zip(pairs["a"], pairs["b"], strict=True)
    }


def against_labels(pairs):
    """Return precision and recall by stratum, and recall over all strata, weighted."""
    told, found = pd.read_csv(LABELLED, keep_default_na=False), as_set(pairs)
    told["found"] = [
        frozenset(p) in found for p in zip(told["a"], told["b"], strict=True)
    ]
    told["weight"] = told["stratum"].map(
        lambda s: (
            POPULATION[s] / (told["stratum"] == s).sum()
            if s in POPULATION
            else 1
        )
    )
    related = told["label"] != "different"
    strata = {
        name: {
            "labelled": len(part),
            "population": round(float(part["weight"].sum())),
            "related": share(related[part.index].sum(), len(part)),
            "precision": share(
                (part["found"] & related[part.index]).sum(),
                part["found"].sum(),
            ),
            "recall": share(
                (part["found"] & related[part.index]).sum(),
                related[part.index].sum(),
            ),
        }
        for name, part in told.groupby("stratum", sort=False)
    }
    whole = {
        "found pairs without a label": len(found - as_set(told)),
        "precision": share(
            (told["found"] & related).sum(), told["found"].sum()
        ),
    }
    for label in ("same_frame", "same_lesion_other_frame"):
        rows = told[told["label"] == label]
        hit = rows.loc[rows["found"], "weight"].sum()
        whole[f"recall of {label}"] = {
            "labelled": share(rows["found"].sum(), len(rows)),
            "weighted": round(float(hit / rows["weight"].sum()), 3),
        }
    return {"strata": strata, "all": whole}


def against_phantom(n_benign=90, n_malignant=60, n_normal=40, seed=5):
    """Return precision and recall over the groups of a phantom's known copies."""
    with tempfile.TemporaryDirectory() as home:
        root = dataset.write_dataset(
            home, n_benign, n_malignant, n_normal, seed
        )
        told = json.loads((Path(root) / "PHANTOM.json").read_text())[
            "near_duplicates"
        ]
        found = as_set(duplicates.near_duplicates(busi.index(root)))
    known = {frozenset((a, b)): kind for a, b, kind in told}
    kinds = sorted(set(known.values()))
    by_kind = {
        kind: share(
            sum(known[p] == kind for p in found & set(known)),
            list(known.values()).count(kind),
        )
        for kind in kinds
    }
    return {
        "precision": share(len(found & set(known)), len(found)),
        "recall": share(len(found & set(known)), len(known)),
        "recall by kind": by_kind,
    }


def on_real_images(cases):
    """Return (pairs, report): speed, sizes of groups, conflicts of classes, folds."""
    start, cpu = time.perf_counter(), time.process_time()
    pairs = duplicates.near_duplicates(cases)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    cases = cases.assign(group=duplicates.assign_groups(cases, pairs))
    size = cases["group"].map(cases["group"].value_counts())
    conflicts = duplicates.label_conflicts(cases, pairs)
    fold = splits.assign_folds(cases)
    by_fold = pd.crosstab(fold, cases["label"])
    shares = 100 * by_fold.div(by_fold.sum(axis=1), axis=0)
    return pairs, {
        "cases": len(cases),
        "seconds": round(seconds, 1),
        "processor seconds": round(cpu, 1),
        "cores": os.cpu_count(),
        "pairs": len(pairs),
        "pairs up to 0.05": int((pairs["distance"] <= 0.05).sum()),
        "mirrored pairs": int(pairs["mirrored"].sum()),
        "different frames": int(cases["group"].nunique()),
        "groups of two and more": int(
            (cases.loc[size > 1, "group"]).nunique()
        ),
        "sizes of groups": cases["group"]
        .value_counts()
        .value_counts()
        .sort_index()
        .to_dict(),
        "largest group": sorted(cases.loc[size == size.max(), "case"]),
        "share of images in groups": round(float((size > 1).mean()), 3),
        "class conflicts": conflicts[["a", "b", "distance"]].values.tolist(),
        "images by fold": by_fold.sum(axis=1).to_list(),
        "largest gap of class share between folds, points": round(
            float((shares.max() - shares.min()).max()), 2
        ),
    }


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cases = busi.index(sys.argv[1])
    pairs, real = on_real_images(cases)
    report = {
        "command": "python tools/measure_duplicates.py DATA",
        "versions": {"opencv": cv2.__version__, "numpy": np.__version__},
        "limit": duplicates.LIMIT,
        "real": real,
        "labelled by eye": against_labels(pairs),
        "phantom": against_phantom(),
    }
    text = json.dumps(report, indent=1) + "\n"
    temporary = REPORT.with_suffix(".tmp")
    temporary.write_text(text)
    os.replace(temporary, REPORT)
    print(text)


if __name__ == "__main__":
    main()
