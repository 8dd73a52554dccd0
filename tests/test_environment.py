"""Where this runs is told apart, and no kind of Drive or device stops a notebook."""

import errno
import os
import sys
import types

import pytest
from conftest import ROOT

from helpers import environment
from helpers.model import training

TIMED_OUT = "mount failed: timeout during initial read of root folder"


class MessageError(Exception):
    """As Colab's own, which is raised when the reader refuses: of no built-in kind."""


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """A Colab machine with a reader before it; call it to say what drive.mount does."""
    for name in ("BUSI_UNATTENDED", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "test")
    monkeypatch.setattr(environment, "DRIVE", tmp_path / "mount")
    monkeypatch.setattr(environment, "can_ask", lambda: True)

    def mounts(mount):
        google, package = (
            types.ModuleType("google"),
            types.ModuleType("google.colab"),
        )
        package.drive = types.SimpleNamespace(mount=mount)
        google.colab = package
        monkeypatch.setitem(sys.modules, "google", google)
        monkeypatch.setitem(sys.modules, "google.colab", package)

    return mounts


def mount(where, timeout_ms):
    """Mount, and check that no reader waits longer than ten minutes."""
    assert 0 < timeout_ms < 600_000
    os.makedirs(os.path.join(where, "MyDrive"))


def never(where, timeout_ms):
    raise AssertionError("nobody should be asked")


def test_drive_is_mounted_once(colab):
    colab(mount)
    assert environment.drive() == environment.DRIVE / "MyDrive"
    colab(never)
    assert environment.drive() == environment.DRIVE / "MyDrive"


@pytest.mark.parametrize(
    "error",
    [
        MessageError("Error: credential propagation was unsuccessful"),
        ValueError(TIMED_OUT),
        NotImplementedError("not in this place"),
    ],
    ids=["refused", "timed out", "elsewhere"],
)
def test_a_drive_that_does_not_mount_is_reported_and_not_fatal(
    error, colab, capsys
):
    def fails(_where, timeout_ms):
        raise error

    colab(fails)
    assert environment.drive() is None
    assert (
        f"Drive is not available ({error}): going on"
        in capsys.readouterr().out
    )


def test_nobody_is_asked_where_nobody_can_answer(colab, monkeypatch, capsys):
    colab(never)
    monkeypatch.setattr(environment, "can_ask", lambda: False)
    assert environment.drive() is None
    assert capsys.readouterr().out == ""


def test_only_a_kernel_without_papermill_can_ask(monkeypatch):
    import IPython

    monkeypatch.delenv("BUSI_UNATTENDED", raising=False)
    monkeypatch.setattr(environment, "under_papermill", lambda: False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    assert (
        not environment.can_ask()
    )  # a child process, as of `!python tools/run_all.py`
    monkeypatch.setattr(IPython, "get_ipython", object)
    assert environment.can_ask()
    monkeypatch.setattr(environment, "under_papermill", lambda: True)
    assert not environment.can_ask()


def test_a_drive_that_dropped_is_mounted_anew(colab, monkeypatch):
    whole, asked = os.stat, []

    def dropped(path, *arguments, **options):
        if str(path).startswith(str(environment.DRIVE)):
            raise OSError(
                errno.ENOTCONN, "Transport endpoint is not connected"
            )
        return whole(path, *arguments, **options)

    colab(lambda where, timeout_ms: asked.append(where))
    monkeypatch.setattr(os, "stat", dropped)
    assert environment.drive() is None
    assert asked == [str(environment.DRIVE)]


def test_kaggle_is_not_taken_for_colab(colab, monkeypatch):
    """Its image is built on Colab's, so that Colab's package and folders are there."""
    colab(never)
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.delenv("BUSI_RUNS", raising=False)
    assert environment.name() == "Kaggle" and environment.drive() is None
    assert str(environment.runs_folder(ROOT)) == "/kaggle/working/runs"
    assert "Settings, Accelerator, GPU T4" in without_gpu(monkeypatch)


def without_gpu(monkeypatch):
    monkeypatch.setattr(environment, "nvidia", lambda _field: None)
    return environment.gpu_advice()


def test_without_a_gpu_the_clicks_are_named(colab, monkeypatch):
    assert "choose Runtime, Change runtime type, T4 GPU, Save" in without_gpu(
        monkeypatch
    )
    monkeypatch.delenv("COLAB_RELEASE_TAG")
    assert (
        environment.gpu_advice() == ""
    )  # on a laptop there is nothing to click


def test_a_t4_computes_in_mixed_float16(colab, monkeypatch):
    here = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{ROOT / 'tools/rehearsal/t4'}:{here}")
    assert (
        environment.device() == "Tesla T4" and environment.gpu_advice() == ""
    )
    assert training.precision() == "mixed_float16"
