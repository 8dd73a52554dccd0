"""The rehearsal's machines are new, its reader can be cut off, and its checks can fail."""

import json
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT

from helpers import files, workspace
from tools.colab_rehearsal import rehearse

COUNTS = """\
import pathlib, time
print(sorted(path.name for path in pathlib.Path("/content").iterdir()))
for i in range(3):
    print(f"epoch {i}", flush=True)
    time.sleep(0.5)
pathlib.Path("finished").touch()
"""


@pytest.fixture
def stage(tmp_path):
    """A stage without a repository, whose machines need nothing but a kernel."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    if (
        not shutil.which("unshare")
        or subprocess.run(command, check=False).returncode
    ):
        pytest.skip("no user namespaces here: no machine can be made")
    made = object.__new__(rehearse.Stage)
    made.home, made.count, made.address = tmp_path, 0, "https://github.com/a/b"
    made.bare = made.images = tmp_path
    return made


def test_a_machine_is_new_and_can_be_taken_away(stage, tmp_path):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(COUNTS)])
    nbformat.write(book, tmp_path / "counts.ipynb")
    machine = stage.machine(rehearse.FIRST, tmp_path)
    said = machine.open(tmp_path / "counts.ipynb", "epoch 1")
    assert said.startswith("[]\nepoch 0\n") and "epoch 2" not in said
    assert not (machine.top / "content/finished").exists()
    assert "epoch 2" in machine.open(tmp_path / "counts.ipynb")
    assert (machine.top / "content/finished").exists()
    assert not Path("/content/finished").exists()


def test_a_machine_lets_only_papermill_in_and_has_the_gpu_that_is_said(
    stage, tmp_path
):
    machine = stage.machine(rehearse.ALL["T4"], tmp_path)
    assert machine.run("pip", "install", "-q", "papermill").returncode == 0
    assert "refused" in machine.run("pip", "install", "numpy").stderr
    assert machine.run("nvidia-smi").stdout == "Tesla T4\n"
    assert stage.machine(rehearse.FIRST, tmp_path).run("nvidia-smi").returncode


def test_a_machine_of_kaggles_may_not_write_to_its_input(stage, tmp_path):
    (tmp_path / "images").mkdir()
    stage.images = tmp_path / "images"
    machine = stage.machine(rehearse.ALL["Kaggle"], tmp_path)
    assert machine.run("touch", "/kaggle/working/a").returncode == 0
    assert "Read-only" in machine.run("touch", "/kaggle/input/a").stderr


def test_the_sentence_of_a_notebook_that_stops_is_understood(tmp_path):
    file = tmp_path / "phantom-quick" / "02_prepare_the_masks" / "folds.csv"
    sentence = workspace.advice(file.parent.name, file, "is not there")
    told = rehearse.MAY_STOP.search(f"Not ready: {sentence}")
    assert (
        told[1] == "02_prepare_the_masks"
        and "--profile quick --until 02" in told[2]
    )
    later = ROOT / "notebooks" / "04_train_the_segmenter.ipynb"
    alone, works = rehearse.ALL["Drive refused"], rehearse.FIRST
    rehearse.check_sentence(told, told[0], alone, later)
    with pytest.raises(rehearse.Failed, match="did not find what was there"):
        rehearse.check_sentence(told, told[0], works, later)
    with pytest.raises(rehearse.Failed, match="does not help"):
        rehearse.check_sentence(
            told, told[0], alone, later.with_name("01_x.ipynb")
        )


def test_a_step_that_is_not_finished_or_not_whole_fails(tmp_path):
    with pytest.raises(rehearse.Failed, match="is not finished"):
        rehearse.check_finished(tmp_path, "")
    (tmp_path / "a.csv").write_text("a\n")
    files = {"a.csv": files.sha256(tmp_path / "a.csv")}
    (tmp_path / "manifest.json").write_text(json.dumps({"files": files}))
    assert rehearse.check_finished(tmp_path, "")["files"] == files
    (tmp_path / "a.csv").write_text("b\n")
    with pytest.raises(rehearse.Failed, match="is not what was written"):
        rehearse.check_finished(tmp_path, "")


def test_tiny_values_are_typed_into_the_parameters_and_nothing_else_is():
    cell = 'profile: str = "quick"  # a run\nseed: int = 0  # any\nsteps: int = 60  # n'
    assert rehearse.with_values(cell, {"profile": "tiny", "steps": 4}) == (
        "profile: str = 'tiny'  # a run\nseed: int = 0  # any\nsteps: int = 4  # n"
    )
