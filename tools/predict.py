"""Outline lesions in images of your own.

    make predict IMAGES=<folder or file> OUT=<folder> [MODEL=<file.keras>]
        [MM_PER_PIXEL=<number>]

Writes OUT/masks/<name>.png (0 or 255, the image's own size),
OUT/overlays/<name>.png (blue outline: rather benign, orange: rather
malignant), OUT/reports/<name>.html (a page to print) and OUT/predictions.csv,
one row an image (rows of earlier runs stay until their image is done again);
OUT/left_out.csv names what was not read as an image, and why. Exit status: 0
all done, 1 some images could not be read (the table says why), 2 stopped, or
no image could be used.

For teaching and research. This is not a medical device.
"""

import argparse
import json
import os
import sys
import time
import zipfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from helpers import environment, figures, files
from helpers.data import busi, dicom, grey_levels, listing, masks, pictures
from helpers.evaluation import classification, lesion_size, postprocessing
from tools import outputs, report
from tools.outputs import Refused, listed, put

SMALL_MODEL = files.ROOT / "models" / "small.keras"
CHUNK = 16  # images held in memory at a time
BOX = ["box_x", "box_y", "box_width", "box_height"]
PROBABILITIES = ["p_normal", "p_benign", "p_malignant"]
ENDS = ("", "_low", "_high")
COLUMNS = ["file", "class", "lesion_probability", *PROBABILITIES]
COLUMNS += ["area_pixels", "area_fraction", *BOX]
COLUMNS += ["look_again", "why", "problem", "notes"]
COLUMNS += ["mm_down", "mm_across", "unit"]
COLUMNS += [size + end for size in lesion_size.SIZES for end in ENDS]
NO_IMAGE = {
    "nothing": "shows nothing: nearly all of it has one grey value",
    "mask": "is a mask, no image: it holds 2 or 3 grey values, or only black "
    "and white",
}


# ---- the images


def found(images):
    """Return the `Listing` of what to read at a path.

    Refused: there is nothing to read.
    """
    if os.path.isfile(images):
        home = Path(os.path.realpath(images.parent))
        return listing.Listing([images], folders={home})
    seen = listing.of_folder(images, outputs.names_in)
    if images in seen.locked:
        why = seen.locked[images]
        raise Refused(f"{images} {why}: give a folder or a file as IMAGES.")
    if not (seen.images or seen.locked):
        names = ", ".join(sorted(pictures.SUFFIXES | dicom.SUFFIXES))
        reasons = sorted(set(seen.left_out.values()))
        but = f"; left out: {listed(reasons)}" if reasons else ""
        none = f"no image ({names}){but}"
        raise Refused(f"{images} holds {none}: give another IMAGES.")
    return seen


def spacing_of(text):
    """Return MM_PER_PIXEL as (down, across), None if it is empty."""
    if not text:
        return None
    try:
        down, *across = [float(part) for part in text.split(",")]
        spacing = (down, *(across or [down]))
        if len(spacing) == 2 and all(0 < mm < 10 for mm in spacing):
            return spacing
    except ValueError:
        pass
    raise Refused(
        f"MM_PER_PIXEL={text} is no spacing: give the millimetres of a pixel, "
        "as 0.08, or down and across, as 0.08,0.1."
    )


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
        what = "is no .keras file" if path.exists() else "does not exist"
        raise Refused(f"{path} {what}: {give}")
    if not os.access(path, os.R_OK):
        raise Refused(f"{path} may not be read: change its permissions.")
    if not is_whole(path):
        again = "copy it or download it again."
        raise Refused(f"{path} is cut off or no .keras file: {again}")
    rule = read_rule(path.with_suffix(".json"))
    try:
        # off the terminal: what C++ libraries say beside our sentences
        with open(os.devnull, "w") as null, environment.stderr_into(null):
            model, classes = tried(path)
    except Refused:
        raise
    except Exception as error:  # keras has no common class for a bad file
        first = str(error).strip().split("\n")[0][:120]
        unfit = f"{path} is no model that can be used"
        raise Refused(f"{unfit} ({first}).") from None
    if not (classes.min() >= 0 and np.allclose(classes.sum(-1), 1, atol=0.01)):
        raise Refused(f"{path} predicts numbers that are no probabilities.")
    usual = "" if path.with_suffix(".json").exists() else ", the usual one"
    print(f"Model {path.name}, rule {rule}{usual}")
    return model, rule


def is_whole(path):
    """Tell whether a file is a zip, as .keras is, of which nothing is lost."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except Exception:  # damaged bytes raise many kinds
        return False


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


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def smaller(picture):
    """Return a picture with at most 1,200 pixels along a side."""
    scale = 1200 / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def described(picture, both, rule):
    """Return (mask, table columns) of one image.

    picture: `pictures.Picture`; both: (2, size, size, 3), class probabilities
    of the image and of its mirror image; rule: of `load_model`.
    """
    classes, size = both.mean(axis=0), both.shape[1]
    box = masks.Letterbox.of(*picture.grey.shape, size)
    mask = postprocessing.lesion_mask(classes, box, **rule)
    p = classification.image_probabilities(classes)
    why = classification.review_reasons(classes, mask, p)
    why += classification.out_of_range(picture.grey)
    bounds = cv2.boundingRect(np.uint8(mask)) if mask.any() else [""] * 4
    row = {
        "class": classification.image_class(p, mask.any()),
        "lesion_probability": round(1 - p["normal"], 4),
        **{f"p_{key}": round(value, 4) for key, value in p.items()},
        "area_pixels": int(mask.sum()),
        "area_fraction": round(float(mask.mean()), 6),
        **dict(zip(BOX, bounds, strict=True)),
        "look_again": "yes" if why else "no",
        "why": "; ".join(why),
        "notes": "; ".join(picture.notes),
    }
    if mask.any():
        row |= sizes(mask, both, box, rule, picture.spacing)
    return mask, row


def sizes(mask, both, box, rule, spacing):
    """Return the columns of length, width and area, in mm or in pixels."""
    row = {"unit": "mm" if spacing else "pixels"}
    if spacing:
        row |= dict(zip(("mm_down", "mm_across"), spacing, strict=True))
    own = lesion_size.measure(mask, spacing or (1, 1))
    ranges = lesion_size.ranges(own, both, box, rule, spacing or (1, 1))
    for name, value in own.items():
        values = value, *ranges[name]
        columns = [name + end for end in ENDS]
        rounded = [round(v, 2 if spacing else 1) for v in values]
        row |= dict(zip(columns, rounded, strict=True))
    return row


class Run:
    """A run over images: what it reads, and what it has written."""

    def __init__(self, images, seen, out, spacing=None):
        """images: a folder or an image; seen: its `Listing`."""
        self.is_folder = os.path.isdir(images)
        self.folder = images if self.is_folder else images.parent
        self.out, self.spacing, self.locked = out, spacing, seen.locked
        self.paths = sorted([*seen.images, *seen.locked])
        self.left_out, self.rows = dict(seen.left_out), []
        self.written, self.earlier = set(), outputs.rows_in(out)

    def predict(self, model, rule, about):
        """Write all outputs, a few images at a time.

        about: what reports say of the model, a dict.
        """
        began, n = time.time(), len(self.paths)
        names = outputs.names_of(self.folder, self.paths)
        named = list(zip(self.paths, names, strict=True))
        for start in range(0, n, CHUNK):
            self.chunk(named[start : start + CHUNK], model, rule, about)
            self.put_tables()
            outputs.show_progress(min(start + CHUNK, n), n, began)

    def put_tables(self):
        """Write both tables, with the earlier rows of what is not done."""
        rows = self.earlier | {row["file"]: row for row in self.rows}
        for path in self.left_out:  # an earlier run may have read it
            rows.pop(self.short(path), None)
        table = self.out / outputs.TABLE
        outputs.put_table(table, rows.values(), COLUMNS)
        left_out = [
            {"file": self.short(path), "reason": reason}
            for path, reason in sorted(self.left_out.items())
        ]
        columns = ["file", "reason"]
        outputs.put_table(self.out / outputs.LEFT_OUT, left_out, columns)

    def short(self, path):
        return os.path.relpath(path, self.folder)

    def chunk(self, named, model, rule, about):
        """Read and predict a few images, given as (path, output name)."""
        from helpers.model import training

        read = []
        for path, name in named:
            row = {"file": self.short(path)}
            picture = self.read(path, row)
            if path not in self.left_out:
                self.rows.append(row)
            if picture:
                read.append((name, picture, row))
        if not read:
            return
        size = model.input_shape[1]
        squares = [masks.letterbox(item[1].grey, size)[0] for item in read]
        predictions = training.predict_both(model, np.stack(squares))

        def finish(pair):
            (name, picture, row), both = pair
            mask, columns = described(picture, both, rule)
            row |= columns
            self.write(name, picture, mask, row, about)

        busi.in_threads(finish, [*zip(read, predictions, strict=True)])

    def read(self, path, row):
        """Return a `Picture`, or None: row["problem"] or a list says why.

        What turns out to be a mask is left out, unless it was named.
        """
        try:
            if path in self.locked:
                raise grey_levels.Unreadable(self.locked[path])
            picture = pictures.read(path)
            shown = grey_levels.content(picture.grey)
            if shown == "mask" and self.is_folder:
                self.left_out[path] = NO_IMAGE[shown]
                return None
            if shown in NO_IMAGE:
                text = "; ".join([NO_IMAGE[shown], *picture.notes])
                raise grey_levels.Unreadable(text)
        except grey_levels.Unreadable as error:
            row["problem"] = str(error)
            print(f"{path}: {error}", file=sys.stderr)
            return None
        if not picture.spacing and self.spacing:
            if dicom.is_plausible(self.spacing, picture.grey.shape):
                picture.spacing = self.spacing
            else:
                picture.notes.append("MM_PER_PIXEL cannot be true of it")
        return picture

    def write(self, name, picture, mask, row, about):
        """Write the mask, the overlay and the report of one image."""
        overlay = outlined(picture.grey, mask, row["class"])
        drawn = png(overlay)
        small = drawn if smaller(overlay) is overlay else png(smaller(overlay))
        shown = {"The image": png(smaller(picture.grey)), "Outlined": small}
        facts = {"shape": picture.grey.shape, "digest": picture.digest}
        page = report.page(row, shown, **facts, **about)
        contents = {
            self.out / f"masks/{name}.png": png(mask.astype(np.uint8) * 255),
            self.out / f"overlays/{name}.png": drawn,
            self.out / f"reports/{name}.html": page,
        }
        put(contents)
        self.written.update(contents)

    def summary(self):
        """Return lines that count everything that was seen."""
        reasons, notes = defaultdict(list), defaultdict(list)
        for path, reason in sorted(self.left_out.items()):
            reasons[reason].append(self.short(path))
        for row in self.rows:
            for note in filter(None, row.get("notes", "").split("; ")):
                notes[note].append(row["file"])
        for reason, names in reasons.items():
            yield f"Left out, {reason}: {listed(names)}"
        for note, names in notes.items():
            yield f"To know, {note}: {listed(names)}"
        if old := outputs.unwritten(self.out, self.written):
            names = [os.path.relpath(path, self.out) for path in old]
            yield f"In OUT, but not of this run: {listed(names)}"
        bad = sum("problem" in row for row in self.rows)
        seen = len(self.rows) + len(self.left_out)
        yield (
            f"{seen} seen: {len(self.rows) - bad} images done, {bad} could "
            f"not be used, {len(self.left_out)} left out: {self.out}"
        )

    def status(self):
        """Return the exit status: 0 all done, 1 some bad, 2 none is good."""
        bad = sum("problem" in row for row in self.rows)
        return 2 if bad == len(self.rows) else 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("images", help="a folder of images, or one image")
    add("out", help="where to write")
    add("--model", default="", help="a .keras file of notebook 4")
    add("--mm-per-pixel", default="", help="as 0.08, or down,across")
    o = parser.parse_args()
    if not (o.images and o.out):
        raise Refused("Give IMAGES=<folder or file> and OUT=<folder>.")
    images, out = files.absolute(o.images), files.absolute(o.out)
    spacing = spacing_of(o.mm_per_pixel)
    seen = found(images)
    outputs.keep_apart(images, seen.folders, out)
    outputs.protect(out)
    path = files.absolute(o.model or SMALL_MODEL)
    model, rule = load_model(path)
    about = {"model": path.name, "model_digest": files.sha256(path)}
    run = Run(images, seen, out, spacing)
    run.predict(model, rule, about | {"rule": rule})
    print(*run.summary(), sep="\n")
    print("For teaching and research. This is not a medical device.")
    return run.status()


if __name__ == "__main__":
    outputs.command(main)
