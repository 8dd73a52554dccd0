"""A run for another machine: packed, trained, measured, cut and gone on."""

import json

import numpy as np
import pytest
from conftest import run_python

from helpers import environment
from helpers.data.phantom import dataset
from helpers.model import training
from tools.research import gpu_run

pytestmark = pytest.mark.research
TINY = ["--epochs", "2", "--width", "4", "--start", "random", "--folds", "2"]
# as where neither is installed
WITHOUT = """
import sys
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec


def find(name, *rest):
    hidden = name.partition(".")[0] in ("tensorflow", "torch")
    return None if hidden else find_spec(name, *rest)


PathFinder.find_spec = find
from tools.research import gpu_run

gpu_run.main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    """The archive of 24 phantoms of 64 pixels."""
    home = tmp_path_factory.mktemp("gpu_run")
    root = dataset.write_dataset(home, 10, 8, 6, seed=3)
    gpu_run.main(["pack", str(root), str(home / "arrays.npz"), "64"])
    return home / "arrays.npz"


@pytest.fixture(scope="module")
def run(arrays):
    """A function that starts a run into a folder; returns its report."""

    def start(out, *more):
        gpu_run.main(["run", str(arrays), str(out), *TINY, *more])
        return read(out)

    return start


def read(out):
    return json.loads((out / "report.json").read_text())


@pytest.fixture(scope="module")
def cut(run, tmp_path_factory):
    """A folder whose run was cut in its second fold, on a pretended GPU."""
    out, fit = tmp_path_factory.mktemp("cut"), training.fit
    answers = {"name": "Card", "utilization.gpu,memory.used": "80 %, 1000 MiB"}

    def fails_later(model, train, check, folder, **how):
        if folder.name == "fold_1":
            raise OSError("the machine went away")
        return fit(model, train, check, folder, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "nvidia", answers.get)
        patch.setattr(gpu_run, "PAUSE", 0.01)
        patch.setattr(training, "fit", fails_later)
        with pytest.raises(OSError, match="went away"):
            run(out)
    return out


@pytest.fixture(scope="module")
def whole(cut, run):
    """The reports of that folder: as cut, out of time, and at the end."""
    reports, checks = [read(cut)], iter(["fold", "epoch 1", "epoch 2"])

    def is_over(_run, _seconds):
        if next(checks) == "epoch 2":
            raise gpu_run.TimeIsUp

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu_run.Run, "check", is_over)
        reports.append(run(cut))
    return [*reports, run(cut)]


def test_too_large_an_archive_is_one_sentence(arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_run, "LIMIT", 1000)
    home = arrays.parent / dataset.FOLDER
    with pytest.raises(SystemExit, match="more than 1,000: take a SIZE below"):
        gpu_run.main(["pack", str(home), str(tmp_path / "a.npz"), "64"])
    assert not list(tmp_path.iterdir())


def test_a_cut_leaves_the_folds_before(whole, cut):
    before = whole[0]
    assert before["missing_folds"] == ["1"] and before["device"] == "Card"
    first = before["folds"]["0"]
    assert first["finished"] and first["epochs"] == 2
    assert first["gpu_utilisation"] == 80 and first["gpu_memory_mb"] == 1049
    assert first["images_per_second"] > 0 < first["first_epoch_seconds"]
    assert 0 < first["seconds"] < 60 * first["minutes"] + 1
    assert not before["folds"]["1"]["finished"]
    total = before["out_of_fold"]["lesion_dice"]
    assert total == first["scores"]["lesion_dice"]


def test_the_next_call_trains_only_what_is_missing(whole, cut):
    before, stopped, report = whole
    assert stopped["missing_folds"] == ["1"] and report["missing_folds"] == []
    assert stopped["folds"]["1"]["epochs"] == 1
    assert report["folds"]["0"] == before["folds"]["0"]
    second, total = report["folds"]["1"], report["out_of_fold"]
    # its only epoch after the last start compiled
    assert second["epochs"] == 2 and second["images_per_second"] is None
    # no card here, and none is made up
    assert second["gpu_utilisation"] is None is second["gpu_memory_mb"]
    for name, part in total.items():
        folds = [report["folds"][k]["scores"][name] for k in "01"]
        assert part["n"] == sum(fold["n"] for fold in folds)
        if "count" in part:
            assert part["count"] == sum(fold["count"] for fold in folds)
    backend = report["settings"]["backend"]
    assert report["versions"][backend] and report["versions"]["keras"]


def test_a_finished_run_trains_nothing(whole, cut, run, monkeypatch):
    files = {p.name: p.read_bytes() for p in cut.glob("fold_*.npz")}
    assert len(files) == 2
    monkeypatch.setattr(training, "fit", None)
    assert run(cut)["folds"] == whole[2]["folds"]
    assert files == {p.name: p.read_bytes() for p in cut.glob("fold_*.npz")}
    with np.load(cut / "fold_0.npz", allow_pickle=False) as file:
        n, *pixels = file["probabilities"].shape
        assert pixels == [64, 64, 3] and n == len(file["dice"])
    with pytest.raises(SystemExit, match="another batch_size: name another"):
        run(cut, "--batch-size", "4")


def test_where_time_is_short_nothing_begins(run, tmp_path, capsys):
    report = run(tmp_path, "--minutes", "0")
    assert report["missing_folds"] == ["0", "1"]
    assert "run this again" in capsys.readouterr().out


def test_jax_alone_is_enough(arrays, tmp_path):
    pytest.importorskip("jax")
    words = "run", arrays, tmp_path, *TINY, "--folds", "1"
    done = run_python("-c", WITHOUT, *words, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    assert read(tmp_path)["missing_folds"] == []
    assert read(tmp_path)["settings"]["backend"] == "jax"
