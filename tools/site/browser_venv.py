"""Make .venv-browser: Playwright and axe-core, with which `make test` looks at the pages.

Apart from .venv, because only those who work on the pages need it (200 MB). It
has the Python of .venv, so that the tests there can import from it. The
browser itself is not installed: Chromium or Chrome of the system is used.
"""

import os
import sys

from helpers.files import ROOT
from tools import setup_env

VENV = ROOT / ".venv-browser"
REQUIREMENTS = "requirements-browser.txt"


def make():
    """Make .venv-browser unless it is there and up to date; raise setup_env.Stop if not."""
    stamp, wanted = (
        VENV / "made-from.txt",
        setup_env.wanted(sys.executable, [REQUIREMENTS]),
    )
    if setup_env.ready(str(VENV), stamp, wanted):
        return
    print(
        "Installing Playwright into .venv-browser: about 200 MB.", flush=True
    )
    log = f"{VENV}.log"
    open(log, "w").close()
    setup_env.install(sys.executable, str(VENV), ["-r", REQUIREMENTS], log)
    partial = stamp.with_suffix(".tmp")
    partial.write_text(wanted)
    os.replace(partial, stamp)


if __name__ == "__main__":
    try:
        make()
    except setup_env.Stop as stop:
        sys.exit(str(stop))
    sys.path.insert(0, str(ROOT / "tests"))
    import browser

    sys.exit(
        browser.missing() or print("`make test` now looks at the pages, too.")
    )
