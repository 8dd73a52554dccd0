"""Outline lesions in images of your own.

    make predict IMAGES=<folder or file> OUT=<folder> [MODEL=<file.keras>]

Writes OUT/masks/<name>.png (0 or 255, the image's own size),
OUT/overlays/<name>.png (blue outline: rather benign, orange: rather malignant)
and OUT/predictions.csv, one row an image. Exit status: 0 all done, 1 some
images could not be read (the table says why), 2 stopped.

For teaching and research. This is not a medical device.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

MOST_PIXELS = 50_000_000
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# both are read when cv2 is imported
os.environ["OPENCV_LOG_LEVEL"] = "SILENT"
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MOST_PIXELS)

import cv2
import numpy as np

from helpers import environment, figures, files
from helpers.data import masks
from helpers.evaluation import classification, postprocessing

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
BUSI_MASK = re.compile(r"_mask(_\d+)?$", re.IGNORECASE)
SMALL_MODEL = files.ROOT / "models" / "small.keras"
CHUNK = 16  # images held in memory at a time
BOX = ["box_x", "box_y", "box_width", "box_height"]
PROBABILITIES = ["p_normal", "p_benign", "p_malignant"]
COLUMNS = ["file", "class", "lesion_probability", *PROBABILITIES]
COLUMNS += ["area_pixels", "area_fraction", *BOX]
COLUMNS += ["look_again", "why", "problem"]


class Refused(Exception):
    """The command cannot go on; the message says why and what to do."""


@contextlib.contextmanager
def quiet():
    """Keep off the terminal what C++ libraries say beside our sentences."""
    with open(os.devnull, "w") as null, environment.stderr_into(null):
        yield


def absolute(path):
    return Path(os.path.expanduser(path)).absolute()


# ---- the images


def listed(images):
    """Return the image files at a path, and subfolders that cannot be read.

    Hidden files, links, and masks named as in BUSI are left out.
    Refused: there is nothing to read.
    """
    if os.path.isfile(images):
        return [images]
    errors, found = [], []
    for top, _, names in os.walk(images, onerror=errors.append):
        found += [Path(top, name) for name in names if name[0] != "."]
    locked = {Path(error.filename): error.strerror for error in errors}
    if images in locked:
        why = f"cannot be read ({locked[images]})"
        raise Refused(f"{images} {why}: give a folder or a file as IMAGES.")
    found = [path for path in found if path.suffix.lower() in SUFFIXES]
    kept = [p for p in found if not (BUSI_MASK.search(p.stem) or odd(p))]
    if left := len(found) - len(kept):
        what = "files that are links or named like BUSI's masks"
        print(f"Left out: {left} {what}.")
    if not (kept or locked):
        none = f"no image ({', '.join(sorted(SUFFIXES))})"
        raise Refused(f"{images} holds {none}: give another IMAGES.")
    return sorted([*kept, *locked])


def odd(path):
    """Tell whether something is a link or no file at all, such as a pipe."""
    is_file = os.path.isfile(path) or not os.path.exists(path)
    return os.path.islink(path) or not is_file


def keep_apart(images, out):
    """Refuse an OUT that would write among the images, by any path or link."""
    whole = os.path.isdir(images)
    home = Path(os.path.realpath(images if whole else images.parent))
    for name in (".", "masks", "overlays"):
        target = Path(os.path.realpath(out / name))
        inside = whole and home in (target, *target.parents)
        around = name != "." and target in (home, *home.parents)
        if inside or around:
            where = f"where the images are ({home})"
            raise Refused(f"{out} would write {where}: give another OUT.")


def output_names(folder, paths):
    """Return a name for each image's outputs: its path without suffix.

    With it where two share a name, as x.png and X.jpg do.
    """
    whole = [os.path.relpath(path, folder) for path in paths]
    short = [os.path.splitext(name)[0] for name in whole]
    seen = Counter(name.casefold() for name in whole + short)
    pairs = zip(short, whole, strict=True)
    return [s if seen[s.casefold()] == 1 else w for s, w in pairs]


def read_grey(path):
    """Return an image as uint8 (h, w), alpha ignored.

    16-bit values are scaled from the 10, 12, 14 or 16 bits that they need:
    scanners store 10 or 12 in files of 16.
    ValueError: says in a few words why it is not used.
    """
    try:
        if path.stat().st_size > 10 * MOST_PIXELS:
            raise ValueError(f"is larger than {10 * MOST_PIXELS / 1e6:.0f} MB")
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    if not len(data):
        raise ValueError("is empty")
    with quiet():
        picture = masks.decode(data)
    if picture is None:
        most = f"{MOST_PIXELS / 1e6:.0f} million pixels"
        raise ValueError(f"is no whole picture, or has over {most}")
    if picture.dtype == np.uint16:
        bits = next(b for b in (10, 12, 14, 16) if picture.max() < 2**b)
        scaled = picture * np.float32(255 / (2**bits - 1)) + 0.5
        picture = scaled.astype(np.uint8)
    if picture.dtype != np.uint8:
        kind = picture.dtype
        raise ValueError(f"holds {kind} values: save it with 8 or 16 bits")
    if min(picture.shape[:2]) < 16:
        raise ValueError("is under 16 pixels high or wide")
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture[..., :3], cv2.COLOR_BGR2GRAY)
    return picture


# ---- the model


def load_model(path):
    """Return (model, its rule for `postprocessing.lesion_mask`).

    Refused: the file is missing, or anything but a segmentation network.
    """
    if path == SMALL_MODEL and not path.exists():
        give = "give a model.keras that notebook 4 wrote as MODEL."
        small = "The small model (models/small.keras)"
        raise Refused(f"{small} is not there: {give}")
    if path.suffix != ".keras" or not os.path.isfile(path):
        give = "give one of notebook 4 as MODEL."
        raise Refused(f"{path} is no .keras file: {give}")
    rule = read_rule(path.with_suffix(".json"))
    try:
        with quiet():
            model, classes = tried(path)
    except Refused:
        raise
    except Exception as error:  # keras has no common class for a bad file
        first = str(error).strip().split("\n")[0][:120]
        unfit = f"{path} is no model that can be used"
        raise Refused(f"{unfit} ({first}).") from None
    if not (classes.min() >= 0 and np.allclose(classes.sum(-1), 1, atol=0.01)):
        raise Refused(f"{path} predicts numbers that are no probabilities.")
    print(f"Model {path.name}, rule {rule}")
    return model, rule


def tried(path):
    """Return (model, its prediction on black); refuse one of other shapes."""
    from helpers.model import checkpoint, training  # takes seconds

    model = checkpoint.load(path)
    given, returned = model.input_shape, model.output_shape
    size = given[1]
    wanted = (None, size, size, 1), (None, size, size, 3)
    if not isinstance(size, int) or (given, returned) != wanted:
        raise Refused(
            f"{path} maps {given} to {returned}; wanted is one grey square to "
            "three class probabilities, as notebook 4 writes it."
        )
    return model, training.predict(model, np.zeros((1, size, size)))


def read_rule(path):
    """Return the rule in the file beside a model, or the usual one."""
    rule = dict(postprocessing.RULE)
    if not os.path.lexists(path):
        return rule
    try:
        stored = json.loads(path.read_bytes())
        rule = {key: float(stored.get(key, rule[key])) for key in rule}
    except (OSError, ValueError, TypeError, AttributeError):
        rule = {}
    if not rule or not all(0 <= value <= 1 for value in rule.values()):
        form = f"{', '.join(postprocessing.RULE)}, each 0 to 1"
        wrong = f"{path} is no rule of a model ({form})"
        raise Refused(f"{wrong}: mend it or move it away.")
    return rule


# ---- the outputs


def outlined(grey, mask, label):
    """Return the image, BGR (h, w, 3), with the mask's coloured outline."""
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    mode = cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    lines, _ = cv2.findContours(mask.astype(np.uint8), *mode)
    colour = tuple(bytes.fromhex(figures.COLOURS[label][1:]))[::-1]
    thick = max(1, round(max(grey.shape) / 300))
    # white around it, to be seen on black
    cv2.drawContours(picture, lines, -1, (255, 255, 255), thick + 2)
    return cv2.drawContours(picture, lines, -1, colour, thick)


def put(path, data):
    """Write bytes, seen only when whole; raise Refused where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, data)
    except OSError as error:
        raise Refused(
            f"{path} could not be written ({error.strerror}): make room, or "
            "give another OUT. What was written before is whole."
        ) from None


def write_outputs(name, grey, classes, box, rule, out):
    """Write the mask and overlay of one image; return its table columns."""
    mask = postprocessing.lesion_mask(classes, box, **rule)
    p = classification.image_probabilities(classes)
    label = "malignant" if p["malignant"] > p["benign"] else "benign"
    pixels = mask.astype(np.uint8)
    pictures = {"masks": pixels * 255, "overlays": outlined(grey, mask, label)}
    for folder, picture in pictures.items():
        data = cv2.imencode(".png", picture)[1].tobytes()
        put(out / folder / f"{name}.png", data)
    why = classification.review_reasons(classes, mask, p)
    why += classification.out_of_range(grey)
    bounds = cv2.boundingRect(pixels) if mask.any() else [""] * 4
    return {
        "class": max(p, key=p.get),
        "lesion_probability": round(1 - p["normal"], 4),
        **{f"p_{key}": round(value, 4) for key, value in p.items()},
        "area_pixels": int(mask.sum()),
        "area_fraction": round(float(mask.mean()), 6),
        **dict(zip(BOX, bounds, strict=True)),
        "look_again": "yes" if why else "no",
        "why": "; ".join(why),
    }


def predict(folder, paths, model, rule, out):
    """Write all outputs, a few images at a time; return the table's rows."""
    rows, began = [], time.time()
    named = list(zip(paths, output_names(folder, paths), strict=True))
    for start in range(0, len(named), CHUNK):
        rows += chunk(folder, named[start : start + CHUNK], model, rule, out)
        put(out / "predictions.csv", table(rows))
        left = (time.time() - began) / len(rows) * (len(paths) - len(rows))
        live = sys.stdout.isatty() and len(rows) < len(paths)
        text = f"{len(rows)} of {len(paths)} images, {left:.0f} s left"
        print(text, end="  \r" if live else "\n", flush=True)
    return rows


def chunk(folder, named, model, rule, out):
    """Return the rows of a few images, given as (path, output name)."""
    from helpers.model import training

    rows, read = [], []
    for path, name in named:
        row = {"file": os.path.relpath(path, folder)}
        rows.append(row)
        try:
            grey = read_grey(path)
        except ValueError as error:
            row["problem"] = str(error)
            print(f"{path}: {error}", file=sys.stderr)
            continue
        square, box = masks.letterbox(grey, model.input_shape[1])
        read.append((row, name, grey, square, box))
    if read:
        squares = np.stack([item[3] for item in read])
        predictions = training.predict(model, squares, flip=True)
        for item, classes in zip(read, predictions, strict=True):
            row, name, grey, _, box = item
            row |= write_outputs(name, grey, classes, box, rule, out)
    return rows


def table(rows):
    """Return the rows as the bytes of a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    # names may be in any encoding
    return text.getvalue().encode(errors="surrogateescape")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("images", help="a folder of images, or one image")
    add("out", help="where to write")
    add("--model", default="", help="a .keras file of notebook 4")
    o = parser.parse_args()
    if not (o.images and o.out):
        raise Refused("Give IMAGES=<folder or file> and OUT=<folder>.")
    images, out = absolute(o.images), absolute(o.out)
    paths = listed(images)
    keep_apart(images, out)
    model, rule = load_model(absolute(o.model or SMALL_MODEL))
    folder = images if os.path.isdir(images) else images.parent
    rows = predict(folder, paths, model, rule, out)
    bad = sum("problem" in row for row in rows)
    print(f"{len(rows) - bad} images done, {bad} could not be used: {out}")
    print("For teaching and research. This is not a medical device.")
    return 2 if bad == len(rows) else 1 if bad else 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # names of any encoding
    try:
        sys.exit(main())
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        done = "predictions.csv lists what was done."
        print(f"\nInterrupted: {done}", file=sys.stderr)
        sys.exit(2)
