"""Pictures of every kind, made here: what the command and the page must read.

One table for both readers: helpers/data/pictures.py and pages/try/picture.js.
"""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image


def smooth(height=60, width=80, seed=0, sigma=3):
    """Return a soft random picture of all greys, uint8."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height, width)).astype(np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), sigma)
    return cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX)


def deep(pixels):
    """Return 8-bit pixels with 16 bits."""
    return pixels.astype(np.uint16) * 257


GREY = smooth()
RGB = np.dstack([GREY, 255 - GREY, np.roll(GREY, 9, 1)])
HOLE = np.full_like(GREY, 255)
HOLE[:20], HOLE[20:25] = 0, 128
MIXED = cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY)
DEEP = deep(GREY)


def tags_and_values(values):
    """Return the bytes of TIFF tags {tag: (type, values)} and of what they
    point to; the file begins with a header of 8 bytes and these tags.
    """
    formats = {3: "H", 4: "I"}
    entries, beyond = b"", b""
    at = 8 + 2 + 12 * len(values) + 4
    for tag, (kind, numbers) in sorted(values.items()):
        packed = struct.pack(f"<{len(numbers)}{formats[kind]}", *numbers)
        if len(packed) > 4:
            place = struct.pack("<I", at + len(beyond))
            beyond, packed = beyond + packed, place
        entries += struct.pack("<HHI", tag, kind, len(numbers))
        entries += packed.ljust(4, b"\0")
    count = struct.pack("<H", len(values))
    return count + entries + bytes(4) + beyond


def tiff(planes, photometric=1, planar=1, more=()):
    """Return an uncompressed TIFF; planes: list of (h, w[, samples])."""
    first = planes[0]
    height, width = first.shape[:2]
    samples = len(planes) if planar == 2 else first[0, 0].size
    sizes = [plane.nbytes for plane in planes]
    tags = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8 * first.itemsize] * samples),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, [0] * len(planes)),
        277: (3, [samples]),
        278: (4, [height]),
        279: (4, sizes),
        284: (3, [planar]),
        **dict(more),
    }
    start = 8 + len(tags_and_values(tags))
    tags[273] = 4, [start + sum(sizes[:i]) for i in range(len(planes))]
    content = b"".join(plane.tobytes() for plane in planes)
    return b"II*\0" + struct.pack("<I", 8) + tags_and_values(tags) + content


def deep_png(pixels, n_rows=None):
    """Return a PNG; pixels: uint8 or 16, (h, w), or of 2 to 4 channels.

    n_rows: so many rows only, although its header tells of all.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    order = pixels.dtype.newbyteorder(">")
    parts = (row.astype(order).tobytes() for row in pixels[:n_rows])
    rows = b"".join(b"\0" + part for part in parts)
    size = pixels.shape[1], pixels.shape[0]
    bits = 8 * pixels.itemsize
    header = struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def chunk(name, data):
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + check.to_bytes(4)


def saved(pixels, suffix, **options):
    """Return the bytes of a file that Pillow writes."""
    image = pixels
    if not isinstance(pixels, Image.Image):
        image = Image.fromarray(pixels)
    file = io.BytesIO()
    kind = Image.registered_extensions()[f".{suffix}"]
    image.save(file, format=kind, **options)
    return file.getvalue()


def palette():
    """Return GREY as a palette in backward order."""
    size = GREY.shape[::-1]
    image = Image.frombytes("P", size, (255 - GREY).tobytes())
    image.putpalette(np.repeat(np.arange(256)[::-1], 3).tolist())
    return image


def black(colours=GREY, alpha=HOLE):
    """Return colours over black, as anyone sees them on black."""
    share = alpha / 255.0
    share = share[..., None] if colours.ndim == 3 else share
    grey = np.floor(colours * share + 0.5).astype(np.uint8)
    if grey.ndim == 3:
        return cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY)
    return grey


ONE = int(GREY[30, 40])
MISSING = np.where(GREY == ONE, 0, GREY)
EXTRA = {338: (3, [2])}  # an unassociated alpha
KINDS = {  # name: (bytes, expected grey, how far off at most)
    "grey.png": (saved(GREY, "png"), GREY, 0),
    "rgb.png": (saved(RGB, "png"), MIXED, 0),
    "palette.png": (saved(palette(), "png"), GREY, 0),
    "bits.png": (saved(GREY > 99, "png"), (GREY > 99) * 255, 0),
    "grey.bmp": (saved(GREY, "bmp"), GREY, 0),
    "rgb.bmp": (saved(RGB, "bmp"), MIXED, 0),
    "grey.jpg": (saved(GREY, "jpg", quality=98), GREY, 4),
    "rgb.jfif": (saved(RGB, "jpg", quality=98, subsampling=0), MIXED, 6),
    "grey.gif": (saved(GREY, "gif"), GREY, 0),
    "grey.webp": (saved(GREY, "webp", lossless=True), GREY, 0),
    "lzw.tif": (saved(GREY, "tif", compression="tiff_lzw"), GREY, 0),
    "jpeg.tif": (saved(GREY, "tif", compression="jpeg", quality=98), GREY, 4),
    "palette.tif": (saved(palette(), "tif"), GREY, 0),
    "grey.tif": (tiff([GREY]), GREY, 0),
    "white is zero.tif": (tiff([255 - GREY], 0), GREY, 0),
    "white is zero, 16.tif": (tiff([65535 - DEEP], 0), GREY, 0),
    "rgb.tif": (tiff([RGB], 2), MIXED, 0),
    "planes.tif": (tiff([*RGB.transpose(2, 0, 1)], 2, 2), MIXED, 0),
    "rgb16.tif": (tiff([deep(RGB)], 2), MIXED, 0),
    "alpha.tif": (tiff([np.dstack([GREY, HOLE])], 1, 1, EXTRA), black(), 1),
    "alpha.png": (saved(np.dstack([GREY, HOLE]), "png"), black(), 1),
    "rgba.png": (saved(np.dstack([RGB, HOLE]), "png"), black(RGB), 2),
    "a value is alpha.png": (saved(GREY, "png", transparency=ONE), MISSING, 0),
    "16.png": (deep_png(DEEP), GREY, 0),
    "rgb16.png": (deep_png(deep(RGB)), MIXED, 0),
    "alpha16.png": (deep_png(deep(np.dstack([GREY, HOLE]))), black(), 1),
}


CMYK, LAB = (Image.fromarray(RGB).convert(mode) for mode in ("CMYK", "LAB"))
REFUSED = {
    "CMYK.jpg": (saved(CMYK, "jpg"), "CMYK"),
    "CMYK.tif": (saved(CMYK, "tif"), "colours"),
    "LAB.tif": (saved(LAB, "tif"), "colours"),
    "float.tif": (saved(GREY.astype(np.float32), "tif"), "holds float32"),
    "int.tif": (tiff([DEEP], 1, 1, {339: (3, [2])}), "holds int16"),
    "uint32.tif": (tiff([DEEP.astype(np.uint32)]), "holds uint32"),
    "planes.tif": (tiff([*deep(RGB).transpose(2, 0, 1)], 2, 2), "apart"),
    "dark and inverted.tif": (tiff([DEEP // 64], 0), "white to black"),
    "offset.png": (deep_png(DEEP // 257 + 32768), "hardly any contrast"),
    "empty.png": (b"", "is empty"),
    "text.png": (b"no picture", "no whole picture"),
    "zeros.png": (bytes(1000), "no whole picture"),
    "tiny.png": (saved(GREY[:4, :4], "png"), "under 16 pixels"),
    "jpeg2000.png": (saved(GREY, "jp2"), "no whole picture of PNG, JPEG"),
}


# as EXIF defines them: where row 0 and column 0 of a file lie
UPRIGHT = {
    1: GREY,
    2: GREY[:, ::-1],
    3: GREY[::-1, ::-1],
    4: GREY[::-1],
    5: GREY.T,
    6: GREY.T[:, ::-1],
    7: GREY.T[::-1, ::-1],
    8: GREY.T[::-1],
    9: GREY,
}


def turned(suffix, orientation):
    """Return the bytes of a file with a tag of orientation."""
    tag = {274: (3, [orientation])}
    if suffix in ("tif", "tif16"):
        pixels = DEEP if suffix == "tif16" else GREY
        return tiff([pixels], 1, 1, tag)
    exif = Image.Exif()
    exif[274] = orientation
    if suffix in ("png16", "png late"):
        block = chunk(b"eXIf", exif.tobytes()[6:])
        data = deep_png(DEEP) if suffix == "png16" else saved(GREY, "png")
        at = 33 if suffix == "png16" else -12  # behind the header, or the end
        return data[:at] + block + data[at:]
    options = {"png": {}, "jpg": {"quality": 98}, "webp": {"lossless": True}}
    return saved(GREY, suffix, exif=exif, **options[suffix])


def lesion(value=255):
    mask = np.zeros((100, 100), np.uint8)
    cv2.circle(mask, (50, 40), 15, value, -1)
    return mask


def flat(grey, *others):
    """Return a frame of one grey with a mark, as of a clock, in others."""
    frame = np.full((100, 100), grey, np.uint8)
    frame[0, : len(others)] = others
    return frame


SHOWN = {
    "image": [GREY, smooth() // 2, smooth(seed=3)],
    "nothing": [flat(0), flat(90), flat(255), flat(0, *range(60, 140))],
    "mask": [lesion(), lesion(1), 255 - lesion(), lesion() + lesion(2)],
}
SHOWN["mask"].append(cv2.imdecode(cv2.imencode(".jpg", lesion())[1], 0))
