"""Notebooks run with the series' own kernel, and a broken one is named."""

import json
import os
import sys

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import DeadKernelError

from tools import execute, lab


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """Another python3 kernel, which cannot start, in $JUPYTER_PATH."""
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    argv = ["sh", "-c", "echo no such module >&2; exit 1"]
    spec = {"argv": argv, "display_name": "foreign", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return tmp_path


def python():
    return KernelSpecManager().get_kernel_spec("python3").argv[0]


def test_the_own_kernel_goes_before_others(foreign):
    assert python() == "sh"
    lab.prefer_own_kernel()
    assert os.path.samefile(python(), sys.executable)
    assert str(foreign) in os.environ["JUPYTER_PATH"].split(os.pathsep)


def test_a_kernel_that_does_not_start_is_not_a_lack_of_memory(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("no such module\nError with kernel client for kernel 1\n")
    why = execute.kernel_problem(RuntimeError("Kernel died"), log)
    assert "no such module" in why and "memory" not in why
    assert "memory" in execute.kernel_problem(DeadKernelError("died"), log)


def test_lab_opens_the_notebooks_with_the_data_that_is_given(
    foreign, phantom_root, monkeypatch
):
    called = []
    monkeypatch.setenv("BUSI_DIR", "")
    monkeypatch.setattr(os, "execv", lambda *words: called.append(words))
    lab.main(str(phantom_root.parent), "--no-browser")
    ((command, words),) = called
    assert command == sys.executable and words[-1] == "--no-browser"
    assert os.environ["BUSI_DIR"] == str(phantom_root)
    assert os.path.samefile(python(), sys.executable)
    with pytest.raises(SystemExit, match="does not exist"):
        lab.main(str(phantom_root / "gone"))
