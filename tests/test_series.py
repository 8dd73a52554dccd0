"""The whole series, in the quick profile on a tiny phantom, as `make run-all` runs it."""

import json
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from conftest import ROOT, run_all

pytestmark = pytest.mark.series


def test_every_notebook_runs_and_seals_its_folder(series):
    runs, done = series
    assert done.returncode == 0, done.stdout + done.stderr
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        folder = runs / "phantom-quick" / notebook.stem
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["step"] == notebook.stem and manifest["simulated"]
        assert (folder / notebook.name).exists() and manifest["files"]


def test_the_network_begins_to_learn_and_every_held_out_case_is_scored(series):
    """A few dozen steps on twenty images are too few to ask for masks."""
    run = series[0] / "phantom-quick"
    losses = pd.read_csv(run / "04_train_the_segmenter/history.csv")["loss"]
    assert losses.iloc[-1] < 0.7 * losses.iloc[0]
    folds = pd.read_csv(run / "02_prepare_the_masks/folds.csv")
    scored = pd.read_csv(run / "05_read_the_errors/scores.csv")
    held_out = folds[folds["fold"] == 0]["case"]
    assert sorted(scored["case"]) == sorted(held_out)
    found = pd.read_csv(run / "07_from_pixels_to_findings/findings.csv")
    assert sorted(found["case"]) == sorted(held_out)
    checked = pd.read_csv(run / "04_train_the_segmenter/validation.csv")
    assert len(checked) and not set(checked["group"]) & set(found["group"])


def test_every_figure_has_alternative_text(series):
    for path in series[0].glob("phantom-quick/*/[0-9]*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    assert output["metadata"]["image/png"]["alt"]


def test_pages_are_built_and_marked_as_simulated(series):
    site = series[0] / "site"
    pages = sorted(site.glob("notebooks/*.html"))
    assert len(pages) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    for page in [site / "index.html", *pages]:
        text = page.read_text()
        assert "Simulated images" in text and "not a medical device" in text
        for picture in re.findall(r"<img [^>]*>", text):
            assert 'alt="' in picture and 'alt=""' not in picture
    assert "Simulated images" not in (site / "results.html").read_text()


def test_pages_need_no_other_host(series):
    loads = r"""<(?:script|img|iframe|source)[^>]*\ssrc="(https?:)?//|<link[^>]*rel="[^"]*\
(?:stylesheet|preload|icon)[^>]*href="(https?:)?//"""
    for page in (series[0] / "site").rglob("*.html"):
        assert not re.search(loads.replace("\\\n", ""), page.read_text()), page


def test_a_second_run_does_nothing_again(series, phantom_root):
    done = run_all(series[0], "--data", str(phantom_root))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("up to date") == len(
        list((ROOT / "notebooks").glob("*.ipynb"))
    )


def test_a_wrong_folder_is_one_sentence(tmp_path):
    done = run_all(tmp_path / "runs", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and str(tmp_path) in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_failing_notebook_stops_the_run_and_can_be_looked_at(
    tmp_path, phantom_root
):
    copy = tmp_path / "project"
    ignore = shutil.ignore_patterns(
        ".git", ".venv*", "runs", "site", "__pycache__", "data"
    )
    shutil.copytree(ROOT, copy, ignore=ignore)
    for path in sorted((copy / "notebooks").glob("*.ipynb"))[2:]:
        path.unlink()
    broken = copy / "notebooks" / "01_explore_the_data.ipynb"
    broken.write_text(
        broken.read_text().replace("busi.check(here", "busi.chekc(here")
    )
    (copy / "profiles" / "quick.yaml").write_text("profile: quick\nsteps: 2\n")
    environment = {**os.environ, "BUSI_RUNS": str(tmp_path / "runs")}
    command = [
        sys.executable,
        str(copy / "tools/run_all.py"),
        "--data",
        str(phantom_root),
    ]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (
        "AttributeError" in done.stderr
        and "what was finished is kept" in done.stderr
    )
    folder = tmp_path / "runs" / "phantom-quick"
    assert (folder / "00_start_here" / "manifest.json").exists()
    assert (
        folder / "01_explore_the_data" / "FAILED_01_explore_the_data.ipynb"
    ).exists()
