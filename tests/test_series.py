"""The whole series on a tiny phantom, as `make run-all` runs it."""

import json
import re
import shutil

import pandas as pd
import pytest
from conftest import ROOT, run_all

from tools import predict
from tools.run_all import Job, limits_of, next_of

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_every_notebook_runs_and_seals_its_folder(series):
    run, done = series
    assert done.returncode == 0, done.stdout + done.stderr
    for notebook in NOTEBOOKS:
        folder = run / notebook.stem
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["step"] == notebook.stem and manifest["simulated"]
        assert manifest["parameters"]["profile"] == "tiny"
        assert (folder / notebook.name).exists() and manifest["files"]


def test_the_network_begins_to_learn_and_each_held_out_case_is_scored(series):
    """A few steps on twenty images are too few to ask for masks."""
    run = series[0]
    trained = run / "04_train_the_segmenter"
    history = pd.read_csv(trained / "history.csv")
    losses = history[history["network"] == "from scratch"]["loss"]
    assert losses.iloc[-1] < 0.9 * losses.iloc[0]
    starts = pd.read_csv(trained / "starts.csv")["network"]
    assert set(starts) == {"one image", *history["network"], "ensemble"}
    assert len(starts) == 5
    folds = pd.read_csv(run / "02_prepare_the_masks/folds.csv")
    scored = pd.read_csv(run / "05_read_the_errors/scores.csv")
    held_out = sorted(folds[folds["fold"] == 0]["case"])
    assert sorted(scored["case"]) == held_out
    found = pd.read_csv(run / "07_from_pixels_to_findings/findings.csv")
    assert sorted(found["case"]) == held_out
    checked = pd.read_csv(run / "04_train_the_segmenter/validation.csv")
    assert len(checked) and not set(checked["group"]) & set(found["group"])
    rules = pd.read_csv(trained / "rules.csv")
    kept = predict.read_rule(trained / "model.json")
    assert kept == rules[list(kept)].iloc[-1].to_dict()


def test_reports_are_strict_json_in_which_each_value_has_a_name(series):
    for path in series[0].glob("*/*.json"):
        found = json.loads(path.read_text(), parse_constant=pytest.fail)
        assert not any(key[0].isdigit() for key in found), path
    findings = json.loads(
        (series[0] / "07_from_pixels_to_findings/findings.json").read_text()
    )
    assert "gain_of_fitting" in findings


def test_every_picture_of_a_notebook_is_on_its_page(series):
    site = series[0].parent / "site"
    for path in series[0].glob("*/[0-9A]*.ipynb"):
        page = (site / "notebooks" / f"{path.stem}.html").read_text()
        shown = re.findall(r"<img [^>]*_images/", page)
        cells = json.loads(path.read_text())["cells"]
        outputs = [out for cell in cells for out in cell.get("outputs", [])]
        pictures = [o for o in outputs if "image/png" in o.get("data", {})]
        assert len(shown) == len(pictures), path.stem


def test_pages_are_built_and_marked_as_simulated(series):
    site = series[0].parent / "site"
    pages = [site / "notebooks" / f"{p.stem}.html" for p in NOTEBOOKS]
    for page in [site / "index.html", *pages]:
        text = page.read_text()
        assert "Simulated images" in text and "not a medical device" in text
        for picture in re.findall(r"<img [^>]*>", text):
            assert 'alt="' in picture and 'alt=""' not in picture
    assert "Simulated images" not in (site / "results.html").read_text()


def test_each_notebooks_page_opens_it_in_colab_and_links_its_words(series):
    pages = series[0].parent / "site" / "notebooks"
    for notebook in NOTEBOOKS:
        text = (pages / f"{notebook.stem}.html").read_text()
        found = re.findall(r'href="https://colab[^"]*/blob/([^"]*)"', text)
        (colab,) = set(found)
        assert colab == f"main/notebooks/{notebook.name}"
        assert "std-term" in text


def test_pages_need_no_other_host(series):
    loads = re.compile(
        r'<(?:script|img|iframe|source)[^>]*\ssrc="(https?:)?//'
        r'|<link[^>]*rel="[^"]*(?:stylesheet|preload|icon)[^>]*'
        r'href="(https?:)?//'
    )
    for page in (series[0].parent / "site").rglob("*.html"):
        assert not loads.search(page.read_text()), page


def test_a_second_run_does_nothing_again(series, phantom_root):
    what = ["--data", str(phantom_root), "--profile", "tiny"]
    done = run_all(series[0].parent, *what)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("up to date") == len(NOTEBOOKS)


def test_a_wrong_folder_is_one_sentence(tmp_path):
    done = run_all(tmp_path / "runs", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and str(tmp_path) in done.stderr
    assert not (tmp_path / "runs").exists()


def test_what_others_read_runs_first_and_then_what_takes_long(tmp_path):
    named = [(path.stem, path, tmp_path / path.stem) for path in NOTEBOOKS]
    steps = [Job(*names, {}, {}) for names in named]
    start, explore, prepare, see = steps[:4]
    assert next_of([start, prepare], [explore]) is None
    assert next_of([start, see], [prepare]) is start
    order = []
    while steps:
        steps.remove(job := next_of(steps, []))
        order.append(job.title[:2])
    assert order[:3] == ["01", "02", "04"]
    assert all(order.index("09") < order.index(k) for k in ("03", "07", "08"))
    assert limits_of(see, [prepare]) and not limits_of(prepare, [see])
    see.content["external"] = "a second set"
    assert not limits_of(see, [prepare])


def test_a_failing_notebook_stops_the_run_and_is_kept(tmp_path, phantom_root):
    copy = tmp_path / "project"
    shutil.copytree(ROOT / "helpers", copy / "helpers")
    shutil.copytree(ROOT / "tools", copy / "tools")
    (copy / "notebooks").mkdir()
    for path in NOTEBOOKS[:2]:
        text = path.read_text().replace("busi.examine(", "busi.exmaine(")
        (copy / "notebooks" / path.name).write_text(text)
    (copy / "profiles").mkdir()
    (copy / "profiles/quick.yaml").write_text("profile: quick\nsteps: 2\n")
    done = run_all(tmp_path / "runs", "--data", str(phantom_root), root=copy)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "AttributeError" in done.stderr
    assert "what was finished is kept" in done.stderr
    run = tmp_path / "runs" / "phantom-quick"
    assert (run / "00_start_here/manifest.json").exists()
    failed = "01_explore_the_data/FAILED_01_explore_the_data.ipynb"
    assert (run / failed).exists()
