"""Where is this running, on what device, and is Google Drive within reach?"""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from . import files

DRIVE = Path("/content/drive")
# The folder in Drive for data and results. It stays when the repository moves,
# so that what was kept is found again.
PROJECT = "breast-ultrasound-notebooks"
GPU_CLICKS = {
    "Colab": "Runtime, Change runtime type, T4 GPU, Save",
    "Kaggle": "Settings, Accelerator, GPU T4 x2",
}
MOUNT_TIMEOUT_MS = 180_000  # a crowded Drive needs longer than Colab's 120 s


def in_colab():
    """Tell whether this is a Colab machine, in a child process, too.

    Kaggle's image is built on Colab's and holds its package, so Kaggle is
    asked first.
    """
    if in_kaggle():
        return False
    if "COLAB_RELEASE_TAG" in os.environ:
        return True
    try:
        return importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:  # there is no package "google" at all
        return False


def in_kaggle():
    """Tell whether this is a Kaggle notebook machine."""
    return "KAGGLE_KERNEL_RUN_TYPE" in os.environ


def name():
    """Return "Colab", "Kaggle" or "this computer"."""
    return (
        "Colab" if in_colab() else "Kaggle" if in_kaggle() else "this computer"
    )


def under_papermill():
    """Tell whether no reader sits before this kernel to answer a dialog."""
    if "BUSI_UNATTENDED" in os.environ:
        return True
    try:
        command = Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except OSError:
        return False
    return b"papermill" in command


def can_ask():
    """Tell whether a reader is there who can answer a dialog."""
    if under_papermill():
        return False
    from IPython import get_ipython  # slow, and needed on Colab only

    # None in a child process, as of `!python ...`
    return get_ipython() is not None


def cores():
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count()


def device():
    """Return the GPU's name, else the number of cores; no TensorFlow."""
    return nvidia("name") or f"CPU with {cores()} cores, no GPU"


def gpu_advice():
    """Return how to get a GPU here, or "" where there is one or none."""
    clicks = GPU_CLICKS.get(name())
    if clicks is None or nvidia("name"):
        return ""
    return (
        "No GPU: the numbers in the parameters cell are small enough for this "
        f"CPU. For profiles/gpu.yaml choose {clicks}, and run all cells again."
    )


def gpu_capability():
    """Return the first GPU's compute capability (A100: 8.0), else None.

    None also where TensorFlow is loaded and cannot use that GPU: its plain
    package from PyPI comes without CUDA.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow and not tensorflow.config.list_physical_devices("GPU"):
        return None
    with contextlib.suppress(TypeError, ValueError):  # None, or "[N/A]"
        return float(nvidia("compute_cap"))
    return None


def nvidia(field):
    """Return a field of nvidia-smi for the first GPU, None without one."""
    if not shutil.which("nvidia-smi"):
        return None
    query = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else None


def print_any_name():
    """Let a command print file names of any encoding."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")


def cpu_has_bfloat16():
    """Tell whether the processor computes in bfloat16 (Linux only)."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


@contextlib.contextmanager
def stderr_into(file):
    """Send what libraries in C++ say on the terminal into an open file."""
    kept = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def versions():
    """Return {package: version} of Python and of what shapes the results."""
    found = {"python": platform.python_version()}
    for package in ("tensorflow", "keras", "numpy", "pandas", "opencv-python"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def runs_folder(root):
    """Return the folder for results: never Drive, where files get lost."""
    if "BUSI_RUNS" in os.environ:
        return files.absolute(os.environ["BUSI_RUNS"]).resolve()
    if in_colab():
        return Path("/content/runs")
    return Path("/kaggle/working/runs") if in_kaggle() else Path(root) / "runs"


def drive():
    """Return Drive's top folder, mounted if a reader can be asked, or None.

    A refusal, a time-out or a place without Drive is no error: the reason is
    printed and the notebook goes on without Drive.
    """
    home = DRIVE / "MyDrive"
    # Path.is_dir raises where Drive dropped ("endpoint is not connected")
    if os.path.isdir(home):
        return home
    if not in_colab() or not can_ask():
        return None
    try:
        from google.colab import drive as colab_drive

        colab_drive.mount(str(DRIVE), timeout_ms=MOUNT_TIMEOUT_MS)
    except Exception as error:  # a refusal, a time-out: of no common class
        print(
            f"Drive is not available ({error}): going on without it. To keep "
            "results there, run this cell again and allow access."
        )
    return home if os.path.isdir(home) else None
