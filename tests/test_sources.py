"""The data are found where a user may have put them, and a wrong place is refused."""

import shutil
import sys
import types

import pytest

from helpers import busi, place, sources


@pytest.fixture
def real_root(phantom_root, tmp_path):
    """A data set that counts as real: a phantom without its marker."""
    root = tmp_path / "Dataset_BUSI_with_GT"
    shutil.copytree(phantom_root, root, ignore=shutil.ignore_patterns("PHANTOM.json"))
    return root


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No data by default: an empty data folder and no BUSI_DIR; not on Colab."""
    monkeypatch.delenv("BUSI_DIR", raising=False)
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
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


def test_a_wrong_folder_is_refused_even_though_a_phantom_could_stand_in(tmp_path):
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
    shutil.make_archive(str(drive / "archive"), "zip", real_root.parent, real_root.name)
    assert sources.locate(drive=drive).kind == "busi"
    assert (sources.DATA / "archive.zip").exists()


def test_a_drive_that_fails_half_way_leaves_nothing_half_copied(
    real_root, tmp_path, monkeypatch, capsys, small_phantom
):
    drive = tmp_path / "drive"
    drive.mkdir()
    shutil.make_archive(str(drive / "archive"), "zip", real_root.parent, real_root.name)

    def fails(_source, target):
        target.write_bytes(b"PK half of a zip")
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sources.shutil, "copyfile", fails)
    assert sources.locate(drive=drive).kind == "phantom"
    assert "zip in Drive could not be used" in capsys.readouterr().out
    assert not (sources.DATA / "archive.zip").exists()


def fake_kagglehub(monkeypatch, answer):
    module = types.ModuleType("kagglehub")
    module.dataset_download = answer
    monkeypatch.setitem(sys.modules, "kagglehub", module)


def test_kagglehub_is_used_when_asked_for(real_root, monkeypatch):
    fake_kagglehub(monkeypatch, lambda _name: str(real_root.parent))
    assert sources.locate("kagglehub").kind == "busi"


def test_a_failing_kagglehub_is_one_sentence_without_its_secrets(monkeypatch):
    def refuses(_name):
        raise RuntimeError("401 for key abc123")

    fake_kagglehub(monkeypatch, refuses)
    with pytest.raises(busi.DataError, match="could not fetch") as caught:
        sources.locate("kagglehub")
    assert "abc123" not in str(caught.value)


def test_drive_that_is_refused_is_reported_and_not_fatal(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "test")
    monkeypatch.delenv("BUSI_UNATTENDED", raising=False)
    monkeypatch.setattr(place, "DRIVE", tmp_path / "mount")

    def mount(_where, timeout_ms):
        raise ValueError("mount failed")

    google, colab = types.ModuleType("google"), types.ModuleType("google.colab")
    colab.drive = types.SimpleNamespace(mount=mount)
    google.colab = colab
    monkeypatch.setitem(sys.modules, "google", google)
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert place.drive() is None
    assert "Drive is not available (mount failed)" in capsys.readouterr().out
    monkeypatch.setenv("BUSI_UNATTENDED", "1")
    assert place.drive() is None
    assert capsys.readouterr().out == ""  # nobody could answer: it was not tried
