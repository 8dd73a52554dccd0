"""What several test files share: data sets, a run of the series, its pages, a browser."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from browser import Tab, missing, served, started

from helpers.data import busi
from helpers.data.phantom import dataset


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory):
    """A phantom data set of 12 benign, 8 malignant and 6 normal cases."""
    home = tmp_path_factory.mktemp("phantom")
    return dataset.write_dataset(
        home, n_benign=12, n_malignant=8, n_normal=6, seed=1
    )


@pytest.fixture(scope="session")
def busi_root():
    """The real images, from $BUSI_DIR or a shared folder beside the project, or a skip."""
    beside = ROOT.parent / "shared" / "data" / "Dataset_BUSI_with_GT"
    where = os.environ.get("BUSI_DIR") or (
        str(beside) if beside.is_dir() else ""
    )
    if not where:
        pytest.skip("no real BUSI images: set BUSI_DIR to run this test")
    root = busi.find(where)
    if (root / "PHANTOM.json").exists():
        pytest.skip(
            "BUSI_DIR holds a phantom, this test needs real BUSI images"
        )
    return root


def run_all(runs, *arguments):
    """Run the series as a user does; return the finished process."""
    environment = {
        **os.environ,
        "BUSI_RUNS": str(runs),
        "BUSI_SITE": str(runs / "site"),
    }
    command = [sys.executable, str(ROOT / "tools" / "run_all.py"), *arguments]
    return subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


@pytest.fixture(scope="session")
def series(phantom_root, tmp_path_factory):
    """One run of the whole series; (folder of the runs, finished process)."""
    runs = tmp_path_factory.mktemp("runs")
    return runs, run_all(runs, "--data", str(phantom_root))


@pytest.fixture(scope="session")
def able():
    """A skip that says what is missing for a browser, before anything long is begun."""
    reason = missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def site(able, request):
    """The folder of built pages: $BUSI_SITE where it is set, else those of `series`."""
    kept = os.environ.get("BUSI_SITE")
    if kept:
        return Path(kept).resolve()
    runs, done = request.getfixturevalue("series")
    assert done.returncode == 0, done.stdout + done.stderr
    return runs / "site"


@pytest.fixture(scope="module")
def browser(able):
    """A headless Chromium (Playwright's Browser)."""
    with started() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def home(browser, site):
    """The address at which the built pages are served, `http://127.0.0.1:port/`."""
    with served(site) as address:
        yield address


@pytest.fixture
def tab(browser, home):
    """A function that opens a fresh `Tab` on the pages: tab(width=390, ...)."""
    opened = []

    def open_tab(**options):
        opened.append(Tab(browser, home, **options))
        return opened[-1]

    yield open_tab
    for each in opened:
        each.context.close()
