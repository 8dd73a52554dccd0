"""The scan in a DICOM file: grey values and millimetres, nothing else.

What a header says of a patient must not come out of here, so messages name no
value of it, and pydicom's own, which do, are kept back.
"""

import contextlib
import io
import logging
import os
import warnings

import cv2
import numpy as np

from .grey_levels import RULES, Unreadable, eight_bits

SUFFIXES = {".dcm", ".dicom", ".ima"}
# Of the ultrasound regions (DICOM PS3.3, C.8.5.5)
TWO_D, TISSUE, CENTIMETRES = 1, 1, 3
MONOCHROME = {"MONOCHROME1", "MONOCHROME2"}
COLOURS = {"RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_RCT"}
COLOURS |= {"YBR_ICT"}


def is_dicom(data, path):
    """Tell whether a file's bytes, or its name, are those of DICOM."""
    suffix = os.path.splitext(path)[1].lower()
    return data[128:132] == b"DICM" or suffix in SUFFIXES


def read(data, check_size, check_jpeg):
    """Return the first frame's scan region: (grey, notes, spacing).

    grey: uint8 (h, w); notes: a list of str; spacing: as of `Picture`.
    check_size: called with height and width before anything is decoded;
    check_jpeg: with the bytes of a JPEG inside. Unreadable: pydicom is
    missing, or what the file holds is not read.
    """
    try:
        import pydicom
    except ModuleNotFoundError:
        how = "install pydicom (`pip install pydicom`)"
        raise Unreadable(f"is DICOM: to read it, {how}") from None
    with _silence():
        try:
            header = pydicom.dcmread(io.BytesIO(data), force=True)
        except Exception:  # damaged bytes raise nearly every kind
            raise Unreadable("is no whole DICOM file") from None
        if "PixelData" not in header:
            raise Unreadable("is a DICOM file without a picture")
        try:
            return _frame(header, check_size, check_jpeg)
        except Unreadable:
            raise
        except Exception:
            raise Unreadable(_undecoded(header)) from None


@contextlib.contextmanager
def _silence():
    """Keep back what pydicom logs and warns of."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.disabled = before


def _undecoded(header):
    """Return why the pixels were not decoded, in a few words."""
    with contextlib.suppress(Exception):
        syntax = header.file_meta.TransferSyntaxUID
        if syntax.is_compressed and not syntax.is_private:
            why = "no plugin here decodes it, or it is damaged"
            return f"is DICOM compressed as {syntax.name}: {why}"
    return "is no whole DICOM picture"


def _frame(header, check_size, check_jpeg):
    """Return what `read` does, whatever a damaged file raises."""
    from pydicom import pixels, uid

    check_size(header.Rows, header.Columns)
    notes, frames = [], int(header.get("NumberOfFrames") or 1)
    if frames > 1:
        notes.append(f"holds {frames} frames, only the first was read")
    rows, columns, region = _region(header, notes)
    if region is None:
        _heed_text(header, notes)
    if "TransferSyntaxUID" not in header.file_meta:  # as bare files have none
        header.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    kind = header.PhotometricInterpretation
    if kind not in COLOURS | MONOCHROME:
        raise Unreadable("holds colours of a kind that is not read")
    _heed_compression(header, frames, check_jpeg, notes)
    values = pixels.pixel_array(header, index=0)  # YBR comes as RGB
    if kind in COLOURS:
        grey = _grey_of_colours(header, values)
    else:
        grey = _grey_of_monochrome(header, values, notes)
    grey = 255 - grey if kind == "MONOCHROME1" else grey
    grey = np.ascontiguousarray(grey[rows, columns])
    return grey, notes, _spacing(header, region, grey.shape, notes)


def _heed_compression(header, frames, check_jpeg, notes):
    """Refuse a damaged JPEG inside; note where damage cannot be seen."""
    from pydicom import encaps, uid

    syntax = header.file_meta.TransferSyntaxUID
    if syntax == uid.JPEGBaseline8Bit:
        frame = encaps.get_frame(header.PixelData, 0, number_of_frames=frames)
        check_jpeg(frame)
    elif syntax.is_encapsulated:
        notes.append("its compression does not show whether it is damaged")


def _heed_text(header, notes):
    """Refuse a whole screen with text in it; note that it may have some."""
    has_text = header.get("BurnedInAnnotation")
    if has_text == "YES":
        raise Unreadable(
            "has text burned in and does not say where the scan is: cut the "
            "scan out and save it as PNG"
        )
    if has_text != "NO":
        notes.append("a name may be burned in: look before you share results")


def _region(header, notes):
    """Return (rows, columns, item) of the largest 2-D scan of tissue."""
    everything = slice(None), slice(None), None
    regions = header.get("SequenceOfUltrasoundRegions")
    if not regions:  # absent, or there and empty
        return everything
    scans = [
        item
        for item in regions
        if (item.RegionSpatialFormat, item.RegionDataType) == (TWO_D, TISSUE)
    ]
    if not scans:
        raise Unreadable("holds no 2-D scan of tissue, as its regions tell")
    found = []
    for item in scans:
        x, y = item.RegionLocationMinX0, item.RegionLocationMinY0
        right, bottom = item.RegionLocationMaxX1, item.RegionLocationMaxY1
        # the last pixel is inside, but some scanners name the one after it
        right = right + (right != header.Columns)
        bottom = bottom + (bottom != header.Rows)
        if not (x < right <= header.Columns and y < bottom <= header.Rows):
            raise Unreadable("tells of a scan outside of its picture")
        found.append(((right - x) * (bottom - y), x, y, right, bottom, item))
    _, x, y, right, bottom, item = max(found, key=lambda one: one[0])
    if len(scans) > 1:
        notes.append(f"holds {len(scans)} scans, only the largest was read")
    if (right - x, bottom - y) != (header.Columns, header.Rows):
        whole = f"{header.Columns} x {header.Rows}"
        part = f"{right - x} x {bottom - y} pixels from ({x}, {y})"
        notes.append(f"only the scan was read: {part} of {whole}")
    return slice(y, bottom), slice(x, right), item


def _grey_of_colours(header, values):
    from pydicom import pixels

    if header.PhotometricInterpretation == "PALETTE COLOR":
        values = pixels.apply_color_lut(values, header)
        if values.dtype == np.uint16:
            values = (values >> 8).astype(np.uint8)
    if values.dtype != np.uint8:
        raise Unreadable("holds colours of more than 8 bits")
    return cv2.cvtColor(np.ascontiguousarray(values), cv2.COLOR_RGB2GRAY)


def _grey_of_monochrome(header, values, notes):
    from pydicom import pixels

    if header.HighBit != header.BitsStored - 1:
        raise Unreadable("holds its values in unusual bits")
    black, white = 0, 2**header.BitsStored - 1
    window = header.get("WindowCenter"), header.get("WindowWidth")
    tables = header.get("VOILUTSequence")
    if tables or None not in window:  # how its maker wants it shown
        values = pixels.apply_modality_lut(values, header)
        values = pixels.apply_voi_lut(values, header)
        notes.append("shown in the window that the file names")
        if tables:
            white = 2 ** tables[0].LUTDescriptor[2] - 1
        else:  # which depends on sign, slope and intercept, too
            ends = np.array([-np.inf, np.inf])
            black, white = pixels.apply_voi_lut(ends, header)
    elif header.PixelRepresentation:
        raise Unreadable("holds signed values and names no window")
    elif (header.get("RescaleSlope") or 1) <= 0 or header.get(
        "ModalityLUTSequence"
    ):
        raise Unreadable("changes its values and names no window")
    elif header.BitsStored == 16:
        grey, scaled = eight_bits(values.astype(np.uint16))
        notes += scaled
        return grey
    scaled = (values - black) * (255 / (white - black)) + 0.5
    return np.clip(scaled, 0, 255).astype(np.uint8)


def _spacing(header, region, shape, notes):
    """Return mm a pixel, (down, across), or None where the file has none."""
    if region is not None:
        units = "PhysicalUnitsYDirection", "PhysicalUnitsXDirection"
        deltas = region.get("PhysicalDeltaY"), region.get("PhysicalDeltaX")
        is_length = {region.get(name) for name in units} == {CENTIMETRES}
        if not is_length or None in deltas:
            return None
        spacing = tuple(abs(10 * float(delta)) for delta in deltas)
    elif header.get("PixelSpacing"):
        spacing = tuple(map(float, header.PixelSpacing))
    else:
        return None
    if is_plausible(spacing, shape):
        return spacing
    notes.append("its millimetres cannot be true, so they are not used")
    return None


def is_plausible(spacing, shape):
    """Tell whether an image of that many pixels has the size of a scan.

    spacing: mm a pixel, (down, across); shape: (height, width).
    """
    least, most = RULES["mm"]["least"], RULES["mm"]["most"]
    sides = [mm * n for mm, n in zip(spacing, shape, strict=True)]
    return all(least <= side <= most for side in sides)
