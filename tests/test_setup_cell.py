"""The setup cell finds the series or fetches it, or says why it cannot."""

import os
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT

from tools import build_notebooks

BOOK = nbformat.read(ROOT / "notebooks/00_start_here.ipynb", as_version=4)
(CELL,) = (
    c.source for c in BOOK.cells if "setup" in c.metadata.get("tags", [])
)
START = "def start():\n    return 'started'\n"


@pytest.fixture
def run(tmp_path):
    """Run the cell in an empty folder; its address leads to `reached`."""
    reached, empty = tmp_path / "reached", tmp_path / "empty"
    empty.mkdir()

    def git(*words):
        who = ["-c", "user.name=test", "-c", "user.email=none"]
        subprocess.run(["git", *who, *words], cwd=reached, check=True)

    for name, text in (("helpers/__init__", START), ("tools/setup_env", "")):
        path = reached / f"{name}.py"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "a copy")

    def run_cell(python=sys.executable, *options, cwd=empty, to=reached):
        leads = f"url.file://{to}.insteadOf", build_notebooks.address()
        env = {**os.environ, "GIT_CONFIG_COUNT": "1", "HOME": str(tmp_path)}
        env |= {"GIT_CONFIG_KEY_0": leads[0], "GIT_CONFIG_VALUE_0": leads[1]}
        env.pop("PYTHONPATH", None)
        command = [python, *options, "-c", f"{CELL}\nprint(here)"]
        texts = {"capture_output": True, "text": True, "check": False}
        return subprocess.run(command, cwd=cwd, env=env, **texts)

    run_cell.clone = empty / build_notebooks.address().split("/")[-1]
    return run_cell


@pytest.mark.parametrize("left", [(), ("HEAD",), ("HEAD", "index.lock")])
def test_it_is_fetched_also_where_a_fetch_was_cut_off(run, left):
    for name in left:
        (run.clone / ".git").mkdir(parents=True, exist_ok=True)
        (run.clone / ".git" / name).write_text("ref: refs/heads/main\n")
        (run.clone / "helpers").mkdir(exist_ok=True)
    (run.clone / "runs").mkdir(parents=True)
    done = run()
    assert done.stdout == "started\n", done.stderr
    assert (run.clone / "runs").is_dir()
    again = run(to="nowhere")
    assert again.stdout == "started\n"


def test_an_address_that_is_not_reached_is_named_without_a_traceback(run):
    done = run(to="nowhere")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    *reason, said = done.stderr.splitlines()
    assert build_notebooks.address() in said and reason  # git's own


def test_another_python_is_told_how_to_open_the_notebook(run):
    options = "-I", "-S"  # without any installed package
    done = run(sys.executable, *options, cwd=ROOT / "notebooks")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "make lab" in done.stderr and "numpy" in done.stderr
