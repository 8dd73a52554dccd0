"""Data are found where a user may have put them; a wrong place is refused."""

import errno
import os
import shutil
import sys
import types
from pathlib import Path

import pytest

from helpers import environment
from helpers.data import archives, busi, busi_folder, sources


@pytest.fixture
def real_root(phantom_root, tmp_path):
    """A data set that counts as real: a phantom without its marker."""
    root = tmp_path / "Dataset_BUSI_with_GT"
    marker = shutil.ignore_patterns("PHANTOM.json")
    return shutil.copytree(phantom_root, root, ignore=marker)


@pytest.fixture
def drive(real_root, tmp_path):
    """A Drive with the data set's zip."""
    archive = tmp_path / "drive" / "MyDrive" / "archive"
    shutil.make_archive(archive, "zip", real_root.parent, real_root.name)
    return archive.parent


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No data by default: empty data/ and home, no BUSI_DIR, neither host."""
    for name in ("BUSI_DIR", "COLAB_RELEASE_TAG", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sources, "KAGGLE_INPUT", tmp_path / "no-input")
    monkeypatch.setattr(sources, "DATA", tmp_path / "data")
    (tmp_path / "data").mkdir()


@pytest.fixture
def small_phantom(monkeypatch):
    counts = {"n_benign": 2, "n_malignant": 1, "n_normal": 1, "seed": 5}
    monkeypatch.setattr(sources, "PHANTOM", counts)


def test_data_are_found_as_folder_parent_and_zip(real_root, drive):
    for where in (real_root, real_root.parent, drive / "archive.zip"):
        found = sources.locate(str(where))
        assert found.kind == "busi"
        assert found.fingerprint == busi.fingerprint(real_root)


def test_busi_is_found_beside_another_set(real_root):
    mine = real_root.parent / "mine"
    for name in ("images", "masks"):
        (mine / name).mkdir(parents=True)
    (mine / "labels.csv").write_text("file,label\na,benign\n")
    assert sources.locate(str(real_root.parent)).root == real_root


def test_what_in_data_is_not_used_is_named(small_phantom, capsys):
    folder = sources.DATA / "BUSI" / "benign"
    folder.mkdir(parents=True)
    (folder / "benign1.png").write_bytes(b"of another name")
    (sources.DATA / "archive.zip").write_bytes(b"<html>sign in</html>")
    assert sources.locate().kind == "phantom"
    said = capsys.readouterr().out
    assert said.count("Not used") == 2 and "like 'benign1.png'" in said
    assert "archive.zip is a web page" in said


@pytest.mark.parametrize("by_variable", [False, True])
@pytest.mark.parametrize("name", ["holiday", "gone"])
def test_a_wrong_place_is_refused_although_a_phantom_could_stand_in(
    by_variable, name, tmp_path, monkeypatch
):
    (tmp_path / "holiday").mkdir()
    where = str(tmp_path / name)
    monkeypatch.setenv("BUSI_DIR", where if by_variable else "")
    with pytest.raises(busi.DataError, match=name):
        sources.locate("" if by_variable else where)


@pytest.mark.parametrize(
    ("place", "below"),
    [
        ("DATA", ""),
        ("KAGGLE_INPUT", "breast-ultrasound"),
        ("KAGGLE_INPUT", "datasets/someone/breast"),
    ],
)
def test_data_and_kaggles_input_are_searched(place, below, real_root):
    home = getattr(sources, place) / below
    shutil.copytree(real_root, home / real_root.name)
    found = sources.locate()
    assert found.kind == "busi" and found.root.is_relative_to(home)


@pytest.mark.parametrize("given", [True, False])
def test_what_lies_beside_the_data_is_named(real_root, drive, given):
    home = sources.DATA
    shutil.copytree(real_root, home / "BUSI")
    shutil.copytree(real_root / "benign", home / "part" / "benign")
    shutil.copy(drive / "archive.zip", home)
    found = sources.locate(str(home) if given else "")
    assert found.root == home / "BUSI"
    assert "archive.zip" in found.how and "part" in found.how


def test_a_choice_that_is_not_clear_is_the_users(real_root, capsys):
    for name in ("train", "test"):
        shutil.copytree(real_root, sources.DATA / name)
        removed = next((sources.DATA / name).rglob(f"* ({len(name)}).png"))
        removed.unlink()
    with pytest.raises(busi_folder.SeveralSets, match=r"test .*train "):
        sources.locate()


def test_what_is_no_phantom_where_it_would_be_is_one_sentence(small_phantom):
    home = sources.locate().root
    (home / "notes.txt").write_text("mine")
    (home / "benign" / "._benign (1).png").write_text("of a Mac's Finder")
    assert sources.locate().root == home  # it is still whole
    (home / "PHANTOM.json").unlink()
    with pytest.raises(busi.DataError, match="holds what is not a phantom"):
        sources.simulated()


def test_without_any_data_a_phantom_is_simulated_once(small_phantom, capsys):
    first = sources.locate()
    assert first.kind == "phantom" and "simulated" in first.how
    assert "Simulating 4 images" in capsys.readouterr().out
    assert sources.locate().root == first.root
    assert capsys.readouterr().out == ""


def test_a_zip_in_drive_is_copied_here_once(real_root, drive, monkeypatch):
    first = sources.locate(drive=drive)
    (copy,) = archives.cache_folder().glob("*.zip")
    assert copy.read_bytes() == (drive / "archive.zip").read_bytes()
    copyfile = shutil.copyfile
    monkeypatch.setattr(shutil, "copyfile", None)
    assert sources.locate(drive=drive) == first
    # another zip of this name is another set
    monkeypatch.setattr(shutil, "copyfile", copyfile)
    next(real_root.rglob("benign (1).png")).unlink()
    shutil.make_archive(drive / "archive", "zip", real_root.parent)
    changed = sources.locate(drive=drive)
    assert changed.fingerprint != first.fingerprint


def test_a_wrong_zip_does_not_hide_the_right_one_in_drive(drive, capsys):
    right = drive / environment.PROJECT / "archive.zip"
    right.parent.mkdir()
    (drive / "archive.zip").rename(right)
    wrong = [drive / "archive.zip", sources.DATA / "archive.zip"]
    for path in wrong:
        path.write_bytes(b"no zip")
    found = sources.locate(drive=drive)
    assert found.fingerprint == busi.fingerprint(right)
    assert "The zip in Drive could not be used" in capsys.readouterr().out
    # the copy of the wrong one is gone, what lay there before is not
    (copy,) = archives.cache_folder().glob("*.zip")
    assert copy.read_bytes() == right.read_bytes()
    assert all(path.read_bytes() == b"no zip" for path in wrong)


def test_a_drive_that_went_away_is_no_error(drive, monkeypatch, capsys):
    def gone(*_):
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    monkeypatch.setattr(Path, "glob", gone)
    assert sources.from_drive(drive) is None
    assert os.strerror(errno.ENOTCONN) in capsys.readouterr().out


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_copy_that_stops_half_way_leaves_nothing_behind(
    code, drive, monkeypatch, capsys, small_phantom
):
    def fails(_source, target):
        target.write_bytes(b"PK half of a zip")
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(shutil, "copyfile", fails)
    assert sources.locate(drive=drive).kind == "phantom"
    words = f"could not be used ([Errno {code}] {os.strerror(code)})"
    assert f"The zip in Drive {words}" in capsys.readouterr().out
    assert [p.name for p in sources.DATA.iterdir()] == ["phantom"]


def test_no_room_for_the_phantom_is_one_sentence(monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sources.dataset, "write_dataset", full)
    with pytest.raises(busi.DataError, match=r"No space left.*free some"):
        sources.locate()


@pytest.fixture
def kagglehub(real_root, monkeypatch):
    """A stand-in for the package kagglehub, which has the data set."""
    module = types.ModuleType("kagglehub")
    module.dataset_download = lambda _name: str(real_root.parent)
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return module


def test_what_kagglehub_returns_may_be_read_only(real_root, kagglehub):
    before = sorted([real_root, *real_root.rglob("*")])
    for path in before:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        found = sources.locate("kagglehub")
        assert found.kind == "busi" and len(busi.index(found.root)) == 26
        assert len(found.fingerprint) == 64
        assert sorted([real_root, *real_root.rglob("*")]) == before
    finally:
        for path in before:
            path.chmod(path.stat().st_mode | 0o200)


def test_a_failing_kagglehub_is_one_sentence_without_its_secrets(kagglehub):
    def refuses(_name):
        raise RuntimeError("401 for key abc123")

    kagglehub.dataset_download = refuses
    with pytest.raises(busi.DataError, match="could not fetch") as caught:
        sources.locate("kagglehub")
    assert "abc123" not in str(caught.value)


@pytest.mark.parametrize("variable", ["", "XDG_CACHE_HOME"])
def test_nothing_is_unpacked_or_simulated_into_drive(
    drive, small_phantom, tmp_path, monkeypatch, variable
):
    """The repository may lie there, and many small files are slow."""
    home = Path.home() / ".cache"
    if variable:
        home = tmp_path / "roomy"
        monkeypatch.setenv(variable, str(home))
    monkeypatch.setattr(environment, "DRIVE", drive.parent)
    monkeypatch.setattr(sources, "DATA", drive / "repository" / "data")
    sources.DATA.mkdir(parents=True)
    assert sources.locate().root.is_relative_to(home)
    found = sources.locate(drive=drive)
    assert found.kind == "busi" and found.root.is_relative_to(home)
    assert not list(sources.DATA.iterdir())


@pytest.mark.parametrize("works", [True, False])
def test_on_colab_kagglehub_goes_before_the_phantom(
    kagglehub, small_phantom, monkeypatch, capsys, works
):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "test")
    if not works:
        kagglehub.dataset_download = lambda _name: 1 / 0
    assert sources.locate().kind == ("busi" if works else "phantom")
    assert ("could not fetch" in capsys.readouterr().out) == (not works)
