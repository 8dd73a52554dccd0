"""Make .venv-bench: for the contenders in PyTorch and XLA's accounting.

PyTorch's own index has a wheel without CUDA. Where it cannot be reached, that
of PyPI is installed without the largest of its 2 GB of CUDA libraries, which a
CPU never calls: an empty library of torch takes their names.
"""

import importlib.metadata
import re
import shutil
import subprocess
import sys

from helpers import files
from tools import setup_env

VENV = files.ROOT / ".venv-bench"
PYTHON = VENV / "bin" / "python"
LOG = f"{VENV}.log"
PACKAGES = ["torch>=2.6", "segmentation-models-pytorch>=0.5"]
NEVER_CALLED = """
    nvidia-cublas nvidia-cuda-cccl nvidia-cuda-nvrtc nvidia-cudnn-cu13
    nvidia-cufft nvidia-curand nvidia-cusolver nvidia-cusparse
    nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvtx triton
"""
LOAD = "import os, sys; sys.setdlopenflags(os.RTLD_LAZY); import torch"


def make():
    """Return the Python of .venv-bench, made if it is not there.

    setup_env.Stop: it cannot be made; the message is the reason, a sentence.
    """
    stamp, keras = VENV / "made-from.txt", importlib.metadata.version("keras")
    packages = [*PACKAGES, f"keras=={keras}"]
    wanted = " ".join([sys.version, *packages])
    if setup_env.ready(str(VENV), stamp, wanted):
        return PYTHON
    setup_env.check_disk(str(files.ROOT))
    open(LOG, "w").close()
    print("Installing PyTorch into .venv-bench: 0.3 to 0.9 GB.", flush=True)
    setup_env.install(sys.executable, str(VENV), ["uv"], LOG)
    install = [str(PYTHON), "-m", "uv", "pip", "install"]
    install += ["--python", str(PYTHON), *packages]
    try:
        setup_env.run([*install, "--torch-backend", "cpu"], LOG)
    except setup_env.Stop:
        overrides = VENV / "overrides.txt"
        never = "; sys_platform == 'never'\n"
        overrides.write_text(never.join([*NEVER_CALLED.split(), ""]))
        setup_env.run([*install, "--override", str(overrides)], LOG)
        fill_in()
    files.write(stamp, wanted)
    return PYTHON


def fill_in():
    """Give each library that torch misses the content of its own empty one."""
    (libraries,) = VENV.glob("lib/python*/site-packages/torch/lib")
    for _ in range(30):  # at most: a few libraries a package
        kept = {"capture_output": True, "text": True, "check": False}
        loaded = subprocess.run([PYTHON, "-c", LOAD], **kept)
        if loaded.returncode == 0:
            return
        absent = r"(lib[\w.]+): cannot open shared object"
        missing = re.search(absent, loaded.stderr)
        if not missing:
            break
        empty = libraries / "libtorch_global_deps.so"
        shutil.copy(empty, libraries / missing[1])
    last = loaded.stderr.strip().splitlines()[-1]
    failed = "PyTorch could not be loaded without CUDA's libraries"
    raise setup_env.Stop(f"{failed}: {last}")
