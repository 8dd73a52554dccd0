"""Outline lesions in images of your own.

    make predict IMAGES=<folder or file> OUT=<folder> [MODEL=<file.keras>]

Writes OUT/masks/<name>.png (0 or 255, the image's own size), OUT/overlays/<name>.png and
OUT/predictions.csv, one row an image. Exit status: 0 all done, 1 some images could not be
read (they are listed in the table), 2 nothing was done.

For teaching and research. This is not a medical device.
"""

import argparse
import csv
import json
import os
import sys
import time
from pathlib import Path

MOST_PIXELS = 50_000_000
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MOST_PIXELS)  # read when cv2 is imported
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import cv2
import numpy as np

from helpers import findings, masks

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
SMALL_MODEL = ROOT / "models" / "small.keras"
COLOURS = {"benign": (178, 114, 0), "malignant": (0, 94, 213)}  # blue, vermilion; BGR
CHUNK = 16
COLUMNS = [
    "file",
    "lesion_probability",
    "p_normal",
    "p_benign",
    "p_malignant",
    "area_pixels",
    "area_share",
    "box_x",
    "box_y",
    "box_width",
    "box_height",
    "look_again",
    "why",
    "problem",
]


class Refused(Exception):
    """Nothing can be done; the message says why and what to do."""


def listed(images, out):
    """Return (folder, the image files in it), mask files and links left out."""
    images, out = images.expanduser().absolute(), out.expanduser().absolute()
    folder = images.parent if images.is_file() else images
    if not images.exists():
        raise Refused(f"{images} does not exist: give a folder or a file as IMAGES.")
    if images.is_dir() and (out == images or images in out.parents):
        raise Refused(f"{out} lies in {images}: give an OUT outside of it.")
    try:
        found = [images] if images.is_file() else sorted(images.rglob("*"))
    except PermissionError as error:
        raise Refused(
            f"{error.filename} may not be read: change its permissions."
        ) from None
    found = [
        path
        for path in found
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink()
    ]
    kept = [path for path in found if "_mask" not in path.stem]
    if len(kept) < len(found):
        print(f"{len(found) - len(kept)} files named ..._mask... are left out.")
    if not kept:
        kinds = ", ".join(sorted(SUFFIXES))
        raise Refused(f"{images} holds no image ({kinds}): give another IMAGES.")
    return folder, kept


def read_grey(path):
    """Return an image as uint8 (h, w); 16-bit values are divided by 257.

    Raises:
        ValueError: says in a few words why it is not used.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    picture = masks.decode(data) if len(data) else None
    if picture is None:
        raise ValueError(
            f"is no whole picture of at most {MOST_PIXELS / 1e6:.0f} million pixels"
        )
    if picture.dtype == np.uint16:
        picture = (picture // 257).astype(np.uint8)
    if picture.dtype != np.uint8:
        raise ValueError(f"holds {picture.dtype} values: save it with 8 or 16 bits")
    if min(picture.shape[:2]) < 16:
        raise ValueError("is under 16 pixels high or wide")
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture[..., :3], cv2.COLOR_BGR2GRAY)
    return picture


def load_model(path):
    """Return (model, its rule: threshold and minimum_area)."""
    if not path.is_file():
        raise Refused(f"{path} does not exist: give a model of notebook 4 as MODEL.")
    from helpers import (
        training,
    )  # TensorFlow takes seconds: only once all else is right

    try:
        model = training.load(path)
    except Exception as error:  # keras has no common class for a bad file
        first = str(error).strip().splitlines()[0][:120]
        raise Refused(f"{path} is no model that can be used ({first}).") from None
    shapes = model.input_shape, model.output_shape
    size = shapes[0][1] if len(shapes[0]) == 4 else None
    if shapes != ((None, size, size, 1), (None, size, size, 3)) or size is None:
        raise Refused(
            f"{path} maps {shapes[0]} to {shapes[1]}; wanted is one grey square to three "
            "class probabilities, as notebook 4 writes it."
        )
    rule = path.with_suffix(".json")
    try:
        told = json.loads(rule.read_text()) if rule.is_file() else {}
        return model, {
            "threshold": float(told.get("threshold", 0.5)),
            "minimum_area": float(told.get("minimum_area", 0.0)),
        }
    except (ValueError, TypeError, AttributeError):
        raise Refused(f"{rule} is no rule of a model: move it away.") from None


def outlined(grey, mask, label):
    """Return the image (h, w, 3) with the mask's outline in the colour of its class."""
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    thick = max(1, round(max(grey.shape) / 300))
    return cv2.drawContours(picture, contours, -1, COLOURS[label], thick)


def write_png(path, picture):
    """Write a picture by rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    partial.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    os.replace(partial, path)


def described(name, grey, classes, box, rule, out):
    """Write the mask and overlay of one image; return its row of the table."""
    mask = findings.lesion_mask(classes, box, **rule)
    p = findings.image_probabilities(classes)
    label = "malignant" if p["malignant"] > p["benign"] else "benign"
    write_png(out / "masks" / f"{name}.png", mask.astype(np.uint8) * 255)
    write_png(out / "overlays" / f"{name}.png", outlined(grey, mask, label))
    why = findings.doubts(classes, mask, p)
    box_of = cv2.boundingRect(mask.astype(np.uint8))
    return {
        "lesion_probability": round(1 - p["normal"], 4),
        **{f"p_{key}": round(value, 4) for key, value in p.items()},
        "area_pixels": int(mask.sum()),
        "area_share": round(float(mask.mean()), 5),
        **dict(zip(COLUMNS[7:11], box_of, strict=True)),
        "look_again": "yes" if why else "no",
        "why": "; ".join(why),
    }


def names(folder, paths):
    """Return the outputs' names: each path in the folder, with suffixes if two agree."""
    whole = [path.relative_to(folder) for path in paths]
    stems = [path.with_suffix("").as_posix() for path in whole]
    return (
        stems if len(set(stems)) == len(stems) else [path.as_posix() for path in whole]
    )


def predict(folder, paths, model, rule, out):
    """Return one row an image, a few at a time, so that memory stays bounded."""
    from helpers import training

    size, rows, began = model.input_shape[1], [], time.time()
    named = names(folder, paths)
    for start in range(0, len(paths), CHUNK):
        part = []
        for path, name in zip(
            paths[start : start + CHUNK], named[start : start + CHUNK], strict=True
        ):
            row = {"file": path.relative_to(folder).as_posix()}
            rows.append(row)
            try:
                grey = read_grey(path)
            except ValueError as error:
                row["problem"] = str(error)
                print(f"{path}: {error}", file=sys.stderr)
                continue
            part.append((row, name, grey, *masks.letterbox(grey, size)))
        if part:
            answers = training.predict(
                model, np.stack([item[3] for item in part]), flip=True
            )
            for (row, name, grey, _, box), classes in zip(part, answers, strict=True):
                row |= described(name, grey, classes, box, rule, out)
        done = len(rows)
        left = (time.time() - began) / done * (len(paths) - done)
        print(f"{done} of {len(paths)} images, {left:.0f} s left", flush=True)
    return rows


def write_table(rows, path):
    """Write predictions.csv by rename."""
    partial = path.with_name(f".partial-{path.name}")
    with open(
        partial, "w", newline="", encoding="utf-8", errors="surrogateescape"
    ) as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    os.replace(partial, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", help="a folder of images, or one image")
    parser.add_argument("out", help="where to write")
    parser.add_argument("--model", default="", help="a .keras file of notebook 4")
    arguments = parser.parse_args()
    if not (arguments.images and arguments.out):
        raise Refused("Give IMAGES=<folder or file> and OUT=<folder>.")
    out = Path(arguments.out)
    folder, paths = listed(Path(arguments.images), out)
    model, rule = load_model(Path(arguments.model or SMALL_MODEL))
    try:
        out.mkdir(parents=True, exist_ok=True)
        rows = predict(folder, paths, model, rule, out)
        write_table(rows, out / "predictions.csv")
    except OSError as error:
        where = error.filename or out
        raise Refused(
            f"{where} could not be written ({error.strerror}): give another OUT."
        ) from None
    bad = sum("problem" in row for row in rows)
    print(f"{len(rows) - bad} images done, {bad} could not be used: {out.absolute()}")
    print("For teaching and research. This is not a medical device.")
    return 2 if bad == len(rows) else 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refused as error:
        print(error, file=sys.stderr)
        sys.exit(2)
