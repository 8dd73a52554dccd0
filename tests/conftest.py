"""What several test files share: data sets, a run and its pages, a browser."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, layouts, splits
from helpers.data.phantom import dataset
from helpers.files import ROOT
from tools.site.browser import Tab, missing, served, started


def pytest_collection_modifyitems(items):
    """Begin with the run of the series, the longest part."""
    items.sort(key=lambda item: item.path.name != "test_series.py")


@pytest.fixture(autouse=True)
def full_precision():
    """Undo the precision that a test has chosen, for those that follow."""
    yield
    if keras := sys.modules.get("keras"):
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory):
    """A phantom data set of 12 benign, 8 malignant and 6 normal cases."""
    home = tmp_path_factory.mktemp("phantom")
    counts = {"n_benign": 12, "n_malignant": 8, "n_normal": 6}
    return dataset.write_dataset(home, **counts, seed=1)


@pytest.fixture(scope="session")
def busi_root():
    """The real images, from $BUSI_DIR or shared/ beside the project."""
    beside = ROOT.parent / "shared" / "data" / "Dataset_BUSI_with_GT"
    where = os.environ.get("BUSI_DIR") or (beside.is_dir() and str(beside))
    if not where:
        pytest.skip("no real BUSI images: set BUSI_DIR to run this test")
    root = busi.find(where)
    if (root / "PHANTOM.json").exists():
        pytest.skip("BUSI_DIR holds a phantom: real images are needed")
    return root


@pytest.fixture(scope="session")
def tables(phantom_root):
    """Phantoms as one hospital, their lesions as another's two scanners."""
    one = layouts.find(phantom_root).cases
    other = one[one["label"] != "normal"].assign(case=one["case"] + " again")
    other["scanner"] = np.where(np.arange(len(other)) % 2, "X", "Y")
    return {
        name: table.assign(fold=splits.assign_folds(table), set=name)
        for name, table in {"busi": one, "busbra": other}.items()
    }


@pytest.fixture
def own(tmp_path):
    """A set of one's own: six images, three patients, two scanners."""
    root, rows = tmp_path / "mine", []
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i, label in enumerate(["benign", "Malignant", "normal"] * 2):
        image = rng.integers(0, 255, (50 + i, 64), np.uint8)
        mask = np.zeros_like(image)
        mask[10:20, 10:30] = 255 * (label != "normal")
        cv2.imwrite(str(root / f"images/a{i}.png"), image)
        cv2.imwrite(str(root / f"masks/a{i}.png"), mask)
        rows.append((f"a{i}.png", label, f"p{i // 2}", ("<X>", "Y")[i % 2]))
    columns = ["file", "label", "patient", "scanner"]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(root / "labels.csv", index=False)
    return root


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """The file of a small untrained network."""
    import keras  # takes seconds, and most tests need no network

    from helpers.model import checkpoint, unet

    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    keras.utils.set_random_seed(0)
    checkpoint.save(unet.build(size=32, width=4, depth=2), path)
    return path


def run_python(*arguments, root=ROOT, **variables):
    """Run this Python, with some variables; return the finished process."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )


def run_all(runs, *arguments, root=ROOT):
    """Run the series as a user does; return the finished process."""
    places = {"BUSI_RUNS": str(runs), "BUSI_SITE": str(runs / "site")}
    return run_python("-m", "tools.run_all", *arguments, root=root, **places)


@pytest.fixture(scope="session")
def series(phantom_root, tmp_path_factory):
    """A run of the series, (its folder, finished process), tiny profile."""
    runs = tmp_path_factory.mktemp("runs")
    what = ["--data", str(phantom_root), "--profile", "tiny"]
    return runs / "phantom-tiny", run_all(runs, *what)


@pytest.fixture(scope="session")
def able():
    """Skip where a browser is missing, before anything long is begun."""
    reason = missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def site(able, request):
    """The folder of built pages: $BUSI_SITE, else those of `series`."""
    kept = os.environ.get("BUSI_SITE")
    if kept:
        return Path(kept).resolve()
    run, done = request.getfixturevalue("series")
    assert done.returncode == 0, done.stdout + done.stderr
    return run.parent / "site"


@pytest.fixture(scope="module")
def browser(able):
    """A headless Chromium (Playwright's Browser)."""
    with started() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def home(browser, site):
    """The address of the built pages, `http://127.0.0.1:port/`."""
    with served(site) as address:
        yield address


@pytest.fixture
def tab(browser, home):
    """A function that opens a fresh `Tab` of the pages: tab(width=390)."""
    opened = []

    def open_tab(**options):
        opened.append(Tab(browser, home, **options))
        return opened[-1]

    yield open_tab
    for each in opened:
        each.context.close()
