"""Near-duplicate frames, the groups that they form, and folds that never split a group.

A copy of a frame may be cropped, scaled, mirrored, brighter or marked with
callipers. It is found in two steps that use different signals:

1. Search, coarse shape: perceptual hashes of windows of many places and sizes,
   each image against each, plain and mirrored. Finds where a copy could lie.
2. Proof, fine texture: the frames are registered, and the correlation of their
   overlap is taken. Speckle is the same in two copies and differs between two
   frames of one lesion, so the correlation tells them apart.

Not found: a copy that shows less than about 60 % of each side, and most views
of one lesion from another angle. Grouping removes copies from a split; without
patient numbers nothing can remove the same patient.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from . import busi

# On BUSI copies end at 0.03, other frames of the same lesion start at 0.1, and
# unrelated frames start at 0.61. A leak is worse than a group too large, so
# the limit stands just below the unrelated ones (measured:
# results/near_duplicates.json).
LIMIT = 0.6
SIZE = 200  # a frame has SIZE * SIZE pixels and the shape of its image
WINDOW, LOW = 16, 8  # pixels of a hashed window, lowest frequencies of its DCT
SEARCHED = [
    0.38 * 1.13**k for k in range(8)
]  # sides of the windows that are searched
# Side, x and y of the windows that are searched for, as shares of SIZE and of
# the frame.
ASKED = [
    (0.55, 0.5, 0.5),
    (0.55, 0.2, 0.25),
    (0.55, 0.8, 0.25),
    (0.55, 0.5, 0.2),
]
ASKED += [(0.55, 0.2, 0.7), (0.55, 0.8, 0.7), (0.8, 0.1, 0.5), (0.8, 0.9, 0.5)]
NEAREST, SAME_BITS = (
    5,
    53,
)  # candidates: the nearest of each case, and all this alike
MIN_OVERLAP, MAX_STRETCH = (
    0.3,
    1.25,
)  # of the smaller frame; long over short side
ZOOMS = 0.125, 0.25, 0.5, 1  # from coarse to fine: ECC sees only what is near
HOPELESS = (
    0.3  # correlation at a coarse size (copies: above 0.5) that ends the proof
)
COLUMNS = ["a", "b", "distance", "same_bits", "overlap", "scale", "mirrored"]


class Hashes(NamedTuple):
    """Hashes (n, 63) of +1 and -1, and boxes (n, 3): x, y, side in pixels of a frame."""

    searched: np.ndarray
    searched_boxes: np.ndarray
    asked: np.ndarray  # first as they are, then mirrored
    asked_boxes: np.ndarray


def near_duplicates(cases):
    """Return the pairs of cases that show the same frame, most alike first.

    cases: DataFrame with the columns case and image (path), as from
    `busi.index`.

    Returns a DataFrame: a, b (cases, a before b in `cases`), distance (1 -
    correlation of the registered frames, 0 = same, at most LIMIT), same_bits
    (of 63, of the best pair of windows), overlap (share of the smaller frame),
    scale (how much larger things are in b, after both were brought to one
    area), mirrored (bool). The order of the rows of `cases` changes only which
    case of a pair is a.
    """
    ordered = cases.sort_values("case", kind="stable")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        frames = list(
            pool.map(lambda p: frame(busi.read_image(p)), ordered["image"])
        )
        hashes = list(pool.map(_hashes, frames))
        alike = _likeness(hashes, pool)
        pairs = _candidates(alike)
        proofs = list(pool.map(lambda ij: _proof(frames, hashes, *ij), pairs))
    names = ordered["case"].to_list()
    place = {case: k for k, case in enumerate(cases["case"])}
    rows = []
    for (i, j), (distance, overlap, scale, mirrored) in zip(
        pairs, proofs, strict=True
    ):
        if distance <= LIMIT:
            if place[names[i]] > place[names[j]]:
                i, j, scale = j, i, 1 / scale
            found = round(overlap, 3), round(scale, 3), mirrored
            bits = int(LOW * LOW - 1 + max(alike[i, j], alike[j, i])) // 2
            rows.append((names[i], names[j], round(distance, 4), bits, *found))
    found = pd.DataFrame(rows, columns=COLUMNS)
    order = ["distance", "a", "b"]
    return found.sort_values(order, kind="stable", ignore_index=True)


def frame(image):
    """Return the ultrasound area at SIZE, its local contrast evened out, float32.

    Grey values become multiples of the local standard deviation, at most 2:
    gain, gamma and shading fall away, and burned-in marks weigh no more than
    bright tissue.
    """
    lit = image > 12
    rows = np.flatnonzero(lit.mean(axis=1) > 0.15)
    columns = np.flatnonzero(lit.mean(axis=0) > 0.15)
    if len(rows) > WINDOW and len(columns) > WINDOW:
        image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    zoom = SIZE / np.sqrt(image.size)
    size = [max(WINDOW, round(side * zoom)) for side in image.shape[::-1]]
    grey = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(
        np.float32
    )
    grey = cv2.GaussianBlur(grey, (0, 0), 0.8)
    grey -= cv2.GaussianBlur(grey, (0, 0), SIZE / 20)
    spread = np.sqrt(cv2.GaussianBlur(grey * grey, (0, 0), SIZE / 20))
    return np.clip(grey / (spread + 2), -2, 2)


def _hashes(picture):
    searched = [_windows(picture, share, step=2) for share in SEARCHED]
    asked = []
    for share, *place in ASKED:
        windows, boxes = _windows(picture, share, step=1)
        shift = boxes[:, :2] / np.maximum(1, boxes[:, :2].max(axis=0)) - place
        nearest = (shift**2).sum(axis=1).argmin()
        asked.append((windows[nearest], boxes[nearest]))
    windows = np.stack([window for window, _ in asked])
    return Hashes(
        _bits(np.concatenate([windows for windows, _ in searched])),
        np.concatenate([boxes for _, boxes in searched]),
        _bits(np.concatenate([windows, windows[:, :, ::-1]])),
        np.stack([box for _, box in asked]),
    )


def _windows(picture, share, step):
    """Cut square windows of side share * SIZE; return (n, WINDOW, WINDOW) and boxes."""
    side = min(share * SIZE, *picture.shape)
    zoom = WINDOW / side
    size = [
        max(WINDOW, round(length * zoom)) for length in picture.shape[::-1]
    ]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cuts = np.lib.stride_tricks.sliding_window_view(small, (WINDOW, WINDOW))
    cuts = cuts[::step, ::step]
    y, x = (
        step / zoom * np.mgrid[: cuts.shape[0], : cuts.shape[1]].reshape(2, -1)
    )
    boxes = np.stack([x, y, np.full(len(x), side)], axis=1)
    return cuts.reshape(-1, WINDOW, WINDOW), boxes


def _bits(windows):
    """Perceptual hash: the signs of the lowest DCT coefficients but the mean (63).

    After C. Zauner, "Implementation and benchmarking of perceptual image hash
    functions", 2010. As +1 and -1, so that a product of hashes counts equal
    bits.
    """
    waves = np.zeros((LOW * LOW, WINDOW, WINDOW), np.float32)
    for k, wave in enumerate(waves):
        wave[divmod(k, LOW)] = 1
        waves[k] = cv2.idct(wave)
    flat = waves[1:].reshape(LOW * LOW - 1, -1)
    return np.sign(windows.reshape(len(windows), -1) @ flat.T)


def _likeness(hashes, pool):
    """Return (n, n): equal minus unequal bits of the best windows of i in j."""
    if not hashes:
        return np.zeros((0, 0), np.float32)
    asked = np.concatenate([one.asked for one in hashes]).T.copy()

    def best(one):
        most = (one.searched @ asked).max(axis=0)
        return most.reshape(len(hashes), -1).max(axis=1)

    alike = np.stack(list(pool.map(best, hashes)), axis=1)
    np.fill_diagonal(alike, -np.inf)
    return alike


def _candidates(alike):
    """Return pairs (i, j), i < j: the NEAREST of each (or more if equal), and SAME_BITS."""
    alike = np.maximum(alike, alike.T)
    enough = np.full(len(alike), 2 * SAME_BITS - (LOW * LOW - 1))
    if len(alike) > NEAREST:
        nearest = -np.partition(-alike, NEAREST - 1, axis=1)[:, NEAREST - 1]
        enough = np.minimum(enough, nearest)
    chosen = (alike >= enough[:, None]) | (alike >= enough[None, :])
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(chosen, 1))]


def _proof(frames, hashes, i, j):
    """Register frame j to frame i; return (distance, overlap, scale, mirrored)."""
    warp = _start(hashes[i], hashes[j])
    for zoom in ZOOMS:
        pair = [_shrunk(frames[k], zoom) for k in (i, j)]
        there = np.float32([[1, 1, zoom], [1, 1, zoom]])
        warp = _register(*pair, warp * there) / there
        correlation, overlap = _correlation(*pair, warp * there)
        if correlation < HOPELESS:
            break
    scale = float(np.sqrt(abs(np.linalg.det(warp[:, :2]))))
    return 1 - correlation, overlap, scale, bool(warp[0, 0] < 0)


def _shrunk(picture, zoom):
    if zoom == 1:
        return picture
    return cv2.resize(
        picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA
    )


def _start(a, b):
    """Return the map from a's pixels to b's, 2 x 3, from the best pair of windows."""
    there, back = a.asked @ b.searched.T, b.asked @ a.searched.T
    if back.max() > there.max():
        return cv2.invertAffineTransform(_from_boxes(b, a, back))
    return _from_boxes(a, b, there)


def _from_boxes(a, b, alike):
    asked, searched = np.unravel_index(alike.argmax(), alike.shape)
    x, y, side = a.asked_boxes[asked % len(ASKED)]
    to_x, to_y, to_side = b.searched_boxes[searched]
    k = to_side / side
    across = [-k, 0, to_x + (x + side) * k]
    if asked < len(ASKED):  # not mirrored
        across = [k, 0, to_x - x * k]
    return np.float32([across, [0, k, to_y - y * k]])


def _register(template, other, warp):
    """Refine an affine map by ECC (Evangelidis and Psarakis 2008); keep it if that fails."""
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 1e-3)
    start = np.float32(warp)  # findTransformECC writes into what it is given
    try:
        return cv2.findTransformECC(
            template, other, start.copy(), cv2.MOTION_AFFINE, stop, None, 3
        )[1]
    except (
        cv2.error
    ):  # no overlap, or it does not converge: not the same frame
        return start


def _correlation(template, other, warp):
    """Return (correlation, overlap); 0 if maps distort, or share under MIN_OVERLAP."""
    if not np.isfinite(warp).all():
        return 0.0, 0.0
    stretch = np.linalg.svd(warp[:, :2], compute_uv=False)
    if stretch[0] >= MAX_STRETCH * stretch[1]:
        return 0.0, 0.0
    flags = {
        "dsize": template.shape[::-1],
        "flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    }
    here = cv2.warpAffine(np.ones_like(other), warp, **flags) > 0.99
    smaller = min(template.size, other.size / stretch.prod())
    overlap = float(here.sum() / smaller)
    if overlap < MIN_OVERLAP:
        return 0.0, overlap
    a, b = template[here], cv2.warpAffine(other, warp, **flags)[here]
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-6)), overlap


def assign_groups(cases, pairs):
    """Return the group of each case, aligned with `cases`: its group's first case.

    Groups are the connected components of `pairs` (columns a and b): with the
    pairs (1, 2) and (2, 3), also 1 and 3 are together, even if 2 is not in
    `cases`.
    """
    parent = {}

    def root(case):
        while parent.get(case, case) != case:
            case = parent[case]
        return case

    for a, b in zip(pairs["a"], pairs["b"], strict=True):
        parent[root(b)] = root(a)
    roots = cases["case"].map(root)
    return cases["case"].groupby(roots).transform("first").rename("group")


def label_conflicts(cases, pairs):
    """Return the rows of `pairs` whose cases differ in class, with label_a and label_b."""
    label = cases.set_index("case")["label"]
    both = pairs.assign(
        label_a=pairs["a"].map(label), label_b=pairs["b"].map(label)
    )
    return both[both["label_a"] != both["label_b"]].reset_index(drop=True)
