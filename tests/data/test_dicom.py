"""DICOM files made here: the scan and its spacing, nothing of a patient."""

import builtins
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from picture_files import smooth
from PIL import Image

from helpers.data import grey_levels, pictures
from tools import predict

pydicom = pytest.importorskip("pydicom")
PATIENT = "Doelinger^Janetta", "19610203", "MRN-4711", "St. Elsewhere"


GREY = smooth(120, 160, sigma=4)
RGB = np.dstack([GREY, 255 - GREY, np.roll(GREY, 9, 1)])
MIXED = cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY)
DEEP = GREY.astype(np.uint16)


def region(x0=20, y0=10, x1=139, y1=99, delta=0.01, **changes):
    """Return an item of the ultrasound regions; the last pixel is inside."""
    item = pydicom.Dataset()
    item.RegionSpatialFormat, item.RegionDataType = 1, 1
    item.RegionLocationMinX0, item.RegionLocationMinY0 = x0, y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x1, y1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta, 2 * delta
    for name, value in changes.items():
        setattr(item, name, value)
    return item


def made(pixels=GREY, kind="MONOCHROME2", regions=(), **changes):
    """Return the bytes of a DICOM file; pixels: ([frames,] h, w[, 3])."""
    is_colour = pixels.shape[-1] == 3
    frames = pixels if pixels.ndim == 3 + is_colour else pixels[None]
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = pydicom.uid.UltrasoundImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    ds.SOPClassUID = pydicom.uid.UltrasoundImageStorage
    ds.SOPInstanceUID, ds.Modality = "1.2.3.4", "US"
    ds.PatientName, ds.PatientBirthDate, ds.PatientID, ds.InstitutionName = (
        PATIENT
    )
    ds.Rows, ds.Columns = frames.shape[1:3]
    ds.SamplesPerPixel = 3 if is_colour else 1
    ds.PhotometricInterpretation = kind
    if is_colour:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8 * pixels.itemsize
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    if len(frames) > 1:
        ds.NumberOfFrames = len(frames)
    if regions:
        ds.SequenceOfUltrasoundRegions = list(regions)
    ds.PixelData = frames.tobytes()
    for name, value in changes.items():
        setattr(ds, name, value)
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def read(data, folder):
    path = folder / "IM1"
    path.write_bytes(data)
    return pictures.read(path)


def ybr(rgb):
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]


def packed(pixels, kind, syntax, form, **options):
    """Return the bytes of a DICOM file whose frame Pillow compresses."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    ds = pydicom.dcmread(io.BytesIO(made(pixels, kind)))
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = pydicom.encaps.encapsulate([file.getvalue()])
    ds["PixelData"].VR = "OB"
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


JPEG, J2K = pydicom.uid.JPEGBaseline8Bit, pydicom.uid.JPEG2000Lossless
WHOLE = {"form": "JPEG2000", "no_jp2": True}
PACKED = {
    "JPEG": (packed(GREY, "MONOCHROME2", JPEG, "JPEG", quality=98), GREY),
    "422": (packed(RGB, "YBR_FULL_422", JPEG, "JPEG", quality=98), MIXED),
    "RGB": (
        packed(RGB, "RGB", JPEG, "JPEG", quality=98, subsampling=0),
        MIXED,
    ),
    "2000": (packed(GREY, "MONOCHROME2", J2K, **WHOLE), GREY),
    "2000, RCT": (packed(RGB, "YBR_RCT", J2K, mct=1, **WHOLE), MIXED),
}


TWELVE = {"BitsStored": 12, "HighBit": 11}
SIGNED = (GREY / 255 * 2000 - 1000).astype(np.int16)


def window(centre, width, **scale):
    """Return a window, of the values that a rescaling gives, if any."""
    tags = {f"Rescale{name}": number for name, number in scale.items()}
    return {"WindowCenter": centre, "WindowWidth": width} | tags


BELOW = window(104, 256, Slope=1, Intercept=-1024)
WINDOWS = {  # of pixels that are shown as GREY
    "window": (DEEP + 1000, window(1128, 256)),
    "signed": (SIGNED, window(0, 2000) | {"PixelRepresentation": 1}),
    "intercept": (DEEP + 1000, TWELVE | BELOW),
    "slope": (DEEP + 1000, TWELVE | window(2256, 512, Slope=2, Intercept=0)),
    "slope downwards": (
        255 - DEEP,
        TWELVE | window(-127.5, 256, Slope=-1, Intercept=0),
    ),
    "centre without width": (DEEP * 16, TWELVE | {"WindowCenter": 99}),
}
SIGMOID = 255 / (1 + np.exp((128 - GREY.astype(float)) / 64))


RAMP = (np.arange(255, -1, -1) * 257).astype("<u2").tobytes()
PALETTE = {}
for colour in ("Red", "Green", "Blue"):
    PALETTE[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
    PALETTE[f"{colour}PaletteColorLookupTableData"] = RAMP
TABLE = pydicom.Dataset()
TABLE.add_new("LUTDescriptor", "US", [256, 0, 12])
TABLE.add_new("LUTData", "US", [16 * k for k in range(256)])
PLAIN = {
    "grey": (made(), GREY),
    "palette": (made(255 - GREY, "PALETTE COLOR", **PALETTE), GREY),
    "table": (made(VOILUTSequence=[TABLE]), GREY),
    "MONOCHROME1": (made(255 - GREY, "MONOCHROME1"), GREY),
    "RGB, plain": (made(RGB, "RGB"), MIXED),
    "YBR_FULL": (made(ybr(RGB), "YBR_FULL"), MIXED),
    "12 bits": (made(DEEP * 16, **TWELVE), GREY),
    "8 bits in 16": (made(DEEP), GREY),
    **{name: (made(x, **how), GREY) for name, (x, how) in WINDOWS.items()},
    "sigmoid": (
        made(DEEP + 1000, **TWELVE | BELOW, VOILUTFunction="SIGMOID"),
        SIGMOID,
    ),
}


@pytest.mark.parametrize("name", PLAIN | PACKED)
def test_every_kind_is_read_as_its_grey(name, tmp_path):
    data, expected = (PLAIN | PACKED)[name]
    found = read(data, tmp_path)
    assert found.grey.dtype == np.uint8 and found.spacing is None
    most = 4 if name in PACKED else 2
    assert np.abs(found.grey.astype(int) - expected).max() <= most


def test_of_several_frames_the_first_is_read_and_that_is_said(tmp_path):
    clip = np.stack([GREY, 255 - GREY, GREY])
    found = read(made(clip, BurnedInAnnotation="NO"), tmp_path)
    assert np.array_equal(found.grey, GREY)
    assert found.notes == ["holds 3 frames, only the first was read"]


def test_a_screen_that_may_bear_a_name_says_so(tmp_path):
    (said,) = read(made(), tmp_path).notes
    assert "a name may be burned in" in said
    # a scan that is cut out bears none
    notes = read(made(regions=[region()]), tmp_path).notes
    assert "name" not in "".join(notes)


def test_the_scan_is_cut_out_of_the_screen_with_its_spacing(tmp_path):
    small = region(0, 0, 30, 30)
    doppler = region(0, 0, 159, 119, RegionSpatialFormat=3)
    found = read(made(regions=[small, region(), doppler]), tmp_path)
    assert np.array_equal(found.grey, GREY[10:100, 20:140])
    assert found.spacing == pytest.approx((0.2, 0.1))
    said = "; ".join(found.notes)
    assert "2 scans, only the largest" in said
    assert "120 x 90 pixels from (20, 10) of 160 x 120" in said


def test_ends_that_name_the_pixel_after_the_last_are_read(tmp_path):
    found = read(made(regions=[region(0, 0, 160, 120)]), tmp_path)
    assert np.array_equal(found.grey, GREY)


NO_SPACING = {
    "seconds": {"PhysicalUnitsXDirection": 4},
    "zero": {"delta": 0.0},
    "metres": {"delta": 10.0},
    "empty": {"PhysicalDeltaX": None},
}


@pytest.mark.parametrize("changes", NO_SPACING.values(), ids=NO_SPACING)
def test_a_spacing_that_cannot_be_one_is_not_used(changes, tmp_path):
    assert read(made(regions=[region(**changes)]), tmp_path).spacing is None


def test_pixel_spacing_counts_where_there_are_no_regions(tmp_path):
    found = read(made(PixelSpacing=[0.3, 0.2]), tmp_path)
    assert found.spacing == (0.3, 0.2)
    found = read(made(PixelSpacing=[10, 10]), tmp_path)
    assert found.spacing is None and "cannot be true" in found.notes[-1]


def test_a_tag_that_is_there_and_empty_counts_as_absent(tmp_path):
    empty = {"PixelSpacing": None, "RescaleSlope": None}
    empty |= {"SequenceOfUltrasoundRegions": [], "ModalityLUTSequence": []}
    found = read(made(**empty), tmp_path)
    assert np.array_equal(found.grey, GREY) and found.spacing is None


LOSSLESS = pydicom.uid.JPEGLosslessSV1


def with_hole(data):
    """Return a file's bytes, some before its end set to 0."""
    return data[:-400] + bytes(300) + data[-100:]


REFUSED = {
    "text": (bytes(128) + b"DICM" + b"x" * 999, "DICOM"),
    "cut off": (made()[:-500], "no whole DICOM"),
    "no pixels": (made()[:600], "DICOM"),
    "burned in": (made(BurnedInAnnotation="YES"), "text burned in"),
    "spectrum": (made(regions=[region(RegionSpatialFormat=3)]), "no 2-D scan"),
    "outside": (made(regions=[region(x1=400)]), "outside of its picture"),
    "signed": (made(np.int16(GREY), PixelRepresentation=1), "signed values"),
    "slope": (made(RescaleSlope=-1, RescaleIntercept=255), "no window"),
    "high bit": (made(DEEP, BitsStored=12), "unusual bits"),
    "damaged": (with_hole(packed(GREY, "MONOCHROME2", JPEG, "JPEG")), "damag"),
    "colours": (made(RGB, "CIELAB"), "colours of a kind"),
    "codec": (
        packed(GREY, "MONOCHROME2", LOSSLESS, "JPEG"),
        "compressed as JPEG Lossless",
    ),
    "tiny": (made(GREY[:8, :8]), "under 16 pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_gets_a_sentence(name, tmp_path, capfd):
    data, words = REFUSED[name]
    with pytest.raises(grey_levels.Unreadable, match=words) as refused:
        read(data, tmp_path)
    assert "\n" not in str(refused.value)
    assert not any(word in str(refused.value) for word in PATIENT)
    assert capfd.readouterr() == ("", "")


def test_a_bare_file_without_a_mark_is_read_by_its_name(tmp_path):
    ds = pydicom.dcmread(io.BytesIO(made()))
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    path = tmp_path / "x.dcm"
    pydicom.dcmwrite(path, ds, implicit_vr=True, little_endian=True)
    assert np.array_equal(pictures.read(path).grey, GREY)


def test_without_pydicom_it_is_said_what_to_install(tmp_path, monkeypatch):
    imported = builtins.__import__

    def refuse(name, *others):
        if name == "pydicom":
            raise ModuleNotFoundError("No module named 'pydicom'")
        return imported(name, *others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(grey_levels.Unreadable, match="pip install pydicom"):
        read(made(), tmp_path)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_no_output_tells_anything_of_a_patient(tmp_path, monkeypatch, capfd):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "whole.dcm").write_bytes(made(regions=[region()]))
    (folder / "clip.dcm").write_bytes(made(np.stack([GREY, GREY])))
    (folder / "bad.dcm").write_bytes(made(PatientAge="older than old")[:-9])
    arguments = ["predict", str(folder), str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", arguments)
    assert predict.main() == 1
    written = [p for p in Path(tmp_path, "out").rglob("*") if p.is_file()]
    assert {p.suffix for p in written} == {".png", ".csv", ".html"}
    everything = b"".join(p.read_bytes() for p in written)
    said = capfd.readouterr()
    everything += (said.out + said.err).encode()
    for word in PATIENT:
        for part in word.split("^"):
            assert part.encode() not in everything
