"""Near-duplicate frames, and the groups that they form.

A copy may be cropped, scaled, mirrored, brighter or marked. The search matches
perceptual hashes of windows of many places and sizes, plain and mirrored. The
proof registers two frames and correlates their overlap: speckle is the same in
copies and differs between two frames of one lesion. Not found: a copy of less
than about 60 % of each side, and most views of a lesion from another angle.
"""

import functools
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from threadpoolctl import threadpool_limits

from .. import environment
from . import busi, registration

# On BUSI (results/near_duplicates.json) copies end at 0.03, other frames of a
# lesion start at 0.1, unrelated ones at 0.61. A leak is the worse error, so
# the limit stands just below these.
LIMIT = 0.6
SIZE = 200  # a frame has SIZE * SIZE pixels and the shape of its image
# pixels of a hashed window's side, lowest frequencies of its DCT, bits
WINDOW, LOW = 16, 8
BITS = LOW * LOW - 1
# sides of the windows of an image that are searched, as shares of SIZE
GALLERY = [0.38 * 1.13**k for k in range(8)]
# side, x and y of those that are searched for, as shares of SIZE and frame
QUERIES = [
    (0.55, 0.5, 0.5), (0.55, 0.2, 0.25), (0.55, 0.8, 0.25), (0.55, 0.5, 0.2),
    (0.55, 0.2, 0.7), (0.55, 0.8, 0.7), (0.8, 0.1, 0.5), (0.8, 0.9, 0.5),
]  # fmt: skip
# candidates: the nearest of each case, and all with so many equal bits
NEAREST, SAME_BITS = 5, 53
# of the smaller frame; of a map's long over its short axis
MIN_OVERLAP, MAX_STRETCH = 0.3, 1.25
ZOOMS = 0.125, 0.25, 0.5, 1  # from coarse to fine: ECC sees only what is near
HOPELESS = 0.3  # a coarse correlation that ends the proof; copies: above 0.5
FRAMES = 8192  # kept in memory, 0.7 GB; others are read again for a proof
QUERIES_AT_ONCE = 16384  # that stay in a core's cache
COLUMNS = ["a", "b", "distance", "same_bits", "overlap", "scale", "mirrored"]


class Hashes(NamedTuple):
    """Hashes uint64 (n,); boxes (n, 3): x, y, side in pixels."""

    gallery: np.ndarray
    gallery_boxes: np.ndarray
    queries: np.ndarray  # first as they are, then mirrored
    query_boxes: np.ndarray


def near_duplicates(cases, limit=LIMIT):
    """Return a DataFrame of the pairs that show one frame, most alike first.

    cases: with case and image (path). Returns a, b (a stands before b in
    `cases`), distance (1 - correlation of the registered frames, 0 to limit),
    same_bits (of BITS, of the best windows), overlap (share of the smaller
    frame), scale (how much larger things are in b, both at one area), mirrored
    (bool). The order of `cases` changes only which case of a pair is a.

    Every case is compared with every other, so the time comes to grow as their
    square; in memory the hashes of each take 17 KB, and a pair some bytes.
    """
    ordered = cases.sort_values("case", kind="stable")
    paths = ordered["image"].to_list()
    kept = functools.lru_cache(FRAMES)(_frame)

    def frame(path):
        return np.float32(kept(path))  # OpenCV computes in no fewer bits

    # a product that starts threads of its own in each of ours wastes two
    # thirds of the work on waiting
    one_each = threadpool_limits(1, user_api="blas")
    restored = warnings.catch_warnings()  # see busi.in_threads
    with one_each, restored, ThreadPoolExecutor(environment.cores()) as pool:
        hashes = list(pool.map(lambda path: _hashes(frame(path)), paths))
        same_bits = _same_bits(hashes, pool)
        pairs = _candidates(same_bits)

        def proof(pair):
            frames = [frame(paths[k]) for k in pair]
            return _proof(frames, *(hashes[k] for k in pair))

        proofs = list(pool.map(proof, pairs))
    names = ordered["case"].to_list()
    position = {case: k for k, case in enumerate(cases["case"])}
    rows = []
    for (i, j), found in zip(pairs, proofs, strict=True):
        distance, overlap, scale, mirrored = found
        if distance <= limit:
            equal = int(same_bits[i, j])
            if position[names[i]] > position[names[j]]:
                i, j, scale = j, i, 1 / scale
            shape = round(overlap, 3), round(scale, 3), mirrored
            pair = names[i], names[j], round(distance, 4)
            rows.append((*pair, equal, *shape))
    found = pd.DataFrame(rows, columns=COLUMNS)
    return found.sort_values(["distance", "a", "b"], ignore_index=True)


def _frame(path):
    """Return the ultrasound area at SIZE, float16, its contrast evened out.

    Values are multiples of the local standard deviation, at most 2: gain and
    shading fall away, and burned-in marks weigh no more than bright tissue.
    """
    image = busi.read_image(path)
    lit = image > 12
    rows = np.flatnonzero(lit.mean(axis=1) > 0.15)
    columns = np.flatnonzero(lit.mean(axis=0) > 0.15)
    if len(rows) > WINDOW and len(columns) > WINDOW:
        image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grey = _resized(image, SIZE / np.sqrt(image.size)).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), 0.8)
    grey -= cv2.GaussianBlur(grey, (0, 0), SIZE / 20)
    spread = np.sqrt(cv2.GaussianBlur(grey * grey, (0, 0), SIZE / 20))
    return np.clip(grey / (spread + 2), -2, 2).astype(np.float16)


def _resized(picture, zoom):
    """Return a picture zoomed, but no side shorter than WINDOW."""
    size = [max(WINDOW, round(side * zoom)) for side in picture.shape[::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _hashes(frame):
    gallery = [_windows(frame, share, step=2) for share in GALLERY]
    queries, query_boxes = [], []
    for share, *centre in QUERIES:
        windows, boxes = _windows(frame, share, step=1)
        corners = boxes[:, :2]
        shift = corners / np.maximum(1, corners.max(axis=0)) - centre
        nearest = (shift**2).sum(axis=1).argmin()
        queries.append(windows[nearest])
        query_boxes.append(boxes[nearest])
    queries = np.stack(queries)
    return Hashes(
        _bits(np.concatenate([windows for windows, _ in gallery])),
        np.concatenate([boxes for _, boxes in gallery]),
        _bits(np.concatenate([queries, queries[:, :, ::-1]])),
        np.stack(query_boxes),
    )


def _windows(frame, share, step):
    """Return windows (n, WINDOW, WINDOW) of side share * SIZE, and boxes."""
    side = min(share * SIZE, *frame.shape)
    zoom = WINDOW / side
    small = _resized(frame, zoom)
    windows = np.lib.stride_tricks.sliding_window_view(small, (WINDOW, WINDOW))
    windows = windows[::step, ::step]
    y, x = step / zoom * np.indices(windows.shape[:2]).reshape(2, -1)
    boxes = np.stack([x, y, np.full(len(x), side)], axis=1)
    return windows.reshape(-1, WINDOW, WINDOW), boxes


def _bits(windows):
    """Return perceptual hashes, uint64 (n,), of windows.

    The signs of the lowest frequencies of the DCT but the mean, BITS of them.
    After C. Zauner, "Implementation and benchmarking of perceptual image hash
    functions", 2010.
    """
    waves = np.zeros((LOW * LOW, WINDOW, WINDOW), np.float32)
    for k, wave in enumerate(waves):
        wave[divmod(k, LOW)] = 1
        waves[k] = cv2.idct(wave)
    flat = waves[1:].reshape(BITS, -1)
    positive = windows.reshape(len(windows), -1) @ flat.T > 0
    return np.packbits(positive, axis=1).view(np.uint64)[:, 0]


def _same_bits(hashes, pool):
    """Return uint8 (n, n): the equal bits of two cases' best windows."""
    found = np.zeros((len(hashes), len(hashes)), np.uint8)
    step = QUERIES_AT_ONCE // (2 * len(QUERIES))
    for first in range(0, len(hashes), step):
        part = hashes[first : first + step]
        queries = np.concatenate([one.queries for one in part])

        def best(one, queries=queries):
            least = np.full(len(queries), BITS, np.uint8)
            for window in one.gallery:
                differ = np.bitwise_count(queries ^ window)
                np.minimum(least, differ, out=least)
            return BITS - least.reshape(-1, 2 * len(QUERIES)).min(axis=1)

        rows = list(pool.map(best, hashes))
        found[:, first : first + step] = np.stack(rows)
    np.fill_diagonal(found, 0)
    return np.maximum(found, found.T)


def _candidates(same_bits):
    """Return pairs (i, j), i < j: the NEAREST of each case, and SAME_BITS."""
    enough = np.full(len(same_bits), SAME_BITS)
    if (rest := len(same_bits) - NEAREST) > 0:
        nearest = np.partition(same_bits, rest, axis=1)[:, rest]
        enough = np.minimum(enough, nearest)
    chosen = (same_bits >= enough[:, None]) | (same_bits >= enough)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(chosen, 1))]


def _proof(frames, a, b):
    """Register the second of two frames to the first; a, b: their hashes.

    Returns (distance, overlap, scale, mirrored).
    """
    warp = _first_guess(a, b)
    for zoom in ZOOMS:
        how = {"fx": zoom, "fy": zoom, "interpolation": cv2.INTER_AREA}
        pair = [cv2.resize(frame, None, **how) for frame in frames]
        pixels = np.float32([[1, 1, zoom], [1, 1, zoom]])
        refined = registration.ecc(*pair, warp * pixels, 15, 1e-3, 3)
        # without convergence the guess stays: the correlation will tell
        warp = (warp * pixels if refined is None else refined) / pixels
        correlation, overlap = _correlation(*pair, warp * pixels)
        if correlation < HOPELESS:
            break
    scale = float(np.sqrt(abs(np.linalg.det(warp[:, :2]))))
    return 1 - correlation, overlap, scale, bool(warp[0, 0] < 0)


def _first_guess(a, b):
    """Return the map (2, 3) from a's pixels to b's of the best windows."""
    a_in_b = np.bitwise_count(a.queries[:, None] ^ b.gallery)
    b_in_a = np.bitwise_count(b.queries[:, None] ^ a.gallery)
    if b_in_a.min() < a_in_b.min():
        return cv2.invertAffineTransform(_from_boxes(b, a, b_in_a))
    return _from_boxes(a, b, a_in_b)


def _from_boxes(a, b, differ):
    query, found = np.unravel_index(differ.argmin(), differ.shape)
    x, y, side = a.query_boxes[query % len(QUERIES)]
    to_x, to_y, to_side = b.gallery_boxes[found]
    k = to_side / side
    across = [k, 0, to_x - x * k]
    if query >= len(QUERIES):  # mirrored
        across = [-k, 0, to_x + (x + side) * k]
    return np.float32([across, [0, k, to_y - y * k]])


def _correlation(template, moving, warp):
    """Return (correlation, overlap); 0 if it distorts or overlaps little."""
    if not np.isfinite(warp).all():
        return 0.0, 0.0
    stretch = np.linalg.svd(warp[:, :2], compute_uv=False)
    if stretch[0] >= MAX_STRETCH * stretch[1]:
        return 0.0, 0.0
    size = template.shape[::-1]
    how = {"dsize": size, "flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP}
    moved = cv2.warpAffine(moving, warp, **how)
    shared = cv2.warpAffine(np.ones_like(moving), warp, **how) > 0.99
    smaller = min(template.size, moving.size / stretch.prod())
    overlap = float(shared.sum() / smaller)
    if overlap < MIN_OVERLAP:
        return 0.0, overlap
    a, b = template[shared], moved[shared]
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-6)), overlap


def assign_groups(cases, pairs):
    """Return a Series "group", aligned with `cases`: its group's first case.

    Groups are the connected components of `pairs` (columns a and b), whose
    cases need not all be in `cases`.
    """
    names = [*cases["case"], *pairs["a"], *pairs["b"]]
    distinct, numbers = np.unique(names, return_inverse=True)
    own, a, b = np.split(numbers, [len(cases), len(cases) + len(pairs)])
    shape = len(distinct), len(distinct)
    graph = coo_array((np.ones(len(a)), (a, b)), shape=shape)
    _, component = connected_components(graph, directed=False)
    groups = cases["case"].groupby(component[own])
    return groups.transform("first").rename("group")


def label_conflicts(cases, pairs):
    """Return the `pairs` of two classes, with label_a and label_b."""
    label = cases.set_index("case")["label"]
    labels = {f"label_{k}": pairs[k].map(label) for k in ("a", "b")}
    labelled = pairs.assign(**labels)
    differ = labelled["label_a"] != labelled["label_b"]
    return labelled[differ].reset_index(drop=True)
