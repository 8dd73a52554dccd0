"""The data are found where a user may have put them, and a wrong place is refused."""

import errno
import os
import shutil
import sys
import types

import pytest

from helpers.data import busi, sources


@pytest.fixture
def real_root(phantom_root, tmp_path):
    """A data set that counts as real: a phantom without its marker."""
    root = tmp_path / "Dataset_BUSI_with_GT"
    shutil.copytree(
        phantom_root, root, ignore=shutil.ignore_patterns("PHANTOM.json")
    )
    return root


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No data by default: an empty data folder and no BUSI_DIR; not on Colab."""
    monkeypatch.delenv("BUSI_DIR", raising=False)
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    monkeypatch.setattr(sources, "KAGGLE_INPUT", tmp_path / "no-input")
    monkeypatch.setattr(sources, "DATA", tmp_path / "data")
    (tmp_path / "data").mkdir()


@pytest.fixture
def small_phantom(monkeypatch):
    counts = {"n_benign": 2, "n_malignant": 1, "n_normal": 1, "seed": 5}
    monkeypatch.setattr(sources, "PHANTOM", counts)


def test_data_are_found_as_folder_parent_and_zip(real_root, tmp_path):
    archive = shutil.make_archive(
        str(tmp_path / "archive (1)"), "zip", real_root.parent, real_root.name
    )
    for where in (real_root, real_root.parent, archive):
        found = sources.locate(str(where))
        assert found.kind == "busi"
        assert found.fingerprint == busi.fingerprint(real_root)


def test_a_wrong_folder_is_refused_even_though_a_phantom_could_stand_in(
    tmp_path,
):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(busi.DataError, match="holiday"):
        sources.locate(str(tmp_path / "holiday"))


def test_a_wrong_busi_dir_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("BUSI_DIR", str(tmp_path / "gone"))
    with pytest.raises(busi.DataError, match="gone"):
        sources.locate()


def test_the_data_folder_is_searched(real_root):
    shutil.copytree(real_root, sources.DATA / real_root.name)
    assert sources.locate().kind == "busi"


def test_without_any_data_a_phantom_is_simulated_once(small_phantom, capsys):
    first = sources.locate()
    assert first.kind == "phantom" and "simulated" in first.how
    assert "Simulating 4 images" in capsys.readouterr().out
    assert sources.locate().root == first.root
    assert capsys.readouterr().out == ""


def test_a_zip_in_drive_is_copied_once_to_the_local_disk(real_root, tmp_path):
    drive = tmp_path / "drive"
    drive.mkdir()
    shutil.make_archive(
        str(drive / "archive"), "zip", real_root.parent, real_root.name
    )
    assert sources.locate(drive=drive).kind == "busi"
    assert (sources.DATA / "archive.zip").exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.EIO, "Input/output error"),
        (errno.ENOSPC, "No space left on device"),
    ],
    ids=["Drive fails half-way", "the disk is full"],
)
def test_a_copy_that_stops_half_way_leaves_nothing_behind(
    code, said, real_root, tmp_path, monkeypatch, capsys, small_phantom
):
    drive = tmp_path / "drive"
    drive.mkdir()
    shutil.make_archive(
        str(drive / "archive"), "zip", real_root.parent, real_root.name
    )

    def fails(_source, target):
        target.write_bytes(b"PK half of a zip")
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(sources.shutil, "copyfile", fails)
    assert sources.locate(drive=drive).kind == "phantom"
    assert f"zip in Drive could not be used ([Errno {code}] {said})" in (
        capsys.readouterr().out
    )
    assert [p.name for p in sources.DATA.iterdir()] == ["phantom"]


def test_no_room_for_the_phantom_is_one_sentence(monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sources.phantom, "write_dataset", full)
    with pytest.raises(busi.DataError, match=r"No space left.*free some"):
        sources.locate()


def fake_kagglehub(monkeypatch, answer):
    module = types.ModuleType("kagglehub")
    module.dataset_download = answer
    monkeypatch.setitem(sys.modules, "kagglehub", module)


def test_kagglehub_is_used_when_asked_for(real_root, monkeypatch):
    fake_kagglehub(monkeypatch, lambda _name: str(real_root.parent))
    assert sources.locate("kagglehub").kind == "busi"


def test_what_kagglehub_returns_may_be_read_only(real_root, monkeypatch):
    fake_kagglehub(monkeypatch, lambda _name: str(real_root.parent))
    before = sorted(real_root.rglob("*"))
    for path in [real_root.parent, real_root, *before]:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        found = sources.locate("kagglehub")
        assert len(busi.index(found.root)) == 26
        assert len(found.fingerprint) == 64
        assert sorted(real_root.rglob("*")) == before
    finally:
        for path in [real_root.parent, real_root, *before]:
            path.chmod(path.stat().st_mode | 0o200)


def test_a_failing_kagglehub_is_one_sentence_without_its_secrets(monkeypatch):
    def refuses(_name):
        raise RuntimeError("401 for key abc123")

    fake_kagglehub(monkeypatch, refuses)
    with pytest.raises(busi.DataError, match="could not fetch") as caught:
        sources.locate("kagglehub")
    assert "abc123" not in str(caught.value)


@pytest.mark.parametrize(
    "where", ["breast-ultrasound", "datasets/someone/breast"]
)
def test_kaggles_input_is_found_where_kaggle_puts_it(
    where, real_root, monkeypatch, tmp_path
):
    monkeypatch.setattr(sources, "KAGGLE_INPUT", tmp_path / "input")
    shutil.copytree(real_root, tmp_path / "input" / where / real_root.name)
    found = sources.locate()
    assert found.kind == "busi" and found.root.is_relative_to(
        tmp_path / "input"
    )


def test_nothing_is_unpacked_or_simulated_into_drive(
    real_root, small_phantom, monkeypatch, tmp_path
):
    """The repository itself may lie there, and thousands of small files are slow."""
    drive = tmp_path / "drive"
    monkeypatch.setattr(environment, "DRIVE", drive)
    monkeypatch.setattr(
        sources, "DATA", drive / "MyDrive" / "repository" / "data"
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    sources.DATA.mkdir(parents=True)
    assert sources.locate().root.is_relative_to(tmp_path / "home")
    archive = str(drive / "MyDrive" / "archive")
    shutil.make_archive(archive, "zip", real_root.parent, real_root.name)
    found = sources.locate(drive=drive / "MyDrive")
    assert found.kind == "busi" and found.root.is_relative_to(
        tmp_path / "home"
    )
    assert not list(sources.DATA.iterdir())
