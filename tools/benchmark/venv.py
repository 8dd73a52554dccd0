"""Make .venv-bench, the environment of the contenders in PyTorch and of XLA's accounting.

PyTorch's own index has a wheel without CUDA, which is taken where it can be
reached. The wheel on PyPI lists some 2 GB of CUDA libraries that a CPU never
calls. It is installed without the largest of them, and an empty library of
torch itself takes their names, so that it can be loaded.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.files import ROOT
from tools import setup_env

VENV = ROOT / ".venv-bench"
PYTHON = VENV / "bin" / "python"
LOG = str(VENV) + ".log"
PACKAGES = ["torch>=2.6", "segmentation-models-pytorch>=0.5", "jax>=0.5"]
NEVER_CALLED = [
    "nvidia-cublas",
    "nvidia-cuda-cccl",
    "nvidia-cuda-nvrtc",
    "nvidia-cudnn-cu13",
    "nvidia-cufft",
    "nvidia-curand",
    "nvidia-cusolver",
    "nvidia-cusparse",
    "nvidia-cusparselt-cu13",
    "nvidia-nccl-cu13",
    "nvidia-nvjitlink",
    "nvidia-nvtx",
    "triton",
]
LOAD = "import os, sys; sys.setdlopenflags(os.RTLD_LAZY); import torch"


def make():
    """Return the Python of .venv-bench, made if it is not there.

    Raises:
        setup_env.Stop: it cannot be made; the message is the reason, one
        sentence.
    """
    keras = f"keras=={importlib.metadata.version('keras')}"
    stamp, wanted = (
        VENV / "made-from.txt",
        " ".join([sys.version, *PACKAGES, keras]),
    )
    if setup_env.ready(str(VENV), stamp, wanted):
        return PYTHON
    setup_env.check_disk(str(ROOT))
    open(LOG, "w").close()
    print("Installing PyTorch into .venv-bench: 0.3 to 0.9 GB.", flush=True)
    setup_env.run([sys.executable, "-m", "venv", "--clear", str(VENV)], LOG)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install"]
    setup_env.run([*pip, "--quiet", "uv"], LOG)
    install = [
        str(PYTHON),
        "-m",
        "uv",
        "pip",
        "install",
        "--python",
        str(PYTHON),
    ]
    install += [*PACKAGES, keras]
    try:
        setup_env.run([*install, "--torch-backend", "cpu"], LOG)
    except setup_env.Stop:
        overrides = VENV / "overrides.txt"
        lines = (f"{name}; sys_platform == 'never'\n" for name in NEVER_CALLED)
        overrides.write_text("".join(lines))
        setup_env.run([*install, "--override", str(overrides)], LOG)
        fill_in()
    partial = stamp.with_suffix(".tmp")
    partial.write_text(wanted)
    os.replace(partial, stamp)
    return PYTHON


def fill_in():
    """Give each library that torch misses the content of torch's own empty one."""
    where = "import sysconfig; print(sysconfig.get_path('platlib'))"
    folder = subprocess.check_output([PYTHON, "-c", where], text=True).strip()
    libraries = Path(folder) / "torch" / "lib"
    for _ in range(2 * len(NEVER_CALLED)):
        done = subprocess.run(
            [PYTHON, "-c", LOAD], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        missing = re.search(
            r"(lib[\w.]+): cannot open shared object", done.stderr
        )
        if not missing:
            break
        shutil.copy(
            libraries / "libtorch_global_deps.so", libraries / missing[1]
        )
    said = done.stderr.strip().splitlines()[-1]
    raise setup_env.Stop(
        f"PyTorch could not be loaded without CUDA's libraries: {said}"
    )
