"""A phantom data set, written in BUSI's own layout and with its faults."""

import dataclasses
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from ... import environment, files
from ..busi_folder import MARKER, is_junk
from .physics import LABELS, USUAL, Scanner, noise, simulate

FOLDER = "Dataset_BUSI_with_GT"
VERSION = 1  # raise it whenever a seed's pictures change
NOTE = "Simulated images, drawn by a program: "
NOTE += "no patient, no scanner, no diagnosis."
COPIES = ("cropped", "marked", "same", "scaled", "mirrored")  # in turn
TEXTS = "LT", "RT", "RT 3", "LT 10", "LEFT BREAST", "RIGHT BREAST", "RT UOQ"
WHITE = (235, 235, 235)


def write_dataset(root, n_benign, n_malignant, n_normal, seed, scanner=USUAL):
    """Write a simulated data set in BUSI's layout; return root/FOLDER.

    PHANTOM.json lists its faults: `near_duplicates` [a, b, kind] and `marks`
    {case: what is burned in}. Case i of a label depends on (seed, label, i)
    alone, except malignant copies of a benign case; equal arguments (and
    package versions) give equal bytes. Another scanner (`physics.Scanner`)
    shows the same breasts in its own way. An equal phantom is kept, another
    one replaced. ValueError: a count or the seed is no whole number >= 0, or
    the target holds something that is not a phantom (nothing is touched then).
    """
    counts = dict(zip(LABELS, (n_benign, n_malignant, n_normal), strict=True))
    for name, value in {**counts, "seed": seed}.items():
        if not isinstance(value, (int, np.integer)) or value < 0:
            remedy = "give a whole number, 0 or more."
            raise ValueError(f"{name} is {value!r}: {remedy}")
    settings = {
        "schema": 1, "version": VERSION, "note": NOTE, "seed": int(seed),
        "counts": {label: int(n) for label, n in counts.items()},
        "scanner": dataclasses.asdict(scanner),
    }  # fmt: skip
    target = Path(root) / FOLDER
    if is_up_to_date(target, settings):
        return target
    with files.replacing_folder(target) as fresh:
        write_cases(fresh, settings)
    return target


def is_up_to_date(target, settings):
    """Return whether `target` is the phantom of these settings already.

    ValueError: something is there that writing would destroy.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    try:
        marker = json.loads((target / MARKER).read_text())
        there = [p for p in target.rglob("*.*") if not is_junk(p)]
        more = len(there) - 1 - marker["files"]  # without the marker
        if more >= 0 and all(marker[k] == settings[k] for k in settings):
            return True
        if more <= 0:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        pass
    remedy = "give another folder, or move that away."
    raise ValueError(f"{target} holds what is not a phantom: {remedy}")


def write_cases(folder, settings):
    """Write all cases and, last, the marker file into a new folder."""
    counts, seed = settings["counts"], settings["seed"]
    scanner = Scanner(**settings["scanner"])
    showing, marks = {}, {}  # {picture: [(case, kind of copy)]}

    def write_case(case):
        label, number = case
        shown, kind = origin(label, number, counts, seed)
        copy_rng = case_rng(seed, label, number, 3)
        picture, masks, burned = draw(*shown, kind, seed, copy_rng, scanner)
        name = f"{label} ({number})"
        save(folder / label / name, picture, masks, label, number)
        return name, shown, kind, burned

    for label in LABELS:
        (folder / label).mkdir()
    todo = [(label, n + 1) for label in LABELS for n in range(counts[label])]
    # nearly all time is spent in OpenCV and NumPy, which let threads run
    with ThreadPoolExecutor(environment.cores()) as threads:
        for name, shown, kind, burned in threads.map(write_case, todo):
            showing.setdefault(shown, []).append((name, kind))
            marks |= {name: burned} if burned else {}
    pairs = [
        [a, b, " and ".join(filter(None, (kind_a, kind_b)))]
        for cases in showing.values()
        for (a, kind_a), (b, kind_b) in itertools.combinations(cases, 2)
    ]
    n_files = len([*folder.rglob("*.png")])
    faults = {"files": n_files, "near_duplicates": pairs, "marks": marks}
    marker = json.dumps({**settings, **faults}, indent=1)
    (folder / MARKER).write_text(f"{marker}\n")


def case_rng(seed, label, number, part):
    """Return the Generator of one part of one case."""
    return np.random.default_rng((seed, LABELS.index(label), number, part))


def origin(label, number, counts, seed):
    """Return what a case shows: ((label, number), kind of copy or "").

    Every seventh case repeats an earlier one; a few malignant ones are benign
    (as 8 lesions of BUSI: Pawlowska et al. 2023, Data in Brief 48:109247).
    """
    mislabelled = label == "malignant" and number % 25 == 8
    if mislabelled and number <= counts["benign"]:
        return ("benign", number), "other label"
    if number % 7:
        return (label, number), ""
    earlier = [n for n in range(1, number) if n % 7 and n % 25 != 8]
    shown = int(case_rng(seed, label, number, 0).choice(earlier))
    return (label, shown), COPIES[(number // 7 - 1) % len(COPIES)]


def draw(label, number, kind, seed, copy_rng, scanner=USUAL):
    """Return (picture (h, w, 3), masks, marks) of what `origin` returns.

    copy_rng: the Generator for what only a copy has.
    """
    rng = case_rng(seed, label, number, 2)
    n_lesions = 1
    if label == "benign":
        n_lesions += (number % 35 == 9) + (number % 105 == 79)
    frame_rng = case_rng(seed, label, number, 1)
    frame = simulate(label, frame_rng, *size(rng), n_lesions, scanner)
    image = frame.image
    masks = frame.masks or [np.zeros(image.shape, bool)]
    if kind == "mirrored":
        image, masks = np.fliplr(image), [np.fliplr(m) for m in masks]
    picture = cv2.merge([image] * 3)
    marks = burn(picture, masks, rng, 0.25, 0.15)
    if kind == "marked":
        marks += burn(picture, masks, copy_rng, "callipers" not in marks, 1)
    if kind in ("cropped", "other label"):
        picture, masks = crop(picture, masks, copy_rng)
    if kind in ("scaled", "other label"):
        picture, masks = rescale(picture, masks, copy_rng)
    if kind not in ("", "same"):  # someone outlined the lesion a second time
        masks = [redraw(m, copy_rng) for m in masks]
    return picture, masks, sorted(set(marks))


def size(rng):
    """Return a random (height, width), as in BUSI: half from one export."""
    if rng.random() < 0.5:
        return int(rng.normal(470, 4)), int(rng.normal(560, 6))
    width = int(rng.uniform(380, 780))
    return int(width / rng.uniform(1.05, 1.45)), width


def burn(picture, masks, rng, p_callipers, p_text):
    """Burn marks in, callipers and text with these chances; name them."""
    h, w = picture.shape[:2]
    marks = []
    if rng.random() < 0.7:  # the corner sign, which is not named
        cv2.circle(picture, (5, 5), 4, WHITE, 1)
    if rng.random() < p_callipers and masks[0].any():
        for mask in masks:
            burn_callipers(picture, mask, int(rng.integers(2)))
        marks.append("callipers")
    if rng.random() < p_text:
        at = int(w * rng.uniform(0.05, 0.7)), int(h * rng.uniform(0.6, 0.95))
        scale = rng.uniform(0.5, 0.7)
        write(picture, rng.choice(TEXTS), at, scale)
        marks.append("text")
    return marks


def write(picture, text, at, scale):
    font = cv2.FONT_HERSHEY_DUPLEX
    cv2.putText(picture, text, at, font, scale, WHITE, 1, cv2.LINE_AA)


def burn_callipers(picture, mask, shape):
    """Burn in a lesion's two axes: + or x, dotted lines and numbers."""
    mode = cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    outlines, _ = cv2.findContours(mask.astype(np.uint8), *mode)
    edge = max(outlines, key=len)[:, 0]
    corners = cv2.boxPoints(cv2.minAreaRect(edge))
    sides = (corners + np.roll(corners, -1, 0)) / 2
    distances = [np.linalg.norm(edge - side, axis=1) for side in sides]
    ends = [edge[distance.argmin()] for distance in distances]
    for number, (a, b) in enumerate((ends[::2], ends[1::2]), 1):
        axis(picture, a, b, shape)
        write(picture, str(number), (int(a[0]) + 8, int(a[1]) - 4), 0.5)


def axis(picture, a, b, shape):
    """Burn in a dotted line between two points (x, y), marked at its ends."""
    for share in np.linspace(0, 1, 2 + int(np.linalg.norm(b - a) / 5)):
        dot = (a + share * (b - a)).astype(int).tolist()
        cv2.circle(picture, dot, 0, WHITE, -1)
    for end in np.stack([a, b]).astype(int).tolist():
        cv2.drawMarker(picture, end, WHITE, shape, 13, 2)


def crop(picture, masks, rng):
    """Return picture and masks without random margins; lesions stay whole."""
    h, w = picture.shape[:2]
    top, bottom, left, right = rng.uniform(0.02, 0.1, 4) * (h, h, w, w)
    rows, columns = np.nonzero(np.any(masks, 0))
    if len(rows):
        top, bottom = min(top, rows.min()), min(bottom, h - 1 - rows.max())
        left = min(left, columns.min())
        right = min(right, w - 1 - columns.max())
    inside = np.s_[int(top) : h - int(bottom), int(left) : w - int(right)]
    return picture[inside], [m[inside] for m in masks]


def rescale(picture, masks, rng):
    """Return picture and masks, somewhat smaller or larger."""
    factor = rng.choice([rng.uniform(0.75, 0.92), rng.uniform(1.08, 1.25)])
    shape = [round(n * factor) for n in picture.shape[1::-1]]
    soft = [cv2.resize(m.astype(np.uint8) * 255, shape) for m in masks]
    picture = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA)
    return picture, [m > 127 for m in soft]


def redraw(mask, rng):
    """Return a mask as a second outlining would give it: a few pixels off."""
    h, w = mask.shape
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.008 * w)
    wobble = np.clip(noise(h, w, (h / 15, w / 15), rng), -2, 2)
    moved = soft + 0.2 * wobble * (soft > 0.02) > 0.5
    return moved if moved.any() else mask


def save(stem, picture, masks, label, number):
    """Write a case's files in BUSI's PNG modes.

    Pictures are RGB, masks one-bit, but RGB if normal and, rarely, RGBA.
    """
    options = [cv2.IMWRITE_PNG_COMPRESSION, 2]
    written = {".png": (picture, options)}
    for i, mask in enumerate(masks):
        ending = f"_mask_{i}.png" if i else "_mask.png"
        grey = mask.astype(np.uint8) * 255
        written[ending] = grey, [*options, cv2.IMWRITE_PNG_BILEVEL, 1]
        if label == "normal":
            written[ending] = cv2.merge([grey] * 3), options
        elif label == "benign" and number % 100 == 5:
            rgba = [grey] * 3 + [np.full_like(grey, 255)]
            written[ending] = cv2.merge(rgba), options
    for ending, (pixels, options) in written.items():
        # not cv2.imwrite, which fails on some characters of a path
        _, png = cv2.imencode(".png", pixels, options)
        Path(f"{stem}{ending}").write_bytes(png)
