"""Steps hand results on only when finished, unchanged and of the same data."""

import json
import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers import environment, files, workspace
from helpers.data import sources

FOLDS = pd.DataFrame(
    {"case": ["benign (1)"], "group": ["benign (1)"], "fold": [0]}
)
SECOND, FOURTH = "02_prepare_the_masks", "04_train_the_segmenter"
VALUES = {"profile": "quick", "image_size": 64, "max_cases": 9, "seed": 0}


@pytest.fixture
def here(phantom_root, tmp_path):
    data = sources.Source(phantom_root, "a phantom")
    return workspace.Workspace(data, tmp_path / "runs", None)


@pytest.fixture
def later(here, monkeypatch):
    """A later step of the same run."""
    monkeypatch.setattr(workspace, "declared", lambda _: ["profile"])
    return here.step(FOURTH, VALUES)


def finished(here):
    step = here.step(SECOND, {**VALUES, "something": "else"})
    step.save("folds.csv", FOLDS)
    step.save("arrays.npz", {"images": np.arange(4, dtype=np.uint8)})
    step.finish()
    return step


def test_a_later_step_reads_what_an_earlier_one_wrote(here, later):
    finished(here)
    assert later.read(SECOND, "folds.csv").equals(FOLDS)
    arrays = later.read(SECOND, "arrays.npz")
    assert arrays["images"].tolist() == [0, 1, 2, 3]
    assert list(later.reads) == [SECOND]


def test_the_manifest_and_the_folder_tell_what_was_run(here):
    folder = finished(here).folder
    assert folder == here.runs / "phantom-quick" / SECOND
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["parameters"] == VALUES  # those of the notebook, no other
    assert manifest["simulated"] is True
    assert set(manifest["files"]) == {"folds.csv", "arrays.npz"}
    assert 20 < manifest["peak_memory_mb"] < 20_000
    assert manifest["versions"]["numpy"] == np.__version__


@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_memory_is_in_millions_of_bytes(monkeypatch, system, unit):
    monkeypatch.setattr(workspace.sys, "platform", system)
    usage = SimpleNamespace(ru_maxrss=3e9 / unit)
    assert workspace.peak_memory_mb(usage) == 3000


def test_an_unfinished_step_cannot_be_read(here, later):
    here.step(SECOND, VALUES).save("folds.csv", FOLDS)
    with pytest.raises(workspace.NotReady, match=f"Run notebooks/{SECOND}"):
        later.read(SECOND, "folds.csv")


def test_writing_into_a_step_again_marks_it_unfinished(here):
    folder = finished(here).folder
    (folder / "run.json").write_text("{}")  # of `make run-all`
    again = here.step(SECOND, VALUES)
    assert workspace.sealed(folder)  # its first cells change nothing
    again.save("folds.csv", FOLDS)
    names = {path.name for path in folder.iterdir()}
    assert not {"manifest.json", "run.json"} & names
    assert (folder / "folds.csv").exists()  # nothing that a user had is lost


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("folds.csv", "case,group,fold\n", "changed after that run"),
        ("manifest.json", '{"schema": 1}', "another version.* notebooks/02"),
        ("manifest.json", "", "or is damaged. Run notebooks/02"),
    ],
)
def test_what_does_not_fit_is_refused(here, later, name, content, sentence):
    (finished(here).folder / name).write_text(content)
    with pytest.raises(workspace.NotReady, match=sentence):
        later.read(SECOND, "folds.csv")


def test_what_was_made_from_other_images_is_refused(here, later):
    finished(here)
    here.data.__dict__["fingerprint"] = "another"
    with pytest.raises(workspace.NotReady, match="made from other images"):
        later.read(SECOND, "folds.csv")


def test_a_table_without_its_columns_is_refused(here):
    step = here.step(SECOND, VALUES)
    with pytest.raises(ValueError, match="lacks the columns"):
        step.save("folds.csv", FOLDS.drop(columns="fold"))
    assert not (step.folder / "folds.csv").exists()


def test_a_failed_write_leaves_the_old_file(here, monkeypatch):
    step = finished(here)

    def full_disk(_self, path, **_options):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full_disk)
    before = {p: p.read_bytes() for p in step.folder.iterdir()}
    with pytest.raises(OSError, match="No space"):
        step.save("folds.csv", FOLDS)
    assert {p: p.read_bytes() for p in step.folder.iterdir()} == before


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path, found = tmp_path / "shared.txt", []

    def write(text):
        with files.replacing(path) as partial:
            partial.write_text(text)
            if text == "outer":
                other = threading.Thread(target=write, args=["inner"])
                other.start()
                other.join()
                found.append(path.read_text())

    write("outer")
    assert found == ["inner"] and path.read_text() == "outer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_cell_of_parameters_may_hold_comments(tmp_path, monkeypatch):
    lines = ["# mine\n", "\n", "profile = 'quick'\n", "seed: int = 0"]
    cell = {"metadata": {"tags": ["parameters"]}, "source": lines}
    (tmp_path / "notebooks").mkdir()
    notebook = tmp_path / "notebooks" / "own.ipynb"
    notebook.write_text(json.dumps({"cells": [cell]}))
    monkeypatch.setattr(files, "ROOT", tmp_path)
    assert workspace.declared("own") == ["profile", "seed"]


@pytest.fixture
def with_drive(here, tmp_path):
    """A function: a workspace of a folder of runs, all with one Drive."""
    (tmp_path / "drive").mkdir()

    def at(folder):
        runs = tmp_path / folder
        return workspace.Workspace(here.data, runs, tmp_path / "drive")

    return at


def test_results_come_back_from_drive_on_a_new_machine(with_drive):
    finished(with_drive("old"))
    step = with_drive("new").step(FOURTH, {**VALUES, **all_of(FOURTH)})
    assert step.read(SECOND, "folds.csv").equals(FOLDS)


def all_of(notebook):
    """Return the parameters of a notebook, of the quick profile."""
    names = workspace.declared(notebook)
    assert "profile" in names
    return dict.fromkeys(names, 0) | {"profile": "quick"}


@pytest.mark.parametrize("drive", ["a file", "nothing"])
def test_a_failing_drive_is_reported_and_no_reason_to_stop(
    here, tmp_path, capsys, drive
):
    place = tmp_path / "drive"
    if drive == "a file":
        place.write_text("where a folder should be")
    step = finished(workspace.Workspace(here.data, tmp_path / "runs", place))
    assert (step.folder / "manifest.json").exists()
    assert "Drive could not be written" in capsys.readouterr().out
    assert not place.is_dir()  # no local folder takes its place


def test_the_start_says_where_results_go_and_what_drive_holds(
    here, with_drive, tmp_path, monkeypatch, capsys
):
    finished(with_drive("old"))
    drive = tmp_path / "drive"
    kept = drive / environment.PROJECT / "runs/phantom-quick"
    (kept / FOURTH / "fold_0").mkdir(parents=True)
    monkeypatch.setattr(environment, "drive", lambda: drive)
    monkeypatch.setattr(sources, "locate", lambda drive: here.data)
    monkeypatch.setenv("BUSI_RUNS", str(tmp_path / "runs"))
    workspace.start()
    said = capsys.readouterr().out
    results = f"{tmp_path / 'runs'}, and when a notebook is finished {drive}"
    assert f"results: {results}" in said
    found = "in Drive from before: phantom-quick, finished 02, half-way 04"
    assert found in said


def test_a_drive_that_fails_to_give_back_leaves_nothing_half(
    with_drive, monkeypatch, capsys
):
    finished(with_drive("old"))
    step = with_drive("new").step(FOURTH, {**VALUES, **all_of(FOURTH)})
    copy = files.copy

    def fails(source, target):
        if source.suffix == ".npz":
            raise OSError(5, "Input/output error")
        copy(source, target)

    monkeypatch.setattr(files, "copy", fails)
    with pytest.raises(workspace.NotReady, match="is not there"):
        step.read(SECOND, "folds.csv")
    assert "Drive could not be read" in capsys.readouterr().out


def test_a_drive_that_cannot_be_listed_is_reported(monkeypatch, tmp_path):
    def fails(*_arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(workspace.Path, "glob", fails)
    (said,) = workspace.earlier_runs(tmp_path)
    assert "Drive could not be read ([Errno 5] Input/output error)" in said


@pytest.mark.parametrize("colab", [True, False])
def test_without_drive_colab_says_that_results_get_lost(monkeypatch, colab):
    monkeypatch.setattr(environment, "in_colab", lambda: colab)
    lost = "lost when Colab takes this machine back"
    assert (lost in workspace.where_kept(None)) == colab
