"""The kind of machine is told apart; no Drive or device stops a notebook."""

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
    """As Colab's own, raised when the reader refuses: of no built-in kind."""


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """A Colab machine and its reader; call it to say what mount does."""
    for name in ("BUSI_UNATTENDED", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "test")
    monkeypatch.setattr(environment, "DRIVE", tmp_path / "mount")
    monkeypatch.setattr(environment, "can_ask", lambda: True)

    def mounts(mount):
        package = types.ModuleType("google.colab")
        package.drive = types.SimpleNamespace(mount=mount)
        google = types.ModuleType("google")
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
def test_a_drive_that_does_not_mount_is_reported(error, colab, capsys):
    def fails(_where, timeout_ms):
        raise error

    colab(fails)
    assert environment.drive() is None
    sentence = f"Drive is not available ({error}): going on"
    assert sentence in capsys.readouterr().out


def test_nobody_is_asked_where_nobody_can_answer(colab, monkeypatch, capsys):
    colab(never)
    monkeypatch.setattr(environment, "can_ask", lambda: False)
    assert environment.drive() is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kernel", "papermill", "can"),
    [(None, False, False), (object(), False, True), (object(), True, False)],
    ids=["child process", "reader", "papermill"],
)
def test_only_a_readers_kernel_can_ask(monkeypatch, kernel, papermill, can):
    monkeypatch.delenv("BUSI_UNATTENDED", raising=False)
    monkeypatch.setattr(environment, "under_papermill", lambda: papermill)
    monkeypatch.setattr("IPython.get_ipython", lambda: kernel)
    assert environment.can_ask() == can


def test_a_drive_that_dropped_is_mounted_anew(colab, monkeypatch):
    whole, asked = os.stat, []

    def dropped(path, *arguments, **options):
        if str(path).startswith(str(environment.DRIVE)):
            message = "Transport endpoint is not connected"
            raise OSError(errno.ENOTCONN, message)
        return whole(path, *arguments, **options)

    colab(lambda where, timeout_ms: asked.append(where))
    monkeypatch.setattr(os, "stat", dropped)
    assert environment.drive() is None
    assert asked == [str(environment.DRIVE)]


def without_gpu(monkeypatch):
    monkeypatch.setattr(environment, "nvidia", lambda _field: None)
    return environment.gpu_advice()


def test_kaggle_is_not_taken_for_colab(colab, monkeypatch):
    """Its image is built on Colab's, so that Colab's package is there."""
    colab(never)
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.delenv("BUSI_RUNS", raising=False)
    assert environment.name() == "Kaggle" and environment.drive() is None
    assert str(environment.runs_folder(ROOT)) == "/kaggle/working/runs"
    assert "Settings, Accelerator, GPU T4" in without_gpu(monkeypatch)


def test_without_a_gpu_the_clicks_are_named(colab, monkeypatch):
    clicks = "choose Runtime, Change runtime type, T4 GPU, Save"
    assert clicks in without_gpu(monkeypatch)
    monkeypatch.delenv("COLAB_RELEASE_TAG")
    # on a laptop there is nothing to click
    assert environment.gpu_advice() == ""


def test_a_t4_computes_in_mixed_float16(colab, monkeypatch):
    commands = ROOT / "tools/colab_rehearsal/t4"
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    assert environment.device() == "Tesla T4"
    assert environment.gpu_advice() == ""
    config = sys.modules["tensorflow"].config
    # TensorFlow's package without CUDA cannot use it
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: [])
    assert environment.gpu_capability() is None
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: ["GPU"])
    assert training.precision() == "mixed_float16"
