"""Open the notebooks in JupyterLab, with the kernel and packages of .venv.

python -m tools.lab [DATA] [JUPYTER'S OPTIONS]

DATA is what `make run-all` takes; the notebooks then read these images.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

from helpers import environment, files
from helpers.data import busi, sources
from helpers.files import ROOT


def prefer_own_kernel():
    """Let a kernel of this Python go before all others called python3.

    Others may be named by $JUPYTER_PATH, be the user's, or have been put into
    this environment by another one.
    """
    prefix = os.path.realpath(sys.prefix)
    python = os.path.join(prefix, "bin", os.path.basename(sys.executable))
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
    own = Path(prefix, "share", environment.PROJECT)
    target = own / "kernels" / "python3" / "kernel.json"
    with contextlib.suppress(OSError):  # read-only: it has Jupyter's own, too
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write(target, json.dumps(spec))
    paths = [str(own), os.path.join(prefix, "share", "jupyter")]
    paths.append(os.environ.get("JUPYTER_PATH", ""))
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, paths))


def main(where="", *options):
    prefer_own_kernel()
    if where:
        try:
            os.environ["BUSI_DIR"] = str(sources.locate(where).root)
        except busi.DataError as error:
            sys.exit(str(error))
    lab = [sys.executable, "-m", "jupyter", "lab", str(ROOT / "notebooks")]
    os.execv(sys.executable, [*lab, *options])


if __name__ == "__main__":
    main(*sys.argv[1:])
