"""Lesion masks: read, merge, resize with a way back, and describe.

A mask is a 2-D bool array, True where a person marked the lesion.
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

CLASSES = ("background", "benign", "malignant")
FEW = 8  # values in a mask of classes, at most; pixels in a lesion, at least
NOISE = 16  # how far JPEG moves black and white


def read_mask(path):
    """Return one mask file as 2-D bool; ValueError: it is no picture."""
    try:
        picture = decode(np.fromfile(path, np.uint8))
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    if picture is None or not np.issubdtype(picture.dtype, np.integer):
        problem = "is not a readable picture: fetch the file again"
        raise ValueError(f"{path} {problem}")
    return from_picture(picture)


def decode(data):
    """Return the picture in a file's bytes (uint8 array), or None."""
    try:
        return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:  # no bytes, or a header that claims a gigantic picture
        return None


def from_picture(picture):
    """Return where a decoded mask is above half in any channel, bool (h, w).

    picture: uint8 or uint16, (h, w) or (h, w, channels). Alpha is ignored: in
    BUSI it is full everywhere.
    """
    return _brightest(picture) > np.iinfo(picture.dtype).max // 2


def _brightest(picture):
    """Return the largest of a pixel's colours, (h, w)."""
    if picture.ndim == 2:
        return picture
    # NumPy's max over three values that lie side by side is 15 times slower
    return functools.reduce(np.maximum, np.moveaxis(picture[..., :3], -1, 0))


def fault(picture):
    """Return why a decoded picture can be no mask, or "".

    picture: uint8, (h, w) or (h, w, channels). A mask is black and white, or
    black alone, and leaves most of the image's border black.
    """
    grey = _brightest(picture)
    alpha = picture[..., 3:] if picture.ndim == 3 else np.zeros(1)
    if alpha.size and np.ptp(alpha) > 0 == np.ptp(grey):
        return "mask is in the transparency, its colour is one"
    return _wrong_values(grey) or _wrong_shape(from_picture(picture))


def _wrong_values(grey):
    """Return why grey values are not those of a mask, or ""."""
    counts = np.bincount(grey.ravel(), minlength=256)
    *others, highest = map(str, np.flatnonzero(counts))
    values = f"{', '.join(others)} and {highest}" if others else highest
    # values next to black and white are JPEG's noise, unless there is just one
    near = 1 if len(others) == 2 else NOISE
    between = counts[near:-near].sum() > 0.1 * counts[1:].sum()
    dark = 0 < int(highest) <= np.iinfo(np.uint8).max // 2
    if len(others) < FEW and (dark or (len(others) > 1 and between)):
        return f"mask's values are {values}, not 0 and 255"
    if dark:
        return f"mask's brightest value is {highest}, not 255"
    if counts[NOISE:-NOISE].sum() > 0.2 * grey.size:
        return "mask is a grey picture, not black and white"
    return ""


def _wrong_shape(lesion):
    """Return why a lesion, bool (h, w), was hardly marked so, or ""."""
    border = lesion[[0, -1]].sum() + lesion[:, [0, -1]].sum()
    if border > sum(lesion.shape) and not lesion.all():  # half of it
        return "mask marks most of the image's border: it seems inverted"
    if lesion.mean() > 0.9:
        return f"mask marks {lesion.mean():.0%} of the image"
    if 0 < lesion.sum() < FEW:
        return f"mask marks {lesion.sum()} pixels only"
    mode = cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    outlines, _ = cv2.findContours(lesion.astype(np.uint8), *mode)
    if sum(map(cv2.contourArea, outlines)) > 1.5 * lesion.sum():
        return "mask is an outline that is not filled"
    return ""


def merge(paths):
    """Return the union of all mask files of a case, 2-D bool.

    ValueError: no path is given, a file is unreadable, or their sizes differ.
    """
    masks = [read_mask(path) for path in paths]
    if not masks:
        raise ValueError("a case needs at least one mask file")
    if len({mask.shape for mask in masks}) > 1:
        names = list(map(str, paths))
        raise ValueError(f"the masks {names} have different sizes")
    return np.logical_or.reduce(masks)


def parts(mask, min_pixels=0):
    """Return (numbered, n): the 8-connected parts of at least min_pixels.

    numbered: int (h, w), 1 to n in the order of their first pixels, row by
    row, and 0 elsewhere. min_pixels may be a fraction.
    """
    mask = np.uint8(mask)
    x, y, width, height = cv2.boundingRect(mask)
    inside = np.s_[y : y + height, x : x + width]  # often a small part of it
    numbered = np.zeros(mask.shape, np.int32)
    if not width:
        return numbered, 0
    # of OpenCV's ways to number parts the one that goes row by row
    how = 8, cv2.CV_32S, cv2.CCL_SAUF
    _, found = cv2.connectedComponentsWithAlgorithm(mask[inside], *how)
    large = np.bincount(found.ravel()) >= min_pixels
    large[0] = False  # the background
    numbered[inside] = (np.cumsum(large) * large)[found]
    return numbered, int(large.sum())


@dataclass(frozen=True)
class Letterbox:
    """How an image of (height, width) pixels was put into a square of size.

    Its content has (inner_height, inner_width) pixels from (top, left).
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
        margins = [(size - side) // 2 for side in inner]
        return cls(height, width, size, *inner, *margins)

    @property
    def content(self):
        """The slices of the content's rows and columns in the square."""
        rows = slice(self.top, self.top + self.inner_height)
        return rows, slice(self.left, self.left + self.inner_width)


def letterbox(image, size):
    """Return (square, Letterbox): unstretched and centred, 0 around.

    image: uint8 or bool (h, w). A mask is True where at least half of a new
    pixel's area was: INTER_NEAREST shifts it, which costs points of Dice.
    """
    box = Letterbox.of(*image.shape, size)
    method = cv2.INTER_AREA if size < max(image.shape) else cv2.INTER_LINEAR
    picture = image.astype(np.float32) if image.dtype == bool else image
    inner = (box.inner_width, box.inner_height)
    small = cv2.resize(picture, inner, interpolation=method)
    square = np.zeros((size, size), image.dtype)
    square[box.content] = small >= 0.5 if image.dtype == bool else small
    return square, box


def restore(square, box):
    """Undo `letterbox`: return the content at the image's (height, width).

    square: (size, size) or (size, size, c). Floats are resized bilinearly,
    bool too and then thresholded at one half; integers are class labels and
    take the nearest pixel. ValueError: the square does not fit the box.
    """
    if square.shape[:2] != (box.size, box.size):
        found = f"got {square.shape[:2]}"
        raise ValueError(f"expected a square of {box.size} pixels, {found}")
    inner = square[box.content]
    if np.issubdtype(inner.dtype, np.integer):
        # by hand, since OpenCV's INTER_NEAREST is off by up to half a pixel
        rows, columns = inner.shape[:2]
        y = (np.arange(box.height) + 0.5) * rows / box.height
        x = (np.arange(box.width) + 0.5) * columns / box.width
        return inner[y.astype(int)[:, None], x.astype(int)]
    soft = inner.astype(np.float32)  # OpenCV has neither bool nor float16
    full = cv2.resize(soft, (box.width, box.height))
    return full >= 0.5 if inner.dtype == bool else full


def target(mask, label):
    """Return the class of each pixel, uint8, an index of CLASSES."""
    if label == "normal":
        return np.zeros(mask.shape, np.uint8)
    return mask.astype(np.uint8) * CLASSES.index(label)


def describe(mask):
    """Return a dict of a lesion's size and shape.

    area_fraction; box (y0, x0, y1, x1), half open, None if empty;
    taller_than_wide (the box; BI-RADS also counts a round one as "not
    parallel"); parts (8-connected);
    touches_border; solidity = area / area of the convex hull; circularity =
    4 pi area / perimeter^2; these two of the polygon through the centres of
    the outer outline's pixels: holes count as lesion, a single pixel is nan.
    """
    pixels = mask.astype(np.uint8)
    x, y, width, height = cv2.boundingRect(pixels)
    mode = cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    outlines, _ = cv2.findContours(pixels, *mode)
    area = sum(map(cv2.contourArea, outlines))
    length = sum(cv2.arcLength(line, True) for line in outlines)
    hull = 0
    if outlines:
        hull = cv2.contourArea(cv2.convexHull(np.concatenate(outlines)))
    return {
        "area_fraction": float(mask.mean()),
        "box": (y, x, y + height, x + width) if outlines else None,
        "taller_than_wide": height > width,
        "solidity": area / hull if hull else np.nan,
        "circularity": 4 * np.pi * area / length**2 if length else np.nan,
        "parts": parts(mask)[1],
        "touches_border": bool(mask[[0, -1]].any() or mask[:, [0, -1]].any()),
    }
