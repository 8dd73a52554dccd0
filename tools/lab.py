"""Open the notebooks in JupyterLab, with the kernel and packages of .venv.

python -m tools.lab [DATA] [JUPYTER'S OPTIONS]

DATA is what `make run-all` takes; the notebooks then read these images.
"""

import os
import sys

from helpers import environment
from helpers.data import busi, sources
from helpers.files import ROOT


def main(where="", *options):
    environment.prefer_own_kernel()
    if where:
        try:
            os.environ["BUSI_DIR"] = str(sources.locate(where).root)
        except busi.DataError as error:
            sys.exit(str(error))
    lab = [sys.executable, "-m", "jupyter", "lab", str(ROOT / "notebooks")]
    os.execv(sys.executable, [*lab, *options])


if __name__ == "__main__":
    main(*sys.argv[1:])
