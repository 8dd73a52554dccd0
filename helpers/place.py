"""Where is this running, on what device, and is Google Drive within reach?"""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
from pathlib import Path

DRIVE = Path("/content/drive")
MOUNT_TIMEOUT_MS = 180_000  # a crowded Drive needs longer than Colab's 120 s


def in_colab():
    """Tell whether this is a Colab machine, from a notebook or any child process."""
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
    return "Colab" if in_colab() else "Kaggle" if in_kaggle() else "this computer"


def under_papermill():
    """Tell whether no reader sits before this kernel, so that nobody can answer a dialog."""
    if "BUSI_UNATTENDED" in os.environ:
        return True
    try:
        return b"papermill" in Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except OSError:
        return False


def device():
    """Return the name of the GPU, else the number of CPU cores, without loading TensorFlow."""
    return nvidia("name") or f"CPU with {os.cpu_count()} cores, no GPU"


def gpu_capability():
    """Return the compute capability of the first NVIDIA GPU (8.0 is A100), else None."""
    told = nvidia("compute_cap")
    return float(told) if told else None


def nvidia(field):
    """Return what nvidia-smi tells of the first GPU, or None if there is none."""
    if not shutil.which("nvidia-smi"):
        return None
    query = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    lines = answer.stdout.strip().splitlines()
    return lines[0] if answer.returncode == 0 and lines else None


def cpu_has_bfloat16():
    """Tell whether the processor has instructions for bfloat16 (Linux only)."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def versions():
    """Return {package: version} of Python and the packages that shape the results."""
    found = {"python": platform.python_version()}
    for package in ("tensorflow", "keras", "numpy", "pandas", "opencv-python"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def runs_folder(root):
    """Return the local folder for results: never Drive, where a long run may lose files."""
    if "BUSI_RUNS" in os.environ:
        return Path(os.environ["BUSI_RUNS"]).expanduser().resolve()
    if in_colab():
        return Path("/content/runs")
    return Path("/kaggle/working/runs") if in_kaggle() else Path(root) / "runs"


def drive():
    """Return Drive's top folder, mounting it if a reader can be asked, else None.

    A refusal, a time-out or a place without Drive is no error: the reason is printed and
    the notebook goes on without Drive.
    """
    home = DRIVE / "MyDrive"
    if home.is_dir():
        return home
    if not in_colab() or under_papermill():
        return None
    try:
        from google.colab import drive as colab_drive

        colab_drive.mount(str(DRIVE), timeout_ms=MOUNT_TIMEOUT_MS)
    except (
        ImportError,
        NotImplementedError,
        OSError,
        ValueError,
        RuntimeError,
    ) as error:
        print(
            f"Drive is not available ({error}): results stay on this machine and are lost "
            "when it is given back. To keep them, run this cell again and allow access."
        )
    return home if home.is_dir() else None
