"""Build the pages in site/ from the executed notebooks of one run.

python -m tools.site.build [RUN]     (default: the run that finished last)
"""

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
from helpers.files import ROOT, replacing_folder
from tools.site import (
    benchmark_page,
    explorer_page,
    glossary,
    knowledge_page,
    report_page,
    results_page,
    start_page,
    templates,
    tried_page,
    try_page,
)

SITE = Path(os.environ.get("BUSI_SITE", ROOT / "site"))
NOTEBOOKS = "*/[0-9A][0-9]_*.ipynb"  # in the folder of a run


def latest_run():
    """Return the run with the newest notebook; end with a sentence if none."""
    executed = environment.runs_folder(ROOT).glob(f"*/{NOTEBOOKS}")
    newest = max(executed, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        missing = "There is no finished run to make pages of"
        sys.exit(f"{missing}: run `make run-all` first.")
    return newest.parent.parent


def page_of(notebook, link):
    """Return a notebook ready for the page, a dict; link(text) links words."""
    content = json.loads(notebook.read_text())
    cells = []
    for cell in content["cells"]:
        if "injected-parameters" in cell["metadata"].get("tags", []):
            continue  # repeats the parameters cell
        if cell["cell_type"] == "markdown":
            lines = "".join(cell["source"]).splitlines(keepends=True)
            # the page's header has this button
            kept = [line for line in lines if "colab-badge.svg" not in line]
            cell["source"] = link("".join(kept))
        elif "setup" in cell["metadata"].get("tags", []):
            cell["metadata"]["tags"].append("hide-input")
        cells.extend(one_picture_each(cell))
    content["metadata"].pop("papermill", None)  # paths and times of the run
    return {**content, "cells": cells}


def text_of(output):
    """Return the alternative text of an output, or None."""
    return output.get("metadata", {}).get("image/png", {}).get("alt")


def one_picture_each(cell):
    """Yield a cell in parts, each with one picture at most and its text.

    MyST-NB takes one alternative text a cell, and leaves out empty cells.
    """
    if not cell.get("outputs"):
        yield cell
        return
    groups = [[]]
    for output in cell["outputs"]:
        if text_of(output) and any(map(text_of, groups[-1])):
            groups.append([])
        groups[-1].append(output)
    for n, outputs in enumerate(groups):
        part = {**cell, "outputs": outputs}
        if n:
            part |= {"id": f"{cell['id']}-{n}", "source": "# the next picture"}
            part["metadata"] = {"tags": ["remove-input"]}
        for alt in filter(None, map(text_of, outputs)):
            part["metadata"]["mystnb"] = {"image": {"alt": alt}}
        yield part


def linked_to(names, text):
    """Return a text whose links to notebooks not in `names` are plain."""
    link = r"\[([^\]]*)\]\((\w+\.ipynb)\)"
    return re.sub(link, lambda m: m[0] if m[2] in names else m[1], text)


def collect(run, source):
    """Write into Sphinx' source folder all that the pages are made of."""
    own = shutil.ignore_patterns("try", "explorer")  # they add themselves
    shutil.copytree(ROOT / "pages", source, ignore=own)
    try_page.add(source)
    explorer_page.add(source)
    words = glossary.words((source / "glossary.md").read_text())
    shown = source / "notebooks"
    shown.mkdir()
    found = {path.name: path for path in sorted(run.glob(NOTEBOOKS))}
    for notebook in found.values():
        link = glossary.linker(words)  # each page has its own first uses
        page = page_of(
            notebook, lambda text, link=link: link(linked_to(found, text))
        )
        (shown / notebook.name).write_text(json.dumps(page))
    kept = templates.RESULTS
    pages = {
        "benchmark": benchmark_page.page(kept / "bench.json"),
        "what_knowledge_is_worth": knowledge_page.page(kept),
        "what_was_tried": tried_page.page(kept / "experiments.csv"),
        "index": start_page.page(shown),
        "model_report": report_page.page(templates.REFERENCE, shown),
        "results": results_page.page(shown, source / "charts"),
    }
    for name, text in pages.items():
        (source / f"{name}.md").write_text(text)


def render(run, source, output):
    """Run Sphinx; end with what it said if anything is wrong."""
    simulated = str(run.name.startswith("phantom"))
    env = {**os.environ, "BUSI_ROOT": str(ROOT), "BUSI_SIMULATED": simulated}
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    command += ["-d", source.with_name("doctrees"), source, output]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"The pages could not be built from {run}:\n{done.stderr}")


def lighten(output):
    """Take out the sources and 1.6 MB of script for icons; a font has them."""
    shutil.rmtree(output / "_sources", ignore_errors=True)
    script = re.compile(r"<script [^>]*/fontawesome\.js[^>]*></script>")
    for page in output.rglob("*.html"):
        page.write_text(script.sub("", page.read_text()))
    (output / "_static" / "scripts" / "fontawesome.js").unlink()


def build(run):
    """Build site/ from a run's executed notebooks; swap it in when whole."""
    began = time.time()
    with tempfile.TemporaryDirectory() as top, replacing_folder(SITE) as new:
        source = Path(top) / "source"
        collect(run, source)
        render(run, source, new)
        lighten(new)
    seconds = time.time() - began
    print(f"Pages ready in {seconds:.0f} s: open {SITE / 'index.html'}")


if __name__ == "__main__":
    try:
        given = map(Path.resolve, map(Path, sys.argv[1:]))
        build(next(given, None) or latest_run())
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: the pages are as they were.")
