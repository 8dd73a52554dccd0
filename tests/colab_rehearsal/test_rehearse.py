"""The rehearsal's machines are new, and its checks can fail."""

import json
from pathlib import Path

import nbformat
import pytest

from helpers import files, workspace
from tools.colab_rehearsal import rehearse

pytestmark = pytest.mark.research

SITUATIONS = {"Drive works": rehearse.FIRST, **rehearse.ALL}
COUNTS = """\
import pathlib, time
print(sorted(path.name for path in pathlib.Path("/content").iterdir()))
for i in range(3):
    print(f"epoch {i}", flush=True)
    time.sleep(0.5)
pathlib.Path("finished").touch()
"""


@pytest.fixture
def machine(tmp_path):
    """A function that makes a machine: it needs no more than a kernel."""
    if not rehearse.can_run():
        pytest.skip("no user namespaces here: no machine can be made")
    stage = object.__new__(rehearse.Stage)  # without a repository
    stage.home, stage.address = tmp_path, "https://a.test/b"
    stage.bare = stage.images = tmp_path / "images"
    stage.images.mkdir()
    return lambda title: stage.machine(SITUATIONS[title], tmp_path)


def test_a_machine_is_new_and_can_be_taken_away(machine, tmp_path):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(COUNTS)])
    counts, colab = tmp_path / "counts.ipynb", machine("Drive works")
    nbformat.write(book, counts)
    finished = colab.top / "content/finished"
    said = colab.open(counts, "epoch 1")
    assert said.startswith("[]\nepoch 0\n") and "epoch 2" not in said
    assert not finished.exists()
    assert "epoch 2" in colab.open(counts) and finished.exists()
    assert not Path("/content/finished").exists()


def test_a_machine_takes_only_papermill_and_has_the_gpu_it_names(machine):
    t4 = machine("T4")
    assert t4.run("pip", "install", "-q", "papermill").returncode == 0
    assert "refused" in t4.run("pip", "install", "numpy").stderr
    assert t4.run("nvidia-smi").stdout == "Tesla T4\n"
    assert machine("Drive works").run("nvidia-smi").returncode


def test_a_machine_of_kaggles_may_not_write_to_its_input(machine):
    kaggle = machine("Kaggle")
    assert kaggle.run("touch", "/kaggle/working/a").returncode == 0
    assert "Read-only" in kaggle.run("touch", "/kaggle/input/a").stderr


def test_the_sentence_of_a_notebook_that_stops_is_understood():
    file = Path("runs/phantom-quick/02_prepare_the_masks/folds.csv")
    advice = workspace.advice(file.parent.name, file, "is not there")
    stopped = rehearse.MAY_STOP.search(f"Not ready: {advice}")
    assert stopped[1] == "02_prepare_the_masks"
    assert stopped[2].startswith("cd ")
    assert stopped[2].endswith(" --profile quick --until 02_prepare_the_masks")

    def check(title, notebook):
        where = SITUATIONS[title], Path(notebook)
        rehearse.check_sentence(stopped, stopped[0], *where)

    check("Drive refused", "04_train_the_segmenter.ipynb")
    with pytest.raises(rehearse.Failed, match="did not find what was there"):
        check("Drive works", "04_train_the_segmenter.ipynb")
    with pytest.raises(rehearse.Failed, match="does not help"):
        check("Drive refused", "01_explore_the_data.ipynb")


def test_a_step_that_is_not_finished_or_not_whole_fails(tmp_path):
    with pytest.raises(rehearse.Failed, match="is not finished"):
        rehearse.check_finished(tmp_path, "")
    (tmp_path / "a.csv").write_text("a\n")
    manifest = {"files": {"a.csv": files.sha256(tmp_path / "a.csv")}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert rehearse.check_finished(tmp_path, "") == manifest
    (tmp_path / "a.csv").write_text("b\n")
    with pytest.raises(rehearse.Failed, match="is not what was written"):
        rehearse.check_finished(tmp_path, "")


def test_tiny_values_are_typed_into_the_parameters_and_nothing_else_is():
    cell = 'profile: str = "quick"  # a run\nseed: int = 0\nsteps: int = 60'
    changed = rehearse.with_values(cell, {"profile": "tiny", "steps": 4})
    expected = "profile: str = 'tiny'  # a run\nseed: int = 0\nsteps: int = 4"
    assert changed == expected
