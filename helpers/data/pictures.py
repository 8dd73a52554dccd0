"""Read a picture that a person has as grey values, or say why not.

One reader for `make predict` and data sets; the page "Try it" has the same
rules in pages/try/picture.js. Pillow tells what a file holds, and decodes 8
bits. OpenCV decodes 16: Pillow drops half of those of colours.
"""

import contextlib
import hashlib
import io
import os
import tempfile
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .. import environment
from . import dicom, masks
from .grey_levels import RULES, Unreadable, eight_bits

FORMATS = {bytes.fromhex(f["magic"]): f["name"] for f in RULES["formats"]}
SUFFIXES = {name for f in RULES["formats"] for name in f["suffixes"]}
MOST_PIXELS = 50_000_000
UNCHECKED = {"WEBP", "GIF"}  # compressed without a checksum
# TIFF's tags and their values, as its specification (6.0) has them
BITS, PHOTOMETRIC, SAMPLES, PLANAR, SAMPLE_FORMAT = 258, 262, 277, 284, 339
COMPRESSION, STRIPS, STRIP_BYTES, ROWS_A_STRIP = 259, 273, 279, 278
WIDTH, HEIGHT, TILES, TILE_BYTES = 256, 257, 324, 325
PLAIN, JPEG_INSIDE, DEFLATE = 1, 7, {8, 32946}
WHITE_IS_ZERO, SEPARATE, UNSIGNED = 0, 2, 1
GREYS, RGB, PALETTE, YCBCR = {0, 1}, 2, 3, 6
SIGNS = {2: "int", 3: "float"}
ORIENTATION = 274  # of EXIF
TURNED = {  # how the upright picture comes about
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@dataclass
class Picture:
    """A picture as it was read.

    grey: uint8 (h, w), upright; notes: what its owner should know of the
    reading, a list of str; spacing: mm a pixel, (down, across), or None;
    digest: the SHA-256 of its file, "" if it was read from bytes.
    """

    grey: np.ndarray
    notes: list
    spacing: tuple | None = None
    digest: str = ""


def read(path):
    """Return the `Picture` in a file.

    Alpha lies on black, EXIF's orientation is applied, and of several frames
    the first is taken. Unreadable: says why; nothing is guessed.
    """
    try:
        if os.stat(path).st_size > 10 * MOST_PIXELS:
            most = f"{10 * MOST_PIXELS / 1e6:.0f} MB"
            raise Unreadable(f"is larger than {most}")
        data = Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    if not data:
        raise Unreadable("is empty")
    # its name counts only where its bytes are of no other kind
    if dicom.is_dicom(data, "" if kind(data) else path):
        picture = Picture(*dicom.read(data, check_size, check_jpeg))
    else:
        picture = decoded(data)
    check_size(*picture.grey.shape)
    picture.digest = hashlib.sha256(data).hexdigest()
    return picture


def check_size(height, width):
    """Raise Unreadable for a picture that is too small or too large."""
    if height * width > MOST_PIXELS:
        most = f"over {MOST_PIXELS / 1e6:.0f} million"
        found = f"{height * width / 1e6:.1f} million pixels"
        raise Unreadable(f"has {found}, {most}")
    if min(height, width) < RULES["fewest_pixels"]:
        fewest = f"{RULES['fewest_pixels']} pixels"
        raise Unreadable(f"is under {fewest} high or wide")


def check_jpeg(data):
    """Refuse the bytes of a JPEG that is damaged."""
    with _refusing_damage():
        masks.decode(np.frombuffer(data, np.uint8))


def kind(data):
    """Return the format that a file's first bytes show, or ""."""
    found = (name for magic, name in FORMATS.items() if data.startswith(magic))
    return next(found, "")


def decoded(data):
    """Return the `Picture` in a file's bytes, of any format but DICOM."""
    name = kind(data)
    if not name:
        names = ", ".join(dict.fromkeys([*FORMATS.values(), "DICOM"]))
        raise Unreadable(f"is no whole picture of {names}")
    try:
        with warnings.catch_warnings(action="ignore"):
            return Picture(*_opened(data, name))
    except Unreadable:
        raise
    except Image.DecompressionBombError:
        most = f"has over {MOST_PIXELS / 1e6:.0f} million pixels"
        raise Unreadable(most) from None
    except Exception:  # damaged bytes raise nearly every kind
        raise Unreadable(f"is no whole picture (as {name})") from None


def _opened(data, name):
    """Return (grey, notes), whatever a damaged file raises."""
    image = Image.open(io.BytesIO(data), formats=[name])
    check_size(image.height, image.width)
    deep = _is_deep(image, data)
    turn, frames = _orientation(image), getattr(image, "n_frames", 1)
    notes = []
    if frames > 1:
        notes.append(f"holds {frames} pictures, only the first was read")
    if name == "PNG":  # its checksums: decoders stop at the last row
        Image.open(io.BytesIO(data), formats=[name]).verify()
    if name == "JPEG":
        check_jpeg(data)
    if name == "TIFF":
        notes += _heed_strips(image.tag_v2, data)
    if name in UNCHECKED:
        notes.append(f"a {name} file does not show whether it is damaged")
    fits = {"BMP": _fits_bmp, "TIFF": _fits_tiff}.get(name)
    if fits and frames == 1 and not fits(image, data):
        notes.append("its length does not fit its header: it may be damaged")
    if name == "BMP" and _has_odd_colours(image):
        notes.append("its palette holds greys and colours: look at the image")
    with _refusing_damage() if name == "TIFF" else contextlib.nullcontext():
        if deep:
            pixels, more = _sixteen_bits(image, data, turn)
            notes += more
        else:
            pixels = _eight_bits(image)
    if name == "PNG" and not pixels[-1].any() and _lacks_rows(data):
        raise Unreadable("is cut off: it lacks its last rows")
    pixels, through = _on_black(pixels)
    if through:
        notes.append("transparent parts read as black")
    if turn in TURNED:
        notes.append("turned upright, as its orientation tag says")
        # both decoders have turned a TIFF
        pixels = pixels if name == "TIFF" else TURNED[turn](pixels)
    return np.ascontiguousarray(pixels), notes


def _is_deep(image, data):
    """Tell whether values have 16 bits; refuse what would be read wrongly."""
    if image.format == "TIFF":
        return _is_deep_tiff(image.tag_v2)
    if image.mode == "CMYK":
        raise Unreadable("holds print colours (CMYK): save it as RGB or grey")
    # of the header
    return image.format == "PNG" and data[24] == 16


def _is_deep_tiff(tags):
    """The same of a TIFF's tags."""
    bits, photometric = set(tags.get(BITS, (1,))), tags.get(PHOTOMETRIC)
    (sign, *_), samples = tags.get(SAMPLE_FORMAT, (1,)), tags.get(SAMPLES, 1)
    if sign != UNSIGNED or not (bits <= {1, 2, 4, 8} or bits == {16}):
        found = f"{SIGNS.get(sign, 'uint')}{max(bits)}"
        raise Unreadable(f"holds {found} values: save it with 8 or 16 bits")
    if photometric not in {*GREYS, RGB, PALETTE, YCBCR}:
        which = f"of a kind that is not read (photometric {photometric})"
        raise Unreadable(f"holds colours {which}: save it as RGB or grey")
    if bits != {16}:
        return False
    if samples != (3 if photometric == RGB else 1) or photometric == PALETTE:
        raise Unreadable("holds 16-bit colours or alpha: save it with 8 bits")
    if samples > 1 and tags.get(PLANAR) == SEPARATE:
        raise Unreadable("holds 16-bit colours apart: save it with 8 bits")
    return True


def _lacks_rows(data):
    """Tell whether a PNG has fewer rows than it says; Pillow adds black."""
    return masks.decode(np.frombuffer(data, np.uint8)) is None


def _heed_strips(tags, data):
    """Refuse a TIFF that lacks rows, or whose strips or tiles are damaged.

    Returns notes. Pillow adds black, and keeps libtiff's complaints back.
    """
    packed = tags.get(COMPRESSION, PLAIN)
    starts = tags.get(STRIPS) or tags.get(TILES) or ()
    sizes = tags.get(STRIP_BYTES) or tags.get(TILE_BYTES) or ()
    rows = min(tags.get(ROWS_A_STRIP, tags[HEIGHT]), tags[HEIGHT])
    samples = tags.get(SAMPLES, 1)
    if STRIPS in tags:
        apart = samples if tags.get(PLANAR) == SEPARATE else 1
        lacks = len(starts) < apart * -(-tags[HEIGHT] // rows)
        row = (tags[WIDTH] * samples * max(tags.get(BITS, (1,))) + 7) // 8
        if lacks or (packed == PLAIN and sum(sizes) < tags[HEIGHT] * row):
            raise Unreadable("is cut off: it lacks some of its rows")
    if packed in DEFLATE:
        for start, size in zip(starts, sizes, strict=True):
            zlib.decompress(data[start : start + size])  # its checksum
    elif packed == JPEG_INSIDE:
        check_jpeg(data)
    elif packed != PLAIN:
        return ["its compression does not show whether it is damaged"]
    return []


def is_turned(data):
    """Tell whether a picture's bytes have a tag that turns or mirrors it."""
    try:
        return _orientation(Image.open(io.BytesIO(data))) != 1
    except Exception:  # damaged bytes raise nearly every kind
        raise Unreadable("is no whole picture") from None


def _orientation(image):
    """Return EXIF's orientation, 1 to 8; what else a file says of it is 1."""
    if image.format == "PNG":
        image.load()  # its tag may lie behind the pixels
    if image.format == "TIFF":
        found = image.tag_v2.get(ORIENTATION, 1)
    else:
        exif = Image.Exif()
        try:
            exif.load(image.info.get("exif", b""))
            found = exif.get(ORIENTATION, 1)
        except Exception:  # damaged, as the picture need not be
            found = 1
    return found if found in TURNED else 1


@contextlib.contextmanager
def _refusing_damage():
    """Refuse what a decoder in C complains of, while it goes on.

    libjpeg and libtiff do so on the terminal's own stream, so this is for one
    thread only.
    """
    with tempfile.TemporaryFile() as said:
        with environment.stderr_into(said):
            yield
        if said.tell():
            raise Unreadable("is damaged: its decoder finds errors in it")


def _has_odd_colours(image):
    """Tell whether a palette is grey for the most part, but not all of it."""
    if image.mode != "P":
        return False
    palette = np.frombuffer(image.palette.getdata()[1], np.uint8)
    colours = palette[: palette.size // 4 * 4].reshape(-1, 4)[:, :3]
    is_odd = colours.max(axis=1) != colours.min(axis=1)
    return 0 < is_odd.mean() < 0.5


def _fits_bmp(image, data):
    """Tell whether a BMP is as long as its header says."""
    start, bits = data[10:14], data[28]
    row = (image.width * bits + 31) // 32 * 4  # in whole words of 4 bytes
    length = int.from_bytes(start, "little") + row * image.height
    # its writer may fill up the last word
    return image.info.get("compression") or 0 <= len(data) - length < 4


def _fits_tiff(image, data):
    """Tell the same of a TIFF whose pixels are not packed and come last."""
    tag = image.tag_v2.get
    if tag(COMPRESSION) != 1 or not tag(STRIPS):
        return True
    order = "little" if data[:2] == b"II" else "big"
    tags_start = int.from_bytes(data[4:8], order)
    ends = map(sum, zip(tag(STRIPS), tag(STRIP_BYTES), strict=True))
    # one byte fills up a word
    return tags_start > max(tag(STRIPS)) or len(data) - max(ends) < 2


def _sixteen_bits(image, data, turn):
    """Return (uint8, (h, w) or in colour (h, w, 3 or 4), notes)."""
    if image.format == "TIFF" and image.tag_v2.get(SAMPLES, 1) == 1:
        is_white = image.tag_v2[PHOTOMETRIC] == WHITE_IS_ZERO
        return eight_bits(np.asarray(image).astype(np.uint16), is_white)
    if image.format == "TIFF" and turn in TURNED:
        raise Unreadable("holds 16-bit colours, turned: save it with 8 bits")
    if "transparency" in image.info:
        raise Unreadable("has a transparent 16-bit colour: save it as grey")
    pixels = masks.decode(np.frombuffer(data, np.uint8))
    if pixels is None or pixels.dtype != np.uint16:
        raise Unreadable("is no whole picture of 16 bits")
    if pixels.ndim == 2:
        return eight_bits(pixels)
    colours, notes = eight_bits(pixels[..., 2::-1])  # OpenCV: blue first
    alpha = np.uint8(pixels[..., 3:] >> 8)  # if any: it always has 16 bits
    return np.concatenate([colours, alpha], axis=2), notes


def _eight_bits(image):
    """Return uint8, (h, w), or in colour (h, w, 3 or 4)."""
    image.load()
    if image.mode in {"1", "L"} and "transparency" not in image.info:
        return np.asarray(image.convert("L"))
    colours = np.asarray(image.convert("RGB"))
    if not image.has_transparency_data:
        return colours
    pixels = np.asarray(image.convert("RGBA"))
    # many programs leave a BMP's fourth byte empty, and browsers know that
    is_empty = image.format == "BMP" and not pixels[..., 3].any()
    return colours if is_empty else pixels


def _on_black(pixels):
    """Return (grey (h, w), whether any of it was transparent)."""
    if pixels.ndim == 2:
        return pixels, False
    colours, alpha, through = pixels[..., :3], pixels[..., 3:], False
    if alpha.size and alpha.min() < 255:
        through = True
        colours = (colours * (alpha / np.float32(255)) + 0.5).astype(np.uint8)
    colours = np.ascontiguousarray(colours)
    return cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), through
