"""Lesion masks: read, merge, clean, resize with a way back, and describe.

A mask is a 2-D bool array, True where a person marked the lesion.
"""

from dataclasses import dataclass

import cv2
import numpy as np

CLASSES = ("background", "benign", "malignant")


def read_mask(path):
    """Return one mask file as 2-D bool: True where any colour channel is above half.

    Reads PNG of mode 1, L, RGB and RGBA; alpha is ignored, since in BUSI it is
    full everywhere.

    Raises:
        ValueError: the file is not a readable picture.
    """
    picture = decode(np.fromfile(path, np.uint8))
    if picture is None:
        raise ValueError(
            f"{path} is not a readable picture: fetch the file again"
        )
    return from_picture(picture)


def decode(data):
    """Return the picture in a file's bytes (uint8 array) with all its channels, or None."""
    try:
        return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:  # no bytes, or a header that claims a gigantic picture
        return None


def from_picture(picture):
    """Return where a decoded mask picture (h, w) or (h, w, channels) is above half."""
    if picture.ndim == 3:
        picture = picture[..., :3].max(axis=-1)
    return picture > np.iinfo(picture.dtype).max // 2


def merge(paths):
    """Return the union of all mask files of a case, 2-D bool.

    Raises:
        ValueError: no path is given, a file is unreadable, or their sizes
        differ.
    """
    parts = [read_mask(path) for path in paths]
    if not parts:
        raise ValueError("a case needs at least one mask file")
    if len({part.shape for part in parts}) > 1:
        raise ValueError(
            f"the masks {list(map(str, paths))} have different sizes"
        )
    return np.logical_or.reduce(parts)


def clean(mask, min_area=0, fill_holes=False):
    """Return (mask, changes): without specks, its holes filled, and what that changed.

    A speck is a part (8-connected) of fewer than `min_area` pixels. A hole is
    background (4-connected) that does not reach the border. changes counts
    them: specks, speck_pixels, holes, hole_pixels. As called by default
    nothing changes.
    """
    _, parts, found, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8)
    )
    small = found[:, cv2.CC_STAT_AREA] < min_area
    small[0] = False  # the background
    kept = mask & ~small[parts]
    around = np.pad(
        ~kept, 1, constant_values=True
    )  # joins all that reaches the border
    n, parts = cv2.connectedComponents(around.astype(np.uint8), connectivity=4)
    holes = (parts != parts[0, 0])[1:-1, 1:-1] & ~kept & fill_holes
    changes = {
        "specks": int(small.sum()),
        "speck_pixels": int((mask & ~kept).sum()),
        "holes": n - 2 if fill_holes else 0,
        "hole_pixels": int(holes.sum()),
    }
    return kept | holes, changes


@dataclass(frozen=True)
class Letterbox:
    """How an image of (height, width) was put into a square: the way back.

    The content has (inner_height, inner_width) pixels from (top, left); the
    rest is 0.
    """

    height: int
    width: int
    size: int
    inner_height: int
    inner_width: int
    top: int
    left: int

    @classmethod
    def of(cls, height, width, size):
        """Return how `letterbox` puts an image of that size into a square."""
        scale = size / max(height, width)
        inner = [max(1, round(side * scale)) for side in (height, width)]
        return cls(
            height,
            width,
            size,
            *inner,
            *((size - side) // 2 for side in inner),
        )


def letterbox(image, size):
    """Return (square, Letterbox): the image scaled without stretching and centred.

    image: uint8 or bool (h, w). A mask is averaged over each new pixel's area
    and is True where at least half of it was. OpenCV's INTER_NEAREST would
    shift it by up to half a new pixel, which costs several points of Dice on
    the way back.
    """
    box = Letterbox.of(*image.shape, size)
    method = cv2.INTER_AREA if size < max(image.shape) else cv2.INTER_LINEAR
    picture = image.astype(np.float32) if image.dtype == bool else image
    inner = (box.inner_width, box.inner_height)
    small = cv2.resize(picture, inner, interpolation=method)
    square = np.zeros((size, size), image.dtype)
    content = small >= 0.5 if image.dtype == bool else small
    rows = slice(box.top, box.top + box.inner_height)
    square[rows, box.left : box.left + box.inner_width] = content
    return square, box


def restore(square, box):
    """Undo `letterbox`: return the content at the image's original (height, width).

    square: (size, size) or (size, size, c). Floats (probabilities) are resized
    bilinearly, bool too and then cut at one half; integers are class labels,
    which must not be mixed, and take the nearest pixel.
    """
    if square.shape[:2] != (box.size, box.size):
        raise ValueError(
            f"expected a square of {box.size} pixels, got {square.shape[:2]}"
        )
    rows = slice(box.top, box.top + box.inner_height)
    inner = square[rows, box.left : box.left + box.inner_width]
    if np.issubdtype(inner.dtype, np.integer):
        # by hand, since OpenCV's INTER_NEAREST is off by up to half a pixel
        y, x = (
            ((np.arange(new) + 0.5) * old / new).astype(int)
            for new, old in zip(
                (box.height, box.width), inner.shape, strict=False
            )
        )
        return inner[y[:, None], x]
    soft = inner.astype(np.float32)  # OpenCV has neither bool nor float16
    full = cv2.resize(
        soft, (box.width, box.height), interpolation=cv2.INTER_LINEAR
    )
    return full >= 0.5 if inner.dtype == bool else full


def target(mask, label):
    """Return the class of each pixel, uint8: 0 background, 1 benign, 2 malignant."""
    if label == "normal":
        return np.zeros(mask.shape, np.uint8)
    return mask.astype(np.uint8) * CLASSES.index(label)


def describe(mask):
    """Return a dict of a lesion's size and shape; nan where an empty mask has none.

    area_fraction; box (y0, x0, y1, x1), half open; taller_than_wide (BI-RADS
    "not parallel": the box is higher than wide); solidity = area / area of the
    convex hull; circularity = 4 pi area / perimeter^2; parts (8-connected);
    touches_border. Area and perimeter of these two shapes are those of the
    polygon through the centres of the outer outline's pixels, so holes count
    as lesion, and one pixel has no shape.
    """
    pixels = mask.astype(np.uint8)
    if not mask.any():
        shape = dict.fromkeys(("solidity", "circularity"), np.nan)
        return {
            "area_fraction": 0.0, "box": None, "taller_than_wide": False, **shape,
            "parts": 0, "touches_border": False,
        }  # fmt: skip
    rows, columns = (
        np.flatnonzero(mask.any(axis=1)),
        np.flatnonzero(mask.any(axis=0)),
    )
    box = (
        int(rows[0]),
        int(columns[0]),
        int(rows[-1]) + 1,
        int(columns[-1]) + 1,
    )
    outlines, _ = cv2.findContours(
        pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    area = sum(cv2.contourArea(line) for line in outlines)
    length = sum(cv2.arcLength(line, True) for line in outlines)
    hull = cv2.contourArea(cv2.convexHull(np.concatenate(outlines)))
    height, width = mask.shape
    return {
        "area_fraction": float(mask.mean()),
        "box": box,
        "taller_than_wide": box[2] - box[0] > box[3] - box[1],
        "solidity": area / hull if hull else np.nan,
        "circularity": 4 * np.pi * area / length**2 if length else np.nan,
        "parts": cv2.connectedComponents(pixels)[0] - 1,
        "touches_border": bool(
            box[0] == 0 or box[1] == 0 or box[2] == height or box[3] == width
        ),
    }
