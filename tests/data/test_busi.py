"""The data set is found, every fault gets its own line, and usable cases are kept."""

import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT

from helpers.data import busi

LESION = np.zeros((30, 40), np.uint8)
LESION[10:20, 12:30] = 255
EMPTY = np.zeros_like(LESION)


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1])


@pytest.fixture
def root(tmp_path):
    """A sound set of two cases a class, of 30 x 40 pixels."""
    folder = tmp_path / "sets" / "Dataset_BUSI_with_GT"
    image = (
        np.random.default_rng(0).integers(0, 255, (30, 40, 3)).astype(np.uint8)
    )
    for label in busi.LABELS:
        for number in (1, 10):
            write(folder / label / f"{label} ({number}).png", image)
            mask = EMPTY if label == "normal" else LESION
            write(folder / label / f"{label} ({number})_mask.png", mask)
    return folder


def problems(root):
    return [
        tuple(row) for row in busi.check(root)[["severity", "file"]].to_numpy()
    ]


def test_a_sound_set_has_no_problems(root):
    assert problems(root) == []
    cases = busi.index(root)
    assert list(cases["case"])[:2] == ["benign (1)", "benign (10)"]
    assert list(cases.columns) == [
        "case",
        "label",
        "image",
        "masks",
        "height",
        "width",
    ]
    assert set(cases["height"]) == {30} and set(cases["width"]) == {40}


def test_cases_are_in_the_order_of_their_numbers(root):
    for kind in ("", "_mask"):
        source = root / "benign" / f"benign (1){kind}.png"
        shutil.copy(source, root / "benign" / f"benign (2){kind}.png")
    names = list(busi.index(root)["case"])[:3]
    assert names == ["benign (1)", "benign (2)", "benign (10)"]


def test_further_masks_belong_to_their_image(root):
    write(root / "benign" / "benign (1)_mask_1.png", LESION[:, ::-1])
    masks = busi.index(root)["masks"][0]
    assert [path.rsplit("/", 1)[1] for path in masks] == [
        "benign (1)_mask.png",
        "benign (1)_mask_1.png",
    ]


def spoil(root, fault):
    """Put one fault into the set; return (severity, file) of the line it must get."""
    image, mask = (
        root / "benign/benign (1).png",
        root / "benign/benign (1)_mask.png",
    )
    whole = image.read_bytes()
    if fault == "no mask":
        mask.unlink()
    elif fault == "no image":
        image.unlink()
        image = mask
    elif fault == "mask of another size":
        write(mask, LESION[:-2])
        image = mask
    elif fault == "cut off":
        image.write_bytes(whole[: len(whole) // 2])
    elif fault == "damaged":
        image.write_bytes(whole[:60] + bytes(200) + whole[260:])
    elif fault == "empty":
        image.write_bytes(b"")
    elif fault == "folder":
        image.unlink()
        image.mkdir()
    elif fault == "dangling link":
        image.unlink()
        image.symlink_to(root / "nowhere")
    elif fault == "gigantic":
        image.write_bytes(whole[:16] + b"\x00\x01\x86\xa0" * 2 + whole[24:])
    elif fault == "text":
        image.write_text("404 not found")
    elif fault == "16 bits":
        write(image, np.zeros((30, 40), np.uint16))
    elif fault == "empty mask":
        write(mask, EMPTY)
        image = mask
    elif fault == "marked normal":
        image = root / "normal/normal (1)_mask.png"
        write(image, LESION)
    return ("error", f"{image.parent.name}/{image.name}")


FAULTS = (
    "no mask", "no image", "mask of another size", "cut off", "damaged", "empty", "text",
    "folder", "dangling link", "gigantic", "16 bits", "empty mask", "marked normal",
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_gets_its_line_and_only_that_case_is_left_out(root, fault):
    expected = spoil(root, fault)
    assert problems(root) == [expected]
    assert len(busi.index(root)) == 5


def test_unknown_files_and_names_in_capitals_are_warned_about(root):
    (root / "benign" / "notes.txt").write_text("x")
    (root / "benign" / ".DS_Store").write_text("x")
    shutil.copy(root / "benign/benign (1).png", root / "benign/Benign (1).PNG")
    found = problems(root)
    assert ("warning", "benign/notes.txt") in found and len(found) == 2
    assert len(busi.index(root)) == 6


def test_a_missing_class_is_fatal_and_the_rest_is_listed(root):
    shutil.rmtree(root / "malignant")
    assert {row[0] for row in problems(root)} == {"fatal"}
    assert len(busi.index(root)) == 4


def test_a_number_with_zeros_is_the_same_case(root):
    shutil.copy(
        root / "benign/benign (1).png", root / "benign/benign (01).png"
    )
    assert problems(root) == [("warning", "benign/benign (1).png")]
    assert len(busi.index(root)) == 6


def test_a_file_of_another_class_is_warned_about(root):
    shutil.copy(root / "benign/benign (1).png", root / "normal/benign (1).png")
    assert problems(root) == [("warning", "normal/benign (1).png")]


def lock(monkeypatch, *locked):
    """Let these folders and files refuse to be read, as they would to another user."""
    listed, opened = Path.iterdir, np.fromfile

    def iterdir(self):
        if self in locked:
            raise PermissionError(13, "Permission denied", str(self))
        return listed(self)

    def fromfile(path, *more):
        if path in locked:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *more)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    monkeypatch.setattr(np, "fromfile", fromfile)


def test_a_class_folder_without_permission_is_named(root, monkeypatch):
    lock(monkeypatch, root / "normal")
    assert problems(root) == [("fatal", "normal")]
    assert len(busi.index(root)) == 4


def test_a_file_without_permission_is_named(root, monkeypatch):
    lock(monkeypatch, root / "benign/benign (1).png")
    assert problems(root) == [("error", "benign/benign (1).png")]
    assert len(busi.index(root)) == 5


def test_a_locked_neighbour_does_not_matter_and_a_locked_set_is_named(
    root, monkeypatch
):
    neighbour = root.parent / "AAA"
    neighbour.mkdir()
    lock(monkeypatch, neighbour)
    assert busi.find(root.parent) == root
    lock(monkeypatch, *(root / label for label in busi.LABELS))
    with pytest.raises(busi.DataError, match="benign may not be read"):
        busi.find(root)


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_the_set_is_found_from_above(root, levels):
    where = [root, *root.parents][levels]
    assert busi.find(where) == root


def test_other_places_are_refused_with_a_sentence(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "cat.png").write_bytes(b"")
    for where in (tmp_path / "cats", tmp_path / "gone"):
        with pytest.raises(busi.DataError, match=str(where)):
            busi.find(where)
        assert list(busi.check(where)["severity"]) == ["fatal"]


def test_the_set_is_found_among_copies_and_leftovers(root):
    """Kaggle's archive may be unpacked into a folder of its own name."""
    (root.parent / "__MACOSX" / "benign").mkdir(parents=True)
    (root.parent / "__MACOSX" / "benign" / "benign (1).png").write_bytes(b"")
    part = root.parent / "A half copy" / "benign"
    shutil.copytree(root / "benign", part)
    assert busi.find(root.parent) == root
    nested = root.parent / "nested" / root.name
    nested.parent.mkdir()
    root.rename(nested)
    shutil.rmtree(part.parent)
    assert busi.find(nested.parent.parent) == nested


def zipped(root, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.png")):
            archive.write(file, file.relative_to(root.parent))
    return path


def test_a_zip_is_as_good_as_its_folder(root, tmp_path):
    archive = zipped(root, tmp_path / "archive (1).zip")
    found = busi.find(archive, tmp_path / "cache")
    assert busi.fingerprint(found) == busi.fingerprint(root)
    assert problems(found) == []


def test_a_bad_zip_is_one_fatal_problem(root, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archive = zipped(root, tmp_path / "archive.zip")
    archive.write_bytes(archive.read_bytes()[:-200])
    assert problems(archive) == [("fatal", str(archive))]
    with pytest.raises(busi.DataError, match="download it again"):
        busi.index(archive)
    other = tmp_path / "cats.zip"
    with zipfile.ZipFile(other, "w") as content:
        content.writestr("cats/cat.png", b"x")
    with pytest.raises(busi.DataError, match=r"cats\.zip does not hold"):
        busi.find(other)


def test_a_half_unpacked_set_lists_what_is_missing(root):
    shutil.rmtree(root / "normal")
    (root / "malignant" / "malignant (10)_mask.png").unlink()
    found = problems(root)
    assert ("fatal", "normal") in found
    assert ("error", "malignant/malignant (10).png") in found


def test_the_fingerprint_follows_the_content(root):
    before = busi.fingerprint(root)
    assert busi.fingerprint(root) == before
    write(root / "benign" / "benign (1)_mask.png", LESION[:, ::-1])
    changed = busi.fingerprint(root)
    capitals = root / "benign" / "benign (1).PNG"
    (root / "benign" / "benign (1).png").rename(capitals)
    renamed = busi.fingerprint(root)
    write(capitals, LESION)
    assert len({before, changed, renamed, busi.fingerprint(root)}) == 4
    (root / "benign" / "notes.txt").write_text("no picture")
    (root / "benign" / "folder.png").mkdir()
    assert len(busi.fingerprint(root)) == 64


def test_images_are_read_as_grey_and_a_bad_one_is_named(root):
    path = root / "benign" / "benign (1).png"
    colour = cv2.imread(str(path))
    assert busi.read_image(path).shape == (30, 40)
    assert np.array_equal(
        busi.read_image(path), cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
    )
    path.write_text("404 not found")
    with pytest.raises(
        ValueError, match=r"benign \(1\)\.png: file is not a PNG"
    ):
        busi.read_image(path)


def test_arrays_hold_squares_and_classes(root):
    images, labels = busi.load_arrays(busi.index(root), 32)
    assert images.shape == labels.shape == (6, 32, 32)
    assert [set(np.unique(label)) for label in labels] == [{0, 1}] * 2 + [
        {0, 2}
    ] * 2 + [{0}] * 2


def test_no_cases_give_no_arrays_but_a_sentence(root):
    with pytest.raises(ValueError, match="no cases"):
        busi.load_arrays(busi.index(root).iloc[:0], 32)


def test_the_cache_is_used(root, tmp_path, monkeypatch):
    cases = busi.index(root)
    first = busi.load_arrays(cases, 32, tmp_path / "cache")
    monkeypatch.setattr(
        busi, "_square", lambda *_: pytest.fail("it was built again")
    )
    again = busi.load_arrays(cases, 32, tmp_path / "cache")
    assert all(
        np.array_equal(*pair) for pair in zip(first, again, strict=True)
    )


def test_the_cache_follows_files_classes_and_size(root, tmp_path):
    cases = busi.index(root)
    first = busi.load_arrays(cases, 32, tmp_path)[1]
    assert busi.load_arrays(cases, 16, tmp_path)[1].shape == (6, 16, 16)
    other = cases.assign(label=cases["label"].replace("benign", "malignant"))
    assert busi.load_arrays(other, 32, tmp_path)[1][0].max() == 2
    write(root / "benign" / "benign (1)_mask.png", LESION[:, ::-1])
    assert not np.array_equal(busi.load_arrays(cases, 32, tmp_path)[1], first)


@pytest.mark.parametrize(
    "fault", ["cut off", "empty", "text", "flipped", "pickle"]
)
def test_a_damaged_cache_is_built_again(root, tmp_path, fault, capsys):
    cases, cache = busi.index(root), tmp_path / "cache"
    first = busi.load_arrays(cases, 32, cache)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    damaged = {
        "cut off": whole[:100],
        "empty": b"",
        "text": b"hello",
        "flipped": whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:],
        "pickle": b"\x80\x04N.",
    }
    kept.write_bytes(damaged[fault])
    again = busi.load_arrays(cases, 32, cache)
    assert all(
        np.array_equal(*pair) for pair in zip(first, again, strict=True)
    )
    assert "is damaged" in capsys.readouterr().out
    assert kept.read_bytes() == whole and list(cache.iterdir()) == [kept]


def check_data(where):
    """Run the command in this process; return its exit status or last words."""
    main = runpy.run_path(str(ROOT / "tools" / "check_data.py"))["main"]
    try:
        main(str(where))
    except SystemExit as end:
        return str(end.code)
    return "usable"


def test_the_command_says_whether_the_set_can_be_used(root, tmp_path, capsys):
    expected = spoil(root, "text")[1]
    assert check_data(root) == "usable"
    printed = capsys.readouterr().out
    assert (
        f"{expected}: file is not a PNG" in printed
        and "'benign': 1" in printed
    )
    shutil.rmtree(root / "normal")
    assert "cannot be used" in check_data(root)
    assert "'normal': 0" in capsys.readouterr().out
    assert "does not exist" in check_data(tmp_path / "gone")


def test_the_command_ends_with_status_one_and_one_sentence(tmp_path):
    command = [
        sys.executable,
        str(ROOT / "tools" / "check_data.py"),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and str(tmp_path) in done.stderr


def test_the_real_set_can_be_used(busi_root):
    cases, found = busi._scan(busi_root)
    assert not (found["severity"] == "fatal").any()
    left_out = found[found["severity"] == "error"]["file"].nunique()
    images = [p for p in busi_root.rglob("*.png") if "_mask" not in p.name]
    assert len(images) - left_out <= len(cases) <= len(images)
    counts = cases["label"].value_counts()
    assert counts["benign"] > counts["malignant"] > counts["normal"] > 90
    assert cases["masks"].map(len).max() > 1
    assert cases[["height", "width"]].min().min() > 100


def test_the_real_set_has_one_fingerprint(busi_root):
    assert busi.fingerprint(busi_root) == busi.fingerprint(busi_root.parent)
