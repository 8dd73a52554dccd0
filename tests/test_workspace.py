"""Steps hand results on only when they are finished, unchanged and of the same data."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers import environment, workspace
from helpers.data import sources

FOLDS = pd.DataFrame(
    {"case": ["benign (1)"], "group": ["benign (1)"], "fold": [0]}
)


@pytest.fixture
def here(phantom_root, tmp_path):
    data = sources.Source(phantom_root, "a phantom")
    return workspace.Workspace(data, tmp_path / "runs", None)


def finished(here):
    step = here.step("02_prepare_the_masks", "quick", seed=0)
    step.save("folds.csv", FOLDS)
    step.save("arrays.npz", {"images": np.arange(4, dtype=np.uint8)})
    step.finish()
    return step


def test_a_later_step_reads_what_an_earlier_one_wrote(here):
    finished(here)
    later = here.step("04_train_the_segmenter", "quick")
    assert later.read("02_prepare_the_masks", "folds.csv").equals(FOLDS)
    assert later.read("02_prepare_the_masks", "arrays.npz")[
        "images"
    ].tolist() == [0, 1, 2, 3]
    assert list(later.reads) == ["02_prepare_the_masks"]


def test_the_folder_names_data_and_profile(here):
    assert (
        finished(here).folder
        == here.runs / "phantom-quick" / "02_prepare_the_masks"
    )


def test_the_manifest_tells_what_was_run(here):
    manifest = json.loads(
        (finished(here).folder / "manifest.json").read_text()
    )
    assert manifest["parameters"] == {"profile": "quick", "seed": 0}
    assert manifest["simulated"] is True
    assert set(manifest["files"]) == {"folds.csv", "arrays.npz"}
    assert 20 < manifest["peak_memory_mb"] < 20_000
    assert manifest["versions"]["numpy"] == np.__version__


def test_an_unfinished_step_cannot_be_read(here):
    here.step("02_prepare_the_masks", "quick").save("folds.csv", FOLDS)
    later = here.step("04_train_the_segmenter", "quick")
    with pytest.raises(
        workspace.NotReady, match=r"Run notebooks/02_prepare_the_masks"
    ):
        later.read("02_prepare_the_masks", "folds.csv")


def test_opening_a_step_again_marks_it_unfinished(here):
    folder = finished(here).folder
    here.step("02_prepare_the_masks", "quick")
    assert not (folder / "manifest.json").exists()
    assert (folder / "folds.csv").exists()  # nothing that a user had is lost


def test_a_changed_file_is_refused(here):
    with open(finished(here).folder / "folds.csv", "a") as file:
        file.write("benign (2),benign (2),1\n")
    with pytest.raises(workspace.NotReady, match="changed after that run"):
        here.step("x", "quick").read("02_prepare_the_masks", "folds.csv")


def test_results_of_other_images_are_refused(here):
    finished(here)
    here.data.__dict__["fingerprint"] = "another"
    with pytest.raises(workspace.NotReady, match="made from other images"):
        here.step("x", "quick").read("02_prepare_the_masks", "folds.csv")


def test_a_table_without_its_columns_is_refused(here):
    step = here.step("02_prepare_the_masks", "quick")
    with pytest.raises(ValueError, match="lacks the columns"):
        step.save("folds.csv", FOLDS.drop(columns="fold"))
    assert not (step.folder / "folds.csv").exists()


def test_a_failed_write_leaves_the_old_file(here, monkeypatch):
    step = finished(here)

    def full_disk(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full_disk)
    with pytest.raises(OSError):
        step.save("folds.csv", FOLDS)
    assert (
        (step.folder / "folds.csv").read_text().startswith("case,group,fold")
    )


def test_results_come_back_from_drive_on_a_new_machine(here, tmp_path):
    drive = tmp_path / "drive"
    drive.mkdir()
    finished(workspace.Workspace(here.data, tmp_path / "old", drive))
    fresh = workspace.Workspace(here.data, tmp_path / "new", drive)
    step = fresh.step("04_train_the_segmenter", "quick")
    assert step.read("02_prepare_the_masks", "folds.csv").equals(FOLDS)


def test_a_failing_drive_is_reported_and_the_step_still_finishes(
    here, tmp_path, capsys
):
    blocked = tmp_path / "drive"
    blocked.write_text("a file where a folder should be")
    step = finished(workspace.Workspace(here.data, tmp_path / "runs", blocked))
    assert (step.folder / "manifest.json").exists()
    assert "Drive could not be written" in capsys.readouterr().out


def test_a_drive_that_went_away_is_not_replaced_by_a_local_folder(
    here, tmp_path, capsys
):
    gone = tmp_path / "drive"
    finished(workspace.Workspace(here.data, tmp_path / "runs", gone))
    assert "not mounted any more" in capsys.readouterr().out
    assert not gone.exists()


def test_the_start_says_where_results_go_and_what_drive_holds(
    here, tmp_path, monkeypatch, capsys
):
    drive = tmp_path / "drive"
    drive.mkdir()
    finished(workspace.Workspace(here.data, tmp_path / "old", drive))
    half = (
        drive
        / environment.PROJECT
        / "runs/phantom-quick/04_train_the_segmenter/fold_0"
    )
    half.mkdir(parents=True)
    monkeypatch.setattr(environment, "drive", lambda: drive)
    monkeypatch.setattr(sources, "locate", lambda drive: here.data)
    monkeypatch.setenv("BUSI_RUNS", str(tmp_path / "runs"))
    workspace.start()
    said = capsys.readouterr().out
    assert (
        f"results: {tmp_path / 'runs'}, and when a notebook is finished {drive}"
        in said
    )
    assert (
        "in Drive from before: phantom-quick, finished 02, half-way 04" in said
    )


def test_a_drive_that_cannot_be_listed_is_reported(monkeypatch, tmp_path):
    def fails(*_arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(workspace.Path, "glob", fails)
    (said,) = workspace.earlier_runs(tmp_path)
    assert "Drive could not be read ([Errno 5] Input/output error)" in said


def test_without_drive_colab_says_that_results_will_be_lost(monkeypatch):
    monkeypatch.setattr(environment, "in_colab", lambda: True)
    assert "lost when Colab takes this machine back" in workspace.kept_where(
        None
    )
    monkeypatch.setattr(environment, "in_colab", lambda: False)
    assert workspace.kept_where(None) == ""
