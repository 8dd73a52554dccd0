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

from helpers import environment
from helpers.files import ROOT
from tools.site import (
    benchmark_page,
    glossary,
    report_page,
    results_page,
    start_page,
    tried_page,
    try_page,
)

HELPERS = {path.stem for path in (ROOT / "helpers").glob("*.py")}
SITE = Path(os.environ.get("BUSI_SITE", ROOT / "site"))


def latest_run():
    """Return the run folder with the newest notebook; end with a sentence if none."""
    executed = environment.runs_folder(ROOT).glob("*/*/[0-9][0-9]_*.ipynb")
    newest = max(executed, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        sys.exit(
            "There is no finished run to make pages of: run `make run-all` first."
        )
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
        if (
            cell["cell_type"] == "markdown"
        ):  # the page's header has this button
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
    parts = list(simple(code.body))
    return any(map(draws, parts)) and all(
        draws(p) or prepares(p) for p in parts
    )


def simple(statements):
    """Yield the statements, those within loops and conditions in place of these."""
    for statement in statements:
        if isinstance(statement, ast.For | ast.If):
            yield from simple(statement.body + statement.orelse)
        else:
            yield statement


def draws(statement):
    """Tell whether a statement is a call of `helpers.figures`, or names what one gives."""
    call = getattr(statement, "value", None)
    return isinstance(call, ast.Call) and ast.unparse(call.func).startswith(
        "figures."
    )


def prepares(statement):
    """Tell whether a statement only names values or picks them from tables.

    It does more if it prints, or calls a helper or a function of the notebook.
    """
    calls = [n.func for n in ast.walk(statement) if isinstance(n, ast.Call)]
    names = {ast.unparse(call).split(".")[0] for call in calls}
    own = {n.id for n in calls if isinstance(n, ast.Name)} - set(dir(builtins))
    return (
        isinstance(statement, ast.Assign) and not names & HELPERS and not own
    )


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
        shutil.copytree(
            ROOT / "pages", source, ignore=shutil.ignore_patterns("try")
        )
        try_page.add(source)
        report = benchmark_page.page(ROOT / "results" / "bench.json")
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
            sys.exit(
                f"The pages could not be built from {run}:\n{done.stderr}"
            )
        lighten(output)
        fresh = SITE.with_name(".site.tmp")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(
            output,
            fresh,
            ignore=shutil.ignore_patterns(".doctrees", "_sources"),
        )
        shutil.rmtree(SITE, ignore_errors=True)
        os.replace(fresh, SITE)
    print(
        f"Pages ready in {time.time() - began:.0f} s: open {SITE / 'index.html'}"
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else latest_run())
