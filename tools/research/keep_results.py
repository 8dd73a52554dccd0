"""Keep the tables of a finished run on real images in results/, with how they were made.

python tools/keep_results.py runs/busi-cpu

Copies CSV and JSON only: no picture, no array and no model of the real images.
Then prints the README's table of all kept runs, made from their case by case
scores.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd

from helpers.evaluation import bootstrap
from helpers.files import ROOT

MANIFEST = "manifest.json"
TOLD = ("parameters", "seconds", "peak_memory_mb")


def provenance(run):
    """Return the command, parameters, versions and seconds of every step of a run."""
    manifests = [
        json.loads(path.read_text())
        for path in sorted(run.glob(f"*/{MANIFEST}"))
    ]
    if not manifests or any(manifest["simulated"] for manifest in manifests):
        sys.exit(f"{run} is no finished run on real images: nothing was kept.")
    profile = run.name.split("-", 1)[1]
    return {
        "command": f'make run-all DATA="folder or zip of BUSI" PROFILE={profile}',
        "data": manifests[0]["data"],
        "device": manifests[-1]["device"],
        "versions": manifests[-1]["versions"],
        "steps": {
            manifest["step"]: {
                key: manifest[key] for key in TOLD if key in manifest
            }
            for manifest in manifests
        },
    }


def keep(run):
    """Write results/<run>/ anew, by rename."""
    made = provenance(run)
    target = ROOT / "results" / run.name
    scratch = Path(tempfile.mkdtemp(dir=ROOT / "results"))
    for step in made["steps"]:
        for path in sorted((run / step).glob("*.[cj]s*")):
            if path.suffix in (".csv", ".json") and path.name not in (
                MANIFEST,
                "run.json",
            ):
                shutil.copyfile(path, scratch / path.name)
    (scratch / "made_by.json").write_text(json.dumps(made, indent=1) + "\n")
    scratch.chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(scratch, target)
    print(f"kept {len(list(target.iterdir()))} files in {target}")


def row(run):
    """Return one run's cells of the README's table."""
    cases = pd.read_csv(run / "scores.csv")
    steps = json.loads((run / "made_by.json").read_text())["steps"]
    network = network_of(steps["04_train_the_segmenter"]["parameters"])
    lesions, normals = (
        cases[(cases["label"] == "normal") == k] for k in (False, True)
    )
    mean, low, high = bootstrap.interval(lesions["dice"], lesions["group"])
    marked = (lesions["predicted_area"] > 0).sum()
    empty = (normals["predicted_area"] == 0).sum()
    iou = [
        bootstrap.interval(
            cases[[f"both_{name}", f"either_{name}"]],
            cases["group"],
            bootstrap.ratio,
        )
        for name in ("benign", "malignant")
    ]
    return [
        f"[{run.name.removeprefix('busi-')}](results/{run.name})",
        network,
        f"{mean:.2f} ({low:.2f} to {high:.2f})",
        f"{lesions['dice'].median():.2f}",
        f"{marked} of {len(lesions)}",
        f"{empty} of {len(normals)}",
        *(
            f"{value:.2f} ({low:.2f} to {high:.2f})"
            for value, low, high in iou
        ),
    ]


def network_of(parameters):
    """Return in words what a run trained."""
    size = "compact" if parameters["width"] <= 16 else "standard"
    return (
        f"{size}, {parameters['image_size']} px, {parameters['epochs']} epochs"
    )


def table():
    """Return the README's table of the runs over all folds, Markdown."""
    heads = [
        "run",
        "network",
        "mean lesion Dice (95 %)",
        "median",
        "lesions marked",
        "normals left empty",
        "pixel IoU benign (95 %)",
        "malignant (95 %)",
    ]
    runs = sorted((ROOT / "results").glob("busi-*-five-folds"))
    lines = [heads, ["---"] * len(heads), *map(row, runs)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    keep(Path(sys.argv[1]).resolve())
    print(table())
