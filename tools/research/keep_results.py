"""Keep the tables of a finished run on real images in results/.

python -m tools.research.keep_results runs/busi-cpu

Copies CSV and JSON only, never a picture, an array or a model of real images.
made_by.json says how they were made. Then prints the README's table of the
reference run, made from its case by case scores.
"""

import shutil
import sys
from pathlib import Path

from helpers import files, workspace
from helpers.evaluation import bootstrap
from helpers.files import ROOT

MADE_BY = "made_by.json"
COSTS = ("parameters", "seconds", "peak_memory_mb")
HEADS = ["run", "network", "mean lesion Dice (95 %)", "median"]
HEADS += ["lesions flagged", "normals correctly empty"]
HEADS += ["pixel IoU benign (95 %)", "malignant (95 %)"]


def provenance(run):
    """Return command, parameters, versions and seconds of a run's steps."""
    steps = list(map(workspace.load, sorted(run.glob("*/manifest.json"))))
    if not steps or any(step["simulated"] for step in steps):
        sys.exit(f"{run} is no finished run on real images: nothing was kept.")
    # without a second set, all that notebook 9 writes is simulated
    second = [s.get("parameters", {}).get("external") for s in steps]
    steps = [s for s, at in zip(steps, second, strict=True) if at != ""]
    # not where the data lies on this machine
    command = 'make run-all DATA="folder or zip of BUSI" PROFILE='
    return {
        "command": command + run.name.split("-", 1)[1],
        "data": steps[0]["data"],
        "device": steps[-1]["device"],
        "versions": steps[-1]["versions"],
        "steps": {
            step["step"]: {key: step[key] for key in COSTS if key in step}
            for step in steps
        },
    }


def keep(run, results=ROOT / "results"):
    """Write results/<run>/ anew, by rename."""
    made, target = provenance(run), results / run.name
    tables = {
        name: run / step / name
        for step in made["steps"]
        for name in workspace.load(run / step / "manifest.json")["files"]
        if name.endswith((".csv", ".json"))
    }
    with files.replacing_folder(target) as fresh:
        for name, path in tables.items():
            shutil.copyfile(path, fresh / name)
        files.write(fresh / MADE_BY, workspace.as_json(made))
    print(f"kept {len(tables) + 1} files in {target}")


def row(run):
    """Return one run's cells of the README's table."""
    cases = workspace.load(run / "scores.csv")
    starts = workspace.load(run / "starts.csv")
    steps = workspace.load(run / MADE_BY)["steps"]
    settings = steps["04_train_the_segmenter"]["parameters"]
    network = starts["network"][starts["chosen"]].iloc[0]
    is_normal = cases["label"] == "normal"
    lesions, normals = cases[~is_normal], cases[is_normal]
    flagged = (lesions["predicted_area"] > 0).sum()
    empty = (normals["predicted_area"] == 0).sum()
    iou = (
        interval(cases, [f"intersection_{k}", f"union_{k}"], bootstrap.ratio)
        for k in ("benign", "malignant")
    )
    return [
        f"[{run.name.removeprefix('busi-')}](results/{run.name})",
        f"{network}, {settings['image_size']} px",
        interval(lesions, "dice"),
        f"{lesions['dice'].median():.2f}",
        f"{flagged} of {len(lesions)}",
        f"{empty} of {len(normals)}",
        *iou,
    ]


def interval(cases, column, statistic=None):
    """Return a statistic, the mean by default, as "0.73 (0.69 to 0.77)"."""
    found = bootstrap.interval(cases[column], cases["group"], statistic)
    return "{:.2f} ({:.2f} to {:.2f})".format(*found)


def table():
    """Return the README's table of the runs over all folds, Markdown."""
    runs = sorted((ROOT / "results").glob("busi-*-five-folds"))
    lines = [HEADS, ["---"] * len(HEADS), *map(row, runs)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    keep(Path(sys.argv[1]).resolve())
    print(table())
