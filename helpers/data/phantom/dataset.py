"""A phantom data set, written in BUSI's own layout and with its faults."""

import itertools
import json
import os
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np

from .physics import LABELS, noise, simulate

FOLDER, MARKER = "Dataset_BUSI_with_GT", "PHANTOM.json"
VERSION = 1  # raise it whenever a seed's pictures change
NOTE = "Simulated images, drawn by a program: no patient, no scanner, no diagnosis."
COPIES = ("cropped", "marked", "same", "scaled", "mirrored")  # kinds, in turn
TEXTS = ("LT", "RT", "RT 3", "LT 10", "LEFT BREAST", "RIGHT BREAST", "RT UOQ")
WHITE = (235, 235, 235)


def write_dataset(root, n_benign, n_malignant, n_normal, seed):
    """Write a simulated data set in BUSI's layout; return root/"Dataset_BUSI_with_GT".

    BUSI's faults are in it, and PHANTOM.json lists them: `near_duplicates` [a,
    b, kind] and `marks` {case: what is burned in}. Case i of a label depends
    on (seed, label, i) alone, except malignant copies of a benign case; the
    same arguments (and package versions) give the same bytes. All is written
    beside the target and moved there last. A phantom of the same arguments is
    kept as it is, another one is replaced.

    Raises:
        ValueError: a count or the seed is no whole number >= 0, or the target
        holds
            something that is not a phantom (nothing is touched then).
    """
    counts = dict(zip(LABELS, (n_benign, n_malignant, n_normal), strict=True))
    for name, value in {**counts, "seed": seed}.items():
        if not isinstance(value, (int, np.integer)) or value < 0:
            raise ValueError(
                f"{name} is {value!r}: give a whole number, 0 or more."
            )
    counts = {label: int(n) for label, n in counts.items()}
    asked = {"schema": 1, "version": VERSION, "note": NOTE, "seed": int(seed)}
    asked["counts"] = counts
    target = Path(root) / FOLDER
    if kept(target, asked):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".phantom-", dir=target.parent))
    try:
        fill(work / "new", asked)
        swap(work / "new", target, work / "old")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def kept(target, asked):
    """Return whether `target` already is the phantom asked for; False: write it.

    Raises:
        ValueError: something is there that writing would destroy.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    try:
        told = json.loads((target / MARKER).read_text())
        if all(told[k] == v for k, v in asked.items()):
            return True
        if told["files"] == len([*target.rglob("[!.]*.*")]) - 1:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise ValueError(
        f"{target} holds something that is not a phantom: give another folder, or "
        "move that away."
    )


def swap(new, target, old):
    """Move folder `new` to `target`; what was there goes to `old`, or back on failure."""
    if target.exists():
        os.replace(target, old)
    try:
        os.replace(new, target)
    except BaseException:
        if old.exists():
            os.replace(old, target)
        raise


def fill(folder, asked):
    """Write all cases and, last, the marker file into a new folder."""
    family, marks = {}, {}
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number in range(1, asked["counts"][label] + 1):
            name = f"{label} ({number})"
            shown, kind = origin(label, number, asked["counts"], asked["seed"])
            own = key(asked["seed"], label, number, 3)
            picture, masks, found = draw(*shown, kind, asked["seed"], own)
            save(folder / label / name, picture, masks, label, number)
            family.setdefault(shown, []).append((name, kind))
            marks |= {name: found} if found else {}
    pairs = [
        [a, b, " and ".join(filter(None, (kind_a, kind_b)))]
        for members in family.values()
        for (a, kind_a), (b, kind_b) in itertools.combinations(members, 2)
    ]
    n_files = len([*folder.rglob("*.png")])
    told = {
        **asked,
        "files": n_files,
        "near_duplicates": pairs,
        "marks": marks,
    }
    (folder / MARKER).write_text(json.dumps(told, indent=1) + "\n")


def key(seed, label, number, part):
    """Return the Generator of one part of one case."""
    return np.random.default_rng((seed, LABELS.index(label), number, part))


def origin(label, number, counts, seed):
    """Return ((label, number) of the picture that a case shows, kind of copy or "").

    Every seventh case is an earlier one again; a few malignant ones are a
    benign case under the wrong label, as 8 lesions of BUSI are (Pawlowska et
    al. 2023, Data in Brief 48:109247).
    """
    if (
        label == "malignant"
        and number % 25 == 8
        and number <= counts["benign"]
    ):
        return ("benign", number), "other label"
    if number % 7:
        return (label, number), ""
    earlier = [n for n in range(1, number) if n % 7 and n % 25 != 8]
    shown = int(key(seed, label, number, 0).choice(earlier))
    return (label, shown), COPIES[(number // 7 - 1) % len(COPIES)]


def draw(label, number, kind, seed, own):
    """Return (picture (h, w, 3), masks, marks) of a case, changed if it is a copy.

    `label`, `number`: what it shows; `own`: the Generator for what only the
    copy has.
    """
    look = key(seed, label, number, 2)
    several = (
        (number % 35 == 9) + (number % 105 == 79) if label == "benign" else 0
    )
    frame = simulate(
        label, key(seed, label, number, 1), *size(look), 1 + several
    )
    image, masks = (
        frame.image,
        frame.masks or [np.zeros(frame.image.shape, bool)],
    )
    if kind == "mirrored":
        image, masks = np.fliplr(image), [np.fliplr(m) for m in masks]
    picture = cv2.merge([image] * 3)
    marks = burn(picture, masks, look, 0.25, 0.15)
    if kind == "marked":
        marks += burn(picture, masks, own, "callipers" not in marks, 1)
    crop, scale = (
        kind in ("cropped", "other label"),
        kind in ("scaled", "other label"),
    )
    picture, masks = saved_again(picture, masks, crop, scale, own)
    if kind not in ("", "same"):  # someone outlined the lesion a second time
        masks = [redrawn(m, own) for m in masks]
    return picture, masks, sorted(set(marks))


def size(rng):
    """Return a random (height, width), spread as in BUSI: half come from one export."""
    if rng.random() < 0.5:
        return int(rng.normal(470, 4)), int(rng.normal(560, 6))
    width = int(rng.uniform(380, 780))
    return int(width / rng.uniform(1.05, 1.45)), width


def burn(picture, masks, rng, p_callipers, p_text):
    """Burn in callipers, text (with these chances) and a corner sign; name the marks."""
    h, w = picture.shape[:2]
    marks = []
    if rng.random() < 0.7:
        cv2.circle(picture, (5, 5), 4, WHITE, 1)
    if rng.random() < p_callipers and masks[0].any():
        for mask in masks:
            callipers(picture, mask, int(rng.integers(2)))
        marks.append("callipers")
    if rng.random() < p_text:
        at = int(w * rng.uniform(0.05, 0.7)), int(h * rng.uniform(0.6, 0.95))
        big = rng.uniform(0.5, 0.7)
        cv2.putText(
            picture, rng.choice(TEXTS), at, 2, big, WHITE, 1, cv2.LINE_AA
        )
        marks.append("text")
    return marks


def callipers(picture, mask, shape):
    """Burn the two measured axes of a lesion in: + or x, dotted lines and numbers."""
    mode = cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    edge = max(cv2.findContours(mask.astype(np.uint8), *mode)[0], key=len)[
        :, 0
    ]
    corners = cv2.boxPoints(cv2.minAreaRect(edge))
    sides = (corners + np.roll(corners, -1, 0)) / 2
    ends = [
        edge[np.linalg.norm(edge - side, axis=1).argmin()] for side in sides
    ]
    for number, (a, b) in enumerate((ends[::2], ends[1::2]), 1):
        for share in np.linspace(0, 1, 2 + int(np.linalg.norm(b - a) / 5)):
            dot = (a + share * (b - a)).astype(int).tolist()
            cv2.circle(picture, dot, 0, WHITE, -1)
        for end in (a.tolist(), b.tolist()):
            cv2.drawMarker(picture, end, WHITE, shape, 13, 2)
        at = int(a[0]) + 8, int(a[1]) - 4
        cv2.putText(picture, str(number), at, 2, 0.5, WHITE, 1, cv2.LINE_AA)


def saved_again(picture, masks, crop, scale, rng):
    """Return picture and masks without random margins (no lesion is cut), or rescaled."""
    h, w = picture.shape[:2]
    if crop:
        top, bottom, left, right = rng.uniform(0.02, 0.1, 4) * (h, h, w, w)
        rows, columns = np.nonzero(np.any(masks, 0))
        if len(rows):
            top, bottom = min(top, rows.min()), min(bottom, h - 1 - rows.max())
            left, right = (
                min(left, columns.min()),
                min(right, w - 1 - columns.max()),
            )
        inside = np.s_[int(top) : h - int(bottom), int(left) : w - int(right)]
        picture, masks = picture[inside], [m[inside] for m in masks]
    if scale:
        factor = rng.choice([rng.uniform(0.75, 0.92), rng.uniform(1.08, 1.25)])
        shape = [round(n * factor) for n in picture.shape[1::-1]]
        masks = [
            cv2.resize(m.astype(np.uint8) * 255, shape) > 127 for m in masks
        ]
        picture = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA)
    return picture, masks


def redrawn(mask, rng):
    """Return a mask as a second outlining would give it: a few pixels off."""
    h, w = mask.shape
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.008 * w)
    wobble = np.clip(noise(h, w, (h / 15, w / 15), rng), -2, 2)
    moved = soft + 0.2 * wobble * (soft > 0.02) > 0.5
    return moved if moved.any() else mask


def save(stem, picture, masks, label, number):
    """Write a case's files in BUSI's own PNG modes: RGB pictures, one-bit masks.

    Two oddities are BUSI's too: masks of normal cases are RGB, a rare lesion's
    is RGBA.
    """
    settings = [cv2.IMWRITE_PNG_COMPRESSION, 2]
    files = {".png": (picture, settings)}
    for i, mask in enumerate(masks):
        pixels, how = mask.astype(np.uint8) * 255, settings
        if label == "normal":
            pixels = cv2.merge([pixels] * 3)
        elif label == "benign" and number % 100 == 5:
            pixels = cv2.merge([pixels] * 3 + [np.full_like(pixels, 255)])
        else:
            how = [*settings, cv2.IMWRITE_PNG_BILEVEL, 1]
        files[f"_mask_{i}.png" if i else "_mask.png"] = pixels, how
    for ending, (pixels, how) in files.items():
        # cv2.imwrite fails on some characters of a path
        Path(f"{stem}{ending}").write_bytes(
            cv2.imencode(".png", pixels, how)[1]
        )
