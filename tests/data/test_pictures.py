"""Pictures of every kind: read right, or refused with a sentence."""

import os
from pathlib import Path

import numpy as np
import pytest
from picture_files import (
    GREY,
    KINDS,
    REFUSED,
    RGB,
    SHOWN,
    UPRIGHT,
    deep,
    deep_png,
    saved,
    smooth,
    tiff,
    turned,
)
from PIL import Image

from helpers.data import grey_levels, pictures


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(data, name="x.png"):
    Path(name).write_bytes(data)
    return pictures.read(Path(name))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_read_as_its_grey(name):
    data, expected, most = KINDS[name]
    found = read(data, name)
    assert found.grey.dtype == np.uint8 and found.spacing is None
    off = np.abs(found.grey.astype(int) - expected)
    assert off.max() <= most
    said = "; ".join(found.notes)
    assert ("transparent" in said) == ("alpha" in name or "rgba" in name)
    assert ("16-bit" in said) == ("16" in name)


# ---- bits


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("make", [deep_png, lambda a: tiff([a])])
def test_sixteen_bits_are_scaled_from_those_that_are_used(bits, make):
    values = np.linspace(0, 2**bits - 1, 400).astype(np.uint16).reshape(20, 20)
    found = read(make(values))
    assert found.notes == [f"16-bit file, read as {bits} bits"]
    assert abs(found.grey - values / (2**bits - 1) * 255).max() <= 0.51


def marks(share, *values):
    """Return a 12-bit picture in which some pixels hold other values."""
    picture = smooth(200, 200).astype(np.uint16) * 16
    n = int(share * picture.size)
    picture.ravel()[:n] = np.resize(values, n)
    return picture


HOT = marks(0.0005, *range(5000, 65000, 999))


@pytest.mark.parametrize(
    "picture", [marks(0.01, 65535), marks(0.3, 65535), HOT]
)
def test_burned_in_marks_and_hot_pixels_do_not_change_the_scale(picture):
    found = read(deep_png(picture))
    plain = read(deep_png(np.minimum(picture, 4095)))
    assert np.array_equal(found.grey, plain.grey)
    (said,) = set(found.notes) - set(plain.notes)
    assert "beyond 12 bits" in said


def test_alpha_has_sixteen_bits_whatever_the_greys_have():
    grey = np.tile(np.arange(0, 4096, 32, np.uint16), (64, 1))
    alpha = np.full_like(grey, 65535)
    alpha[:32] = 32768
    found = read(deep_png(np.dstack([grey, alpha])))
    assert "transparent" in "; ".join(found.notes)
    assert "beyond" not in "; ".join(found.notes)
    assert np.allclose(found.grey[:32], found.grey[32:] / 2, atol=1.5)


def test_many_bright_pixels_are_no_marks():
    picture = marks(0.05, *range(5000, 65000, 99))
    assert read(deep_png(picture)).notes == ["16-bit file, read as 16 bits"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_with_certainty_is_refused(name):
    data, words = REFUSED[name]
    with pytest.raises(grey_levels.Unreadable, match=words) as refused:
        read(data, name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp", "gif"])
@pytest.mark.parametrize("fraction", [0.02, 0.4, 0.9, 0.97])
def test_a_truncated_file_is_refused(suffix, fraction):
    whole = saved(RGB, suffix)
    with pytest.raises(grey_levels.Unreadable, match="no whole picture"):
        read(whole[: int(len(whole) * fraction)])


BMP = saved(GREY, "bmp")


@pytest.mark.parametrize("data", [tiff([GREY]), saved(GREY, "tif"), BMP])
def test_bytes_put_into_a_file_without_checksums_are_said(data):
    assert read(data).notes == []
    longer = data[:2000] + bytes(20) + data[2000:]
    assert "length does not fit" in read(longer).notes[0]


def with_hole(data, n):
    """Return a file's bytes, n of them in its middle set to 0."""
    k = len(data) // 2
    return data[:k] + bytes(n) + data[k + n :]


LARGE = smooth(300, 400)
PACKED = {k: saved(LARGE, "tif", compression=k) for k in ("jpeg", "tiff_lzw")}
ZIPPED = saved(LARGE, "tif", compression="tiff_adobe_deflate")
FEWER_ROWS = {
    "half of the rows.png": deep_png(GREY, len(GREY) // 2),
    "half of the rows, 16.png": deep_png(deep(GREY), len(GREY) // 2),
    "half of the rows.tif": tiff([GREY[:45]], more={257: (4, [90])}),
    "damaged deflate.tif": with_hole(ZIPPED, 60),
    "damaged jpeg.tif": with_hole(PACKED["jpeg"], 900),
}


@pytest.mark.parametrize("name", FEWER_ROWS)
def test_what_a_decoder_fills_up_is_refused(name):
    with pytest.raises(grey_levels.Unreadable, match=r"whole|cut off|damaged"):
        read(FEWER_ROWS[name])


def test_a_picture_is_what_its_bytes_are_whatever_its_name():
    assert (read(saved(GREY, "png"), "scan.dcm").grey == GREY).all()


def test_what_has_no_checksum_is_said():
    assert "does not show" in read(PACKED["tiff_lzw"]).notes[0]
    assert read(ZIPPED).notes == read(PACKED["jpeg"]).notes == []


def test_a_damaged_palette_is_said():
    painted = BMP[:300] + bytes(range(100, 120)) + BMP[320:]
    assert "palette" in read(painted).notes[0]


def test_a_damaged_jpeg_is_refused_without_a_word_of_its_decoder(capfd):
    data = saved(smooth(300, 400), "jpg", quality=95)
    damaged = data[: len(data) // 2] + data[len(data) // 2 + 900 :]
    with pytest.raises(grey_levels.Unreadable, match="damaged"):
        read(damaged)
    assert capfd.readouterr().err == ""


def test_a_large_picture_is_refused_before_it_is_decoded():
    Image.new("1", (8000, 7000)).save("x.png")
    with pytest.raises(grey_levels.Unreadable, match=r"56\.0 million pixels"):
        pictures.read(Path("x.png"))
    Path("x.png").touch()
    os.truncate("x.png", 600_000_000)  # a hole: it takes no room
    with pytest.raises(grey_levels.Unreadable, match="larger than 500 MB"):
        pictures.read(Path("x.png"))
    for name in ("gone.png", "."):
        with pytest.raises(grey_levels.Unreadable, match="cannot be read"):
            pictures.read(Path(name))


# ---- orientation and frames


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(
    "suffix", ["jpg", "png", "png late", "png16", "tif", "tif16", "webp"]
)
def test_one_rule_for_the_orientation(suffix, orientation):
    found = read(turned(suffix, orientation))
    expected = UPRIGHT[orientation]
    assert found.grey.shape == expected.shape
    assert np.abs(found.grey.astype(int) - expected).max() <= 4
    said = any("turned upright" in note for note in found.notes)
    assert said == (orientation not in (1, 9))


@pytest.mark.parametrize("suffix", ["png", "tif", "gif", "webp"])
def test_of_several_pictures_the_first_is_read_and_that_is_said(suffix):
    rest = [Image.fromarray(smooth(seed=i)) for i in (1, 2)]
    options = {"lossless": True} if suffix == "webp" else {}
    options |= {"save_all": True, "append_images": rest}
    found = read(saved(Image.fromarray(GREY), suffix, **options))
    assert np.array_equal(found.grey, GREY)
    assert "holds 3 pictures, only the first was read" in found.notes


# ---- what a picture shows


@pytest.mark.parametrize("shown", SHOWN)
def test_masks_and_empty_frames_are_told_from_images(shown):
    assert {grey_levels.content(grey) for grey in SHOWN[shown]} == {shown}
