"""Make .venv-browser: Playwright and axe-core, to test the pages.

Only those who work on the pages need it (200 MB). It has the Python of .venv,
so that the tests there can import from it. The system's Chromium is used.

    python -m tools.site.browser_venv
"""

import importlib
import sys

from helpers import files
from tools import setup_env
from tools.site import browser

VENV = files.ROOT / ".venv-browser"
REQUIREMENTS = "requirements-browser.txt"


def make():
    """Make .venv-browser unless it is up to date; raise setup_env.Stop."""
    stamp = VENV / "made-from.txt"
    wanted = setup_env.wanted(sys.executable, [REQUIREMENTS])
    if setup_env.ready(str(VENV), stamp, wanted):
        return
    print("Installing Playwright into .venv-browser: 200 MB.", flush=True)
    log = f"{VENV}.log"
    open(log, "w").close()
    setup_env.install(sys.executable, str(VENV), ["-r", REQUIREMENTS], log)
    files.write(stamp, wanted)
    importlib.invalidate_caches()  # the folder was not there at the start


if __name__ == "__main__":
    try:
        make()
    except setup_env.Stop as stop:
        sys.exit(str(stop))
    sys.exit(
        browser.missing() or print("`make test` now looks at the pages, too.")
    )
