"""Damaged pictures: a sentence or a picture, never anything else.

Simulated images are written in many kinds of files, and bytes of these are
changed, taken out, put in, or cut off. Each is then refused with a sentence,
or read. What is read is predicted by the small model; a class that differs
from that of the whole file without any word is `silent`.
"""

import numpy as np
import pandas as pd
import pytest
from picture_files import deep_png, saved
from PIL import Image
from test_dicom import made

from helpers.data import grey_levels, masks, pictures
from helpers.data.phantom import physics
from helpers.evaluation import classification
from tools import predict

BYTES_ARE_CHECKED = ("png", "png, RGBA", "png, 12 bits")
DAMAGES = ["bit", "byte", "bytes", "zeros", "out", "in", "cut"]


def forms(grey):
    """Return {kind of file: its bytes} of one image."""
    rgb, deep, upright = np.dstack([grey] * 3), np.uint16(grey), Image.Exif()
    upright[274] = 1
    alpha = np.dstack([rgb, np.full_like(grey, 255)])
    return {
        "png": saved(grey, "png", exif=upright),
        "png, RGBA": saved(alpha, "png"),
        "png, 12 bits": deep_png(deep * 16),
        "jpeg": saved(grey, "jpg", quality=95, exif=upright),
        "jpeg, colour": saved(rgb, "jpg", quality=80, progressive=True),
        "bmp": saved(grey, "bmp"),
        "tiff": saved(grey, "tif"),
        "tiff, LZW": saved(grey, "tif", compression="tiff_lzw"),
        "tiff, 16 bits": saved(deep * 257, "tif"),
        "webp": saved(rgb, "webp", lossless=True),
        "gif": saved(grey, "gif"),
        "dicom": made(grey, PixelSpacing=[0.1, 0.1]),
    }


def damaged(data, rng):
    """Return the bytes of a file with one kind of random damage.

    Half of it lies in the first 400 bytes, where headers are.
    """
    data = bytearray(data)
    most = 400 if rng.random() < 0.5 else len(data)
    at = int(rng.integers(0, min(most, len(data) - 1)))
    how, n = str(rng.choice(DAMAGES)), int(rng.integers(1, 64))
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
    return bytes(data)


def tried(path):
    """Return (outcome or None, the `Picture` or what was said)."""
    try:
        picture = pictures.read(path)
    except grey_levels.Unreadable as refused:
        return "refused", str(refused)
    if grey_levels.content(picture.grey) != "image":
        return "refused", "shows no image"
    return None, picture


def judged(before, after, verdict):
    """Return the outcome of a damaged file that was read, as a whole one was.

    verdict: a function of grey values.
    """
    if set(after.notes) != set(before.notes):
        return "said"
    both = before.grey, after.grey
    if np.array_equal(*both) or verdict(both[0]) == verdict(both[1]):
        return "same"
    words = [classification.out_of_range(grey) for grey in both]
    # look_again has these, and notes tell of formats without checksum
    is_said = words[0] != words[1] or "damaged" in "; ".join(after.notes)
    return "said" if is_said else "silent"


def run(n, seed, verdict, path, images=12):
    """Return DataFrame[kind, outcome], a row for each damaged file.

    verdict: of `judged`; path: to write to.
    """
    rng, whole = np.random.default_rng(seed), []
    for i in range(images):
        label = physics.LABELS[i % len(physics.LABELS)]
        grey = physics.simulate(label, np.random.default_rng((seed, i))).image
        whole += forms(grey).items()
    rows = []
    for i in range(n):
        kind, data = whole[i % len(whole)]
        path.write_bytes(data)
        refused, before = tried(path)
        assert not refused, f"{kind}, whole: {before}"
        path.write_bytes(damaged(data, rng))
        outcome, after = tried(path)
        rows.append((kind, outcome or judged(before, after, verdict)))
    return pd.DataFrame(rows, columns=["kind", "outcome"])


def small_model():
    """Return a function: the small model's class of grey values."""
    from helpers.model import training

    model, rule = predict.load_model(predict.SMALL_MODEL)
    size = model.input_shape[1]

    def verdict(grey):
        square, _ = masks.letterbox(grey, size)
        (both,) = training.predict_both(model, square[None])
        found = pictures.Picture(grey, [])
        return predict.described(found, both, rule)[1]["class"]

    return verdict


def test_damaged_pictures_get_a_sentence_or_are_read(capfd, tmp_path):
    found = run(96, 0, lambda grey: "benign", tmp_path / "x", images=2)
    assert len(found) == 96
    assert set(found["outcome"]) <= {"refused", "said", "same"}
    checked = found[found["kind"].isin(BYTES_ARE_CHECKED)]
    assert set(checked["outcome"]) == {"refused"}
    assert capfd.readouterr() == ("", "")


@pytest.mark.research
def test_damage_seldom_changes_a_verdict_without_a_word(tmp_path):
    found = run(300, 1, small_model(), tmp_path / "x")
    # files without a checksum, of which whole rows may be moved
    assert (found["outcome"] == "silent").mean() <= 0.01
