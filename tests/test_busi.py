"""The data set is found, every fault gets its own line, and usable cases are kept."""

import shutil
import stat
import subprocess
import sys
import zipfile

import cv2
import numpy as np
import pytest
from conftest import ROOT

from helpers import archives, busi

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
    image = np.random.default_rng(0).integers(0, 255, (30, 40, 3)).astype(np.uint8)
    for label in busi.LABELS:
        for number in (1, 10):
            write(folder / label / f"{label} ({number}).png", image)
            mask = EMPTY if label == "normal" else LESION
            write(folder / label / f"{label} ({number})_mask.png", mask)
    return folder


def problems(root):
    return [tuple(row) for row in busi.check(root)[["severity", "file"]].to_numpy()]


def test_a_sound_set_has_no_problems(root):
    assert problems(root) == []
    cases = busi.index(root)
    assert list(cases["case"])[:2] == ["benign (1)", "benign (10)"]
    assert list(cases.columns) == ["case", "label", "image", "masks", "height", "width"]
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
    image, mask = root / "benign/benign (1).png", root / "benign/benign (1)_mask.png"
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
    "16 bits", "empty mask", "marked normal",
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


def test_a_class_folder_without_permission_is_named(root, monkeypatch):
    real = type(root).iterdir

    def iterdir(self):
        if self.name == "normal":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self)

    found = busi.find(root)
    monkeypatch.setattr(type(root), "iterdir", iterdir)
    listed = busi._scan(found)[1]
    assert ("fatal", "normal") in set(
        zip(listed["severity"], listed["file"], strict=True)
    )
    with pytest.raises(busi.DataError, match="may not be read"):
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


def zipped(root, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.png")):
            archive.write(file, file.relative_to(root.parent))
    return path


def test_a_zip_is_unpacked_once(root, tmp_path):
    archive = zipped(root, tmp_path / "archive (1).zip")
    found = busi.find(archive, tmp_path / "cache")
    assert busi.fingerprint(found) == busi.fingerprint(root)
    marker = found / "marker"
    marker.write_text("still here")
    assert busi.find(archive, tmp_path / "cache") == found and marker.exists()


def bad_zip(kind, root, path):
    zipped(root, path)
    if kind == "half":
        path.write_bytes(path.read_bytes()[:-200])
        return path
    with zipfile.ZipFile(path, "a") as archive:
        if kind == "parent":
            archive.writestr("../outside.png", b"x")
        elif kind == "absolute":
            archive.writestr("/tmp/outside.png", b"x")
        elif kind == "link":
            member = zipfile.ZipInfo("link.png")
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, "/etc/passwd")
    return path


@pytest.mark.parametrize("kind", ["half", "parent", "absolute", "link", "large"])
def test_a_bad_zip_is_refused_and_leaves_nothing(root, tmp_path, kind, monkeypatch):
    if kind == "large":
        monkeypatch.setattr(archives, "LIMIT", 1000)
    archive = bad_zip(kind, root, tmp_path / "archive.zip")
    with pytest.raises(busi.DataError, match=r"archive\.zip"):
        busi.find(archive, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert not (tmp_path / "outside.png").exists()


def test_a_zip_that_lies_about_its_size_is_stopped(root, tmp_path, monkeypatch):
    archive = zipped(root, tmp_path / "archive.zip")
    monkeypatch.setattr(archives, "check_members", lambda *_: None)
    monkeypatch.setattr(archives, "LIMIT", 1000)
    with pytest.raises(busi.DataError, match="would unpack to over"):
        busi.find(archive, tmp_path / "cache")


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
    assert busi.fingerprint(root) != before


def test_arrays_hold_squares_and_classes(root):
    images, labels = busi.load_arrays(busi.index(root), 32)
    assert images.shape == labels.shape == (6, 32, 32)
    assert [set(np.unique(label)) for label in labels] == [{0, 1}] * 2 + [
        {0, 2}
    ] * 2 + [{0}] * 2


def test_the_cache_is_used_rebuilt_and_mended(root, tmp_path):
    cache = tmp_path / "cache"
    first = busi.load_arrays(busi.index(root), 32, cache)
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])  # damaged: it must be built again
    assert np.array_equal(busi.load_arrays(busi.index(root), 32, cache)[1], first[1])
    write(root / "benign" / "benign (1)_mask.png", LESION[:, ::-1])
    changed = busi.load_arrays(busi.index(root), 32, cache)
    assert not np.array_equal(changed[1], first[1])
    assert len(list(cache.iterdir())) == 2


def check_data(where):
    command = [sys.executable, str(ROOT / "tools" / "check_data.py"), str(where)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_says_whether_the_set_can_be_used(root, tmp_path):
    spoil(root, "text")
    done = check_data(root)
    assert done.returncode == 0 and "benign (1).png" in done.stdout
    shutil.rmtree(root / "normal")
    for where in (root, tmp_path / "gone"):
        done = check_data(where)
        assert done.returncode == 1 and "Traceback" not in done.stderr


def test_the_real_set_can_be_used(busi_root):
    found = busi.check(busi_root)
    assert not (found["severity"] == "fatal").any()
    counts = busi.index(busi_root)["label"].value_counts()
    assert counts["benign"] > counts["malignant"] > counts["normal"] > 90
