"""The set is found, each fault gets its line, usable cases are kept."""

import os
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import run_python
from picture_files import chunk, saved
from PIL import Image

from helpers.data import busi, busi_folder, masks
from tools import check_data

SHAPE = 30, 40
LESION = np.zeros(SHAPE, np.uint8)
LESION[10:20, 12:30] = 255
EMPTY = np.zeros_like(LESION)
IMAGE, MASK = "benign/benign (1).png", "benign/benign (1)_mask.png"
NORMAL = "normal/normal (1)_mask.png"


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


CLASSES = np.repeat([[1], [2]], SHAPE[0] // 2, 0).astype(np.uint8)
SPECK = np.zeros_like(LESION)
SPECK[15, 20:23] = 1
WHITE = np.uint8([255, 255, 255, 0])
COLOURS = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), np.uint8)
PNG = png(COLOURS)


@pytest.fixture
def root(tmp_path):
    """A sound set of two cases a class."""
    folder = tmp_path / "sets" / "Dataset_BUSI_with_GT"
    for label in busi.LABELS:
        (folder / label).mkdir(parents=True)
        mask = png(EMPTY if label == "normal" else LESION)
        for number in (1, 10):
            stem = folder / label / f"{label} ({number})"
            Path(f"{stem}.png").write_bytes(PNG)
            Path(f"{stem}_mask.png").write_bytes(mask)
    return folder


def problems(root):
    found = busi.check(root)
    return [*zip(found["severity"], found["file"], strict=True)]


def test_known_cases_get_their_files_back_without_opening_one(root):
    mask = str(root / MASK)
    further = [mask.replace(".png", f"_{k}.png") for k in (2, 10)]
    for path in further:
        shutil.copy(mask, path)
    cases = busi.index(root)
    assert cases["masks"][0] == (mask, *further)
    known = cases[["case", "label"]].iloc[::-1].reset_index(drop=True)
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    again = busi.with_files(known, root)
    expected = cases.iloc[::-1].reset_index(drop=True)
    assert again.equals(expected[["case", "label", "image", "masks"]])


def test_a_sound_set_has_no_problems_and_is_in_order(root):
    for name in (IMAGE, MASK):
        shutil.copy(root / name, root / name.replace("1", "2"))
    assert problems(root) == []
    cases = busi.index(root)
    names = ["benign (1)", "benign (2)", "benign (10)"]
    assert list(cases["case"])[:3] == names
    assert list(cases.columns) == busi.COLUMNS
    assert set(cases["height"]) == {30} and set(cases["width"]) == {40}


COMMENT = bytearray(chunk(b"tEXt", b"Comment\0by its maker"))
COMMENT[-1] ^= 1  # of its checksum
EXIF = Image.Exif()
EXIF[274] = 6
TURNED = saved(COLOURS, "png", exif=EXIF)


GIGANTIC = b"\x00\x01\x86\xa0" * 2  # as width and height
FAULTS = {  # kind: (file that is named, file that is changed, its content)
    "no mask": (IMAGE, MASK, None),
    "no image": (MASK, IMAGE, None),
    "mask of another size": (MASK, MASK, png(LESION[:-2])),
    "empty mask": (MASK, MASK, png(EMPTY)),
    "marked normal": (NORMAL, NORMAL, png(LESION)),
    "16 bits": (IMAGE, IMAGE, png(np.zeros(SHAPE, np.uint16))),
    "16 bits of mask": (MASK, MASK, png(LESION.astype(np.uint16))),
    "cut off": (IMAGE, IMAGE, PNG[: len(PNG) // 2]),
    "damaged": (IMAGE, IMAGE, PNG[:60] + bytes(200) + PNG[260:]),
    "gigantic": (IMAGE, IMAGE, PNG[:16] + GIGANTIC + PNG[24:]),
    "a damaged comment": (IMAGE, IMAGE, PNG[:33] + COMMENT + PNG[33:]),
    "turned by a tag": (IMAGE, IMAGE, TURNED),
    "turned, damaged": (IMAGE, IMAGE, TURNED[:99] + bytes(9) + TURNED[108:]),
    "low": (IMAGE, IMAGE, png(COLOURS[:12])),
    "empty": (IMAGE, IMAGE, b""),
    "text": (IMAGE, IMAGE, b"404 not found"),
    "folder": (IMAGE, IMAGE, Path.mkdir),
    "values 0 and 1": (MASK, MASK, png(LESION // 255)),
    "values 0, 1 and 2": (MASK, MASK, png(LESION // 255 * CLASSES)),
    "another class in grey": (MASK, MASK, png(LESION // 255 * CLASSES * 127)),
    "a dark picture as mask": (MASK, MASK, png(COLOURS // 3)),
    "a picture as mask": (MASK, MASK, png(255 - COLOURS)),
    "the image as mask": (MASK, MASK, PNG),
    "a mask as image": (IMAGE, IMAGE, png(LESION[:, ::-1])),
    "inverted": (MASK, MASK, png(255 - LESION)),
    "all is lesion": (MASK, MASK, png(255 - EMPTY)),
    "transparent": (MASK, MASK, png(np.dstack([COLOURS, LESION]) | WHITE)),
    "nearly all": (MASK, MASK, png(np.pad(255 - EMPTY[1:], [(0, 1), (0, 0)]))),
    "a speck": (MASK, MASK, png(LESION * SPECK)),
    "outline": (MASK, MASK, png(LESION - cv2.erode(LESION, np.ones((3, 3))))),
    "dangling link": (IMAGE, IMAGE, lambda path: path.symlink_to("nowhere")),
}


def spoil(root, fault):
    """Put a fault into the set; return the file that is to be named."""
    named, changed, content = FAULTS[fault]
    path = root / changed
    path.unlink()
    if callable(content):
        content(path)
    elif content is not None:
        path.write_bytes(content)
    return named


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_gets_its_line_and_only_that_case_is_left_out(root, fault):
    named = spoil(root, fault)
    assert problems(root) == [("error", named)]
    cases = busi.index(root)
    assert len(cases) == 5
    busi.load_arrays(cases, 32)  # none that is kept stops a notebook


SOFT = cv2.GaussianBlur(np.kron(LESION, np.ones((9, 9), np.uint8)), (0, 0), 4)


@pytest.mark.parametrize(
    "mask",
    [LESION, EMPTY, SOFT, LESION[..., None].repeat(3, 2), LESION | 3],
    ids=["plain", "empty", "soft edges", "colour", "not quite black"],
)
def test_a_mask_may_be_saved_in_several_ways(mask):
    assert masks.fault(mask) == ""
    opaque = np.dstack([mask] * 3 + [np.full_like(mask, 255)])
    assert mask.ndim == 3 or masks.fault(opaque) == ""
    noisy = cv2.imencode(".jpg", mask)[1]
    assert masks.fault(cv2.imdecode(noisy, cv2.IMREAD_UNCHANGED)) == ""


@pytest.mark.parametrize(
    ("copy", "warned"),
    [
        ("benign/Benign (1).PNG", IMAGE),
        ("benign/benign (01).png", IMAGE),
        ("normal/benign (1).png", "normal/benign (1).png"),
        ("benign/notes.txt", "benign/notes.txt"),
        ("benign/scan 3.png", "benign/scan 3.png"),
        ("benign/new/benign (3).png", "benign/new"),
        ("more/benign (3).png", "more"),
        ("benign (3).png", "benign (3).png"),
        ("benign/.DS_Store", None),
        (".ipynb_checkpoints/benign (3).png", None),
        ("benign/.hidden/benign (3).png", None),
        ("__MACOSX/benign/._benign (3).png", None),
        ("LICENSE.txt", None),
    ],
)
def test_odd_names_are_warned_about_and_every_case_is_kept(root, copy, warned):
    (root / copy).parent.mkdir(exist_ok=True, parents=True)
    shutil.copy(root / IMAGE, root / copy)
    assert problems(root) == [("warning", warned)] * bool(warned)
    assert len(busi.index(root)) == 6


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("benign (1)-mask.png", "'benign (1)_mask.png'"),
        ("benign_1_Segmentation.png", "'benign (1)_mask.png'"),
        ("scan 007.png", "'benign (7).png'"),
        ("benign (1)_mask.jpg", "save it as a PNG"),
        ("benign (1).tif", "save it as a PNG"),
        ("normal (7)_mask.png", "normal/"),
    ],
)
def test_the_advice_fits_the_name(root, name, named):
    (root / "benign" / name).write_bytes(PNG)
    (remedy,) = busi.check(root)["remedy"]
    assert named in remedy and ("save" in named or "save" not in remedy)


def test_a_missing_class_is_named_and_the_rest_is_listed(root):
    shutil.rmtree(root / "normal")
    (root / "malignant" / "malignant (10)_mask.png").unlink()
    error = "error", "malignant/malignant (10).png"
    assert problems(root) == [error, ("warning", "normal")]
    assert len(busi.index(root)) == 3


def test_without_any_lesion_the_set_cannot_be_used(root):
    for label in ("benign", "malignant"):
        shutil.rmtree(root / label)
    assert problems(root) == [("fatal", root.name)]
    with pytest.raises(busi.DataError, match="fewer than two usable"):
        busi.index(root)


def test_folders_of_classes_may_be_in_capitals_or_links(root):
    before = busi.index(root)[["case", "height"]]
    (root / "normal").rename(root / "Normal")
    (root / "benign").rename(root.parent / "elsewhere")
    (root / "benign").symlink_to(root.parent / "elsewhere")
    assert problems(root) == []
    assert busi.index(root)[["case", "height"]].equals(before)
    assert busi.fingerprint(root) == busi.fingerprint(root.parent)


def lock(monkeypatch, *locked):
    """Close folders and files, as they may be to another user."""
    for owner, name in ((Path, "iterdir"), (np, "fromfile")):
        opened = getattr(owner, name)

        def refuse(path, *more, opened=opened):
            if path in locked:
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *more)

        monkeypatch.setattr(owner, name, refuse)


@pytest.mark.parametrize(
    ("locked", "row", "n"),
    [("normal", ("fatal", "normal"), 4), (IMAGE, ("error", IMAGE), 5)],
)
def test_what_may_not_be_read_is_named(root, monkeypatch, locked, row, n):
    lock(monkeypatch, root / locked)
    assert problems(root) == [row]
    assert len(busi.index(root)) == n


def test_of_locked_folders_only_the_set_itself_matters(root, monkeypatch):
    neighbour = root.parent / "AAA"
    neighbour.mkdir()
    lock(monkeypatch, neighbour)
    assert busi.find(root.parent) == root
    lock(monkeypatch, *(root / label for label in busi.LABELS))
    with pytest.raises(busi.DataError, match="benign may not be read"):
        busi.find(root)


@pytest.mark.parametrize("name", ["cats", "gone"])
def test_other_places_are_refused_with_a_sentence(tmp_path, name):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "cat.png").write_bytes(PNG)
    with pytest.raises(busi.DataError, match=str(tmp_path / name)):
        busi.find(tmp_path / name)
    assert list(busi.check(tmp_path / name)["severity"]) == ["fatal"]


def test_the_set_is_found_from_above_among_copies_and_leftovers(root):
    """Kaggle's archive may be unpacked into a folder of its own name."""
    for leftover in ("__MACOSX", "A half copy"):
        shutil.copytree(root / "benign", root.parent / leftover / "benign")
    for place in (root, root.parent, root.parent.parent):
        assert busi.find(place) == root
    shutil.rmtree(root.parent / "A half copy")
    nested = root.parent / "nested" / root.name
    nested.parent.mkdir()
    root.rename(nested)
    assert busi.find(root.parent) == nested


def test_of_several_sets_the_whole_one_is_taken_and_the_others_named(root):
    part = root.parent / "A part"
    shutil.copytree(root / "benign", part / "benign")
    same = shutil.copytree(root, root.parent / "old" / "same")
    assert busi_folder.choose(root.parent) == (root, [part, same])
    assert busi_folder.choose(root) == (root, [])


@pytest.mark.parametrize("change", ["train and test", "other pixels"])
def test_of_several_sets_that_differ_the_user_must_choose(root, change):
    other = shutil.copytree(root, root.parent / "other")
    if change == "train and test":
        for name in (IMAGE, MASK):
            (root / name).unlink()
            (other / name.replace("1", "10")).unlink()
    else:
        (other / IMAGE).write_bytes(png(COLOURS // 2))
    with pytest.raises(busi_folder.SeveralSets) as caught:
        busi.find(root.parent)
    assert "other (" in str(caught.value) and root.name in str(caught.value)


@pytest.mark.parametrize("inner", ["set.zip", "SET.ZIP", "BUSI.7z"])
def test_an_archive_in_an_archive_or_a_folder_is_named(tmp_path, inner):
    is_zip = inner.lower().endswith("zip")
    head = b"PK\x05\x06" + bytes(18) if is_zip else b"7z\xbc\xaf"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / inner).write_bytes(head)
    outer = shutil.make_archive(tmp_path / "out", "zip", tmp_path / "in")
    for where, given in ((outer, False), (tmp_path / "in", is_zip)):
        do = "give that" if given else "unpack that, and give its folder"
        with pytest.raises(busi.DataError, match=f"{inner}: {do}"):
            busi.find(where)


def test_a_zip_is_as_good_as_its_folder_and_a_bad_one_is_one_fatal_problem(
    root, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    stem = tmp_path / "archive (1)"
    archive = Path(shutil.make_archive(stem, "zip", root.parent, root.name))
    assert busi.fingerprint(archive) == busi.fingerprint(root)
    assert problems(archive) == []
    archive.write_bytes(archive.read_bytes()[:-200])
    assert problems(archive) == [("fatal", str(archive))]
    with pytest.raises(busi.DataError, match="download it again"):
        busi.index(archive)
    other = tmp_path / "cats.zip"
    with zipfile.ZipFile(other, "w") as content:
        content.writestr("cats/cat.png", b"x")
    with pytest.raises(busi.DataError, match=r"cats\.zip does not hold"):
        busi.find(other)


def test_the_fingerprint_follows_the_content(root):
    before = busi.fingerprint(root)
    assert busi.fingerprint(root) == before
    (root / MASK).write_bytes(png(LESION[:, ::-1]))
    changed = busi.fingerprint(root)
    capitals = (root / IMAGE).rename(root / "benign" / "benign (1).PNG")
    renamed = busi.fingerprint(root)
    capitals.write_bytes(png(LESION))
    assert len({before, changed, renamed, busi.fingerprint(root)}) == 4
    (root / "benign" / "notes.txt").write_text("no picture")
    (root / "benign" / "folder.png").mkdir()
    before = busi.fingerprint(root)
    odd = os.fsdecode(b"k\xf6rper.png")  # of no encoding that is known
    (root / "benign" / odd).write_bytes(PNG)
    assert len(before) == 64 and busi.fingerprint(root) != before


def test_images_are_read_as_grey_and_a_bad_one_is_named(root):
    image = root / IMAGE
    grey = cv2.cvtColor(COLOURS, cv2.COLOR_BGR2GRAY)
    assert np.array_equal(busi.read_image(image), grey)
    for content, words in (
        (b"404 not found", r"benign \(1\)\.png: file is not a PNG"),
        (TURNED, "a tag that turns it"),
    ):
        image.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            busi.read_image(image)


def test_arrays_hold_squares_and_classes(root):
    cases = busi.index(root)
    images, labels = busi.load_arrays(cases, 32)
    assert images.shape == labels.shape == (6, 32, 32)
    assert images.dtype == labels.dtype == np.uint8
    classes = [set(np.unique(label)) for label in labels]
    assert classes == [{0, 1}] * 2 + [{0, 2}] * 2 + [{0}] * 2
    grey, lesion = busi.read_square(cases.iloc[0], 32)
    assert np.array_equal(grey, images[0]) and lesion.dtype == bool
    expected, box = masks.letterbox(busi.read_image(cases["image"][0]), 32)
    assert np.array_equal(grey, expected)
    assert (masks.restore(lesion, box) != (LESION > 0)).mean() < 0.05
    with pytest.raises(ValueError, match="no cases"):
        busi.load_arrays(cases.iloc[:0], 32)


def test_the_cache_follows_files_classes_and_code(root, tmp_path, monkeypatch):
    cases = busi.index(root)
    first = busi.load_arrays(cases, 32, tmp_path)[1]
    assert busi.load_arrays(cases, 16, tmp_path)[1].shape == (6, 16, 16)
    other = cases.assign(label=cases["label"].replace("benign", "malignant"))
    assert busi.load_arrays(other, 32, tmp_path)[1][0].max() == 2
    (root / MASK).write_bytes(png(LESION[:, ::-1]))
    assert not np.array_equal(busi.load_arrays(cases, 32, tmp_path)[1], first)
    n = len([*tmp_path.glob("*.npz")])
    changed = tmp_path / "masks.py"
    changed.write_text(Path(masks.__file__).read_text() + "# changed")
    monkeypatch.setattr(masks, "__file__", str(changed))
    busi.load_arrays(cases, 32, tmp_path)
    assert len([*tmp_path.glob("*.npz")]) == n + 1


DAMAGE = {
    "cut off": lambda whole: whole[:100],
    "empty": lambda whole: b"",
    "text": lambda whole: b"hello",
    "flipped": lambda w: w[:3000] + bytes([w[3000] ^ 1]) + w[3001:],
    "pickle": lambda whole: b"\x80\x04N.",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_the_cache_is_used_and_built_again_if_damaged(
    root, tmp_path, damage, capsys, monkeypatch
):
    cases, cache = busi.index(root), tmp_path / "cache"
    first = busi.load_arrays(cases, 32, cache)
    (cached,) = cache.iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(damage(whole))
    assert np.array_equal(busi.load_arrays(cases, 32, cache), first)
    assert "is damaged" in capsys.readouterr().out
    assert cached.read_bytes() == whole and list(cache.iterdir()) == [cached]
    monkeypatch.delattr(busi, "read_square")
    assert np.array_equal(busi.load_arrays(cases, 32, cache), first)


def test_the_command_says_whether_the_set_can_be_used(root, capsys):
    spoil(root, "text")
    check_data.main(str(root))
    printed = capsys.readouterr().out
    assert f"{IMAGE}: file is not a PNG" in printed
    assert "'benign': 1" in printed and "need 8 benign" in printed
    for label in ("benign", "malignant"):
        shutil.rmtree(root / label)
    with pytest.raises(busi.DataError, match="cannot be used"):
        check_data.main(str(root))
    printed = capsys.readouterr().out
    assert "'malignant': 0" in printed and "make check-data" not in printed


def test_the_command_ends_with_a_status_and_one_sentence(tmp_path):
    done = run_python("-m", "tools.check_data", str(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and str(tmp_path) in done.stderr


def test_the_real_set_can_be_used(busi_root):
    cases, found = busi.examine(busi_root)
    assert not (found["severity"] == "fatal").any()
    left_out = found[found["severity"] == "error"]["file"].nunique()
    images = [p for p in busi_root.rglob("*.png") if "_mask" not in p.name]
    assert len(images) - left_out <= len(cases) <= len(images)
    counts = cases["label"].value_counts()
    assert counts["benign"] > counts["malignant"] > counts["normal"] > 90
    assert cases["masks"].map(len).max() > 1
    assert cases[["height", "width"]].min().min() > 100
    assert busi.fingerprint(busi_root) == busi.fingerprint(busi_root.parent)
