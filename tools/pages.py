"""Build the pages in site/ from the executed notebooks of one run.

python tools/pages.py [RUN_FOLDER]     (default: the run that finished last)
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bench_page
import tried_page

from helpers import place

SITE = Path(os.environ.get("BUSI_SITE", ROOT / "site"))


def latest_run():
    """Return the run folder with the newest notebook; end with a sentence if none."""
    executed = place.runs_folder(ROOT).glob("*/*/[0-9][0-9]_*.ipynb")
    newest = max(executed, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        sys.exit("There is no finished run to make pages of: run `make run-all` first.")
    return newest.parent.parent


def page_of(notebook):
    """Return an executed notebook made ready for the page: the reader's view of it."""
    content = json.loads(notebook.read_text())
    cells = []
    for cell in content["cells"]:
        if "injected-parameters" in cell["metadata"].get("tags", []):
            continue  # repeats the parameters cell
        if cell["cell_type"] == "markdown":  # the page's header has this button
            lines = "".join(cell["source"]).splitlines(keepends=True)
            cell["source"] = [line for line in lines if "colab-badge.svg" not in line]
        elif is_folded(cell):
            cell["metadata"].setdefault("tags", []).append("hide-input")
        for output in cell.get("outputs", []):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt")
            if alt:
                cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
        cells.append(cell)
    return {**content, "cells": cells, "metadata": without_papermill(content)}


def is_folded(cell):
    """Tell whether a code cell is set-up or only plots: the page folds it."""
    only_plots = "".join(cell["source"]).startswith(
        ("figures.show(", "figure = figures.")
    )
    return only_plots or "setup" in cell["metadata"].get("tags", [])


def without_papermill(content):
    """Return a notebook's metadata without the paths and times of the run."""
    return {k: v for k, v in content["metadata"].items() if k != "papermill"}


def build(run):
    """Build site/ from the executed notebooks in `run`; swap it in when it is whole."""
    began = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        source, output = Path(scratch) / "source", Path(scratch) / "site"
        shutil.copytree(ROOT / "pages", source)
        report = bench_page.page(ROOT / "results" / "bench.json")
        (source / "benchmark.md").write_text(report)
        tried = tried_page.page(ROOT / "results" / "experiments.csv")
        (source / "what_was_tried.md").write_text(tried)
        (source / "notebooks").mkdir()
        for notebook in sorted(run.glob("*/[0-9][0-9]_*.ipynb")):
            target = source / "notebooks" / notebook.name
            target.write_text(json.dumps(page_of(notebook)))
        environment = {
            **os.environ,
            "BUSI_ROOT": str(ROOT),
            "BUSI_SIMULATED": str(run.name.startswith("phantom")),
        }
        sphinx = [
            sys.executable,
            "-m",
            "sphinx",
            "-b",
            "html",
            "-W",
            "--keep-going",
            "-q",
        ]
        done = subprocess.run(
            [*sphinx, str(source), str(output)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"The pages could not be built from {run}:\n{done.stderr}")
        fresh = SITE.with_name(".site.tmp")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(output, fresh, ignore=shutil.ignore_patterns(".doctrees"))
        shutil.rmtree(SITE, ignore_errors=True)
        os.replace(fresh, SITE)
    print(f"Pages ready in {time.time() - began:.0f} s: open {SITE / 'index.html'}")


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else latest_run())
