"""Build the pages in site/ from the executed notebooks of one run.

python tools/pages.py [RUN_FOLDER]     (default: the run that finished last)
"""

import ast
import builtins
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bench_page
import glossary
import report_page
import results_page
import start_page
import tried_page
import try_page

from helpers import place

DEFINES = ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
HELPERS = {path.stem for path in (ROOT / "helpers").glob("*.py")}
SITE = Path(os.environ.get("BUSI_SITE", ROOT / "site"))


def latest_run():
    """Return the run folder with the newest notebook; end with a sentence if none."""
    executed = place.runs_folder(ROOT).glob("*/*/[0-9][0-9]_*.ipynb")
    newest = max(executed, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        sys.exit("There is no finished run to make pages of: run `make run-all` first.")
    return newest.parent.parent


def page_of(notebook, link):
    """Return an executed notebook made ready for the page: the reader's view of it.

    link: a function that takes a Markdown text and sets links to the glossary.
    """
    content = json.loads(notebook.read_text())
    cells = []
    for cell in content["cells"]:
        if "injected-parameters" in cell["metadata"].get("tags", []):
            continue  # repeats the parameters cell
        if cell["cell_type"] == "markdown":  # the page's header has this button
            lines = "".join(cell["source"]).splitlines(keepends=True)
            kept = [line for line in lines if "colab-badge.svg" not in line]
            cell["source"] = link("".join(kept))
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
    if "setup" in cell["metadata"].get("tags", []):
        return True
    try:
        code = ast.parse("".join(cell["source"]))
    except SyntaxError:  # a line for the shell
        return False
    nodes = list(ast.walk(code))
    calls = [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]
    return (
        any(map(draws, calls))
        and not any(map(computes, calls))
        and not any(isinstance(node, DEFINES) for node in nodes)
    )


def draws(function):
    """Tell whether a called function is one of `helpers.figures`."""
    return function.startswith("figures.")


def computes(function):
    """Tell whether a called function does more than draw or pick from a table.

    That is print, a function of another helper, and one of the notebook's own.
    """
    first, *rest = function.split(".")
    if rest:
        return first in HELPERS and not draws(function)
    return first == "print" or not hasattr(builtins, first)


def without_papermill(content):
    """Return a notebook's metadata without the paths and times of the run."""
    return {k: v for k, v in content["metadata"].items() if k != "papermill"}


def lighten(output):
    """Take out the script that draws icons: it weighs 1.6 MB, and a font shows the same."""
    script = re.compile(r"<script [^>]*/fontawesome\.js[^>]*></script>")
    for page in output.rglob("*.html"):
        page.write_text(script.sub("", page.read_text()))
    (output / "_static" / "scripts" / "fontawesome.js").unlink()


def build(run):
    """Build site/ from the executed notebooks in `run`; swap it in when it is whole."""
    began = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        source, output = Path(scratch) / "source", Path(scratch) / "site"
        shutil.copytree(ROOT / "pages", source, ignore=shutil.ignore_patterns("try"))
        try_page.add(source)
        report = bench_page.page(ROOT / "results" / "bench.json")
        (source / "benchmark.md").write_text(report)
        tried = tried_page.page(ROOT / "results" / "experiments.csv")
        (source / "what_was_tried.md").write_text(tried)
        explained = glossary.words((source / "glossary.md").read_text())
        shown = source / "notebooks"
        shown.mkdir()
        for notebook in sorted(run.glob("*/[0-9][0-9]_*.ipynb")):
            page = page_of(notebook, glossary.linker(explained))
            (shown / notebook.name).write_text(json.dumps(page))
        (source / "index.md").write_text(start_page.page(shown))
        report = report_page.page(results_page.COMPACT, shown)
        (source / "model_report.md").write_text(report)
        results = results_page.page(shown, source / "charts")
        (source / "results.md").write_text(results)
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
        lighten(output)
        fresh = SITE.with_name(".site.tmp")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(
            output, fresh, ignore=shutil.ignore_patterns(".doctrees", "_sources")
        )
        shutil.rmtree(SITE, ignore_errors=True)
        os.replace(fresh, SITE)
    print(f"Pages ready in {time.time() - began:.0f} s: open {SITE / 'index.html'}")


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else latest_run())
