"""What several test files share: a small phantom, and the real images where they are."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from helpers import busi, phantom


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory):
    """A phantom data set of 12 benign, 8 malignant and 6 normal cases."""
    home = tmp_path_factory.mktemp("phantom")
    return phantom.write_dataset(home, n_benign=12, n_malignant=8, n_normal=6, seed=1)


@pytest.fixture(scope="session")
def busi_root():
    """The real images, from $BUSI_DIR or a shared folder beside the project, or a skip."""
    beside = ROOT.parent / "shared" / "data" / "Dataset_BUSI_with_GT"
    where = os.environ.get("BUSI_DIR") or (str(beside) if beside.is_dir() else "")
    if not where:
        pytest.skip("no real BUSI images: set BUSI_DIR to run this test")
    root = busi.find(where)
    if (root / "PHANTOM.json").exists():
        pytest.skip("BUSI_DIR holds a phantom, this test needs real BUSI images")
    return root
