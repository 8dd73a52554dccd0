"""Score a network on another hospital's images, its thresholds frozen.

    make external DATA=<folder or zip> [MODEL=<file.keras>] [OUT=<folder>]

DATA: BUS-BRA, BUSI, or any set laid out as data/README.md says. Writes
OUT/measures.csv (with 95 % intervals, by scanner too), OUT/cases.csv (the
scores of each image) and OUT/page.html. Exit status: 0 done, 2 stopped.

For teaching and research. This is not a medical device.
"""

import argparse
import hashlib
import json
import os
import re
import time
from pathlib import Path

import numpy as np

from helpers import environment, files
from helpers.data import busi, layouts, masks
from helpers.evaluation import measures
from tools import check_data, outputs, predict, report

CHUNK = 32  # images held in memory at a time
TEMPLATE = files.ROOT / "tools" / "external.html.jinja"
BEGINS = {  # patterns of how the files of this command begin
    "cases.csv": r"case,label,group,(patient,)?(scanner,)?p_normal,",
    "measures.csv": r"part,measure,n,value,low,high(,groups)?\s",
    "page.html": re.escape(TEMPLATE.read_text().partition("{{")[0]),
}
FEW = 20  # of a scanner's images: its intervals mean little


def warnings(found, cases, card):
    """Return what a reader must know before the numbers, a list of str."""
    said, name = [], layouts.NAMES[found.layout]
    seen = card.get("by_set")
    if n := isinstance(seen, dict) and seen.get(found.layout):
        said.append(
            f"This network learned from {n} images of {name}: on images that "
            "it has seen this is no test, and the numbers are too good."
        )
    if not card:
        said.append(
            "No thresholds were found beside the model (a .json of its name): "
            "the usual ones were taken, one half."
        )
    if "normal" not in set(cases["label"]):
        said.append(
            "The set has no normal images: nothing here says how many healthy "
            "women would be alarmed."
        )
    if n := (found.check()["severity"] == "error").sum():
        said.append(
            f"{n} files could not be used, and their cases are not in these "
            "numbers: `make check-data` lists them."
        )
    if "patient" not in cases:
        said.append(
            "The set names no patients: near-duplicates count as one group, "
            "and the intervals are rather too narrow."
        )
    return said


def predictions(model, cases):
    """Return class probabilities (n, size, size, 3), showing progress."""
    from helpers.model import training  # takes seconds

    size, found, began = model.input_shape[1], [], time.time()
    paths = list(cases["image"])
    for start in range(0, len(paths), CHUNK):
        some = paths[start : start + CHUNK]
        images = [busi.read_image(path) for path in some]
        squares = np.stack([masks.letterbox(x, size)[0] for x in images])
        classes = training.predict(model, squares, flip=True)
        found.append(classes.astype(np.float16))
        outputs.show_progress(start + len(some), len(paths), began)
    return np.concatenate(found)


def protect(out, root):
    """Refuse an OUT in the data, or with such files of another origin."""
    if Path(os.path.realpath(out)).is_relative_to(os.path.realpath(root)):
        among = f"{out} would write among the data ({root})"
        raise predict.Refused(f"{among}: give another OUT.")
    for name, pattern in BEGINS.items():
        path = out / name
        if os.path.lexists(path) and not _begins(path, pattern):
            other = f"{path} was not written by this command"
            raise predict.Refused(f"{other}: move it, or give another OUT.")
    with outputs.refusing(out, "cannot be written to"):
        home = next(path for path in (out, *out.parents) if path.exists())
    if not home.is_dir() or not os.access(home, os.W_OK):
        raise predict.Refused(f"{home} cannot be written: give another OUT.")


def _begins(path, pattern):
    """Tell whether a file's first bytes fit a pattern."""
    try:
        with open(path, "rb") as file:
            return re.match(pattern.encode(), file.read(1000))
    except OSError:
        return False


def page(facts, table, said):
    """Return the page, HTML; table: of `measures.by_part`."""
    parts = {}
    for part, rows in table.groupby("part", sort=False):
        named = rows.assign(
            name=rows["measure"].map(lambda m: measures.NAMES[m][0]),
            better=rows["measure"].map(lambda m: measures.NAMES[m][1]),
        )
        lesions = named.loc[named["measure"] == "dice", "n"].sum()
        parts[part] = lesions, named.to_dict("records")
    template = report.template(TEMPLATE.name)
    return template.render(**facts, parts=parts, said=said)


def text_of(table):
    """Return the rows of all cases as lines for a terminal."""
    lines = []
    for row in table[table["part"] == "all"].itertuples():
        ends = f"({row.low:.3f} to {row.high:.3f})"
        shown = "(no interval)" if np.isnan(row.low) else ends
        name = measures.NAMES[row.measure][0]
        lines.append(f"{name:40} {row.value:6.3f} {shown}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("data", help="folder or zip of the images")
    add("--model", default="", help="a .keras file")
    add("--out", default="", help="where to write")
    o = parser.parse_args()
    if not o.data:
        raise predict.Refused("Give DATA=<folder or zip of the images>.")
    found = layouts.find(o.data)
    path = files.absolute(o.model or predict.SMALL_MODEL)
    model, rule = predict.load_model(path)
    # notebook 4's are all called model, and folders may share a name, too
    both = os.fsencode(f"{found.root} {files.sha256(path)}")
    digest = hashlib.sha256(both).hexdigest()[:8]
    name = f"{found.root.name}-{path.stem}-{digest}"
    home = environment.runs_folder(files.ROOT) / "external" / name
    out = files.absolute(o.out) if o.out else home
    protect(out, found.root)
    beside = path.with_suffix(".json")
    card = json.loads(beside.read_bytes()) if beside.exists() else {}
    cases = check_data.cases_of(found)
    said = warnings(found, cases, card)
    print(*said, sep="\n")
    scores = measures.rule_scores(cases, predictions(model, cases), rule)
    print("Intervals by bootstrap, some seconds a scanner.", flush=True)
    table = measures.by_part(scores, "scanner")
    unit = "patients" if "patient" in cases else "groups of near-duplicates"
    facts = {
        "place": layouts.NAMES[found.layout],
        "data": str(found.root),
        "model": str(path),
        "rule": rule,
        "own": bool(card),
        "counts": cases["label"].value_counts().to_dict(),
        "groups": f"{cases['group'].nunique()} {unit}",
        "few": FEW,
        "date": time.strftime("%Y-%m-%d"),
    }
    kept = scores.drop(columns=measures.GAPS).to_csv(index=False)
    text = table.round(4).to_csv(index=False)
    shown = page(facts, table, said)
    contents = {
        # of names that are not UTF-8 the tables keep every byte
        out / "cases.csv": kept.encode(errors="surrogateescape"),
        out / "measures.csv": text.encode(),
        out / "page.html": shown.encode(errors="backslashreplace"),
    }
    outputs.put(contents)
    print(f"{len(cases)} images, {facts['groups']}\n{text_of(table)}")
    print(f"Written: {out / 'page.html'} and the tables beside it.")
    print("For teaching and research. This is not a medical device.")


if __name__ == "__main__":
    outputs.command(main)
