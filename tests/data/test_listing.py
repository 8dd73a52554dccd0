"""What lies in a folder: each entry is read, or left out with a reason."""

import os
from pathlib import Path

import pytest

from helpers.data import listing


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def put(name, content=b"x"):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content)


def found(results=lambda folder: ()):
    """Return (names of the images, {name left out: reason}) of in/."""
    seen = listing.of_folder(Path("in"), results)
    left = {str(path)[3:]: why for path, why in seen.left_out.items()}
    return {str(path)[3:] for path in seen.images}, left


IMAGES = ["a.png", "B.JPG", "c.jfif", "d.jpe", "e.tiff", "f.webp", "g.gif"]
IMAGES += ["h.dcm", "labelled.png", "a_masked_man.png", "segovia.png"]
IMAGES += ["gt500.png", "sub/x.png", "sub/sub/y.bmp"]
MASKS = ["a_mask.png", "a_mask_1.png", "b-mask.png", "mask_a.png", "c_gt.tif"]
MASKS += ["d seg.png", "e_Segmentation.png", "mask.png", "f_label_2.png"]
FOLDERS = ["masks", "Masks", "labels", "mask", "GT", "ground_truth"]
FOLDERS += ["annotations", "segmentations"]


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_taken(name):
    put(f"in/{name}")
    assert found() == ({name}, {})


@pytest.mark.parametrize("name", MASKS + FOLDERS)
def test_masks_and_their_folders_are_known_by_their_names(name):
    is_folder = name in FOLDERS
    put(f"in/sub/{name}/x.png" if is_folder else f"in/sub/{name}")
    what = "a folder of masks" if is_folder else "a mask"
    assert found() == (set(), {f"sub/{name}": f"{what} by its name"})


def test_a_folder_that_is_named_is_read_whatever_its_name():
    put("masks/x.png")
    assert listing.of_folder(Path("masks")).images == [Path("masks/x.png")]


def test_dicom_needs_no_suffix():
    mark = bytes(128) + b"DICM"
    put("in/IM00001", mark)
    put("in/1.2.840.5", mark)
    put("in/DICOMDIR", mark)
    put("in/notes")
    put("in/table.csv")
    put("in/Thumbs.db")
    names, left = found()
    assert names == {"IM00001", "1.2.840.5"}
    assert set(left) == {"DICOMDIR", "notes", "table.csv", "Thumbs.db"}
    assert "(.csv)" in left["table.csv"] and "no suffix" in left["notes"]


def test_hidden_files_pipes_and_results_are_named():
    put("in/.hidden/x.png")
    put("in/._x.png")
    put("in/results/one.png")
    put("in/__MACOSX/x.png")
    os.mkfifo("in/pipe.png")
    names, left = found(lambda folder: ["results"])
    assert names == set()
    reasons = {".hidden": "hidden", "._x.png": "hidden", "pipe.png": "no file"}
    reasons |= {"__MACOSX": "of the operating system"}
    assert left == reasons | {"results": "written by an earlier run"}


def test_links_are_followed_and_no_file_is_taken_twice():
    put("store/y.png")
    put("in/b.png")
    os.symlink("../store", "in/patient")
    os.symlink("../store/y.png", "in/alone.png")
    os.symlink("b.png", "in/a.png")
    os.symlink("nowhere", "in/gone.png")
    names, left = found()
    assert {"b.png"} < names and len(names) == 2
    assert names & {"alone.png", "patient/y.png"}
    assert left.pop("gone.png") == "a link to nothing"
    assert left.pop("a.png") == "the same file as b.png"
    assert [why[:16] for why in left.values()] == ["the same file as"]


def test_links_that_lead_round_end():
    put("in/sub/x.png")
    os.symlink(".", "in/round")
    os.symlink("../../in", "in/sub/up")
    os.symlink("/", "in/everything")
    os.symlink("self", "in/self")
    names, left = found()
    assert names == {"sub/x.png"}
    assert set(left) == {"round", "sub/up", "everything", "self"}
