"""Damage picture files at random, and see whether a word is said of it.

python -m tools.research.fuzz_pictures [--n 2000] [--seed 0]

Simulated images are written in many kinds of files, and these are damaged:
bytes changed, taken out, put in, or cut off. Each is then refused with a
sentence, or read. What is read is predicted by the small model; a verdict (the
class, and whether there is an outline) that differs from that of the whole
file without any word is `silent`. `crash`: anything but a sentence.
"""

import argparse
import io
import os
import tempfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from helpers.data import grey_levels, masks, pictures
from helpers.data.phantom import physics
from helpers.evaluation import classification, postprocessing

OUTCOMES = ["crash", "silent", "said", "refused", "same"]


def saved(pixels, form, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def dicom(grey):
    """Return the bytes of a DICOM file without a name in it."""
    import pydicom

    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = pydicom.uid.UltrasoundImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.SOPClassUID, ds.SOPInstanceUID = ds.file_meta[0x20002].value, "1.2.3"
    ds.Rows, ds.Columns = grey.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
    ds.PixelRepresentation, ds.PixelSpacing = 0, [0.1, 0.1]
    ds.PixelData = grey.tobytes()
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def forms(grey):
    """Return {kind of file: its bytes} of one image."""
    rgb = np.dstack([grey] * 3)
    alpha = np.dstack([rgb, np.full_like(grey, 255)])
    exif = Image.Exif()
    exif[274] = 1
    deep = cv2.imencode(".png", grey.astype(np.uint16) * 16)[1].tobytes()
    lzw = {"compression": "tiff_lzw"}
    return {
        "png": saved(grey, "PNG", exif=exif),
        "png, RGBA": saved(alpha, "PNG"),
        "png, 12 bits": deep,
        "jpeg": saved(grey, "JPEG", quality=95, exif=exif),
        "jpeg, colour": saved(rgb, "JPEG", quality=80, progressive=True),
        "bmp": saved(grey, "BMP"),
        "tiff": saved(grey, "TIFF"),
        "tiff, LZW": saved(grey, "TIFF", **lzw),
        "tiff, 16 bits": saved(grey.astype(np.uint16) * 257, "TIFF"),
        "webp": saved(rgb, "WEBP", lossless=True),
        "gif": saved(grey, "GIF"),
        "dicom": dicom(grey),
    }


def damaged(data, rng):
    """Return (how, bytes): a file with one kind of random damage.

    Half of it lies in the first 400 bytes, where headers are.
    """
    data = bytearray(data)
    most = 400 if rng.random() < 0.5 else len(data)
    at = int(rng.integers(0, min(most, len(data) - 1)))
    how = str(
        rng.choice(["bit", "byte", "bytes", "zeros", "out", "in", "cut"])
    )
    n = int(rng.integers(1, 64))
    if how == "bit":
        data[at] ^= 1 << int(rng.integers(0, 8))
    elif how == "byte":
        data[at] = int(rng.choice([0, 1, 2, 127, 128, 254, 255]))
    elif how == "bytes":
        data[at : at + n] = rng.bytes(len(data[at : at + n]))
    elif how == "zeros":
        data[at : at + n] = bytes(len(data[at : at + n]))
    elif how == "out":
        del data[at : at + n]
    elif how == "in":
        data[at:at] = rng.bytes(n)
    else:
        del data[at:]
    return how, bytes(data)


def tried(path):
    """Return (outcome or None, the `Picture` or what was said)."""
    try:
        picture = pictures.read(path)
    except grey_levels.Unreadable as refused:
        return "refused", str(refused)
    except Exception as error:
        return "crash", f"{type(error).__name__}: {error}"
    if grey_levels.content(picture.grey) != "image":
        return "refused", "shows no image"
    return None, picture


class Verdicts:
    """The small model's verdicts of images: (class, has an outline)."""

    def __init__(self):
        from tools import predict

        self.model, self.rule = predict.load_model(predict.SMALL_MODEL)

    def __call__(self, greys):
        from helpers.model import training

        size = self.model.input_shape[1]
        boxed = [masks.letterbox(grey, size) for grey in greys]
        squares = np.stack([square for square, _ in boxed])
        found = []
        for classes, (_, box) in zip(
            training.predict(self.model, squares, flip=True),
            boxed,
            strict=True,
        ):
            p = classification.image_probabilities(classes)
            mask = postprocessing.lesion_mask(classes, box, **self.rule)
            found.append((max(p, key=p.get), bool(mask.any())))
        return found


def run(n, seed, verdicts, images=12):
    """Return DataFrame[kind, how, outcome, detail], a row for each file."""
    rng = np.random.default_rng(seed)
    whole = []
    for i in range(images):
        label = physics.LABELS[i % len(physics.LABELS)]
        grey = physics.simulate(label, np.random.default_rng((seed, i))).image
        whole += forms(grey).items()
    rows, changed = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        for i in range(n):
            kind, data = whole[i % len(whole)]
            path.write_bytes(data)
            _, before = tried(path)
            how, content = damaged(data, rng)
            path.write_bytes(content)
            outcome, after = tried(path)
            row = {"kind": kind, "how": how, "outcome": outcome, "detail": ""}
            rows.append(row)
            if outcome:
                row["detail"] = after
            elif set(after.notes) != set(before.notes):
                row |= {"outcome": "said", "detail": "; ".join(after.notes)}
            elif np.array_equal(before.grey, after.grey):
                row["outcome"] = "same"
            else:
                row["detail"] = "; ".join(after.notes)
                changed.append((row, before.grey, after.grey))
    judge(changed, verdicts)
    return pd.DataFrame(rows)


def judge(changed, verdicts, at_once=32):
    """Fill in the outcome of the files that were read as other pixels."""
    for start in range(0, len(changed), at_once):
        part = changed[start : start + at_once]
        pairs = [verdicts([item[k] for item in part]) for k in (1, 2)]
        for (row, before, after), old, new in zip(part, *pairs, strict=True):
            words = [classification.out_of_range(x) for x in (before, after)]
            # look_again has these, and notes tell of formats without checksum
            is_said = words[0] != words[1] or "damaged" in row["detail"]
            row["outcome"] = "said" if is_said else "silent"
            if old == new:
                row["outcome"] = "same"
            row["detail"] = f"{old} {new}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    o = parser.parse_args()
    found = run(o.n, o.seed, Verdicts())
    counts = pd.crosstab(found["kind"], found["outcome"], margins=True)
    order = [name for name in OUTCOMES if name in counts]
    print(counts[[*order, "All"]].to_string())
    for outcome in ("crash", "silent"):
        bad = found[found["outcome"] == outcome]
        for kind, how, text in bad[["kind", "how", "detail"]].to_numpy():
            print(f"{outcome}: {kind}, {how}: {text}")
    said = Counter(found.loc[found["outcome"] == "refused", "detail"])
    for text, times in said.most_common(12):
        print(f"{times:5} {text}")


if __name__ == "__main__":
    main()
